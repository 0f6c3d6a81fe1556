/**
 * The Quint command line as a function. Always its TypeScript evaluator: the other back ends are fetched from the
 * network when first used, and nothing here may be.
 */
import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

const packageFile = createRequire(import.meta.url).resolve('@informalsystems/quint/package.json');
const COMMAND = join(dirname(packageFile), 'dist/src/cli.js');

/** How a run of the command ended. */
export interface QuintResult {
  readonly code: number;
  /** Standard output and standard error in the order of arrival, without colours. */
  readonly output: string;
  readonly seconds: number;
}

/** Runs `quint` with these arguments in a folder; it ends with this process. Rejects only when it cannot be started. */
export const quint = (args: readonly string[], folder: string): Promise<QuintResult> =>
  new Promise((resolve, reject) => {
    const started = performance.now();
    const evaluates = args[0] === 'run' || args[0] === 'test';
    const child = spawn(process.execPath, [COMMAND, ...args, ...(evaluates ? ['--backend=typescript'] : [])], {
      cwd: folder,
      env: { ...process.env, FORCE_COLOR: '0' },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const parts: string[] = [];
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8');
      stream.on('data', (text: string) => parts.push(text));
    }
    const end = (): void => void child.kill('SIGKILL');
    process.once('exit', end);
    child.on('error', reject);
    child.on('close', (code) => {
      process.off('exit', end);
      resolve({ code: code ?? 1, output: parts.join(''), seconds: (performance.now() - started) / 1000 });
    });
  });

/** One random exploration of a model. */
export interface Exploration {
  readonly file: string;
  readonly main: string;
  /** Action that makes the first state; `init` by default. */
  readonly init?: string | undefined;
  /** Action that makes the next state; `step` by default. */
  readonly step?: string | undefined;
  readonly traces: number;
  readonly steps: number;
  readonly seed: number;
  readonly invariants: readonly string[];
  readonly witnesses: readonly string[];
}

const explorationArguments = (exploration: Exploration): string[] => [
  'run',
  exploration.file,
  `--main=${exploration.main}`,
  `--init=${exploration.init ?? 'init'}`,
  `--step=${exploration.step ?? 'step'}`,
  `--max-samples=${exploration.traces}`,
  `--max-steps=${exploration.steps}`,
  `--seed=${exploration.seed}`,
  '--verbosity=1',
  '--invariants',
  ...exploration.invariants,
  ...(exploration.witnesses.length > 0 ? ['--witnesses', ...exploration.witnesses] : []),
];

/** What an exploration found. */
export interface Explored {
  readonly verdict: 'held' | 'violated' | 'broken';
  /** Invariants that did not hold. */
  readonly violated: readonly string[];
  /** Traces in which each witness was true. */
  readonly witnessed: Readonly<Record<string, number>>;
  readonly seconds: number;
  readonly output: string;
}

/** Explores a model. `broken` means that Quint could not evaluate it. */
export const explore = async (exploration: Exploration, folder: string): Promise<Explored> => {
  const { code, output, seconds } = await quint(explorationArguments(exploration), folder);
  const verdict = code === 0 ? 'held' : output.includes('[violation]') ? 'violated' : 'broken';
  const witnessed = [...output.matchAll(/^(\w+) was witnessed in (\d+) trace/gm)].map(
    ([, name = '', count]) => [name, Number(count)] as const,
  );
  return {
    verdict,
    violated: [...output.matchAll(/❌ .*?(\w+)\)?$/gm)].map(([, name = '']) => name),
    witnessed: Object.fromEntries(witnessed),
    seconds,
    output,
  };
};
