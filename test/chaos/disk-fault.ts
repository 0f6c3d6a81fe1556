/**
 * A disk that is full: the validator ends with a code that says so, refuses to start with one while there is no space,
 * and goes on with all that it promised once there is.
 */
import { isCloisterError } from '../../protocol/errors.ts';
import { eventually } from '../support/live-network.ts';
import { type Begin, fewNodes } from './field.ts';

/** What a node may say of a disk that refuses. */
const REFUSALS = ['WAL_WRITE_FAILED', 'LEDGER_WRITE_FAILED', 'DISK_WRITE_FAILED'] as const;
const ENDS_WITHIN_MS = 60_000;

const codeOf = (failure: unknown): string =>
  REFUSALS.find((code) => isCloisterError(failure, code)) ?? `something else: ${String(failure)}`;

/** See the module comment. */
export const fillDisk: Begin = async (field, random) => {
  const [node] = fewNodes(field, random);
  const disk = node && field.disks[node.index];
  if (node === undefined || disk === undefined) throw new RangeError('no disk to fill');
  await disk.fill();
  await eventually(field.network, `${node.name} to end, its disk being full`, () => !node.isRunning, ENDS_WITHIN_MS);
  const { failure } = await node.exited;
  const ended = codeOf(failure);
  const started = await node.start().then(() => undefined, codeOf);
  if (started === undefined) await node.stop();
  for (const said of [ended, started])
    if (said?.startsWith('something else')) throw new Error(`${node.name} met a full disk with ${said}`);
  return {
    name: 'full disk',
    where: `${node.name}: ${ended}, then ${started ?? 'a start that needed no space'}`,
    heal: async () => {
      await disk.free();
      await node.start();
    },
  };
};
