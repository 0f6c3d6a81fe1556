/**
 * Generates dist/quickjs-metered.wasm, the metered contract interpreter, from the pinned QuickJS package; always the
 * same bytes, whose hash stands in enclave/runtime/vm/interpreter-exports.ts. Run it: `node scripts/build-vm.ts`.
 */
import { createHash } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { buildInterpreter } from '../enclave/runtime/vm/interpreter-build.ts';
import { METERED_MODULE_SHA256 } from '../enclave/runtime/vm/interpreter-exports.ts';

const SOURCE = new URL(
  '../node_modules/@jitl/quickjs-wasmfile-release-sync/dist/emscripten-module.wasm',
  import.meta.url,
);

/** Where the metered interpreter lies once built. */
export const METERED_MODULE_FILE = new URL('../dist/quickjs-metered.wasm', import.meta.url);

/** Builds the module, writes it if the file does not hold it already, and returns its bytes. */
export async function buildVm(): Promise<Uint8Array> {
  const built = buildInterpreter(await readFile(SOURCE));
  const hash = createHash('sha256').update(built).digest('hex');
  if (hash !== METERED_MODULE_SHA256) {
    throw new Error(`The metered interpreter has SHA-256 ${hash}, pinned is ${METERED_MODULE_SHA256}.`);
  }
  const present = await readFile(METERED_MODULE_FILE).catch(() => undefined);
  if (present?.equals(built) === true) return built;
  await mkdir(new URL('.', METERED_MODULE_FILE), { recursive: true });
  const temporary = new URL(`quickjs-metered.wasm.${process.pid}`, METERED_MODULE_FILE);
  await writeFile(temporary, built);
  await rename(temporary, METERED_MODULE_FILE);
  return built;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const built = await buildVm();
  process.stdout.write(`dist/quickjs-metered.wasm ${built.length} bytes, SHA-256 ${METERED_MODULE_SHA256}\n`);
}
