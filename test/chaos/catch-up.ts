/** A validator that was away for very long comes back while the others are under load: how fast, and at what cost. */
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

/** How a validator came back. */
export interface CatchUp {
  readonly behind: number;
  readonly seconds: number;
  readonly blocksPerSecond: number;
  /** CPU time a block, µs. */
  readonly nodeMicros: number;
  readonly enclaveMicros: number;
  /** Largest resident memory, bytes. */
  readonly nodeBytes: number;
  readonly enclaveBytes: number;
  /** Calls that the others acknowledged meanwhile. */
  readonly calls: number;
  /** Until the others, who had the history on their disk, were ready after their start, s. */
  readonly othersReadySeconds: number;
}

interface Peak {
  cpuMicros: number;
  residentBytes: number;
}

const note = (peak: Peak, pid: number | undefined): void => {
  const { cpuMicros, residentBytes } = usageOf(pid ?? 0);
  peak.cpuMicros = Math.max(peak.cpuMicros, cpuMicros);
  peak.residentBytes = Math.max(peak.residentBytes, residentBytes);
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
  return catchUpIn(directory, tell);
};

/** Measures a network of which all validators but the last have a history. */
export const catchUpIn = async (directory: string, tell: (step: string) => void): Promise<CatchUp> => {
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
  const node: Peak = { cpuMicros: 0, residentBytes: 0 };
  const enclave: Peak = { cpuMicros: 0, residentBytes: 0 };
  for (;;) {
    await delay(SAMPLE_MS);
    const pid = late.pids.node;
    note(node, pid);
    // The last descendant is the enclave itself; the others are the walls around it.
    note(enclave, pid === undefined ? undefined : descendantsOf(pid).at(-1)?.pid);
    const [own, other] = [await statusOf(late), await statusOf(witness)];
    if (own === undefined || other === undefined) continue;
    tell(
      `block ${own.executedHeight} of ${other.finalizedHeight}; node says ${JSON.stringify(own.sync)}; ` +
        `${Math.round(node.residentBytes / 1e6)} + ${Math.round(enclave.residentBytes / 1e6)} MB`,
    );
    if (own.executedHeight >= other.finalizedHeight - LEVEL_BLOCKS && own.executedHeight > 0) break;
  }
  const seconds = (performance.now() - beganAt) / 1_000;
  const calls = load.count - callsBefore;
  await load.stop();
  const blocks = (await statusOf(late))?.executedHeight ?? behind;
  return {
    behind,
    seconds,
    blocksPerSecond: blocks / seconds,
    nodeMicros: node.cpuMicros / blocks,
    enclaveMicros: enclave.cpuMicros / blocks,
    nodeBytes: node.residentBytes,
    enclaveBytes: enclave.residentBytes,
    calls,
    othersReadySeconds,
  };
};
