/**
 * Proof that this enclave's state is recent: a host may have started it from an old copy of the ledger.
 *
 * The enclave draws a challenge; other validators' enclaves answer with their executed height, signed. Of the claims of
 * q enclaves, itself included, at most f lie, so the (f + 1)-th highest is one that an honest enclave had reached when
 * it answered, after this process started: once that height is executed, whatever was final before is visible.
 */
import { ed25519Sign, ed25519Verify } from '#primitives';
import type { ChainId, Height, PublicKey } from '../../protocol/brand.ts';
import type { Configuration } from '../../protocol/consensus/configuration.ts';
import { faultBound, quorumOf } from '../../protocol/genesis.ts';
import { concatBytes, fromHex, u64Bytes } from '../../protocol/hex.ts';
import { signingBytes } from '../../protocol/signing.ts';
import type { RandomSource } from './identity.ts';

const CHALLENGE_BYTES = 32;

/** One enclave's signed height. */
export interface HeightClaim {
  readonly enclaveKey: PublicKey;
  readonly height: Height;
  readonly signature: Uint8Array;
}

function claimBytes(chainId: ChainId, challenge: Uint8Array, height: Height): Uint8Array {
  return signingBytes('freshness', chainId, concatBytes(challenge, u64Bytes(height)));
}

/** Answers another enclave's challenge with the own executed height. */
export function claimHeight(
  chainId: ChainId,
  challenge: Uint8Array,
  height: Height,
  signingSecret: Uint8Array,
): Uint8Array {
  return ed25519Sign(claimBytes(chainId, challenge, height), signingSecret);
}

/** What is known about the freshness of one enclave. */
export class Freshness {
  readonly #chainId: ChainId;
  readonly #self: PublicKey;
  #challenge: Uint8Array | undefined;
  #freshFrom: number | undefined;

  constructor(chainId: ChainId, self: PublicKey) {
    this.#chainId = chainId;
    this.#self = self;
  }

  /** Whether a state at `height` may answer. */
  isFresh(height: number): boolean {
    return this.#freshFrom !== undefined && height >= this.#freshFrom;
  }

  /** A new challenge; answers to earlier ones no longer count. */
  newChallenge(random: RandomSource): Uint8Array {
    this.#challenge = random(CHALLENGE_BYTES);
    return this.#challenge;
  }

  /** Takes the answers to the current challenge; false when they are not those of a quorum of the configuration. */
  accept(claims: readonly HeightClaim[], ownHeight: number, { validators }: Configuration): boolean {
    const challenge = this.#challenge;
    if (challenge === undefined) return false;
    const members = new Set<PublicKey>(validators.map(({ enclaveKey }) => enclaveKey));
    const heights = new Map<PublicKey, number>();
    if (members.has(this.#self)) heights.set(this.#self, ownHeight);
    for (const { enclaveKey, height, signature } of claims) {
      if (!members.has(enclaveKey) || enclaveKey === this.#self) continue;
      if (ed25519Verify(signature, claimBytes(this.#chainId, challenge, height), fromHex(enclaveKey)))
        heights.set(enclaveKey, height);
    }
    if (heights.size < quorumOf(validators.length)) return false;
    const descending = [...heights.values()].sort((a, b) => b - a);
    // Any proof since the start suffices: a later one never takes freshness away.
    const reached = descending[faultBound(validators.length)] ?? Number.POSITIVE_INFINITY;
    this.#freshFrom = Math.min(this.#freshFrom ?? Number.POSITIVE_INFINITY, reached);
    this.#challenge = undefined;
    return true;
  }
}
