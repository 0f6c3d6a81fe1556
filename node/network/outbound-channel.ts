/**
 * The sending half of one channel to one peer: a queue bounded in bytes and the stream it is written to.
 *
 * All messages queued in one turn of the event loop leave in one send, which is what makes small messages cheap. The
 * stream gets no more than it takes, so memory is bounded by the queue. When the queue is full the oldest messages are
 * dropped: on both channels a newer message is worth more, and what is missing is pulled.
 */
import type { Stream } from '@libp2p/interface';

import type { CounterCell } from '../metrics.ts';
import { FRAME_HEADER_BYTES, joinFrames } from './framing.ts';
import type { ChannelLimits } from './limits.ts';
import type { SendVerdict } from './types.ts';

/** What a channel counts. */
export interface OutboundCells {
  readonly messages: CounterCell;
  readonly bytes: CounterCell;
  readonly sends: CounterCell;
  readonly dropped: CounterCell;
}

/** What a channel needs from its network. */
export interface OutboundHooks {
  /** Asks for a call of `flush` in this turn of the event loop. */
  readonly schedule: (channel: OutboundChannel) => void;
  /** The queue was congested and is empty again. */
  readonly onDrained: () => void;
}

/** A bounded queue in front of a stream. */
export class OutboundChannel {
  /** Lower goes first. */
  readonly priority: number;
  readonly #limits: ChannelLimits;
  readonly #cells: OutboundCells;
  readonly #hooks: OutboundHooks;
  #queue: Uint8Array[] = [];
  #head = 0;
  #queuedBytes = 0;
  #congested = false;
  #stream: Stream | undefined;

  constructor(priority: number, limits: ChannelLimits, cells: OutboundCells, hooks: OutboundHooks) {
    this.priority = priority;
    this.#limits = limits;
    this.#cells = cells;
    this.#hooks = hooks;
  }

  /** Bytes waiting. */
  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  /** The open stream, if any. */
  get stream(): Stream | undefined {
    return this.#stream;
  }

  /** Queues a message. The bytes must not change until they are sent. */
  enqueue(message: Uint8Array): SendVerdict {
    this.#queue.push(message);
    this.#queuedBytes += message.byteLength + FRAME_HEADER_BYTES;
    while (this.#queuedBytes > this.#limits.maxQueuedBytes && this.#queue.length - this.#head > 1) {
      this.#shift();
      this.#cells.dropped.add();
    }
    if (this.#queuedBytes > this.#limits.maxQueuedBytes / 2) this.#congested = true;
    if (this.#stream !== undefined) this.#hooks.schedule(this);
    return this.#congested ? 'congested' : 'queued';
  }

  /** Starts to write to a stream; replaces and resets an older one. */
  attach(stream: Stream): void {
    const replaced = this.#stream;
    this.#stream = stream;
    if (replaced !== undefined) replaced.abort(new Error('channel stream replaced'));
    const resume = (): void => {
      if (this.#stream === stream && this.#head < this.#queue.length) this.#hooks.schedule(this);
    };
    stream.addEventListener('drain', resume);
    stream.addEventListener('idle', resume);
    resume();
  }

  /** Stops to write, keeping the queue. */
  detach(stream: Stream): void {
    if (this.#stream === stream) this.#stream = undefined;
  }

  /** Throws away what is queued. */
  clear(): void {
    this.#cells.dropped.add(this.#queue.length - this.#head);
    this.#queue = [];
    this.#head = 0;
    this.#queuedBytes = 0;
    this.#congested = false;
  }

  /** Writes as much as the stream takes. */
  flush(): void {
    const stream = this.#stream;
    while (stream !== undefined && this.#head < this.#queue.length) {
      if (stream.status !== 'open' || stream.writableNeedsDrain || stream.writeBufferLength > 0) return;
      this.#sendBatch(stream);
    }
    if (this.#congested && this.#queuedBytes === 0) {
      this.#congested = false;
      this.#hooks.onDrained();
    }
  }

  #sendBatch(stream: Stream): void {
    const batch: Uint8Array[] = [];
    let batchBytes = 0;
    while (this.#head < this.#queue.length && batchBytes < this.#limits.maxBatchBytes) {
      const message = this.#shift();
      batch.push(message);
      batchBytes += message.byteLength;
    }
    this.#cells.messages.add(batch.length);
    this.#cells.bytes.add(batchBytes);
    this.#cells.sends.add();
    try {
      stream.send(joinFrames(batch, batchBytes));
    } catch (error) {
      stream.abort(error instanceof Error ? error : new Error('send failed')); // the link opens another stream
    }
  }

  #shift(): Uint8Array {
    const message = this.#queue[this.#head];
    if (message === undefined) throw new RangeError('empty channel queue');
    this.#queue[this.#head] = EMPTY;
    this.#head += 1;
    this.#queuedBytes -= message.byteLength + FRAME_HEADER_BYTES;
    if (this.#head === this.#queue.length) {
      this.#queue = [];
      this.#head = 0;
    } else if (this.#head >= COMPACT_AT && this.#head * 2 >= this.#queue.length) {
      this.#queue = this.#queue.slice(this.#head);
      this.#head = 0;
    }
    return message;
  }
}

const EMPTY = new Uint8Array(0);
const COMPACT_AT = 1_024;
