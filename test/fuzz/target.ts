/** What is fuzzed: a reader of messages, the bound on them and genuine ones. */
import { type Codec, decode, encode } from '../../protocol/codec.ts';

/** One kind of message. */
export interface Target {
  readonly name: string;
  /** Bound that the reader itself holds; undefined where its caller does. */
  readonly maxBytes?: number;
  /** Encoded genuine values. */
  readonly samples: readonly Uint8Array[];
  /** Reads, and encodes what was read; undefined where the reader refuses by its verdict. */
  readonly again: (bytes: Uint8Array) => Uint8Array | undefined;
}

/** A target of genuine values of a codec. */
export const target = <T>(name: string, codec: Codec<T>, maxBytes: number, ...values: readonly T[]): Target => ({
  name,
  maxBytes,
  samples: values.map((value) => encode(codec, value)),
  again: (bytes) => encode(codec, decode(codec, bytes, maxBytes)),
});
