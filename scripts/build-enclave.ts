/**
 * Builds dist/enclave.mjs: the whole enclave in one reproducible file, the metered interpreter included. Its SHA-384 is
 * the measurement on the simulated platform. Run directly: `node scripts/build-enclave.ts`.
 *
 * Reproducible: the output depends on the sources, the lockfile and the pinned esbuild alone, never on paths or time.
 */
import { createHash } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { build, type Plugin } from 'esbuild';
import { buildVm } from './build-vm.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** Where the enclave bundle lies once built. */
export const ENCLAVE_BUNDLE_FILE = fileURLToPath(new URL('../dist/enclave.mjs', import.meta.url));

/** A built enclave. */
export interface EnclaveBundle {
  readonly bytes: Uint8Array;
  /** SHA-384 of the bundle, hexadecimal. */
  readonly measurement: string;
}

const embedInterpreter = (interpreter: Uint8Array): Plugin => ({
  name: 'interpreter',
  setup: (plugin) => {
    plugin.onResolve({ filter: /^cloister:interpreter$/ }, ({ path }) => ({ path, namespace: 'cloister' }));
    plugin.onLoad({ filter: /.*/, namespace: 'cloister' }, () => ({ contents: interpreter, loader: 'binary' }));
  },
});

/** Bundles the enclave in memory. */
export async function bundleEnclave(): Promise<EnclaveBundle> {
  const result = await build({
    absWorkingDir: ROOT,
    entryPoints: ['enclave/runtime/main.ts'],
    outfile: 'dist/enclave.mjs',
    bundle: true,
    write: false,
    platform: 'node',
    target: 'node26',
    format: 'esm',
    minifyWhitespace: true,
    minifySyntax: true,
    legalComments: 'none',
    charset: 'utf8',
    logLevel: 'silent',
    plugins: [embedInterpreter(await buildVm())],
  });
  const [file] = result.outputFiles;
  if (file === undefined) throw new TypeError('esbuild gave no output');
  return { bytes: file.contents, measurement: createHash('sha384').update(file.contents).digest('hex') };
}

/** Bundles the enclave and writes it if the file does not hold it already. */
export async function buildEnclave(): Promise<EnclaveBundle> {
  const bundle = await bundleEnclave();
  const present = await readFile(ENCLAVE_BUNDLE_FILE).catch(() => undefined);
  if (present?.equals(bundle.bytes) === true) return bundle;
  await mkdir(fileURLToPath(new URL('../dist', import.meta.url)), { recursive: true });
  const temporary = `${ENCLAVE_BUNDLE_FILE}.${process.pid}`;
  await writeFile(temporary, bundle.bytes);
  await rename(temporary, ENCLAVE_BUNDLE_FILE);
  return bundle;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { bytes, measurement } = await buildEnclave();
  process.stdout.write(`dist/enclave.mjs ${bytes.length} bytes, measurement ${measurement}\n`);
}
