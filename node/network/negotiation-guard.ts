/**
 * Guards protocol negotiation (multistream-select) against a peer, or a stranger, that feeds it endless lengths.
 *
 * The length decoder of libp2p 3.3 tries again for every further byte of an unfinished varint before it looks at any
 * bound, at a cost that grows with each byte: a few hundred kilobytes of 0xff hold the event loop for minutes, before
 * any authentication. Here connections negotiate with a decoder that gives up at the third byte, and streams may receive
 * only a little ASCII until they have a protocol, which is all that negotiation consists of.
 */
import type { Connection, Stream, StreamMuxerFactory, Transport, Upgrader, UpgraderOptions } from '@libp2p/interface';
import type { TCPComponents } from '@libp2p/tcp';
import { tcp } from '@libp2p/tcp';
import { yamux } from '@libp2p/yamux';
import type { YamuxMuxerInit } from '@libp2p/yamux';
import type { YamuxStream } from '@libp2p/yamux/stream';

import { delegate } from './delegate.ts';
import { eachPart } from './inbound-channel.ts';
import { gatherWindowUpdates } from './window-updates.ts';

/** Most unread bytes while a connection is negotiated: some hundred are honest. */
const MAX_CONNECTION_BYTES = 64 * 1024;
/** Most bytes a stream receives before it has a protocol. */
const MAX_STREAM_BYTES = 1_024;

/** Reads a multistream-select length of at most two bytes; RangeError asks for another byte, as libp2p expects. */
export const negotiationLength = (bytes: { subarray(): Uint8Array }): number => {
  const [first, second] = bytes.subarray();
  if (first === undefined) throw new RangeError('no byte yet');
  if (first < 0x80) return first;
  if (second === undefined) throw new RangeError('one more byte');
  if (second < 0x80) return (first & 0x7f) | (second << 7);
  throw new Error('negotiation length too long');
};

const strict = <Options extends object>(options: Options): Options => {
  const bounds = { lengthDecoder: negotiationLength, maxBufferSize: MAX_CONNECTION_BYTES };
  return { ...options, ...bounds };
};

const guardUpgrader = (upgrader: Upgrader): Upgrader =>
  delegate(upgrader, {
    upgradeInbound: (connection, options: UpgraderOptions) => upgrader.upgradeInbound(connection, strict(options)),
    upgradeOutbound: (connection, options: UpgraderOptions) => upgrader.upgradeOutbound(connection, strict(options)),
  });

/** TCP whose connections negotiate strictly, in both directions. */
export const guardedTcp = (components: TCPComponents): Transport => {
  const transport = tcp()(components);
  return delegate(transport, {
    dial: (address, options) => transport.dial(address, { ...options, upgrader: guardUpgrader(options.upgrader) }),
    createListener: (options) => transport.createListener({ ...options, upgrader: guardUpgrader(options.upgrader) }),
  });
};

type YamuxFactory = ReturnType<ReturnType<typeof yamux>>;
type YamuxMuxer = ReturnType<YamuxFactory['createStreamMuxer']>;

const isAscii = (data: Uint8Array | Iterable<Uint8Array>): boolean => {
  let ascii = true;
  eachPart(data, (part) => {
    ascii &&= part.every((byte) => byte < 0x80);
  });
  return ascii;
};

/** Yamux whose streams negotiate strictly; violations are reported per connection. */
export class NegotiationGuard {
  readonly #reports = new WeakMap<object, () => void>();

  /** The multiplexer: give it to `createLibp2p`. */
  muxer(init: YamuxMuxerInit): () => StreamMuxerFactory {
    return () => {
      const factory = yamux(init)();
      return delegate(factory, {
        createStreamMuxer: (connection) => this.#guardMuxer(factory.createStreamMuxer(connection)),
      });
    };
  }

  /** Tells whom to blame for what happens on a connection. */
  onConnection(connection: Connection, report: () => void): void {
    const muxer: unknown = Reflect.get(connection, 'muxer');
    if (typeof muxer === 'object' && muxer !== null) this.#reports.set(muxer, report);
  }

  #guardMuxer(muxer: YamuxMuxer): YamuxMuxer {
    const onRemoteStream = muxer.onRemoteStream.bind(muxer);
    const onCreateStream = muxer.onCreateStream.bind(muxer);
    muxer.onRemoteStream = (stream) => {
      this.#guardStream(muxer, stream);
      onRemoteStream(stream);
    };
    muxer.onCreateStream = () => {
      const stream = onCreateStream();
      this.#guardStream(muxer, stream);
      return stream;
    };
    return muxer;
  }

  #guardStream(muxer: YamuxMuxer, stream: YamuxStream): void {
    gatherWindowUpdates(stream);
    const onData = stream.onData.bind(stream);
    let seenBytes = 0;
    stream.onData = (data) => {
      if (isNegotiated(stream)) {
        stream.onData = onData;
        onData(data);
        return;
      }
      seenBytes += data.byteLength;
      if (seenBytes <= MAX_STREAM_BYTES && isAscii(data)) {
        onData(data);
        return;
      }
      stream.abort(new Error('negotiation violated'));
      this.#reports.get(muxer)?.();
    };
  }
}

const isNegotiated = (stream: Stream): boolean => stream.protocol !== '';
