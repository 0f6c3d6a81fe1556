/**
 * Bounds and prices of contract execution. Every replica must use the same values: they decide who runs out of what.
 * One unit of gas is about one WebAssembly instruction of the interpreter, about 0.1 ns here.
 */
import type { HostOperationName } from './operations.ts';

/**
 * Linear memory: fixed from the start, so that nothing depends on whether it grew before. About 59 MiB are heap; asking
 * for more is a trap (OUT_OF_MEMORY). The interpreter's own memory limit stays off: scripts could catch its exception.
 */
export const MEMORY_PAGES = 1024;

/** Shadow stack of the interpreter; deeper = STACK_OVERFLOW. 512 KiB and more can overflow the host's own stack. */
export const MAX_STACK_BYTES = 160 * 1024;

/** Active calls of recursive interpreter functions; covers recursion that uses no shadow stack. */
export const MAX_CALL_DEPTH = 2400;

/** Gas for evaluating a bundle once. */
export const PREPARE_GAS = 2_000_000_000;

/** Largest bundle, in characters. */
export const MAX_CODE_CHARACTERS = 2 * 1024 * 1024;

/** Largest arguments, in characters. */
export const MAX_ARGUMENT_CHARACTERS = 1024 * 1024;
/** Largest result, in characters. */
export const MAX_RESULT_CHARACTERS = 1024 * 1024;

/** Largest key of state, in characters. */
export const MAX_KEY_CHARACTERS = 1024;
/** Largest value of state, in characters. */
export const MAX_VALUE_CHARACTERS = 256 * 1024;

/** Largest sealed output, in characters. */
export const MAX_OUTPUT_CHARACTERS = 1024 * 1024;
/** Largest disclosed claim, in characters. */
export const MAX_CLAIM_CHARACTERS = 4 * 1024;
/** Most sealed outputs and claims together that one execution may make. */
export const MAX_OUTPUTS = 32;

/** Most random bytes that one host call returns. */
export const MAX_RANDOM_BYTES = 1024;
/** Most rows that one host call returns. */
export const MAX_SCAN_ROWS = 1024;

/** Longest reason of a refusal, in characters. */
export const MAX_REASON_CHARACTERS = 128;
/** Longest detail of a refusal, in characters. */
export const MAX_DETAIL_CHARACTERS = 16 * 1024;

/** Gas per host call, by operation: `seal` pays for a key encapsulation, the others for bookkeeping. */
export const HOST_CALL_GAS: Readonly<Record<HostOperationName, number>> = {
  get: 8_000,
  set: 16_000,
  remove: 12_000,
  scan: 20_000,
  random: 20_000,
  seal: 5_000_000,
  claim: 20_000,
  refuse: 2_000,
  unknownMethod: 2_000,
  sha256: 15_000,
  key: 4_000,
};

/** Gas per character that crosses between contract and host. */
export const HOST_CHARACTER_GAS = 16;
/** Gas per row of a scan. */
export const SCAN_ROW_GAS = 3_000;
