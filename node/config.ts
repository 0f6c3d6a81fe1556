/**
 * Configuration of one node: flags over `CLOISTER_` environment over `node.toml` over the defaults here.
 *
 * One table gives parsing, defaults, environment names and `docs/configuration.md`. What the network must agree on is
 * in the genesis and cannot be configured; secrets are in the keystore and never here.
 */
import { nodeErrors } from './errors.ts';
import { LOG_LEVELS } from './logger.ts';
import { nearestName } from './nearest-name.ts';

type Setting<T> = {
  readonly description: string;
  readonly fallback: T;
  /** Reads a TOML value, or the text of a flag or environment variable; undefined when it is not acceptable. */
  readonly parse: (value: unknown) => T | undefined;
};

const string = (fallback: string, description: string): Setting<string> => ({
  description,
  fallback,
  parse: (value) => (typeof value === 'string' && value.length <= 1024 ? value : undefined),
});

const integer = (fallback: number, minimum: number, maximum: number, description: string): Setting<number> => ({
  description: `${description} (${minimum} to ${maximum})`,
  fallback,
  parse: (value) => {
    const number = typeof value === 'string' && /^\d{1,15}$/.test(value) ? Number(value) : value;
    return typeof number === 'number' && Number.isInteger(number) && number >= minimum && number <= maximum
      ? number
      : undefined;
  },
});

const choice = <T extends string>(fallback: T, options: readonly T[], description: string): Setting<T> => ({
  description: `${description} (${options.join(', ')})`,
  fallback,
  parse: (value) => options.find((option) => option === value),
});

const texts = (description: string): Setting<readonly string[]> => ({
  description,
  fallback: [],
  parse: (value) => {
    const items = typeof value === 'string' ? value.split(',').filter((item) => item !== '') : value;
    return Array.isArray(items) && items.length <= 256 && items.every((item) => typeof item === 'string')
      ? items
      : undefined;
  },
});

const MEBIBYTE = 1024 * 1024;

/** Every setting, by dotted name. */
export const settings = {
  'node.profile': choice(
    'validator',
    ['validator', 'observer'],
    'Whether the node votes and runs an enclave, or follows the chain without either',
  ),
  'network.listen': string('/ip4/127.0.0.1/tcp/17700', 'Multiaddress on which the node listens for its peers'),
  'network.peers': texts(
    'Known peers as `name@multiaddress`, the name of a member, or as a multiaddress that ends in `/p2p/` and a peer id',
  ),
  'api.host': string('127.0.0.1', 'Address of the client API'),
  'api.port': integer(17701, 0, 65_535, 'Port of the client API'),
  'operations.host': string('127.0.0.1', 'Address of health checks and metrics; keep it on loopback'),
  'operations.port': integer(17702, 0, 65_535, 'Port of health checks and metrics'),
  'log.level': choice('info', LOG_LEVELS, 'Least severe level that is logged'),
  'log.file': string('', 'File for the log; standard error when empty'),
  'mempool.bytes': integer(
    64 * MEBIBYTE,
    MEBIBYTE,
    1024 * MEBIBYTE,
    'Most bytes of transactions that wait for a block',
  ),
  'mempool.transactions': integer(20_000, 100, 1_000_000, 'Most transactions that wait for a block'),
  'mempool.share': integer(50, 1, 100, 'Largest share of the mempool for one source, percent'),
  'enclave.bundle': string('dist/enclave.mjs', 'Enclave bundle; its SHA-384 must equal the measurement in the genesis'),
  'enclave.heap_megabytes': integer(512, 128, 65_536, 'Heap bound of the enclave process'),
} as const;

/** Dotted name of a setting. */
export type SettingName = keyof typeof settings;
/** The value of every setting. */
export type NodeConfig = { readonly [K in SettingName]: (typeof settings)[K] extends Setting<infer T> ? T : never };

const PREFIX = 'CLOISTER_';

/** Name of the environment variable that overrides a setting. */
export const environmentName = (name: SettingName): string => `${PREFIX}${name.toUpperCase().replace('.', '_')}`;

const names = Object.keys(settings) as SettingName[];

/** Variables of the same prefix that are no settings of a node, with what reads them. */
export const otherVariables: Readonly<Record<string, string>> = {
  CLOISTER_PASSPHRASE: 'passphrase of a keystore',
  CLOISTER_PASSPHRASE_FILE: 'file with the passphrase of a keystore',
  CLOISTER_GUARD_PASSPHRASE: 'passphrase of a guard file',
  CLOISTER_DIR: 'stands in for `--dir` of a command',
  CLOISTER_KEYS: 'stands in for `--keys` of a command',
  CLOISTER_DEBUG: 'a failed command prints its stack',
  CLOISTER_LIFELINE: 'set by the launcher for the process that it started',
  CLOISTER_SHARED: 'data folder of the acceptance tests',
  CLOISTER_SIM_NODE_SEEDS: 'number of seeds of whole nodes that the tests run',
  CLOISTER_SIM_SEEDS: 'number of seeds of the core that the tests run',
  CLOISTER_TWINS: 'number of Twins scenarios that the tests run',
  CLOISTER_TEST_SEED: 'seed of a test that failed',
};

const flatten = (table: unknown, prefix = ''): [string, unknown][] =>
  Object.entries(table as Record<string, unknown>).flatMap(([key, value]): [string, unknown][] =>
    value !== null && typeof value === 'object' && !Array.isArray(value) && !(value instanceof Date)
      ? flatten(value, `${prefix}${key}.`)
      : [[`${prefix}${key}`, value]],
  );

const known = (name: string, origin: string): SettingName => {
  const found = names.find((candidate) => candidate === name);
  if (found === undefined)
    throw nodeErrors.error('CONFIG_UNKNOWN_KEY', { key: name, origin, nearest: nearestName(name, names) });
  return found;
};

const settingOf = (variable: string): SettingName => {
  const found = names.find((name) => environmentName(name) === variable);
  if (found !== undefined) return found;
  const nearest = nearestName(variable, [...names.map(environmentName), ...Object.keys(otherVariables)]);
  throw nodeErrors.error('CONFIG_UNKNOWN_KEY', { key: variable, origin: 'environment', nearest });
};

/**
 * Resolves the configuration from its layers. Throws CONFIG_UNKNOWN_KEY with the nearest name, or CONFIG_INVALID_VALUE
 * naming key and origin (never the value, which may be misplaced and secret).
 */
export const resolveConfig = (layers: {
  /** Parsed `node.toml`. */
  readonly file?: unknown;
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** Flags by dotted name. */
  readonly flags?: Readonly<Record<string, string>>;
}): NodeConfig => {
  const values = new Map<SettingName, unknown>(names.map((name) => [name, settings[name].fallback]));
  const apply = (name: SettingName, value: unknown, origin: string): void => {
    const parsed = settings[name].parse(value);
    if (parsed === undefined) {
      throw nodeErrors.error('CONFIG_INVALID_VALUE', { key: name, origin, expected: settings[name].description });
    }
    values.set(name, parsed);
  };
  for (const [name, value] of flatten(layers.file ?? {})) apply(known(name, 'node.toml'), value, 'node.toml');
  for (const [variable, value] of Object.entries(layers.environment ?? {})) {
    if (value === undefined || !variable.startsWith(PREFIX) || Object.hasOwn(otherVariables, variable)) continue;
    apply(settingOf(variable), value, variable);
  }
  for (const [name, value] of Object.entries(layers.flags ?? {})) apply(known(name, 'flag'), value, `--${name}`);
  return Object.fromEntries(values) as NodeConfig;
};
