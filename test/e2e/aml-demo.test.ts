/**
 * The AML scenario on four real validators: generated data gives its own right answer, the published data the published
 * one; bad input is refused to its sender alone; nothing leaks. One run each, with real processes.
 */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type CycleThresholds,
  type FanThresholds,
  type ScatterGatherThresholds,
  transferRow,
} from '../../apps/aml/types.ts';
import type { Consortium } from '../../demo/aml/consortium.ts';
import { generateAmlData } from '../../demo/aml/generate.ts';
import { type AmlDemoOutcome, type AmlReport, runAmlDemo } from '../../demo/aml/run.ts';
import { CallRefused, verifyReceipt } from '../../wallet/index.ts';
import { clearCycles, clearFans, clearScatterGathers, clearTransfers } from '../unit/apps/aml-clear.ts';
import { sharedData } from '../support/skipping.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const { path: shared, isMissing } = sharedData('02-aml');

let directory = '';
beforeAll(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'aml-e2e-'));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** Runs `npm start` without its setup step. */
function start(...args: readonly string[]): Promise<Ended> {
  const { promise, resolve } = Promise.withResolvers<Ended>();
  const child = spawn(process.execPath, ['scripts/start.ts', ...args], {
    cwd: ROOT,
    env: { ...process.env, TMPDIR: directory },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const [out, err]: [Buffer[], Buffer[]] = [[], []];
  child.stdout.on('data', (bytes: Buffer) => out.push(bytes));
  child.stderr.on('data', (bytes: Buffer) => err.push(bytes));
  child.on('close', (code) =>
    resolve({ code, out: Buffer.concat(out).toString(), err: Buffer.concat(err).toString() }),
  );
  return promise;
}

const SHAPE = {
  validators: 4,
  height: expect.any(Number),
  calls: expect.any(Number),
  callsPerSecond: expect.any(Number),
  latencyMs: { p50: expect.any(Number), p99: expect.any(Number) },
  results: expect.any(Object),
  stateRoots: Array.from({ length: 4 }, () => expect.stringMatching(/^[0-9a-f]{64}$/)),
  receipt: { file: expect.any(String), verified: true },
  leakCheck: {
    canaries: expect.any(Number),
    bytesSearched: expect.any(Number),
    hits: 0,
    positiveControlHits: expect.any(Number),
  },
  losses: [],
  platform: 'sim',
  seconds: expect.any(Number),
};

/** What holds of every run, whatever its data. */
function expectSound(report: AmlReport): void {
  expect(report).toEqual(SHAPE);
  expect(new Set(report.stateRoots).size).toBe(1);
  expect(report.leakCheck.bytesSearched).toBeGreaterThan(5_000_000);
  expect(report.leakCheck.positiveControlHits).toBeGreaterThan(report.leakCheck.canaries / 2);
  for (const { alerts, foreignAccounts } of Object.values(report.results.perBank)) {
    expect(alerts).toBeGreaterThan(0);
    expect(foreignAccounts).toBe(0);
  }
}

describe('npm start with generated data', () => {
  it('prints one object, whose figures are those of the naive method in the clear', async () => {
    const { code, out, err } = await start('--json', '--seed', 'e2e');
    expect(code, err).toBe(0);
    expect(out.endsWith('}\n')).toBe(true);
    const report = JSON.parse(out) as AmlReport;
    expectSound(report);
    const { banks, rules } = generateAmlData('e2e');
    const rows = banks.flatMap((bank) => bank.rows);
    const distinct = new Set(rows.map(([txId]) => txId)).size;
    const clear = clearTransfers(rows);
    const thresholds = Object.fromEntries(rules.map((given) => [given.rule, given.thresholds as unknown]));
    const cycles = clearCycles(clear, thresholds['cycle'] as CycleThresholds);
    expect(report.results).toMatchObject({
      distinctTransfers: distinct,
      reportedTwice: rows.length - distinct,
      cycles: cycles.length,
      cycleTransfers: new Set(cycles.flat()).size,
      cyclesSha256: createHash('sha256')
        .update(cycles.map((cycle) => cycle.join()).join('\n'))
        .digest('hex'),
      fanIn: clearFans(clear, 'in', thresholds['fan_in'] as FanThresholds).size,
      fanOut: clearFans(clear, 'out', thresholds['fan_out'] as FanThresholds).size,
      scatterGather: clearScatterGathers(clear, thresholds['scatter_gather'] as ScatterGatherThresholds).size,
    });
    // Ten planted rings, nine fans and three scatter-gathers; noise may add to them.
    expect(report.results.cycles).toBeGreaterThanOrEqual(10);
    expect(report.results.fanIn + report.results.fanOut).toBeGreaterThanOrEqual(9);
    expect(report.results.scatterGather).toBeGreaterThanOrEqual(3);
  });

  it('says what is wrong with options or a folder, before anything is started', async () => {
    expect(await start('--data', path.join(directory, 'absent'))).toMatchObject({
      code: 2,
      out: '',
      err: expect.stringContaining('There is no folder'),
    });
    expect(await start('--data', ROOT)).toMatchObject({
      code: 2,
      out: '',
      err: expect.stringContaining('params.json: the file cannot be read.'),
    });
    expect(await start('--what')).toMatchObject({ code: 2, out: '', err: expect.stringContaining('Usage: npm start') });
    expect(await start('--help')).toMatchObject({ code: 0, out: expect.stringContaining('--data DIR') });
  });
});

describe('a validator that somebody kills in the middle', () => {
  it('is started again and catches up, while the others go on; the report says so', async () => {
    const { report, failed } = await runAmlDemo({
      seed: 'killed',
      directory,
      onAgreed: async ({ network }) => {
        process.kill(network.nodes[2]?.pids.node ?? 0, 'SIGKILL');
        return [];
      },
    });
    expect(failed).toEqual([]);
    expect(report.losses).toEqual([{ validator: 'validator-3', how: 'killed by SIGKILL', isRevived: true }]);
    expectSound({ ...report, losses: [] });
  });
});

describe('a host that sees plaintext', () => {
  it('is caught: in a compressed log, in a temporary file, in what another party received', async () => {
    const { report, failed } = await runAmlDemo({
      seed: 'leaky',
      directory,
      onAgreed: async ({ network, temporaryDirectory, banks, data, outsider }) => {
        const [row = []] = data.banks[0]?.rows ?? [];
        await writeFile(path.join(network.nodes[1]?.home ?? '', 'old.log.gz'), gzipSync(`{"tx":"${row[0]}"}`));
        await writeFile(path.join(temporaryDirectory, 'spool'), Buffer.from(`..${row[3]}..`).toString('base64'));
        outsider.outputs.push(JSON.stringify(row));
        expect(banks).toHaveLength(5);
        return [];
      },
    });
    expect(report.leakCheck.hits).toBeGreaterThanOrEqual(3);
    expect(failed.map(({ name }) => name)).toEqual([
      'no host and no observer saw anything',
      'outsider received nothing of the others',
      'the leak check found nothing',
    ]);
    expect(failed[0]?.found).toMatch(
      /tx_id as raw in network.*old\.log\.gz \(gzip at 0\).*from_account as base64 in temporary.*spool/,
    );
  });
});

interface BadInput {
  readonly file: string;
  readonly reason: string;
  readonly rows: readonly Readonly<Record<string, string>>[];
}

/** Every bad `world` entry, submitted by its bank; returns the reasons that must stay sealed. */
async function submitBadInputs({ banks, data }: Consortium): Promise<readonly string[]> {
  const bad = (JSON.parse(readFileSync(path.join(shared, 'bad_inputs.json'), 'utf8')) as readonly BadInput[]).filter(
    ({ file }) => file.startsWith('world/'),
  );
  expect(bad).toHaveLength(6);
  for (const { file, reason, rows } of bad) {
    const index = data.banks.findIndex(({ name }) => file === `world/bank_${name}.csv`);
    const [bank, other] = [banks[index], banks[(index + 1) % banks.length]];
    if (bank === undefined || other === undefined) throw new Error(`no bank for ${file}`);
    const before = other.outputs.length;
    const refusal: unknown = await bank.aml.call
      .submitTransfers({ period: 'bad', rows: rows.map(transferRow) })
      .catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(CallRefused);
    const { reason: given, detail, message, data: place } = refusal as CallRefused;
    expect([given, detail]).toEqual([reason, { row: rows.length - 1 }]);
    expect(message + JSON.stringify(place)).not.toContain(reason);
    expect(other.outputs).toHaveLength(before);
  }
  return bad.map(({ reason }) => reason);
}

describe.skipIf(isMissing)('the published data on a real network', () => {
  let outcome: AmlDemoOutcome;
  beforeAll(async () => {
    outcome = await runAmlDemo({ dataDir: shared, directory, onAgreed: submitBadInputs });
  });

  it('gives the published answers', () => {
    expectSound(outcome.report);
    const expected = JSON.parse(readFileSync(path.join(shared, 'expected', 'expected.json'), 'utf8')) as {
      readonly world_cycle: { readonly cycles_list_sha256: string };
    };
    expect(outcome.report.results).toMatchObject({
      distinctTransfers: 3709,
      reportedTwice: 2587,
      cycles: 1102,
      cycleTransfers: 257,
      cycleAccounts: 128,
      cyclesSha256: expected.world_cycle.cycles_list_sha256,
      fanIn: 66,
      fanOut: 63,
      scatterGather: 27,
    });
  });

  it('holds every check: refusals, release by four, equal lengths, no leak', () => {
    expect(outcome.failed).toEqual([]);
    const names = outcome.checks.map(({ name }) => name);
    for (const expected of [
      'code is active when enough banks have approved it',
      'a run before every bank has finished is refused',
      'the approvals of one bank count once',
      'a second run in the month is over the budget',
      'submissions of equal shape and different content have equal length',
      'a repeated submission gives different ciphertext',
      'no host and no observer saw anything',
      'the search finds every canary in the plaintext files',
      'the search finds canaries in an unsealed transaction',
      'the audit trail holds one record for every request',
      'all validators reached one state root',
    ]) {
      expect(names).toContain(expected);
    }
  });

  it('leaves a receipt that verifies with the chain id alone, and for no other chain', () => {
    const file: unknown = JSON.parse(readFileSync(outcome.report.receipt.file, 'utf8'));
    expect(verifyReceipt(file, outcome.chainId)).toMatchObject({ verdict: 'valid', simulated: true });
    expect(
      verifyReceipt(
        file,
        outcome.chainId.replace(/^./, (digit) => (digit === '0' ? '1' : '0')) as typeof outcome.chainId,
      ),
    ).toMatchObject({ verdict: 'invalid' });
  });
});
