/**
 * The secrets of a key epoch: everything that seals, opens, digests or draws inside is derived from one epoch secret.
 *
 * All replicas hold the same secret and so derive the same keys; nothing here leaves the process.
 */
import type { BlockHash, ChainId, Epoch, PublicKey, TransactionId } from '../../protocol/brand.ts';
import { hkdfExtract } from '../../protocol/crypto/hkdf.ts';
import { concatBytes, fromHex, u64Bytes } from '../../protocol/hex.ts';
import { type HpkeKeyPair, hpkeKeyPair, type HpkeSuite } from '../../protocol/hpke.ts';
import type { OutputSealingSecret } from '../../protocol/sealed-output.ts';
import { derive } from './derive.ts';

const KEY_BYTES = 32;

/** Keys of one epoch. */
export interface EpochKeys {
  readonly chainId: ChainId;
  readonly epoch: Epoch;
  readonly secret: Uint8Array;
  /** Key pairs to which wallets seal envelopes and queries, by suite; the hybrid one is the default. */
  readonly envelopeKem: Readonly<Record<HpkeSuite, HpkeKeyPair>>;
  /** Key of the digests under the state root. */
  readonly stateDigestKey: Uint8Array;
  readonly writeSetKey: Uint8Array;
  readonly outputSealing: OutputSealingSecret;
  /** Source of bytes that look like the sealed output of a call that had no readable caller. */
  readonly shapelessOutput: Uint8Array;
}

function context(chainId: ChainId, epoch: Epoch): Uint8Array {
  return concatBytes(fromHex(chainId), u64Bytes(epoch));
}

/** The first epoch's secret, from the shares of the first f + 1 enclaves in validator order. */
export function combineContributions(chainId: ChainId, epoch: Epoch, contributions: readonly Uint8Array[]): Uint8Array {
  const root = hkdfExtract(fromHex(chainId), concatBytes(...contributions));
  return derive(root, 'epochSecret', context(chainId, epoch), KEY_BYTES);
}

/** Derives the keys of an epoch. */
export function epochKeysOf(chainId: ChainId, epoch: Epoch, secret: Uint8Array): EpochKeys {
  const root = hkdfExtract(fromHex(chainId), secret);
  const bound = context(chainId, epoch);
  return {
    chainId,
    epoch,
    secret,
    envelopeKem: {
      'x-wing': hpkeKeyPair('x-wing', derive(root, 'envelopeKem', bound, KEY_BYTES)),
      x25519: hpkeKeyPair('x25519', derive(root, 'classicalEnvelopeKem', bound, KEY_BYTES)),
    },
    stateDigestKey: derive(root, 'stateDigest', bound, KEY_BYTES),
    writeSetKey: derive(root, 'writeSet', bound, KEY_BYTES),
    outputSealing: derive(root, 'outputSealing', bound, KEY_BYTES) as OutputSealingSecret,
    shapelessOutput: derive(root, 'shapelessOutput', bound, KEY_BYTES),
  };
}

/** Randomness of one call: the same on every replica, unpredictable to every host. Derived only when it is asked for. */
export class CallRandomness {
  readonly #keys: EpochKeys;
  readonly #block: BlockHash;
  readonly #transaction: TransactionId;
  readonly #caller: PublicKey;
  #root: Uint8Array | undefined;
  #counter = 0;

  constructor(keys: EpochKeys, block: BlockHash, transaction: TransactionId, caller: PublicKey) {
    this.#keys = keys;
    this.#block = block;
    this.#transaction = transaction;
    this.#caller = caller;
  }

  /** The next bytes of this call. */
  next(lengthBytes: number): Uint8Array {
    this.#root ??= hkdfExtract(fromHex(this.#block), this.#keys.secret);
    this.#counter += 1;
    const place = concatBytes(fromHex(this.#transaction), fromHex(this.#caller), u64Bytes(this.#counter));
    return derive(this.#root, 'contractRandomness', place, lengthBytes);
  }
}
