/** Explores the models and the planted mistakes in them; what `npm run spec` prints. */
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Mutant, mutate } from './model-mutants.ts';
import { invariantsOf, type ModelCheck } from './models.ts';
import { type Explored, explore } from './quint.ts';

const SPEC = fileURLToPath(new URL('../../spec', import.meta.url));

interface Finding {
  readonly title: string;
  readonly passed: boolean;
  readonly traces: number;
  readonly seconds: number;
  readonly violated: readonly string[];
  /** Traces that reached each witness. */
  readonly witnessed: Readonly<Record<string, number>>;
  /** When it did not pass: what is wrong, the command that repeats it, and what Quint printed. */
  readonly complaint: { readonly reason: string; readonly command: string; readonly output: string } | undefined;
}

/** Everything that was found. */
export interface Report {
  readonly seed: number;
  readonly models: readonly Finding[];
  readonly mutants: readonly Finding[];
  readonly seconds: number;
  readonly passed: boolean;
}

/** What to explore. */
export interface Plan {
  readonly seed: number;
  /** Traces of all models together. */
  readonly traces: number;
  /** Explorations at the same time: each keeps one processor busy. */
  readonly workers: number;
  readonly models: readonly ModelCheck[];
  readonly mutants: readonly Mutant[];
  /** Told as explorations end. */
  readonly progress: (line: string) => void;
}

const findingOf = (
  title: string,
  { traces, seed }: { readonly traces: number; readonly seed: number },
  total: number,
  { seconds, violated, witnessed, output }: Explored,
  reason: string | undefined,
): Finding => {
  const command = `npm run spec -- --only '${title}' --traces ${total} --seed ${seed}`;
  const complaint = reason === undefined ? undefined : { reason, command, output };
  return { title, passed: reason === undefined, traces, seconds, violated, witnessed, complaint };
};

const checkModel = async ({ title, model, share }: ModelCheck, plan: Plan): Promise<Finding> => {
  const exploration = { ...model, traces: Math.max(1, Math.ceil(plan.traces * share)), seed: plan.seed };
  const explored = await explore(exploration, SPEC);
  const missed = model.witnesses.filter((witness) => (explored.witnessed[witness] ?? 0) === 0);
  const reasons = {
    held: missed.length === 0 ? undefined : `not reached: ${missed.join(', ')}`,
    violated: `violated: ${explored.violated.join(', ')}`,
    broken: 'Quint could not evaluate the model',
  };
  return findingOf(title, exploration, plan.traces, explored, reasons[explored.verdict]);
};

const checkMutant = async (mutant: Mutant, plan: Plan): Promise<Finding> => {
  const { name, file } = mutant;
  const folder = mkdtempSync(join(tmpdir(), 'cloister-spec-'));
  try {
    for (const part of ['simplex.qnt', 'reconfiguration.qnt']) copyFileSync(join(SPEC, part), join(folder, part));
    writeFileSync(join(folder, file), mutate(readFileSync(join(SPEC, file), 'utf8'), mutant));
    const exploration = { ...mutant, seed: plan.seed, invariants: invariantsOf[file], witnesses: [] };
    const explored = await explore(exploration, folder);
    const reasons = {
      held: 'the planted mistake was not found',
      violated: undefined,
      broken: 'Quint could not evaluate the model',
    };
    return findingOf(name, exploration, plan.traces, explored, reasons[explored.verdict]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
};

/** Runs tasks in their order, some at a time; results in the same order. */
const runAll = async <T>(tasks: readonly (() => Promise<T>)[], workers: number): Promise<T[]> => {
  const results: T[] = [];
  const waiting = tasks.entries();
  const work = async (): Promise<void> => {
    for (const [index, task] of waiting) results[index] = await task();
  };
  await Promise.all(Array.from({ length: workers }, work));
  return results;
};

/** Explores everything in the plan. */
export const makeReport = async (plan: Plan): Promise<Report> => {
  const started = performance.now();
  const total = plan.models.length + plan.mutants.length;
  let done = 0;
  const told = async (finding: Promise<Finding>, describe: (finding: Finding) => string): Promise<Finding> => {
    const ended = await finding;
    done += 1;
    plan.progress(`${String(done).padStart(2)}/${total}  ${describe(ended)}`);
    return ended;
  };
  const findings = await runAll(
    [
      ...plan.models.map((check) => () => told(checkModel(check, plan), modelRow)),
      ...plan.mutants.map((mutant) => () => told(checkMutant(mutant, plan), mutantRow)),
    ],
    plan.workers,
  );
  return {
    seed: plan.seed,
    models: findings.slice(0, plan.models.length),
    mutants: findings.slice(plan.models.length),
    seconds: (performance.now() - started) / 1000,
    passed: findings.every((finding) => finding.passed),
  };
};

const row = ({ title, passed, seconds }: Finding, result: string): string =>
  `${passed ? 'ok  ' : 'FAIL'}  ${title.padEnd(52)} ${seconds.toFixed(1).padStart(6)} s  ${result}`;

const modelRow = (finding: Finding): string => {
  const reached = Object.entries(finding.witnessed).map(([name, count]) => `${name} ${count}`);
  return row(finding, [`${finding.traces} traces`, ...reached].join(', '));
};

const mutantRow = (finding: Finding): string =>
  row(finding, finding.violated.length > 0 ? `found by ${finding.violated.join(' ')}` : 'not found');

/** The report as a table, with the complaints below it. */
export const describeReport = ({ seed, models, mutants, seconds, passed }: Report): string => {
  const explored = models.reduce((sum, { traces }) => sum + traces, 0);
  const killed = mutants.filter((finding) => finding.passed).length;
  return [
    ...models.map(modelRow),
    ...mutants.map(mutantRow),
    ...[...models, ...mutants].flatMap(({ title, complaint }) =>
      complaint === undefined
        ? []
        : [`\n${title}: ${complaint.reason}\nrepeat: ${complaint.command}\n${complaint.output}`],
    ),
    `${passed ? 'passed' : 'FAILED'}: ${explored} traces from seed ${seed}, ` +
      `${killed} of ${mutants.length} planted mistakes found, ${Math.round(seconds)} s`,
  ].join('\n');
};
