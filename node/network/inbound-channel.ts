/**
 * The receiving half of one channel from one peer: framing, rates and delivery. Nothing is queued here.
 */
import type { Stream } from '@libp2p/interface';

import type { CounterCell } from '../metrics.ts';
import { FRAME_HEADER_BYTES, FrameReader } from './framing.ts';
import type { ChannelLimits } from './limits.ts';
import { TokenBucket } from './token-bucket.ts';
import type { PenaltyCode } from './types.ts';

/** What a channel counts. */
export interface InboundCells {
  readonly messages: CounterCell;
  readonly bytes: CounterCell;
  readonly overRate: CounterCell;
}

/** What an inbound channel needs from its link. */
export interface InboundHooks {
  readonly nowMs: () => number;
  readonly onStreamBytes: (bytes: number) => void;
  readonly deliver: (message: Uint8Array) => void;
  /** Penalises the peer; returns false when that got it banned. */
  readonly penalise: (code: PenaltyCode) => boolean;
}

/** Calls `take` for each contiguous part of what a stream event carries. */
export const eachPart = (data: Uint8Array | Iterable<Uint8Array>, take: (part: Uint8Array) => void): void => {
  if (data instanceof Uint8Array) take(data);
  else for (const part of data) take(part);
};

/** Reads messages from the newest stream a peer opened for a channel. */
export class InboundChannel {
  readonly #limits: ChannelLimits;
  readonly #cells: InboundCells;
  readonly #hooks: InboundHooks;
  readonly #messages: TokenBucket;
  readonly #bytes: TokenBucket;
  #stream: Stream | undefined;
  #nowMs: number;

  constructor(limits: ChannelLimits, cells: InboundCells, hooks: InboundHooks) {
    this.#limits = limits;
    this.#cells = cells;
    this.#hooks = hooks;
    this.#nowMs = hooks.nowMs();
    this.#messages = new TokenBucket(limits.messages, this.#nowMs);
    this.#bytes = new TokenBucket(limits.bytes, this.#nowMs);
  }

  /** Reads from a stream; an older one is reset, so that messages never arrive out of order. */
  attach(stream: Stream): void {
    const replaced = this.#stream;
    this.#stream = stream;
    replaced?.abort(new Error('channel stream replaced'));
    const reader = new FrameReader(this.#limits.maxMessageBytes, (message) => this.#take(message));
    const reset = (code: PenaltyCode): void => {
      stream.abort(new Error(code));
      this.#hooks.penalise(code);
    };
    stream.addEventListener('message', (event) => {
      if (stream.status !== 'open' || this.#stream !== stream) return;
      this.#nowMs = this.#hooks.nowMs();
      this.#hooks.onStreamBytes(event.data.byteLength);
      eachPart(event.data, (part) => {
        if (stream.status !== 'open') return;
        const fault = reader.push(part);
        if (fault !== undefined) reset(fault);
      });
    });
    stream.addEventListener('remoteCloseWrite', () => stream.abort(new Error('channel stream ended')));
    stream.addEventListener('close', () => {
      if (this.#stream === stream) this.#stream = undefined;
    });
  }

  #take(message: Uint8Array): boolean {
    const bytes = message.byteLength + FRAME_HEADER_BYTES;
    const overMessages = !this.#messages.take(1, this.#nowMs);
    if (overMessages || !this.#bytes.take(bytes, this.#nowMs)) {
      this.#cells.overRate.add();
      return this.#hooks.penalise(overMessages ? 'message-rate' : 'byte-rate');
    }
    this.#cells.messages.add();
    this.#cells.bytes.add(message.byteLength);
    this.#hooks.deliver(message);
    return true;
  }
}
