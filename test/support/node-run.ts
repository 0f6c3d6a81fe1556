/** One start of the node process that is expected to end by itself: its exit code and what it printed. */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const MAIN = fileURLToPath(new URL('../../node/main.ts', import.meta.url));
const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const DEADLINE_MS = 20_000;

/** The line that a failed node prints. */
export interface FailedLine {
  readonly event: string;
  readonly code: string;
  readonly message: string;
  readonly hint: string;
  readonly data?: Readonly<Record<string, unknown>>;
}

/** How a node process ended. */
export interface NodeRun {
  readonly exitCode: number | null;
  readonly failed: FailedLine | undefined;
  /** Everything on standard output and standard error. */
  readonly output: string;
}

/** Starts a node on a home and waits until it ends; one that does not is killed, with exit code null. */
export const runNode = async (
  home: string,
  flags: readonly string[] = [],
  environment: Readonly<Record<string, string>> = {},
): Promise<NodeRun> => {
  const child = spawn(process.execPath, [MAIN, '--home', home, ...flags, '--lifeline'], {
    cwd: ROOT,
    env: { PATH: process.env['PATH'] ?? '', ...environment },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (output += text));
  const timer = setTimeout(() => child.kill('SIGKILL'), DEADLINE_MS);
  const exitCode = await new Promise<number | null>((resolve) => child.once('close', resolve));
  clearTimeout(timer);
  const lines = output.split('\n').filter((line) => line.startsWith('{"event":"failed"'));
  return { exitCode, failed: lines.map((line) => JSON.parse(line) as FailedLine).at(-1), output };
};
