/**
 * Who runs which key: every start of a validator has a number (`run-counter.ts`), which it tells to each peer that it
 * reaches, and which peers pass on while it is the highest they know of that key. A process that is told of a later
 * start of its own key, or of another process with its number, stops.
 *
 * What a peer passes on is genuine or refused, so nobody can stop a validator whose key and home are used once.
 */
import { ed25519Sign, randomBytes } from '#primitives';
import type { ChainId, PublicKey, Verified } from '../protocol/brand.ts';
import { encode } from '../protocol/codec.ts';
import { consensusMessageCodec } from '../protocol/consensus/message.ts';
import { PRESENCE_NONCE_BYTES, type Presence, presenceBytes } from '../protocol/consensus/presence.ts';
import { equalBytes } from '../protocol/hex.ts';
import type { PeerNetwork } from './network/network.ts';
import { publicKeyOf } from './keystore.ts';
import type { PeerName } from './network/types.ts';
import { TokenBucket } from './network/token-bucket.ts';

/** Presences of one key that are passed on: a liar may count as fast as it likes. */
const PASS_ON = { burst: 8, perSecond: 1 };

/** What the book is made with. */
export interface PresenceOptions {
  readonly chainId: ChainId;
  /** Secrets of the consensus keys of this node. */
  readonly validatorSecrets: readonly Uint8Array[];
  /** The one of them that is in use; undefined where this node is not a validator. */
  readonly keyInUse: () => PublicKey | undefined;
  /** Number of this start. */
  readonly run: number;
  readonly network: Pick<PeerNetwork, 'send' | 'broadcast'>;
  /** Validator key of a peer, where it has one. */
  readonly keyOf: (peer: PeerName) => PublicKey | undefined;
  /** The key runs in another process as well, or this home is older than the key. */
  readonly onTwin: () => void;
}

interface Heard {
  readonly presence: Presence;
  readonly passOn: TokenBucket;
}

/** See the module comment. */
export class PresenceBook {
  readonly #options: PresenceOptions;
  readonly #own = new Map<PublicKey, Presence>();
  readonly #heard = new Map<PublicKey, Heard>();

  constructor(options: PresenceOptions) {
    const { chainId, validatorSecrets, run } = options;
    this.#options = options;
    for (const secret of validatorSecrets) {
      const statement = { run, nonce: randomBytes(PRESENCE_NONCE_BYTES) };
      const validatorKey = publicKeyOf(secret);
      const signature = ed25519Sign(presenceBytes(chainId, statement), secret);
      this.#own.set(validatorKey, { validatorKey, ...statement, signature });
    }
  }

  /** A peer was reached: it is told of this start, and of the newest start of its own key. */
  greet(peer: PeerName): void {
    const inUse = this.#options.keyInUse();
    const own = inUse === undefined ? undefined : this.#own.get(inUse);
    if (own !== undefined) this.#tell(peer, own);
    const heard = this.#newestOf(this.#options.keyOf(peer));
    if (heard !== undefined) this.#tell(peer, heard);
  }

  /** Whether a presence need not be verified: it says nothing new, and not of its sender. */
  isIdle(from: PeerName, presence: Presence): boolean {
    return !this.#isNews(presence) && this.#options.keyOf(from) !== presence.validatorKey;
  }

  /** Takes a genuine presence that `from` told. */
  receive(from: PeerName, presence: Verified<Presence>): void {
    const { keyOf, onTwin } = this.#options;
    const { validatorKey } = presence;
    if (this.#isNews(presence)) {
      if (this.#own.has(validatorKey)) return onTwin();
      this.#learn(presence);
    }
    if (keyOf(from) !== validatorKey) return;
    const newest = this.#newestOf(validatorKey);
    if (newest !== undefined && !equalBytes(newest.nonce, presence.nonce)) this.#tell(from, newest);
  }

  #newestOf(key: PublicKey | undefined): Presence | undefined {
    return key === undefined ? undefined : this.#heard.get(key)?.presence;
  }

  #isNews({ validatorKey, run, nonce }: Presence): boolean {
    const known = this.#own.get(validatorKey) ?? this.#newestOf(validatorKey);
    return known === undefined || run > known.run || (run === known.run && !equalBytes(nonce, known.nonce));
  }

  /** Two processes with one number: the first stays known, so that the second is told. */
  #learn(presence: Presence): void {
    const known = this.#heard.get(presence.validatorKey);
    if (known !== undefined && presence.run <= known.presence.run) return;
    const nowMs = performance.now();
    const passOn = known?.passOn ?? new TokenBucket(PASS_ON, nowMs);
    this.#heard.set(presence.validatorKey, { presence, passOn });
    if (passOn.take(1, nowMs))
      this.#options.network.broadcast('consensus', encode(consensusMessageCodec, { kind: 'presence', presence }));
  }

  #tell(peer: PeerName, presence: Presence): void {
    this.#options.network.send(peer, 'consensus', encode(consensusMessageCodec, { kind: 'presence', presence }));
  }
}
