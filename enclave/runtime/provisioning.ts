/**
 * How an enclave comes to the epoch secret without any host seeing it.
 *
 * At the genesis, each of the first f + 1 enclaves sends its share to every other one; a share counts when it opens to
 * the commitment in the genesis, so neither a host nor a lying enclave can choose it after seeing the others, and one
 * honest share of f + 1 makes the secret unpredictable. Later, enclaves that hold the secret hand it to the enclaves of
 * the newest proven configuration; a newcomer takes what f + 1 of them agree on, so one that lies cannot mislead it.
 * Messages are sealed to the key in the recipient's evidence and signed by the sender; nodes only relay.
 */
import { ed25519Sign, ed25519Verify } from '#primitives';
import type { ChainId, Epoch, PublicKey } from '../../protocol/brand.ts';
import { byteString, bytes, encode, struct, union } from '../../protocol/codec.ts';
import type { Configuration } from '../../protocol/consensus/configuration.ts';
import { decodeOrUndefined } from '../../protocol/foreign.ts';
import { contributionCommitment, faultBound, type Genesis, type Validator } from '../../protocol/genesis.ts';
import { concatBytes, fromHex, toHex, u64Bytes, utf8 } from '../../protocol/hex.ts';
import { HPKE_SUITES, hpkeOpen, hpkeSeal } from '../../protocol/hpke.ts';
import { signingBytes, signingContexts } from '../../protocol/signing.ts';
import { enclaveErrors } from '../boundary/errors.ts';
import { combineContributions } from './epoch-keys.ts';
import type { Identity, RandomSource } from './identity.ts';

const MAX_MESSAGE_BYTES = 4096;
const SECRET_BYTES = 32;
const NO_DATA = new Uint8Array(0);

const sealedSecretCodec = struct({
  enc: byteString(HPKE_SUITES['x-wing'].encBytes),
  ciphertext: byteString(128),
  signature: bytes(64),
});

/** What enclaves send each other through their nodes. */
const provisioningMessageCodec = union({
  /** The sender's share of the first epoch secret. */
  share: [1, sealedSecretCodec],
  /** The epoch secret itself, for an enclave that was not there at the genesis or lost what it had. */
  secret: [2, sealedSecretCodec],
});

type Purpose = 'share' | 'secret';

/** A message between enclaves as the nodes relay it: from or to the enclave of that key. */
export interface RelayedSecret {
  readonly enclaveKey: PublicKey;
  readonly message: Uint8Array;
}

/** What both ends bind a message to. */
interface Route {
  readonly purpose: Purpose;
  readonly chainId: ChainId;
  readonly keyEpoch: Epoch;
  readonly sender: PublicKey;
  readonly recipient: PublicKey;
}

function routeBytes({ purpose, keyEpoch, sender, recipient }: Route): Uint8Array {
  return concatBytes(
    Uint8Array.of(purpose === 'share' ? 1 : 2),
    u64Bytes(keyEpoch),
    fromHex(sender),
    fromHex(recipient),
  );
}

function info(route: Route): Uint8Array {
  return concatBytes(utf8(signingContexts.provisioning), fromHex(route.chainId), routeBytes(route));
}

function signedBytes(route: Route, enc: Uint8Array, ciphertext: Uint8Array): Uint8Array {
  return signingBytes('provisioning', route.chainId, concatBytes(routeBytes(route), enc, ciphertext));
}

function sealFor(
  route: Route,
  recipient: Validator,
  secret: Uint8Array,
  identity: Identity,
  random: RandomSource,
): Uint8Array {
  const randomness = random(HPKE_SUITES['x-wing'].randomnessBytes);
  const sealed = hpkeSeal('x-wing', fromHex(recipient.enclaveKem), info(route), NO_DATA, secret, randomness);
  if (sealed === undefined) throw enclaveErrors.error('GENESIS_REFUSED', { validator: recipient.name });
  const { enc, ciphertext } = sealed;
  const signature = ed25519Sign(signedBytes(route, enc, ciphertext), identity.signingSecret);
  return encode(provisioningMessageCodec, { kind: route.purpose, enc, ciphertext, signature });
}

/** The network as far as provisioning needs it. */
export interface ProvisioningContext {
  readonly genesis: Genesis;
  readonly chainId: ChainId;
  readonly keyEpoch: Epoch;
  readonly identity: Identity;
}

/** Gives out and collects what makes the epoch secret of one enclave. */
export class Provisioning {
  readonly #context: ProvisioningContext;
  readonly #shares = new Map<PublicKey, Uint8Array>();
  readonly #handedOver = new Map<PublicKey, Uint8Array>();

  constructor(context: ProvisioningContext) {
    this.#context = context;
    const { identity } = context;
    if (this.#contributors.some(({ enclaveKey }) => enclaveKey === identity.enclaveKey))
      this.#shares.set(identity.enclaveKey, identity.contribution);
  }

  /** This enclave's share while the genesis' configuration stands; later the secret, for the newest configuration. */
  outgoing(
    { epoch, validators }: Configuration,
    secret: Uint8Array | undefined,
    random: RandomSource,
  ): RelayedSecret[] {
    const { genesis, keyEpoch, identity } = this.#context;
    const to = (purpose: Purpose, recipient: Validator, content: Uint8Array): RelayedSecret => ({
      enclaveKey: recipient.enclaveKey,
      message: sealFor(this.#route(purpose, identity.enclaveKey, recipient), recipient, content, identity, random),
    });
    const others = (set: readonly Validator[]) => set.filter(({ enclaveKey }) => enclaveKey !== identity.enclaveKey);
    const contributes = this.#shares.has(identity.enclaveKey);
    if (contributes && (secret === undefined || epoch === keyEpoch))
      return others(genesis.validators).map((recipient) => to('share', recipient, identity.contribution));
    return secret === undefined ? [] : others(validators).map((recipient) => to('secret', recipient, secret));
  }

  /** Takes a relayed message of an enclave of the genesis or of the configuration. Throws CONTRIBUTION_REFUSED. */
  receive({ enclaveKey, message }: RelayedSecret, { validators }: Configuration): void {
    const refused = () => enclaveErrors.error('CONTRIBUTION_REFUSED', { enclave: enclaveKey.slice(0, 16) });
    const received =
      message.length > MAX_MESSAGE_BYTES ? undefined : decodeOrUndefined(provisioningMessageCodec, message);
    if (received === undefined) throw refused();
    const senders = received.kind === 'share' ? this.#contributors : validators;
    const sender = senders.find((validator) => validator.enclaveKey === enclaveKey);
    const content = sender && this.#open(received.kind, sender, received);
    if (content === undefined) throw refused();
    if (received.kind === 'secret') this.#handedOver.set(enclaveKey, content);
    else if (contributionCommitment(content) === sender?.contribution) this.#shares.set(enclaveKey, content);
    else throw refused();
  }

  /** The epoch secret: once every committed share is here, or once f + 1 enclaves of the configuration agree on it. */
  secret({ validators }: Configuration): Uint8Array | undefined {
    return this.#combined() ?? this.#agreed(validators);
  }

  #combined(): Uint8Array | undefined {
    const { chainId, keyEpoch } = this.#context;
    const ordered = this.#contributors.flatMap(({ enclaveKey }) => this.#shares.get(enclaveKey) ?? []);
    return ordered.length < this.#contributors.length ? undefined : combineContributions(chainId, keyEpoch, ordered);
  }

  #agreed(validators: readonly Validator[]): Uint8Array | undefined {
    const agreeing = new Map<string, number>();
    for (const { enclaveKey } of validators) {
      const secret = this.#handedOver.get(enclaveKey);
      if (secret === undefined) continue;
      const count = (agreeing.get(toHex(secret)) ?? 0) + 1;
      agreeing.set(toHex(secret), count);
      if (count > faultBound(validators.length)) return secret;
    }
    return undefined;
  }

  #open(
    purpose: Purpose,
    sender: Validator,
    { enc, ciphertext, signature }: { enc: Uint8Array; ciphertext: Uint8Array; signature: Uint8Array },
  ): Uint8Array | undefined {
    const { identity } = this.#context;
    const route = this.#route(purpose, sender.enclaveKey, identity);
    if (!ed25519Verify(signature, signedBytes(route, enc, ciphertext), fromHex(sender.enclaveKey))) return undefined;
    const content = hpkeOpen(identity.kem, enc, info(route), NO_DATA, ciphertext);
    return content?.length === SECRET_BYTES ? content : undefined;
  }

  get #contributors(): readonly Validator[] {
    return this.#context.genesis.validators.filter(({ contribution }) => contribution !== undefined);
  }

  #route(purpose: Purpose, sender: PublicKey, recipient: { readonly enclaveKey: PublicKey }): Route {
    const { chainId, keyEpoch } = this.#context;
    return { purpose, chainId, keyEpoch, sender, recipient: recipient.enclaveKey };
  }
}
