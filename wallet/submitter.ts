/**
 * Submission: envelopes handed over in the same turn of the event loop travel in one request, and each is followed up
 * until its result is proven or a node's refusal is final.
 *
 * A resend is the same transaction, so a lost connection, a full node or a wrong answer leads to the next attempt with
 * the very same bytes, at the next node, with bounded back-off, until the deadline.
 */
import {
  type BlockProof,
  MAX_SUBMISSION,
  MAX_WAIT_SECONDS,
  type SubmitReply,
  type SubmitResult,
  submitReplyShape,
  transactionShape,
} from '../protocol/api.ts';
import type { ParsedEnvelope } from '../protocol/envelope.ts';
import { CloisterError, isCloisterError } from '../protocol/errors.ts';
import { toBase64 } from '../protocol/json-shape.ts';
import { MAX_OUTPUT_BYTES } from '../protocol/limits.ts';
import { nodeRefusal, walletErrors } from './errors.ts';
import type { ProofChecker, ProvenTransaction } from './proof.ts';
import { afterThisTurn, pause } from './scheduling.ts';
import { type NodeClient, readAnswer, retryAfterOf } from './transport.ts';

/** Bounds of a submitter. */
export interface SubmitterLimits {
  /** Most requests in flight. */
  readonly requests: number;
  /** Most envelopes waiting for a result. */
  readonly waiting: number;
}

/** Bounds that keep a busy client's memory small and a connection pool full. */
export const defaultSubmitterLimits: SubmitterLimits = { requests: 16, waiting: 20_000 };

/** Largest sum of envelope bytes in one request: base64 and JSON around it stay within the server's bound. */
const MAX_REQUEST_BYTES = 1024 * 1024;
const MAX_ANSWER_BYTES = 256 * 1024 * 1024;
const ANSWER_GRACE_MS = 5_000;
/** How long a node may lag behind another one that has executed the opening of a session, ms. */
const LAG_MS = 3_000;
const FIRST_BACKOFF_MS = 50;
const MAX_BACKOFF_MS = 5_000;

interface Pending {
  readonly envelope: ParsedEnvelope;
  readonly since: number;
  readonly deadline: number;
  backoffMs: number;
  readonly resolve: (transaction: ProvenTransaction) => void;
  readonly reject: (error: unknown) => void;
}

/** What one node said about one envelope: the result, a refusal to report, or that it is worth another attempt. */
type Judgement =
  | { readonly kind: 'proven'; readonly transaction: ProvenTransaction }
  | { readonly kind: 'final'; readonly error: unknown }
  | { readonly kind: 'again'; readonly afterMs: number; readonly error: unknown };

/** Refusals that say the transaction may have been executed already. */
const MAY_BE_EXECUTED = new Set(['TX_REPLAYED', 'TX_EXPIRED']);

/** See the module comment. */
export class Submitter {
  readonly #client: NodeClient;
  readonly #proofs: ProofChecker;
  readonly #limits: SubmitterLimits;
  #queue: Pending[] = [];
  #scheduled = false;
  #requests = 0;
  #waiting = 0;

  constructor(client: NodeClient, proofs: ProofChecker, limits: SubmitterLimits = defaultSubmitterLimits) {
    this.#client = client;
    this.#proofs = proofs;
    this.#limits = limits;
  }

  /** Submits an envelope and resolves with its proven result. */
  submit(envelope: ParsedEnvelope, waitMs: number): Promise<ProvenTransaction> {
    if (this.#waiting >= this.#limits.waiting)
      return Promise.reject(walletErrors.error('TOO_MANY_WAITING', { waiting: this.#waiting }));
    this.#waiting += 1;
    const { promise, resolve, reject } = Promise.withResolvers<ProvenTransaction>();
    const since = Date.now();
    this.#enqueue({ envelope, since, deadline: since + waitMs, backoffMs: FIRST_BACKOFF_MS, resolve, reject });
    return promise.finally(() => {
      this.#waiting -= 1;
    });
  }

  #enqueue(pending: Pending): void {
    this.#queue.push(pending);
    this.#schedule();
  }

  #schedule(): void {
    if (this.#scheduled || this.#queue.length === 0) return;
    this.#scheduled = true;
    afterThisTurn(() => {
      this.#scheduled = false;
      while (this.#queue.length > 0 && this.#requests < this.#limits.requests) void this.#sendBatch(this.#takeBatch());
    });
  }

  #takeBatch(): Pending[] {
    let bytes = 0;
    let count = 0;
    for (const { envelope } of this.#queue) {
      bytes += envelope.bytes.length;
      if (count === MAX_SUBMISSION || (count > 0 && bytes > MAX_REQUEST_BYTES)) break;
      count += 1;
    }
    return this.#queue.splice(0, count);
  }

  async #sendBatch(batch: readonly Pending[]): Promise<void> {
    this.#requests += 1;
    try {
      const { reply, retryAfterSeconds } = await this.#post(batch);
      const blocks = new Map(reply.blocks.map((proof) => [proof.height, proof]));
      await Promise.all(
        batch.map(async (pending, index) =>
          this.#settle(pending, await this.#judge(pending, reply.results[index], blocks, retryAfterSeconds)),
        ),
      );
    } catch (error) {
      await Promise.all(batch.map(async (pending) => this.#settle(pending, await this.#judgeFailure(pending, error))));
    } finally {
      this.#requests -= 1;
      this.#schedule();
    }
  }

  async #post(
    batch: readonly Pending[],
  ): Promise<{ readonly reply: SubmitReply; readonly retryAfterSeconds: number | undefined }> {
    const now = Date.now();
    const longest = Math.max(...batch.map((pending) => pending.deadline - now), 1_000);
    const seconds = Math.min(Math.ceil(longest / 1000), MAX_WAIT_SECONDS);
    const answer = await this.#client.send({
      method: 'POST',
      path: '/v1/transactions',
      headers: { 'content-type': 'application/json', prefer: `wait=${seconds}` },
      body: JSON.stringify({ envelopes: batch.map(({ envelope }) => toBase64(envelope.bytes)) }),
      timeoutMs: seconds * 1000 + ANSWER_GRACE_MS,
      maxAnswerBytes: MAX_ANSWER_BYTES,
    });
    return { reply: readAnswer(answer.bytes, submitReplyShape), retryAfterSeconds: answer.retryAfterSeconds };
  }

  async #judge(
    pending: Pending,
    result: SubmitResult | undefined,
    blocks: ReadonlyMap<number, BlockProof>,
    retryAfterSeconds: number | undefined,
  ): Promise<Judgement> {
    const id = pending.envelope.transactionId;
    if (result?.transactionId !== id) return this.#distrust(pending, walletErrors.error('ANSWER_MALFORMED'));
    if (result.status === 'accepted')
      return this.#again(pending, walletErrors.error('OUTCOME_UNKNOWN', { transactionId: id }));
    if (result.status === 'refused') {
      const { code, hint, retryable } = result;
      return this.#judgeRefusal(
        pending,
        nodeRefusal({ code, hint, retryable, title: 'The node refused the envelope.' }),
        retryAfterSeconds,
      );
    }
    const proof = blocks.get(result.height);
    if (proof === undefined) return this.#distrust(pending, walletErrors.error('ANSWER_MALFORMED'));
    try {
      return { kind: 'proven', transaction: this.#proofs.transaction(result, await this.#proofs.block(proof), id) };
    } catch (error) {
      return this.#distrust(pending, error);
    }
  }

  /** A node that answered wrongly is not asked again first; with no other node the error is final. */
  #distrust(pending: Pending, error: unknown): Judgement {
    this.#client.useNext();
    return this.#client.nodes === 1 ? { kind: 'final', error } : this.#again(pending, error);
  }

  #again(pending: Pending, error: unknown, retryAfterSeconds?: number): Judgement {
    return {
      kind: 'again',
      error,
      afterMs: retryAfterSeconds === undefined ? this.#backoff(pending) : retryAfterSeconds * 1000,
    };
  }

  async #judgeRefusal(pending: Pending, refusal: CloisterError, retryAfterSeconds?: number): Promise<Judgement> {
    const mayLag = refusal.code === 'SESSION_UNKNOWN' && Date.now() - pending.since < LAG_MS;
    if (refusal.retryable || mayLag) return this.#again(pending, refusal, retryAfterSeconds);
    if (!MAY_BE_EXECUTED.has(refusal.code)) return { kind: 'final', error: refusal };
    try {
      const transaction = await this.find(pending.envelope.transactionId);
      return transaction === undefined ? this.#again(pending, refusal) : { kind: 'proven', transaction };
    } catch (error) {
      // Only a node that was asked and does not know the transaction makes the refusal final.
      const unknown = isCloisterError(error, 'UNKNOWN_TRANSACTION');
      return unknown ? { kind: 'final', error: refusal } : this.#again(pending, refusal);
    }
  }

  async #judgeFailure(pending: Pending, error: unknown): Promise<Judgement> {
    if (!(error instanceof CloisterError)) return { kind: 'final', error };
    if (error.code === 'ANSWER_MALFORMED') return this.#distrust(pending, error);
    return this.#judgeRefusal(pending, error, retryAfterOf(error));
  }

  #backoff(pending: Pending): number {
    const wait = pending.backoffMs;
    pending.backoffMs = Math.min(wait * 2, MAX_BACKOFF_MS);
    return wait;
  }

  /** The proven result of a transaction that a node has; undefined while it is pending. */
  async find(transactionId: string): Promise<ProvenTransaction | undefined> {
    const document = await this.#client.get(
      `/v1/transactions/${transactionId}`,
      transactionShape,
      MAX_OUTPUT_BYTES * 64,
    );
    if (document.status === 'pending') return undefined;
    return this.#proofs.transaction(document, await this.#proofs.block(document.block), transactionId);
  }

  #settle(pending: Pending, judgement: Judgement): void {
    const left = pending.deadline - Date.now();
    if (judgement.kind === 'proven') {
      pending.resolve(judgement.transaction);
      return;
    }
    if (judgement.kind === 'final' || left <= 0) {
      pending.reject(judgement.error);
      return;
    }
    void pause(Math.min(judgement.afterMs, left)).then(() => this.#enqueue(pending));
  }
}
