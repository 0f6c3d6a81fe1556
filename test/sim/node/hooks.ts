/**
 * Loads production modules with the edges of their process replaced: files, database, network, enclave process, HTTP
 * servers and primitives. Everything else of the node, from `startNode` on, is the code that runs in production.
 */
import { registerHooks } from 'node:module';

const ROOT = new URL('../../../', import.meta.url).href;

/** What replaces a module of ours, by its path in the repository. */
const ownModules: Readonly<Record<string, string>> = {
  'consensus/step.ts': 'watched-step.ts',
  'node/network/network.ts': 'network.ts',
  'node/network/identity.ts': 'edges.ts',
  'node/api/server.ts': 'edges.ts',
  'node/api/operations.ts': 'edges.ts',
  'node/metrics.ts': 'edges.ts',
  'node/enclave-measurement.ts': 'edges.ts',
  'node/simulated-processor.ts': 'edges.ts',
  'enclave/host/launch.ts': 'edges.ts',
  'enclave/host/enclave-client.ts': 'enclave-client.ts',
};

/** What replaces a module of others, by its name. */
const otherModules: Readonly<Record<string, string>> = {
  'node:fs': 'files.ts',
  'node:fs/promises': 'files-promises.ts',
  'node:net': 'edges.ts',
  level: 'level.ts',
};

/** Importers that get the replacements of other modules. */
const PRODUCTION = /^(?:node|ledger|protocol|consensus|enclave)\//;

const replacement = (name: string): string => new URL(name, import.meta.url).href;

/** Puts the replacements in place for everything that is imported from now on. */
export const installHooks = (): void => {
  registerHooks({
    resolve(specifier, context, next) {
      const importer = context.parentURL?.startsWith(ROOT) === true ? context.parentURL.slice(ROOT.length) : '';
      const replaced = PRODUCTION.test(importer) ? otherModules[specifier] : undefined;
      const other = specifier === '#primitives' ? 'primitives.ts' : replaced;
      if (other !== undefined) return { url: replacement(other), format: 'module-typescript', shortCircuit: true };
      const resolved = next(specifier, context);
      const own = resolved.url.startsWith(ROOT) ? ownModules[resolved.url.slice(ROOT.length)] : undefined;
      // What stands in for a module may go on to the module itself.
      if (own !== undefined && context.parentURL === replacement(own)) return resolved;
      return own === undefined ? resolved : { url: replacement(own), format: 'module-typescript', shortCircuit: true };
    },
  });
};
