/**
 * Floors: what single operations cost on this machine in this run, in CPU µs unless said, so that the cost of a
 * transaction can be compared with what its parts cost alone.
 */
import { spawn, spawnSync } from 'node:child_process';
import { closeSync, fdatasyncSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { Level } from 'level';
import { aeadOpen, aeadSeal, ed25519PublicKey, ed25519Sign, ed25519Verify, randomBytes, sha256 } from '#primitives';
import { HPKE_SUITES, hpkeKeyPair, hpkeOpen, hpkeSeal } from '../../protocol/hpke.ts';
import { TransferTest } from './contract-calls.ts';
import { percentile } from './statistics.ts';

/** Every floor. */
export interface Floors {
  readonly ed25519VerifyMicros: number;
  readonly ed25519SignMicros: number;
  readonly aead512Micros: number;
  readonly hpkeOpenMicros: number;
  readonly sha256Of768Micros: number;
  /** `token.transfer` in the metered interpreter, on a state in memory. */
  readonly contractRunMicros: number;
  /** Wall time of one synced LevelDB batch as large as a block of 100 transactions writes, ms. */
  readonly levelBatchWallMs: number;
  /** CPU time of that batch in all threads, for each transaction. */
  readonly levelBatchMicrosPerTransaction: number;
  /** Wall time of one write of 4 KiB with fdatasync, ms. */
  readonly fdatasyncWallMs: number;
  /** Wall time of 1 KiB to a process on an inherited descriptor and back, µs. */
  readonly ipcRoundTripWallMicros: number;
  /** Wall time of starting Node with an empty program and waiting for its end, ms; the command line starts it twice. */
  readonly nodeStartWallMs: number;
}

const ROUNDS = 5;
const BLOCK_TRANSACTIONS = 100;
/** A transaction leaves about this much in the ledger: envelope, receipt, outputs, its share of the write set. */
const LEDGER_BYTES_PER_TRANSACTION = 2_048;

/** CPU µs of one call: the best of a few rounds, since other work can only add. */
const cpuMicros = (repeats: number, operation: () => unknown): number => {
  for (let i = 0; i < repeats / 2; i += 1) operation();
  const rounds = Array.from({ length: ROUNDS }, () => {
    const before = process.cpuUsage();
    for (let i = 0; i < repeats; i += 1) operation();
    const { user, system } = process.cpuUsage(before);
    return (user + system) / repeats;
  });
  return Math.min(...rounds);
};

const cryptoFloors = () => {
  const secret = randomBytes(32);
  const publicKey = ed25519PublicKey(secret);
  const message = randomBytes(200);
  const signature = ed25519Sign(message, secret);
  const key = randomBytes(32);
  const nonce = randomBytes(12);
  const plain = randomBytes(512);
  const sealed = aeadSeal(key, nonce, message, plain);
  const pair = hpkeKeyPair('x-wing', randomBytes(32));
  const hpke = hpkeSeal(
    'x-wing',
    pair.publicKey,
    message,
    message,
    plain,
    randomBytes(HPKE_SUITES['x-wing'].randomnessBytes),
  );
  if (hpke === undefined) throw new TypeError('a fresh key seals');
  const block = randomBytes(768);
  return {
    ed25519VerifyMicros: cpuMicros(300, () => ed25519Verify(signature, message, publicKey)),
    ed25519SignMicros: cpuMicros(300, () => ed25519Sign(message, secret)),
    aead512Micros: cpuMicros(3_000, () => aeadOpen(key, nonce, message, sealed)),
    hpkeOpenMicros: cpuMicros(100, () => hpkeOpen(pair, hpke.enc, message, message, hpke.ciphertext)),
    sha256Of768Micros: cpuMicros(10_000, () => sha256(block)),
  };
};

const diskFloors = async () => {
  const directory = mkdtempSync(join(tmpdir(), 'cloister-bench-'));
  try {
    const file = openSync(join(directory, 'sync'), 'w');
    const page = randomBytes(4096);
    const syncs = Array.from({ length: 100 }, () => {
      const start = performance.now();
      writeSync(file, page);
      fdatasyncSync(file);
      return performance.now() - start;
    });
    closeSync(file);
    const level = new Level<Uint8Array, Uint8Array>(join(directory, 'level'), {
      keyEncoding: 'view',
      valueEncoding: 'view',
      compression: false,
    });
    await level.open();
    const before = process.cpuUsage();
    const batches: number[] = [];
    for (let round = 0; round < 50; round += 1) {
      const bulk = {
        type: 'put' as const,
        key: randomBytes(16),
        value: randomBytes(BLOCK_TRANSACTIONS * LEDGER_BYTES_PER_TRANSACTION),
      };
      const index = Array.from({ length: BLOCK_TRANSACTIONS }, () => ({
        type: 'put' as const,
        key: randomBytes(16),
        value: randomBytes(16),
      }));
      const start = performance.now();
      await level.batch([bulk, ...index], { sync: true });
      batches.push(performance.now() - start);
    }
    const { user, system } = process.cpuUsage(before);
    await level.close();
    return {
      fdatasyncWallMs: percentile(syncs, 0.5),
      levelBatchWallMs: percentile(batches, 0.5),
      levelBatchMicrosPerTransaction: (user + system) / batches.length / BLOCK_TRANSACTIONS,
    };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
};

const ECHO =
  'const c=new(require("node:net").Socket)({fd:3});c.on("data",d=>c.write(d));c.on("end",()=>process.exit(0))';

const ipcFloor = async (): Promise<{ ipcRoundTripWallMicros: number }> => {
  const child = spawn(process.execPath, ['-e', ECHO], { stdio: ['ignore', 'ignore', 'ignore', 'pipe'] });
  const channel = child.stdio[3] as Duplex;
  const page = randomBytes(1024);
  const times: number[] = [];
  for (let i = 0; i < 1_000; i += 1) {
    const start = performance.now();
    let missing = page.length;
    channel.write(page);
    while (missing > 0) {
      const [chunk] = await new Promise<[Uint8Array]>((resolve) =>
        channel.once('data', (data: Uint8Array) => resolve([data])),
      );
      missing -= chunk.length;
    }
    times.push((performance.now() - start) * 1000);
  }
  channel.end();
  child.kill();
  return { ipcRoundTripWallMicros: percentile(times, 0.5) };
};

const nodeStartFloor = (): { nodeStartWallMs: number } => {
  const times = Array.from({ length: 9 }, () => {
    const start = performance.now();
    spawnSync(process.execPath, ['-e', '0'], { stdio: 'ignore' });
    return performance.now() - start;
  });
  return { nodeStartWallMs: percentile(times, 0.5) };
};

/** Measures all floors; takes a few seconds. */
export const measureFloors = async (): Promise<Floors> => {
  const test = await TransferTest.create();
  const contractRunMicros = cpuMicros(500, () => test.transfer());
  return { ...cryptoFloors(), contractRunMicros, ...(await diskFloors()), ...(await ipcFloor()), ...nodeStartFloor() };
};
