/**
 * A write-ahead log that is torn: a validator is killed, the end of its log is cut, altered or followed by garbage at a
 * seeded place, and it is started. It either goes on, which only a tail that was never synced allows, or refuses with a
 * code; then the bytes are put back, as from the same disk, and it has to go on.
 */
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { homePaths } from '../../node/home.ts';
import { isCloisterError } from '../../protocol/errors.ts';
import type { NodeProcess } from '../../testnet/node-process.ts';
import type { SeededRandom } from '../support/seeded-random.ts';
import { type Begin, fewNodes } from './field.ts';

const TRIES = 3;
/** How far from its end a log is damaged: a few records. */
const REACH_BYTES = 2_048;

type Damage = (log: Buffer, random: SeededRandom) => { readonly what: string; readonly log: Buffer };

const place = (log: Buffer, random: SeededRandom): number =>
  log.length - 1 - random.integer(Math.min(REACH_BYTES, log.length - 1));

const damages: readonly Damage[] = [
  (log, random) => {
    const end = place(log, random);
    return { what: `${log.length - end} bytes cut`, log: log.subarray(0, end) };
  },
  (log, random) => {
    const at = place(log, random);
    const altered = Buffer.from(log);
    altered[at] = (altered[at] ?? 0) ^ (1 + random.integer(255));
    return { what: `byte ${at - log.length} altered`, log: altered };
  },
  (log, random) => {
    const garbage = Buffer.from(Array.from({ length: 1 + random.integer(REACH_BYTES) }, () => random.integer(256)));
    return { what: `${garbage.length} bytes of garbage behind`, log: Buffer.concat([log, garbage]) };
  },
];

const newestSegment = async (node: NodeProcess): Promise<string> => {
  const { votes } = homePaths(node.home);
  const segments = (await readdir(votes)).filter((name) => name.endsWith('.wal')).sort();
  return join(votes, segments.at(-1) ?? '');
};

/** See the module comment. */
export const tearLog: Begin = async (field, random) => {
  const [node] = fewNodes(field, random);
  if (node === undefined) throw new RangeError('no validator');
  await node.kill('SIGKILL', 'both');
  const path = await newestSegment(node);
  const whole = await readFile(path);
  const said: string[] = [];
  for (let tries = 0; tries < TRIES && !node.isRunning; tries += 1) {
    const { what, log } = damages[(tries + random.integer(damages.length)) % damages.length]?.(whole, random) ?? {
      what: 'nothing',
      log: whole,
    };
    await writeFile(path, log);
    const refusal = await node.start().then(
      () => undefined,
      (error: unknown) => error,
    );
    if (refusal !== undefined && !isCloisterError(refusal, 'WAL_CORRUPT'))
      throw new Error(`${node.name} met a torn log (${what}) with something else`, { cause: refusal });
    said.push(`${what}: ${refusal === undefined ? 'went on' : 'WAL_CORRUPT'}`);
    // Once it goes on it signs: an older log must never come back then.
    if (refusal !== undefined) await writeFile(path, whole);
  }
  return { name: 'torn log', where: `${node.name}, ${said.join(', ')}`, heal: () => node.start() };
};
