/**
 * What happens before a ledger is used: layout, chain and key are those expected, the database reaches as far as the
 * marker beside it says, and the newest links of the running chain hold.
 *
 * The marker (`head.mark`) is written after each durable batch, so a database behind its marker lost a batch that was
 * acknowledged: LEDGER_TRUNCATED. A copy of the whole directory put back in one piece is consistent in itself; callers
 * that know a later height from elsewhere (their write-ahead log, their peers) pass it as `atLeast`.
 */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { decode, encode } from '../protocol/codec.ts';
import { equalBytes } from '../protocol/hex.ts';
import { ledgerErrors } from './errors.ts';
import { inspectDatabase, LevelStore } from './level-store.ts';
import { RecordCipher, SyntheticSeal } from './record-cipher.ts';
import { corrupt, RecordStore } from './record-store.ts';
import {
  blockCodec,
  chainCodec,
  type ChainRecord,
  emptyChain,
  fixedSize,
  type HeadRecord,
  headCodec,
  LAYOUT_VERSION,
  layoutCodec,
  runningHash,
} from './records.ts';
import { SealedSlots } from './sealed-slots.ts';
import type { Store } from './store.ts';

/** Links of the running chain that every open checks; reads and `verifyLedger` check the others. */
const CHECKED_LINKS = 256;
const MARKER_NAME = 'head.mark';
const DATABASE_NAME = 'db';

/** What a ledger holds once it is open. */
export interface OpenedLedger {
  readonly store: Store;
  readonly records: RecordStore;
  readonly head: HeadRecord;
  readonly marker: SealedSlots;
}

/** Inputs of `openLedgerFiles`. */
export interface OpenInputs {
  readonly directory: string;
  readonly replicaKey: Uint8Array;
  readonly chainId: Uint8Array;
  readonly atLeast: number;
}

const HEAD_BYTES = fixedSize(headCodec, {
  executedHeight: 0,
  finalisedHeight: 0,
  running: new Uint8Array(32),
  finalisedHash: new Uint8Array(32),
});

const emptyHead = (chainId: Uint8Array): HeadRecord => ({
  executedHeight: 0,
  finalisedHeight: 0,
  running: emptyChain(chainId),
  finalisedHash: new Uint8Array(32),
});

const markerSeal = (replicaKey: Uint8Array): SyntheticSeal => new SyntheticSeal(replicaKey, 'ledger-marker');

/** Opens the files of a ledger, creating them in an empty directory, and checks them as far as every open does. */
export const openLedgerFiles = async (inputs: OpenInputs): Promise<OpenedLedger> => {
  const database = join(inputs.directory, DATABASE_NAME);
  const markerPath = join(inputs.directory, MARKER_NAME);
  await mkdir(database, { recursive: true });
  if (SealedSlots.exists(markerPath) && (await inspectDatabase(database)) === 'absent') {
    throw ledgerErrors.error('LEDGER_TRUNCATED', { reason: 'the database files are gone' });
  }
  const store = await LevelStore.open(database);
  let marker: SealedSlots | undefined;
  try {
    const records = new RecordStore(store, new RecordCipher(inputs.replicaKey, 'ledger', inputs.chainId));
    const fresh = await checkLayout(store, inputs, SealedSlots.exists(markerPath));
    if (fresh) await store.write(creation(records, inputs), true);
    const head = records.getDecoded('head', 0, headCodec);
    if (head === undefined) throw corrupt('head', 0, 'missing');
    marker = openMarker(markerPath, inputs.replicaKey, head);
    checkHead(head, inputs);
    checkRecentLinks(records, head, inputs.chainId);
    return { store, records, head, marker };
  } catch (failure) {
    marker?.close();
    await store.close();
    throw failure;
  }
};

const layoutRecords = (store: Store, replicaKey: Uint8Array): RecordStore =>
  new RecordStore(store, new RecordCipher(replicaKey, 'ledger-layout'));

/** Checks the layout record; true when the database is new and empty. */
const checkLayout = async (store: Store, inputs: OpenInputs, markerExists: boolean): Promise<boolean> => {
  const records = layoutRecords(store, inputs.replicaKey);
  const layout = records.getDecoded('layout', 0, layoutCodec);
  if (layout === undefined) {
    if (await store.isEmpty()) {
      if (markerExists) throw ledgerErrors.error('LEDGER_TRUNCATED', { reason: 'the database is empty' });
      await store.write(
        [records.putEncoded('layout', 0, layoutCodec, { layout: LAYOUT_VERSION, chainId: inputs.chainId })],
        true,
      );
      return true;
    }
    throw markerExists && markerOpens(inputs)
      ? corrupt('layout', 0, 'missing')
      : ledgerErrors.error('LEDGER_WRONG_KEY');
  }
  if (layout.layout !== LAYOUT_VERSION) {
    throw ledgerErrors.error('LEDGER_LAYOUT_UNSUPPORTED', { found: layout.layout, supported: LAYOUT_VERSION });
  }
  if (!equalBytes(layout.chainId, inputs.chainId)) throw ledgerErrors.error('LEDGER_WRONG_CHAIN');
  // A crash between the two first batches leaves the layout alone.
  return (
    !markerExists &&
    new RecordStore(store, new RecordCipher(inputs.replicaKey, 'ledger', inputs.chainId)).get('head', 0) === undefined
  );
};

const creation = (records: RecordStore, inputs: OpenInputs): ReturnType<RecordStore['putEncoded']>[] => [
  records.putEncoded('head', 0, headCodec, emptyHead(inputs.chainId)),
];

const markerOpens = (inputs: OpenInputs): boolean => {
  const { slots, payload } = SealedSlots.open(
    join(inputs.directory, MARKER_NAME),
    markerSeal(inputs.replicaKey),
    HEAD_BYTES,
  );
  slots.close();
  return payload !== undefined;
};

const openMarker = (path: string, replicaKey: Uint8Array, head: HeadRecord): SealedSlots => {
  if (!SealedSlots.exists(path)) {
    if (head.finalisedHeight > 0) throw corrupt('head', head.executedHeight, 'the marker file is missing');
    return SealedSlots.create(path, markerSeal(replicaKey), encode(headCodec, head));
  }
  const { slots, payload } = SealedSlots.open(path, markerSeal(replicaKey), HEAD_BYTES);
  try {
    if (payload === undefined) throw corrupt('head', head.executedHeight, 'the marker file is altered');
    checkMarker(decode(headCodec, payload, HEAD_BYTES), head);
    return slots;
  } catch (failure) {
    slots.close();
    throw failure;
  }
};

const checkMarker = (marked: HeadRecord, head: HeadRecord): void => {
  if (marked.executedHeight > head.executedHeight || marked.finalisedHeight > head.finalisedHeight) {
    throw ledgerErrors.error('LEDGER_TRUNCATED', {
      expectedHeight: marked.executedHeight,
      foundHeight: head.executedHeight,
      expectedFinalisedHeight: marked.finalisedHeight,
      foundFinalisedHeight: head.finalisedHeight,
    });
  }
  if (marked.executedHeight === head.executedHeight && !equalBytes(marked.running, head.running)) {
    throw corrupt('head', head.executedHeight, 'differs from the marker file');
  }
};

const checkHead = (head: HeadRecord, { atLeast }: OpenInputs): void => {
  if (head.executedHeight > head.finalisedHeight)
    throw corrupt('head', head.executedHeight, 'executed beyond finality');
  if (head.finalisedHeight < atLeast) {
    throw ledgerErrors.error('LEDGER_TRUNCATED', { expectedHeight: atLeast, foundHeight: head.finalisedHeight });
  }
};

/** Reads the link of an executed height and checks it in itself and against its predecessor's running hash. */
export const readLink = (records: RecordStore, height: number, previous: Uint8Array | undefined): ChainRecord => {
  const record = records.getDecoded('chain', height, chainCodec);
  if (record === undefined) throw corrupt('chain', height, 'missing');
  const { running, ...link } = record;
  if (link.height !== height || !equalBytes(runningHash(link), running)) throw corrupt('chain', height, 'altered');
  if (previous !== undefined && !equalBytes(link.previous, previous))
    throw corrupt('chain', height, 'does not follow the height before');
  return record;
};

const checkRecentLinks = (records: RecordStore, head: HeadRecord, chainId: Uint8Array): void => {
  const first = Math.max(1, head.executedHeight - CHECKED_LINKS + 1);
  let previous = first === 1 ? emptyChain(chainId) : undefined;
  for (let height = first; height <= head.executedHeight; height += 1)
    previous = readLink(records, height, previous).running;
  if (previous !== undefined && !equalBytes(previous, head.running)) {
    throw corrupt('chain', head.executedHeight, 'does not lead to the head');
  }
  const firstBlock = Math.max(1, head.finalisedHeight - CHECKED_LINKS + 1);
  for (let height = firstBlock; height <= head.finalisedHeight; height += 1) {
    const block = records.getDecoded('block', height, blockCodec);
    if (block === undefined) throw corrupt('block', height, 'missing');
    if (height === head.finalisedHeight && !equalBytes(block.blockHash, head.finalisedHash)) {
      throw corrupt('block', height, 'is not the head');
    }
  }
};
