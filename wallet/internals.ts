/** What a session uses of its network: verified facts, transport, submission, and the height clock. Not exported. */
import { statusShape } from '../protocol/api.ts';
import { type Height, height } from '../protocol/brand.ts';
import { MAX_EXPIRY_BLOCKS } from '../protocol/limits.ts';
import type { Answer } from '../protocol/query.ts';
import { walletErrors } from './errors.ts';
import type { ProofChecker } from './proof.ts';
import type { Submitter } from './submitter.ts';
import type { NodeClient } from './transport.ts';
import type { VerifiedNetwork } from './verify-network.ts';

/** Blocks after the present height until which an envelope may be executed. */
export const EXPIRY_BLOCKS = 10_000;
const MAX_STATUS_BYTES = 64 * 1024;
/** Age after which the height is asked for again, ms: far below EXPIRY_BLOCKS at the fastest block rate. */
const HEIGHT_AGE_MS = 60_000;

/** One connected network. */
export class NetworkInternals {
  readonly verified: VerifiedNetwork;
  readonly client: NodeClient;
  readonly proofs: ProofChecker;
  readonly submitter: Submitter;
  /** Greatest height proven by a certificate or named by an enclave's answer. */
  #seen = 0;
  /** Newest height that a node claimed; only used to choose expiries. */
  #claimed = 0;
  #claimedAt = Number.NEGATIVE_INFINITY;

  constructor(verified: VerifiedNetwork, client: NodeClient, proofs: ProofChecker, submitter: Submitter) {
    this.verified = verified;
    this.client = client;
    this.proofs = proofs;
    this.submitter = submitter;
  }

  /** Greatest height seen; it never goes back. */
  get height(): number {
    this.#seen = Math.max(this.#seen, this.proofs.height);
    return this.#seen;
  }

  /** Whether expiries can be chosen without asking a node. */
  heightIsRecent(): boolean {
    return performance.now() - this.#claimedAt < HEIGHT_AGE_MS;
  }

  /** Asks a node for its height when the last known one is old. */
  async refreshHeight(): Promise<void> {
    if (this.heightIsRecent()) return;
    const status = await this.client.get('/v1/status', statusShape, MAX_STATUS_BYTES);
    this.#claimed = Math.min(status.finalizedHeight, Number.MAX_SAFE_INTEGER - MAX_EXPIRY_BLOCKS);
    this.#claimedAt = performance.now();
  }

  /** The greatest height that was proven or claimed: good enough to choose expiries by. */
  presentHeight(): number {
    return Math.max(this.height, this.#claimed);
  }

  /** Last height at which an envelope sealed now may be executed. */
  expiryHeight(): Height {
    return height(this.presentHeight() + EXPIRY_BLOCKS);
  }

  /** Last height at which a session opened now may be used. */
  sessionExpiryHeight(): Height {
    const { parameters } = this.verified.epochs.newest.configuration;
    return height(this.presentHeight() + parameters.sessionLifetimeBlocks);
  }

  /** Passes an answer on unless it is older than what was seen, or contradicts a certificate. */
  checkFreshness(answer: Answer): Answer {
    if (answer.height < this.height) {
      this.client.useNext();
      throw walletErrors.error('STALE_ANSWER', { height: answer.height, seen: this.height });
    }
    const certified = this.proofs.stateRootAt(answer.height);
    if (certified !== undefined && certified !== answer.stateRoot)
      throw walletErrors.error('STATE_CONFLICT', { height: answer.height });
    this.#seen = answer.height;
    return answer;
  }
}
