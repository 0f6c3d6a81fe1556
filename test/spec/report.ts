/** Explores the models and the planted mistakes in them; what `npm run spec` prints. */
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Mutant, mutate } from './model-mutants.ts';
import { invariantsOf, type ModelCheck } from './models.ts';
import { type Exploration, explorationArguments, explore } from './quint.ts';

const SPEC = fileURLToPath(new URL('../../spec', import.meta.url));

interface Finding {
  readonly title: string;
  readonly passed: boolean;
  readonly traces: number;
  readonly seconds: number;
  readonly violated: readonly string[];
  /** Traces that reached each witness. */
  readonly witnessed: Readonly<Record<string, number>>;
  /** How to repeat it, and what Quint printed, when it did not pass. */
  readonly complaint: string | undefined;
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
  /** Traces of the smallest model; the others get their share. */
  readonly traces: number;
  readonly models: readonly ModelCheck[];
  readonly mutants: readonly Mutant[];
  /** Told before each exploration. */
  readonly progress: (title: string) => void;
}

const complaintOf = (passed: boolean, exploration: Exploration, output: string): string | undefined =>
  passed ? undefined : `quint ${explorationArguments(exploration).join(' ')}\n${output}`;

const checkModel = async ({ title, model, share }: ModelCheck, { traces, seed }: Plan): Promise<Finding> => {
  const exploration = { ...model, traces: Math.max(1, Math.ceil(traces * share)), seed };
  const { verdict, violated, witnessed, seconds, output } = await explore(exploration, SPEC);
  const passed = verdict === 'held' && model.witnesses.every((witness) => (witnessed[witness] ?? 0) > 0);
  const complaint = complaintOf(passed, exploration, output);
  return { title, passed, traces: exploration.traces, seconds, violated, witnessed, complaint };
};

const checkMutant = async (mutant: Mutant, { seed }: Plan): Promise<Finding> => {
  const { name: title, file, traces } = mutant;
  const folder = mkdtempSync(join(tmpdir(), 'cloister-spec-'));
  try {
    for (const part of ['simplex.qnt', 'reconfiguration.qnt']) copyFileSync(join(SPEC, part), join(folder, part));
    writeFileSync(join(folder, file), mutate(readFileSync(join(SPEC, file), 'utf8'), mutant));
    const exploration = { ...mutant, seed, invariants: invariantsOf[file], witnesses: [] };
    const { verdict, violated, seconds, output } = await explore(exploration, folder);
    const passed = verdict === 'violated';
    const complaint = complaintOf(passed, exploration, output);
    return { title, passed, traces, seconds, violated, witnessed: {}, complaint };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
};

/** Explores one model after the other: each keeps one processor busy. */
export const makeReport = async (plan: Plan): Promise<Report> => {
  const started = performance.now();
  const models: Finding[] = [];
  const mutants: Finding[] = [];
  for (const check of plan.models) {
    plan.progress(check.title);
    models.push(await checkModel(check, plan));
  }
  for (const mutant of plan.mutants) {
    plan.progress(`mutant: ${mutant.name}`);
    mutants.push(await checkMutant(mutant, plan));
  }
  const passed = [...models, ...mutants].every((finding) => finding.passed);
  return { seed: plan.seed, models, mutants, seconds: (performance.now() - started) / 1000, passed };
};

const row = ({ title, passed, seconds }: Finding, result: string): string =>
  `${passed ? 'ok  ' : 'FAIL'}  ${title.padEnd(52)} ${result.padEnd(34)} ${seconds.toFixed(1).padStart(6)} s`;

const modelRow = (finding: Finding): string => {
  const { traces, violated, witnessed } = finding;
  const reached = Object.entries(witnessed).map(([name, count]) => `${name} ${count}`);
  const lines = [row(finding, `${traces} traces${violated.map((name) => `, ${name} violated`).join('')}`)];
  if (reached.length > 0) lines.push(`      reached: ${reached.join(', ')}`);
  return lines.join('\n');
};

/** The report as a table, with the complaints below it. */
export const describeReport = ({ seed, models, mutants, seconds, passed }: Report): string => {
  const findings = [...models, ...mutants];
  const explored = models.reduce((sum, { traces }) => sum + traces, 0);
  const killed = mutants.filter((finding) => finding.passed).length;
  return [
    ...models.map(modelRow),
    ...mutants.map((finding) => row(finding, `found by ${finding.violated.join(' ')}`)),
    ...findings.flatMap(({ title, complaint }) => (complaint === undefined ? [] : [`\n${title}\n${complaint}`])),
    `${passed ? 'passed' : 'FAILED'}: ${explored} traces from seed ${seed}, ` +
      `${killed} of ${mutants.length} planted mistakes found, ${Math.round(seconds)} s`,
  ].join('\n');
};
