/**
 * How the enclaves of a genesis come to one epoch secret without any host seeing it.
 *
 * Each of the first f + 1 enclaves sends its share to every other one, sealed to the key in the recipient's evidence
 * and signed by the sender; nodes only relay. A share counts when its signature holds and it opens to the commitment
 * in the genesis, so neither a host nor a lying enclave can choose it after seeing the others; one honest share of
 * f + 1 makes the secret unpredictable.
 */
import { ed25519Sign, ed25519Verify } from '#primitives';
import type { ChainId, Epoch } from '../../protocol/brand.ts';
import { byteString, bytes, decode, encode, struct } from '../../protocol/codec.ts';
import { contributionCommitment, type Genesis, type Validator } from '../../protocol/genesis.ts';
import { concatBytes, fromHex, u64Bytes, utf8 } from '../../protocol/hex.ts';
import { HPKE_SUITES, hpkeOpen, hpkeSeal } from '../../protocol/hpke.ts';
import { signingBytes, signingContexts } from '../../protocol/signing.ts';
import { enclaveErrors } from '../boundary/errors.ts';
import { combineContributions } from './epoch-keys.ts';
import type { Identity, RandomSource } from './identity.ts';

const MAX_MESSAGE_BYTES = 4096;
const SHARE_BYTES = 32;

const shareMessageCodec = struct({
  enc: byteString(HPKE_SUITES['x-wing'].encBytes),
  ciphertext: byteString(128),
  signature: bytes(64),
});

/** A share on its way, as the nodes relay it. */
export interface RelayedShare {
  readonly validator: number;
  readonly message: Uint8Array;
}

/** What both ends bind a share to. */
interface Route {
  readonly chainId: ChainId;
  readonly epoch: Epoch;
  readonly sender: number;
  readonly recipient: number;
}

function routeBytes(route: Route): Uint8Array {
  return concatBytes(u64Bytes(route.epoch), u64Bytes(route.sender), u64Bytes(route.recipient));
}

function info(route: Route): Uint8Array {
  return concatBytes(utf8(signingContexts.provisioning), fromHex(route.chainId), routeBytes(route));
}

function signedBytes(route: Route, enc: Uint8Array, ciphertext: Uint8Array): Uint8Array {
  return signingBytes('provisioning', route.chainId, concatBytes(routeBytes(route), enc, ciphertext));
}

function sealShare(route: Route, recipient: Validator, identity: Identity, random: RandomSource): Uint8Array {
  const sealed = hpkeSeal(
    'x-wing',
    fromHex(recipient.enclaveKem),
    info(route),
    new Uint8Array(0),
    identity.contribution,
    random(HPKE_SUITES['x-wing'].randomnessBytes),
  );
  if (sealed === undefined) throw enclaveErrors.error('GENESIS_REFUSED', { validator: route.recipient });
  const signature = ed25519Sign(signedBytes(route, sealed.enc, sealed.ciphertext), identity.signingSecret);
  return encode(shareMessageCodec, { enc: sealed.enc, ciphertext: sealed.ciphertext, signature });
}

/** Opens a relayed share; undefined unless it is the one that the genesis commits to. */
function openShare(route: Route, sender: Validator, message: Uint8Array, identity: Identity): Uint8Array | undefined {
  try {
    const { enc, ciphertext, signature } = decode(shareMessageCodec, message, MAX_MESSAGE_BYTES);
    if (!ed25519Verify(signature, signedBytes(route, enc, ciphertext), fromHex(sender.enclaveKey))) return undefined;
    const share = hpkeOpen(identity.kem, enc, info(route), new Uint8Array(0), ciphertext);
    if (share?.length !== SHARE_BYTES) return undefined;
    return contributionCommitment(share) === sender.contribution ? share : undefined;
  } catch {
    return undefined;
  }
}

/** Collects the shares of one epoch for one enclave. */
export class ShareCollection {
  readonly #genesis: Genesis;
  readonly #chainId: ChainId;
  readonly #epoch: Epoch;
  readonly #self: number;
  readonly #identity: Identity;
  readonly #shares = new Map<number, Uint8Array>();

  constructor(genesis: Genesis, chainId: ChainId, epoch: Epoch, self: number, identity: Identity) {
    this.#genesis = genesis;
    this.#chainId = chainId;
    this.#epoch = epoch;
    this.#self = self;
    this.#identity = identity;
    if (this.#contributes(self)) this.#shares.set(self, identity.contribution);
  }

  /** This enclave's share for every other validator; empty when the genesis asks for none. */
  outgoing(random: RandomSource): RelayedShare[] {
    if (!this.#contributes(this.#self)) return [];
    return this.#genesis.validators.flatMap((recipient, validator) =>
      validator === this.#self
        ? []
        : [{ validator, message: sealShare(this.#route(this.#self, validator), recipient, this.#identity, random) }],
    );
  }

  /** Takes a relayed share. Throws CONTRIBUTION_REFUSED when it proves nothing. */
  receive({ validator, message }: RelayedShare): void {
    const sender = this.#genesis.validators[validator];
    if (sender === undefined || !this.#contributes(validator) || validator === this.#self) {
      throw enclaveErrors.error('CONTRIBUTION_REFUSED', { validator });
    }
    const share = openShare(this.#route(validator, this.#self), sender, message, this.#identity);
    if (share === undefined) throw enclaveErrors.error('CONTRIBUTION_REFUSED', { validator });
    this.#shares.set(validator, share);
  }

  /** The epoch secret, once every committed share is here. */
  secret(): Uint8Array | undefined {
    const ordered: Uint8Array[] = [];
    for (const [validator, member] of this.#genesis.validators.entries()) {
      if (member.contribution === undefined) continue;
      const share = this.#shares.get(validator);
      if (share === undefined) return undefined;
      ordered.push(share);
    }
    return combineContributions(this.#chainId, this.#epoch, ordered);
  }

  #contributes(validator: number): boolean {
    return this.#genesis.validators[validator]?.contribution !== undefined;
  }

  #route(sender: number, recipient: number): Route {
    return { chainId: this.#chainId, epoch: this.#epoch, sender, recipient };
  }
}
