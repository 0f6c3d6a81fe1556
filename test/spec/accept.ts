/**
 * Asks the model whether runs of the implementation are runs of it: each becomes a Quint test that takes its facts one
 * after the other and then checks the invariants.
 */
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { quint } from './quint.ts';
import type { Fact, Run } from './facts.ts';

const SPEC = fileURLToPath(new URL('../../spec', import.meta.url));

/** Order of the facts' numbers in `acceptance.qnt`. */
const KINDS: readonly Fact['kind'][] = [
  'Proposed',
  'Notarized',
  'Nullified',
  'Finalized',
  'HeldNotarization',
  'HeldNullification',
  'HeldFinalization',
  'Committed',
  'Entered',
];
/** Rows of one list: the type checker's effort grows with its square. */
const CHUNK = 16;

const restOf = (fact: Fact): readonly number[] => {
  if (fact.kind === 'Committed') return [fact.view];
  if (fact.kind !== 'Proposed') return 'signers' in fact ? fact.signers : [];
  const { parent, next, skipped } = fact;
  const named = next === 'tail' ? [-1] : [next?.length ?? 0, ...(next ?? [])];
  return [parent, ...named, ...skipped];
};

const rowOf = (fact: Fact): string => {
  const { kind, epoch, by } = fact;
  const subject = 'id' in fact ? fact.id : fact.view;
  return `[${[KINDS.indexOf(kind), epoch, by, subject, ...restOf(fact)].join(', ')}]`;
};

const writeTest = ({ facts }: Run, index: number): string[] => {
  const chunks: string[] = [];
  for (let from = 0; from < facts.length; from += CHUNK)
    chunks.push(
      `[${facts
        .slice(from, from + CHUNK)
        .map(rowOf)
        .join(', ')}]`,
    );
  const name = `facts${index}`;
  return [
    ...chunks.map((rows, part) => `  pure val ${name}_${part}: List[List[int]] = ${rows}`),
    `  pure val ${name}: List[List[int]] = [${chunks.map((_rows, part) => `${name}_${part}`).join(', ')}]`,
    '    .foldl([], (rows, more) => rows.concat(more))',
    `  run run${index} = begin.then(${name}.length().reps(k => take(${name}[k]))).expect(agreed)`,
  ];
};

const writeModule = (runs: readonly Run[]): string => {
  const [first] = runs;
  if (first === undefined) throw new RangeError('no runs');
  const { machines, founders, liars } = first;
  const lastEpoch = Math.max(...runs.map((run) => run.lastEpoch));
  const lastView = Math.max(...runs.map((run) => run.lastView));
  const size =
    `MACHINES = [${machines.join(', ')}], FIRST = ${founders}, FAULTY = Set(${liars.join(', ')}), ` +
    `LAST_EPOCH = ${lastEpoch}, LAST = ${lastView}`;
  return [
    'module trace {',
    '  import rules.* from "./simplex"',
    `  import acceptance(${size}).* from "./acceptance"`,
    ...runs.flatMap(writeTest),
    '}',
    '',
  ].join('\n');
};

/** What the model says to a run: nothing, or the first fact that no rule permits. */
export interface Judgement {
  readonly accepted: boolean;
  /** Position of the refused fact, counted from 1; undefined when the facts are fine and an invariant is not. */
  readonly refusedAt: number | undefined;
  readonly refused: Fact | undefined;
  /** What Quint printed, for a run that was not accepted. */
  readonly output: string;
}

const judgeOne = (run: Run, index: number, output: string): Judgement => {
  const accepted = new RegExp(`ok run${index} passed`).test(output);
  const report = new RegExp(`\\) run${index}:\\s+Error[\\s\\S]*?Use --seed`).exec(output)?.[0] ?? output;
  const iteration = /after iteration #(\d+) evaluated to false/.exec(report)?.[1];
  const refusedAt = iteration === undefined ? undefined : Number(iteration);
  const refused = refusedAt === undefined ? undefined : run.facts[refusedAt - 1];
  return { accepted, refusedAt, refused, output: accepted ? '' : report };
};

const judgeTogether = async (runs: readonly Run[]): Promise<Judgement[]> => {
  const folder = mkdtempSync(join(tmpdir(), 'cloister-spec-'));
  try {
    for (const file of ['simplex.qnt', 'reconfiguration.qnt', 'acceptance.qnt'])
      copyFileSync(join(SPEC, file), join(folder, file));
    writeFileSync(join(folder, 'trace.qnt'), writeModule(runs));
    const options = ['--main=trace', '--match=run[0-9]+', '--max-samples=1', '--verbosity=2'];
    const { output } = await quint(['test', 'trace.qnt', ...options], folder);
    return runs.map((run, index) => judgeOne(run, index, output));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
};

/** Judges runs, those with the same machines and liars in one go; in the order given. */
export const judge = async (runs: readonly Run[]): Promise<Judgement[]> => {
  const groups = Map.groupBy(runs, ({ machines, liars }) => `${machines.join(' ')} ${liars.join(' ')}`);
  const judged = new Map<Run, Judgement>();
  for (const group of groups.values()) {
    const judgements = await judgeTogether(group);
    group.forEach((run, index) => {
      const judgement = judgements[index];
      if (judgement !== undefined) judged.set(run, judgement);
    });
  }
  return runs.flatMap((run) => judged.get(run) ?? []);
};
