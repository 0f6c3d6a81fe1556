/**
 * The sealed write set of a block: what a replica needs to follow without executing again.
 *
 * All replicas seal byte-identical sets: the nonce is synthetic, the key comes from the epoch. The length is padded by the Padmé rule (PURBs, Nikitin et al. 2019, §4) with a floor, so that it tells the
 * host only the magnitude. Layout inside: count u32, then per write key length u32, key, value length u32 plus one (0 =
 * removed), value; then zeros.
 */
import type { Height, PlainBytes, SealedBytes } from '../../protocol/brand.ts';
import { concatBytes, fromHex, fromUtf8, u64Bytes } from '../../protocol/hex.ts';
import { MAX_WRITE_SET_BYTES } from '../../protocol/limits.ts';
import { syntheticOpen, syntheticSeal } from '../../protocol/synthetic-seal.ts';
import type { EpochKeys } from './epoch-keys.ts';
import type { StateWrite } from './state/ordered-state.ts';

const LENGTH_BYTES = 4;
const SMALLEST_BYTES = 1024;
const encoder = new TextEncoder();

/** Padmé: rounds a length up so that it keeps only log log bits of information; at most 12 % larger. */
export function paddedLength(lengthBytes: number): number {
  if (lengthBytes <= SMALLEST_BYTES) return SMALLEST_BYTES;
  const exponent = Math.floor(Math.log2(lengthBytes));
  const kept = Math.floor(Math.log2(exponent)) + 1;
  const step = 2 ** (exponent - kept);
  return Math.ceil(lengthBytes / step) * step;
}

/** Bytes of a write set before padding, at most. */
function boundOf(writes: readonly StateWrite[]): number {
  let bound = LENGTH_BYTES;
  for (const [key, value] of writes) bound += 2 * LENGTH_BYTES + 3 * (key.length + (value?.length ?? 0));
  return bound;
}

function layOut(writes: readonly StateWrite[]): Uint8Array {
  const bytes = new Uint8Array(paddedLength(boundOf(writes)));
  const view = new DataView(bytes.buffer);
  view.setUint32(0, writes.length);
  let offset = LENGTH_BYTES;
  const put = (text: string, lengthBias: number): void => {
    const { written } = encoder.encodeInto(text, bytes.subarray(offset + LENGTH_BYTES));
    view.setUint32(offset, written + lengthBias);
    offset += LENGTH_BYTES + written;
  };
  for (const [key, value] of writes) {
    put(key, 0);
    if (value === undefined) offset += LENGTH_BYTES;
    else put(value, 1);
  }
  return bytes.subarray(0, paddedLength(offset));
}

function readBack(bytes: Uint8Array): StateWrite[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let offset = LENGTH_BYTES;
  const take = (length: number): string => {
    const text = fromUtf8(bytes.subarray(offset, offset + length));
    offset += length;
    return text;
  };
  const length = (): number => {
    offset += LENGTH_BYTES;
    return view.getUint32(offset - LENGTH_BYTES);
  };
  return Array.from({ length: view.getUint32(0) }, (): StateWrite => {
    const key = take(length());
    const valueLength = length();
    return [key, valueLength === 0 ? undefined : take(valueLength - 1)];
  });
}

function place(keys: EpochKeys, height: Height): Uint8Array {
  return concatBytes(fromHex(keys.chainId), u64Bytes(keys.epoch), u64Bytes(height));
}

/** Seals a block's writes, in key order. */
export function sealWriteSet(keys: EpochKeys, height: Height, writes: readonly StateWrite[]): SealedBytes {
  return syntheticSeal(keys.writeSetKey, place(keys, height), layOut(writes) as PlainBytes);
}

/** Opens a sealed write set; undefined when it is not one of this epoch and height. */
export function openWriteSet(keys: EpochKeys, height: Height, sealed: Uint8Array): StateWrite[] | undefined {
  if (sealed.length > MAX_WRITE_SET_BYTES) return undefined;
  const plain = syntheticOpen(keys.writeSetKey, place(keys, height), sealed);
  return plain === undefined ? undefined : readBack(plain);
}
