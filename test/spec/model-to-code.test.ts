/**
 * Model → code (consensus design §5.4 E): random traces of `spec/events.qnt` are replayed on the real `step`; after every
 * input the core must have cast the same votes, formed the same certificates and committed the same blocks.
 *
 * CLOISTER_SPEC_TRACES sets another number of traces, CLOISTER_SPEC_SEED another seed.
 */
import { copyFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { quint } from './quint.ts';
import { readTrace } from './itf.ts';
import { type Coverage, replay } from './replay.ts';

const SPEC = fileURLToPath(new URL('../../spec', import.meta.url));
const TRACES = Number(process.env['CLOISTER_SPEC_TRACES'] ?? 12);
const SEED = Number(process.env['CLOISTER_SPEC_SEED'] ?? 1);

interface Replayed {
  readonly traces: number;
  readonly differences: readonly string[];
  readonly coverage: Coverage;
}

/** Which traces. */
interface Kind {
  readonly main: string;
  /** All machines, those that may become validators included. */
  readonly universe: number;
  readonly steps: number;
  readonly step?: string;
}

const FOUR: Kind = { main: 'events4', universe: 4, steps: 100 };
const SEVEN: Kind = { main: 'events7', universe: 7, steps: 100 };
const SWITCHING: Kind = { main: 'switching4', universe: 5, steps: 200, step: 'stepCalm' };
const TROUBLED: Kind = { main: 'switching4', universe: 5, steps: 120 };

/** Generates traces, from a model with a change in it if one is given, and replays them. */
const replayTraces = async (
  { main, universe, steps, step = 'stepEvents' }: Kind,
  traces: number,
  change?: readonly [file: string, from: string, to: string],
): Promise<Replayed> => {
  const folder = mkdtempSync(join(tmpdir(), 'cloister-spec-'));
  try {
    for (const file of ['simplex.qnt', 'reconfiguration.qnt', 'events.qnt'])
      copyFileSync(join(SPEC, file), join(folder, file));
    if (change !== undefined) {
      const [file, from, to] = change;
      const text = readFileSync(join(folder, file), 'utf8');
      expect(text.split(from)).toHaveLength(2);
      writeFileSync(
        join(folder, file),
        text.replace(from, () => to),
      );
    }
    const { code, output } = await quint(
      [
        'run',
        'events.qnt',
        `--main=${main}`,
        '--init=initEvents',
        `--step=${step}`,
        '--mbt',
        `--max-samples=${traces}`,
        `--n-traces=${traces}`,
        `--max-steps=${steps}`,
        `--seed=${SEED}`,
        '--verbosity=0',
        `--out-itf=${join(folder, 'trace-{seq}.itf.json')}`,
      ],
      folder,
    );
    expect(code, output).toBe(0);
    const coverage: Coverage = new Map();
    const files = readdirSync(folder).filter((file) => file.endsWith('.itf.json'));
    const differences = files.flatMap((file) => {
      const difference = replay(readTrace(join(folder, file)), universe, coverage);
      return difference === undefined ? [] : [`${main}, seed ${SEED}, ${file}: ${difference}`];
    });
    return { traces: files.length, differences, coverage };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
};

describe('the real core follows the model', () => {
  it(`in ${TRACES} traces of 4 validators`, { timeout: 3_600_000 }, async () => {
    const { traces, differences, coverage } = await replayTraces(FOUR, TRACES);
    expect(differences.slice(0, 3)).toEqual([]);
    expect(traces).toBe(TRACES);
    process.stderr.write(`model to code: ${JSON.stringify(Object.fromEntries(coverage))}\n`);
    const exercised = [
      'GotProposal',
      'GotVote',
      'GotOwnVote',
      'GotCertificate',
      'TimedOut',
      'Built',
      'Restarted',
      'Lied',
      'cast notarize',
      'cast nullify',
      'cast finalize',
      'form notarize',
      'form nullify',
      'form finalize',
      'commit in epoch 1',
    ];
    expect(exercised.filter((name) => !coverage.has(name))).toEqual([]);
  });

  it('in traces of 7 validators, two of them liars', { timeout: 3_600_000 }, async () => {
    const { differences } = await replayTraces(SEVEN, Math.ceil(TRACES / 6));
    expect(differences.slice(0, 3)).toEqual([]);
  });
});

describe('the real core changes epochs as the model does', () => {
  it(`in ${TRACES} traces of 4 validators and one that joins or replaces`, { timeout: 3_600_000 }, async () => {
    const { differences, coverage } = await replayTraces(SWITCHING, TRACES);
    expect(differences.slice(0, 3)).toEqual([]);
    process.stderr.write(`model to code, epochs: ${JSON.stringify(Object.fromEntries(coverage))}\n`);
    const exercised = ['propose Closing', 'commit in epoch 1', 'Entered', 'Restarted', 'commit in epoch 2'];
    expect(exercised.filter((name) => !coverage.has(name))).toEqual([]);
  });

  it('with timeouts and a liar', { timeout: 3_600_000 }, async () => {
    const { differences, coverage } = await replayTraces(TROUBLED, TRACES);
    expect(differences.slice(0, 3)).toEqual([]);
    process.stderr.write(`model to code, epochs in trouble: ${JSON.stringify(Object.fromEntries(coverage))}\n`);
    expect(['Lied', 'TimedOut', 'Entered', 'propose Tail'].filter((name) => !coverage.has(name))).toEqual([]);
  });
});

describe('the replay notices a model that is not the code', () => {
  const changes: readonly (readonly [name: string, file: string, from: string, to: string])[] = [
    ['finalises although nullified', 'simplex.qnt', '    not(core.nullify.contains(view)),\n', ''],
    [
      'forgets its votes in a crash',
      'events.qnt',
      'disk.set(turn.self, if (turn.cast == Set()) kept else after)',
      'disk.set(turn.self, kept)',
    ],
  ];

  it.each(changes)('%s', { timeout: 600_000 }, async (_name, ...change) => {
    const { differences } = await replayTraces(FOUR, 8, change);
    expect(differences.length).toBeGreaterThan(0);
  });
});
