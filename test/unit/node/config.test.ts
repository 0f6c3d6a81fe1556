/** Configuration: layers, ranges, and a person's mistakes. */
import { describe, expect, it } from 'vitest';
import { environmentName, otherVariables, resolveConfig, type SettingName, settings } from '../../../node/config.ts';
import { readText, repositoryFiles } from '../../support/source-tree.ts';

const errorOf = (layers: Parameters<typeof resolveConfig>[0]): unknown => {
  try {
    return resolveConfig(layers);
  } catch (error) {
    return error;
  }
};

describe('the configuration', () => {
  it('has defaults for everything, all of which its own rules accept', () => {
    const config = resolveConfig({});
    for (const name of Object.keys(settings) as SettingName[]) {
      expect(config[name]).toEqual(settings[name].fallback);
      expect(settings[name].parse(settings[name].fallback), name).toEqual(settings[name].fallback);
    }
  });

  it('takes flags over environment over file over defaults', () => {
    const file = { api: { port: 1 }, operations: { port: 2 }, log: { level: 'warn' } };
    const environment = { CLOISTER_API_PORT: '3', CLOISTER_OPERATIONS_PORT: '4', UNRELATED: 'x' };
    const config = resolveConfig({ file, environment, flags: { 'api.port': '5' } });
    expect([config['api.port'], config['operations.port'], config['log.level'], config['mempool.share']]).toEqual([
      5,
      4,
      'warn',
      50,
    ]);
  });

  it('gives every setting an environment name of its own', () => {
    const names = (Object.keys(settings) as SettingName[]).map(environmentName);
    expect(new Set(names).size).toBe(names.length);
    expect(names).toContain('CLOISTER_ENCLAVE_HEAP_MEGABYTES');
  });

  it('names the nearest setting for one that does not exist, wherever it stands', () => {
    expect(errorOf({ file: { mempol: { bytes: 1 } } })).toMatchObject({
      code: 'CONFIG_UNKNOWN_KEY',
      data: { key: 'mempol.bytes', origin: 'node.toml', nearest: 'mempool.bytes' },
    });
    expect(errorOf({ flags: { 'log.levels': 'info' } })).toMatchObject({
      code: 'CONFIG_UNKNOWN_KEY',
      data: { nearest: 'log.level' },
    });
  });

  it('refuses a variable that looks like a setting and is none, and leaves those of others alone', () => {
    expect(errorOf({ environment: { CLOISTER_LOGLEVEL: 'debug' } })).toMatchObject({
      code: 'CONFIG_UNKNOWN_KEY',
      data: { key: 'CLOISTER_LOGLEVEL', origin: 'environment', nearest: 'CLOISTER_LOG_LEVEL' },
    });
    expect(errorOf({ environment: { CLOISTER_PASSFRASE: 'secret-text' } })).toMatchObject({
      data: { nearest: 'CLOISTER_PASSPHRASE' },
    });
    const others = Object.fromEntries(Object.keys(otherVariables).map((name) => [name, 'x']));
    expect(resolveConfig({ environment: { ...others, PATH: '/bin' } })).toEqual(resolveConfig({}));
  });

  it('knows every variable that the source reads', () => {
    const known = new Set([
      ...Object.keys(otherVariables),
      ...(Object.keys(settings) as SettingName[]).map(environmentName),
    ]);
    const read = repositoryFiles()
      .filter((path) => /\.(?:ts|mjs)$/.test(path) && path !== 'test/unit/node/config.test.ts')
      .flatMap((path) => readText(path).match(/\bCLOISTER_[A-Z][A-Z_]*[A-Z]\b/g) ?? []);
    expect([...new Set(read)].filter((name) => !known.has(name))).toEqual([]);
  });

  it.each([
    ['a port beyond the range', { file: { api: { port: 70_000 } } }],
    ['a number with a fraction', { file: { mempool: { share: 1.5 } } }],
    ['text for a number', { flags: { 'api.port': 'secret-text' } }],
    ['a negative number', { environment: { CLOISTER_API_PORT: '-1' } }],
    ['an unknown choice', { file: { log: { level: 'secret-text' } } }],
    ['a list of other things than texts', { file: { network: { peers: [1] } } }],
    ['a number for text', { file: { api: { host: 5 } } }],
  ])('refuses %s without repeating it', (_name, layers) => {
    const error = errorOf(layers);
    expect(error).toMatchObject({ code: 'CONFIG_INVALID_VALUE' });
    expect(JSON.stringify(error)).not.toContain('secret-text');
  });

  it('reads lists from TOML and from text', () => {
    const peers = ['a@/ip4/127.0.0.1/tcp/1', 'b@/ip4/127.0.0.1/tcp/2'];
    expect(resolveConfig({ file: { network: { peers } } })['network.peers']).toEqual(peers);
    expect(resolveConfig({ flags: { 'network.peers': peers.join(',') } })['network.peers']).toEqual(peers);
    expect(resolveConfig({ flags: { 'network.peers': '' } })['network.peers']).toEqual([]);
  });
});
