/** A validator that was away for very long comes back while the others are under load: how fast, and at what cost. */
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { usageOf } from '../../scripts/bench/processes.ts';
import { foundNetwork } from '../../testnet/founding.ts';
import { LocalNetwork } from '../../testnet/local-network.ts';
import { FIRST_PORT } from '../../testnet/ports.ts';
import { descendantsOf } from '../../testnet/processes.ts';
import { statusOf } from '../support/live-network.ts';
import { TokenLoad } from '../support/token-load.ts';
import { writeHistory } from './history.ts';

/** Blocks by which a node counts as level with the others. */
const LEVEL_BLOCKS = 16;
const SAMPLE_MS = 1_000;
const RESTORE_TIMEOUT_MS = 1_800_000;

/** What a process took. */
interface Taken {
  /** CPU time, µs. */
  cpuMicros: number;
  /** Most memory of its own at one moment, bytes; files of the ledger that are mapped are not counted. */
  ownBytes: number;
}

/** How a validator came back. */
export interface CatchUp {
  /** Height of the others when it was started with an empty ledger. */
  readonly behind: number;
  /** Until it was level with them, s; its own height then. */
  readonly seconds: number;
  readonly height: number;
  readonly node: Taken;
  readonly enclave: Taken;
  /** Calls that the others acknowledged meanwhile. */
  readonly calls: number;
  /** From their start, with the history on their disks, until the others were ready, s. */
  readonly othersReadySeconds: number;
}

const PAGE_BYTES = 4096;

/** Resident memory of a process that no file stands behind. */
const ownBytes = (pid: number): number => {
  try {
    const [, resident = 0, shared = 0] = readFileSync(`/proc/${pid}/statm`, 'latin1').split(' ').map(Number);
    return (resident - shared) * PAGE_BYTES;
  } catch {
    return 0;
  }
};

const note = (taken: Taken, pid: number | undefined): void => {
  if (pid === undefined) return;
  taken.cpuMicros = Math.max(taken.cpuMicros, usageOf(pid).cpuMicros);
  taken.ownBytes = Math.max(taken.ownBytes, ownBytes(pid));
};

const megabytes = (taken: Taken): number => Math.round(taken.ownBytes / 1e6);

/** Measures a network of which all validators but the last have a history. */
const catchUpIn = async (directory: string, tell: (step: string) => void): Promise<CatchUp> => {
  const startedAt = performance.now();
  await using network = await LocalNetwork.start({ directory, started: 3, readyTimeoutMs: RESTORE_TIMEOUT_MS });
  const othersReadySeconds = (performance.now() - startedAt) / 1_000;
  tell(`the others are ready after ${othersReadySeconds.toFixed(0)} s`);
  const load = await TokenLoad.prepare(network, 3);
  load.start(1);
  const [witness] = network.nodes;
  const late = network.nodes.at(-1);
  if (witness === undefined || late === undefined) throw new TypeError('a network without validators');
  const behind = (await statusOf(witness))?.finalizedHeight ?? 0;
  const callsBefore = load.count;
  const beganAt = performance.now();
  await late.start();
  const node: Taken = { cpuMicros: 0, ownBytes: 0 };
  const enclave: Taken = { cpuMicros: 0, ownBytes: 0 };
  for (let height = 0; ; ) {
    await delay(SAMPLE_MS);
    const pid = late.pids.node;
    note(node, pid);
    // The last descendant is the enclave itself; the others are the walls around it.
    note(enclave, pid === undefined ? undefined : descendantsOf(pid).at(-1)?.pid);
    const [own, other] = await Promise.all([statusOf(late), statusOf(witness)]);
    if (own === undefined || other === undefined) continue;
    height = own.executedHeight;
    const { perSecond = 0, secondsLeft } = own.sync ?? {};
    const left = secondsLeft === undefined ? '' : `, about ${secondsLeft} s left`;
    tell(
      `block ${height} of ${other.finalizedHeight} (the node says ${perSecond} a second${left}), ${megabytes(node)} + ${megabytes(enclave)} MB`,
    );
    if (height < Math.max(1, other.finalizedHeight - LEVEL_BLOCKS)) continue;
    const seconds = (performance.now() - beganAt) / 1_000;
    const calls = load.count - callsBefore;
    await load.stop();
    return { behind, seconds, height, node, enclave, calls, othersReadySeconds };
  }
};

/** Measures a node that is `behind` blocks behind; tells a person of each step. */
export const measureCatchUp = async (behind: number, tell: (step: string) => void): Promise<CatchUp> => {
  await using stack = new AsyncDisposableStack();
  const directory = await mkdtemp(join(tmpdir(), 'cloister-behind-'));
  stack.defer(() => rm(directory, { recursive: true, force: true }));
  const { file, accounts } = await foundNetwork({ directory }, FIRST_PORT);
  const [member] = accounts;
  if (member === undefined) throw new TypeError('a network without members');
  const homes = file.validators.map((name) => join(directory, name));
  await writeHistory(homes, member.account, behind, (height) => {
    if (height % 5_000 < 256) tell(`history: ${height} of ${behind}`);
  });
  return await catchUpIn(directory, tell);
};
