/**
 * Write-ahead log of a validator (consensus design, 2.8): what its key has promised, durable before it is sent.
 *
 * Invariants: `sync` resolves only when everything appended before the call is on disk; concurrent calls share one
 * fdatasync; after a failed write or sync the log refuses everything (a failed fsync must not be retried); records are
 * never changed, and only whole segments below a view are dropped. A log that is damaged, shortened or gone throws at
 * open, and the caller must not sign with this key. Payloads are sealed under the replica key like the ledger.
 */
import { closeSync, fdatasync, fdatasyncSync, openSync, unlinkSync, writeSync } from 'node:fs';
import { promisify } from 'node:util';
import type { ChainId } from '../protocol/brand.ts';
import { encode } from '../protocol/codec.ts';
import { concatBytes, fromHex } from '../protocol/hex.ts';
import { ledgerErrors } from './errors.ts';
import { KeyLock } from './key-lock.ts';
import { SyntheticSeal } from './record-cipher.ts';
import { type SealedSlots, syncDirectory } from './sealed-slots.ts';
import { SerialQueue } from './serial-queue.ts';
import {
  type LoadedLog,
  loadLog,
  segmentPath,
  type SegmentSummary,
  type WalReport,
  type WalState,
  walStateCodec,
} from './wal-load.ts';
import {
  frameOf,
  HEADER_BYTES,
  MAX_PAYLOAD_BYTES,
  nextDigest,
  sealHeader,
  sealRecord,
  startDigest,
  type WalRecord,
} from './wal-segment.ts';

export type { WalReport } from './wal-load.ts';
export type { WalRecord } from './wal-segment.ts';

const DEFAULT_SEGMENT_BYTES = 16 * 1024 * 1024;

/** Options of `WriteAheadLog.open`. */
export interface WalOptions {
  /** 32 secret bytes of this replica. */
  readonly replicaKey: Uint8Array;
  /** Lock of the key and this directory, which the log releases when it is closed or does not open; else one named by `replicaKey`. */
  readonly lock?: KeyLock;
  readonly chainId: ChainId;
  /** Size after which a new segment starts. */
  readonly segmentBytes?: number;
  /** True when the key has signed before, as known from elsewhere (the ledger has a height): no log is then WAL_MISSING. */
  readonly mustExist?: boolean;
  /** Called for every record in the order of its append, before `open` returns; void if `open` throws. */
  readonly onRecord?: (record: WalRecord) => void;
}

/** An open log together with what opening found. */
export interface OpenedWal {
  readonly log: WriteAheadLog;
  readonly report: WalReport;
}

const fdatasyncAsync = promisify(fdatasync);

/** The log of one validator key. */
export class WriteAheadLog {
  readonly #directory: string;
  readonly #lock: KeyLock;
  readonly #marker: SealedSlots;
  readonly #seal: SyntheticSeal;
  readonly #chainId: Uint8Array;
  readonly #segmentBytes: number;
  readonly #segments: SegmentSummary[];
  readonly #exclusive = new SerialQueue();
  #state: WalState;
  #group: number;
  #descriptor: number | undefined;
  #queue: WalRecord[] = [];
  #appended = 0;
  #durable = 0;
  #flushing: Promise<void> | undefined;
  #failure: Error | undefined;
  #closed = false;

  private constructor(directory: string, lock: KeyLock, loaded: LoadedLog, seal: SyntheticSeal, options: WalOptions) {
    this.#directory = directory;
    this.#lock = lock;
    this.#marker = loaded.marker;
    this.#seal = seal;
    this.#chainId = fromHex(options.chainId);
    this.#segmentBytes = options.segmentBytes ?? DEFAULT_SEGMENT_BYTES;
    this.#segments = loaded.segments;
    this.#state = loaded.state;
    this.#group = loaded.group;
  }

  /**
   * Takes the lock of the key unless it is given, checks the log and gives its records to `onRecord`. Throws KEY_IN_USE, WAL_CORRUPT,
   * WAL_MISSING or WAL_WRONG_CHAIN; after any of them the key must not sign.
   */
  static async open(directory: string, options: WalOptions): Promise<OpenedWal> {
    const lock = options.lock ?? (await KeyLock.acquire(directory, options.replicaKey));
    try {
      const seal = new SyntheticSeal(options.replicaKey, 'wal');
      const { mustExist = false, onRecord = () => undefined } = options;
      const loaded = loadLog({ directory, chainId: fromHex(options.chainId), seal, mustExist, onRecord });
      const log = new WriteAheadLog(directory, lock, loaded, seal, options);
      log.#openCurrent();
      return { log, report: loaded.report };
    } catch (failure) {
      await lock.release();
      throw failure;
    }
  }

  #openCurrent(): void {
    if (this.#state.last === 0) this.#startSegment(1, new Uint8Array(32));
    else this.#descriptor = openSync(segmentPath(this.#directory, this.#state.last), 'r+');
  }

  /** Creates the next segment durably, then tells the marker; everything before it must be durable. */
  #startSegment(number: number, previous: Uint8Array): void {
    const header = sealHeader(this.#seal, { chainId: this.#chainId, number, previous });
    const descriptor = openSync(segmentPath(this.#directory, number), 'wx', 0o600);
    writeWhole(descriptor, header, 0);
    fdatasyncSync(descriptor);
    syncDirectory(this.#directory);
    if (this.#descriptor !== undefined) closeSync(this.#descriptor);
    this.#descriptor = descriptor;
    this.#segments.push({ number, epoch: 0, view: 0 });
    this.#mark({ ...this.#state, last: number, length: HEADER_BYTES, digest: startDigest(header) });
    this.#marker.sync();
  }

  #mark(state: WalState): void {
    this.#state = state;
    this.#marker.write(encode(walStateCodec, state));
  }

  /** Queues records in order; they are durable after a later `sync`, all of one call in the same write. */
  append(...records: readonly WalRecord[]): void {
    this.#assertUsable();
    for (const record of records) {
      if (record.payload.length > MAX_PAYLOAD_BYTES || record.kind < 0 || record.kind > 0xff) {
        throw ledgerErrors.error('LEDGER_INPUT_INVALID', {
          reason: 'the record is outside the bounds of the log',
          sizeBytes: record.payload.length,
        });
      }
    }
    this.#queue.push(...records);
    this.#appended += records.length;
  }

  /** Resolves when everything appended before the call is durable; concurrent callers share one fdatasync. */
  async sync(): Promise<void> {
    this.#assertUsable();
    const target = this.#appended;
    while (this.#durable < target) {
      this.#flushing ??= this.#exclusive
        .run(() => this.#flush())
        .finally(() => {
          this.#flushing = undefined;
        });
      await this.#flushing;
    }
  }

  async #flush(): Promise<void> {
    this.#assertUsable();
    const records = this.#queue;
    if (records.length === 0) return;
    this.#queue = [];
    try {
      if (this.#state.length >= this.#segmentBytes) this.#startSegment(this.#state.last + 1, this.#state.digest);
      const next = this.#writeGroup(records);
      if (this.#descriptor !== undefined) await fdatasyncAsync(this.#descriptor);
      this.#mark(next);
      this.#durable += records.length;
    } catch (failure) {
      this.#failure = ledgerErrors.error('WAL_WRITE_FAILED', {}, failure);
      throw this.#failure;
    }
  }

  /** Writes queued records as one group and gives the state that holds once they are durable. */
  #writeGroup(records: readonly WalRecord[]): WalState {
    this.#group += 1;
    let { length, digest } = this.#state;
    const { last } = this.#state;
    const parts: Uint8Array[] = [];
    for (const record of records) {
      const bytes = sealRecord(this.#seal, last, length, this.#group, record);
      parts.push(bytes);
      length += bytes.length;
      digest = nextDigest(digest, frameOf(bytes));
      this.#noteView(record);
    }
    const [only] = parts;
    const bytes = parts.length === 1 && only !== undefined ? only : concatBytes(...parts);
    if (this.#descriptor !== undefined) writeWhole(this.#descriptor, bytes, this.#state.length);
    return { ...this.#state, length, digest };
  }

  #noteView({ epoch, view }: WalRecord): void {
    const segment = this.#segments.at(-1);
    if (segment === undefined || epoch < segment.epoch || (epoch === segment.epoch && view < segment.view)) return;
    segment.epoch = epoch;
    segment.view = view;
  }

  /**
   * Drops whole leading segments that hold only records of earlier epochs or of views below `belowView`; gives their
   * number. Call it only below the finalised view, after the ledger holds that block durably (D5).
   */
  prune(epoch: number, belowView: number): Promise<number> {
    return this.#exclusive.run(async () => {
      this.#assertUsable();
      const dropped: number[] = [];
      while (this.#segments.length > 1) {
        const [oldest] = this.#segments;
        if (oldest === undefined || oldest.epoch > epoch || (oldest.epoch === epoch && oldest.view >= belowView)) break;
        dropped.push(oldest.number);
        this.#segments.shift();
      }
      const first = this.#segments[0]?.number;
      if (dropped.length === 0 || first === undefined) return 0;
      try {
        this.#mark({ ...this.#state, first });
        this.#marker.sync();
        for (const number of dropped) unlinkSync(segmentPath(this.#directory, number));
      } catch (failure) {
        this.#failure = ledgerErrors.error('WAL_WRITE_FAILED', {}, failure);
        throw this.#failure;
      }
      return dropped.length;
    });
  }

  #assertUsable(): void {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#closed) throw ledgerErrors.error('WAL_CLOSED');
  }

  /** Syncs what was appended, then releases files and lock. Closing twice is harmless. */
  async close(): Promise<void> {
    if (this.#closed) return;
    try {
      if (this.#failure === undefined) await this.sync();
    } finally {
      if (!this.#closed) await this.#release();
    }
  }

  async #release(): Promise<void> {
    this.#closed = true;
    await this.#exclusive.run(async () => {
      if (this.#descriptor !== undefined) closeSync(this.#descriptor);
      this.#descriptor = undefined;
      this.#marker.close();
    });
    await this.#lock.release();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

const writeWhole = (descriptor: number, bytes: Uint8Array, position: number): void => {
  let written = 0;
  while (written < bytes.length)
    written += writeSync(descriptor, bytes, written, bytes.length - written, position + written);
};
