/** What a typing mistake leads to: one sentence, the nearest name, exit code 2. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { RULE_NAMES } from '../../../apps/aml/detect/rules.ts';
import { TRANSFER_COLUMNS } from '../../../apps/aml/types.ts';
import { buildProgram } from '../../../cli/program.ts';
import { exitCodes } from '../../../node/exit-codes.ts';
import { runCommand } from '../../support/command-line.ts';

const START = fileURLToPath(new URL('../../../scripts/start.ts', import.meta.url));

const leaves = (command = buildProgram(), path: readonly string[] = []): string[][] =>
  command.commands.flatMap((child) => {
    const here = [...path, child.name()];
    return child.commands.length === 0 ? [here] : leaves(child, here);
  });

describe('mistakes in what was typed', () => {
  it.each([
    { args: ['statsu'], says: /^USAGE: Unknown command 'statsu'\. Did you mean status\?/ },
    { args: ['testnet', '--validatorz', '4'], says: /Did you mean --validators\?/ },
    { args: ['testnet', '--validators', '3'], says: /whole number from 4 to 100/ },
    { args: ['testnet', '--log-level', 'inf'], says: /Did you mean info\?/ },
    { args: ['receipt', 'verify'], says: /Missing required argument 'file'/ },
    { args: ['receipt', 'verify', 'x.json', '--chain-id', '00'], says: /64 hexadecimal digits/ },
    { args: ['receipt', 'verify', 'x.json'], says: /^USAGE_NO_ANCHOR: / },
    { args: ['call', 'token', 'transfer'], says: /^USAGE_NO_ACCOUNT: / },
    { args: ['call', 'token', 'transfer', '{to'], says: /^USAGE_NOT_JSON: / },
    { args: ['query', 'token', 'supply', '{to'], says: /^USAGE_NOT_JSON: / },
    { args: ['status', '--url', 'localhost'], says: /must be a URL such as http/ },
    { args: ['init'], says: /Give --dir/ },
    {
      args: ['init', 'validator', '--home', 'h', '--name', 'n', '--address', 'a'],
      says: /'--sim-root <file>' not specified/,
    },
    { args: ['completion', 'bsh'], says: /Did you mean bash\?/ },
  ])('cloister $args is refused in one line', async ({ args, says }) => {
    const { code, stdout, stderr } = await runCommand(args);
    expect(stderr).toMatch(says);
    expect(stderr.trimEnd().split('\n')).toHaveLength(1);
    expect(stdout).toBe('');
    expect(code).toBe(exitCodes.usage);
  });

  it('with --json the failure is an object', async () => {
    const { code, stdout } = await runCommand(['testnet', '--validators', '3', '--json']);
    expect(JSON.parse(stdout)).toMatchObject({ error: { code: 'USAGE', retryable: false } });
    expect(code).toBe(exitCodes.usage);
  });

  it('without a command it shows the overview', async () => {
    const { code, stderr } = await runCommand([]);
    expect(stderr).toContain('Usage: cloister');
    expect(code).toBe(exitCodes.usage);
  });
});

describe('help', () => {
  it('has examples for every command', () => {
    const program = buildProgram();
    const found = leaves(program);
    expect(found.map((path) => path.join(' '))).toEqual(
      expect.arrayContaining([
        'start',
        'status',
        'keys create',
        'call',
        'query',
        'receipt verify',
        'ledger verify',
        'guard export',
        'guard import',
        'testnet',
        'demo aml',
      ]),
    );
    for (const path of found) {
      let shown = '';
      const command = path.reduce(
        (parent, name) => parent.commands.find((child) => child.name() === name) ?? parent,
        program,
      );
      command
        .configureOutput({
          writeOut: (text) => {
            shown += text;
          },
        })
        .outputHelp();
      expect(shown, path.join(' ')).toContain('Examples:');
      if (path[0] !== 'completion') expect(shown, path.join(' ')).toContain('--json');
    }
  });

  it('of what takes a data folder says what is in it', async () => {
    const shown = await Promise.all([
      runCommand(['demo', 'aml', '--help']),
      promisify(execFile)(process.execPath, [START, '--help']),
    ]);
    for (const { stdout } of shown)
      for (const name of [...TRANSFER_COLUMNS, ...RULE_NAMES, 'approvals_needed'])
        expect(stdout).toMatch(new RegExp(`\\b${name}\\b`));
  });

  it('and version go to stdout with exit code 0', async () => {
    const [help, version] = await Promise.all([runCommand(['receipt', 'verify', '--help']), runCommand(['--version'])]);
    expect(help.code).toBe(exitCodes.ok);
    expect(help.stdout).toContain('Examples:');
    expect(version.code).toBe(exitCodes.ok);
    expect(version.stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });
});
