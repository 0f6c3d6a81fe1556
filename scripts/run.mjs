/**
 * Runs a TypeScript entry on the pinned Node after setting the project up: `node scripts/run.mjs FILE [arguments]`.
 * Signals reach the child; its exit code becomes ours.
 */
import { spawn } from 'node:child_process';
import { setUp } from './setup.mjs';

const [entry, ...rest] = process.argv.slice(2);
const binary = await setUp();
const child = spawn(binary, [entry, ...rest], { stdio: 'inherit' });
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
child.on('exit', (code, signal) => process.exit(code ?? (signal === 'SIGINT' ? 130 : 1)));
