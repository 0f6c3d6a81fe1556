/**
 * Builds the metered interpreter from the pinned package: pure bytes in, pure bytes out, so that every machine gets the
 * same module. Used by scripts/build-vm.ts and by unit tests; the enclave itself embeds the result.
 */
import { STACK_POINTER_GLOBAL } from './interpreter-exports.ts';
import { MAX_CALL_DEPTH, MAX_STACK_BYTES } from './limits.ts';
import { meterModule } from './metering.ts';

/** Applies the metering pass with the bounds of limits.ts. */
export function buildInterpreter(quickJsWasm: Uint8Array): Uint8Array {
  return meterModule(quickJsWasm, {
    maxDepth: MAX_CALL_DEPTH,
    maxStackBytes: MAX_STACK_BYTES,
    stackPointer: STACK_POINTER_GLOBAL,
  });
}
