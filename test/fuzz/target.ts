/** What is fuzzed: a codec, the bound on its messages and genuine values of it. */
import { type Codec, decode, encode } from '../../protocol/codec.ts';

/** One kind of message. */
export interface Target {
  readonly name: string;
  readonly maxBytes: number;
  /** Encoded genuine values. */
  readonly samples: readonly Uint8Array[];
  /** Decodes, and encodes what was decoded. */
  readonly again: (bytes: Uint8Array) => Uint8Array;
}

/** A target of genuine values. */
export const target = <T>(name: string, codec: Codec<T>, maxBytes: number, ...values: readonly T[]): Target => ({
  name,
  maxBytes,
  samples: values.map((value) => encode(codec, value)),
  again: (bytes) => encode(codec, decode(codec, bytes, maxBytes)),
});
