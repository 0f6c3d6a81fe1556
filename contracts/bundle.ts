/**
 * Bundling (tooling, not part of a contract): turns a contract's TypeScript entry into one minified file. The bundler's
 * version is pinned by the lockfile and every option is fixed here, so the same sources give the same bytes everywhere;
 * the hash of those bytes is what data owners consent to.
 */
import { build, version } from 'esbuild';

/** Bundler version that produces the agreed bytes. */
export const BUNDLER_VERSION = '0.28.2';

/** Bundles a contract. Sources may import only files: the runtime has no modules, no packages of Node, no network. */
export async function bundleContract(entryFile: string): Promise<string> {
  if (version !== BUNDLER_VERSION)
    throw new Error(`Contracts are bundled with esbuild ${BUNDLER_VERSION}, found ${version}.`);
  const result = await build({
    entryPoints: [entryFile],
    bundle: true,
    write: false,
    format: 'iife',
    platform: 'neutral',
    target: 'es2023',
    charset: 'ascii',
    minify: true,
    treeShaking: true,
    legalComments: 'none',
    sourcemap: false,
    tsconfigRaw: '{"compilerOptions":{"strict":true}}',
    logLevel: 'silent',
  });
  const file = result.outputFiles[0];
  if (file === undefined) throw new Error(`Bundling ${entryFile} produced nothing.`);
  return file.text;
}
