/**
 * Result certificates that this node knows: those of recent heights in memory, for headers and peers, all others in the
 * ledger. Whoever waits for a transaction is told once its certificate is durable.
 */
import { type Hash, type Height, height as asHeight } from '../protocol/brand.ts';
import { encode } from '../protocol/codec.ts';
import type { StateReference } from '../protocol/consensus/header.ts';
import { type ResultCertificate, resultCertificateCodec, resultStatementHash } from '../protocol/result.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { CommitTracker, ExecutedTransaction } from './commit-tracker.ts';
import type { Logger } from './logger.ts';

interface Remembered {
  readonly reference: StateReference;
  readonly encoded: Uint8Array;
  readonly certificate: ResultCertificate;
}

const MAX_REMEMBERED = 64;

/** See the module comment. */
export class CertifiedResults {
  readonly #ledger: Ledger;
  readonly #tracker: CommitTracker;
  readonly #logger: Logger;
  readonly #remembered = new Map<Hash, Remembered>();
  /** Heights whose certificate was formed here and came from a peer as well are told once. */
  readonly #told = new Set<number>();
  /** The last certificate is being written; settles after the waiting requests were told of it. */
  #saving: Promise<void> = Promise.resolve();
  #newest: StateReference | undefined;
  #height: number;
  /** Every height up to this one has its certificate in the ledger. */
  #upTo = 0;

  constructor(ledger: Ledger, tracker: CommitTracker, logger: Logger) {
    this.#ledger = ledger;
    this.#tracker = tracker;
    this.#logger = logger;
    this.#height = newestCertified(ledger);
  }

  /** Newest height with a result certificate that this node holds. */
  get height(): number {
    return this.#height;
  }

  /** A valid certificate, perhaps of a height that was not executed here yet: headers may name it. */
  remember(certificate: ResultCertificate): Uint8Array {
    const { statement } = certificate;
    const encoded = encode(resultCertificateCodec, certificate);
    const reference = { height: statement.height, root: statement.stateRoot, certHash: resultStatementHash(statement) };
    this.#remembered.set(reference.certHash, { reference, encoded, certificate });
    for (const [hash, known] of this.#remembered) {
      if (this.#remembered.size <= MAX_REMEMBERED) break;
      if (known.reference.height < statement.height) this.#remembered.delete(hash);
    }
    if (statement.height > (this.#newest?.height ?? 0)) this.#newest = reference;
    return encoded;
  }

  /** The certificate of an executed height was formed here, or verified and found equal to our own result. */
  certified(certificate: ResultCertificate): void {
    const { height } = certificate.statement;
    const encoded = this.remember(certificate);
    if (this.#told.has(height)) {
      void this.#saving.then(() => this.#tracker.certified(height, encoded, () => []));
      return;
    }
    this.#told.add(height);
    for (const oldest of this.#told) {
      if (this.#told.size <= MAX_REMEMBERED) break;
      this.#told.delete(oldest);
    }
    this.#height = Math.max(this.#height, height);
    const saved = this.#ledger.saveResultCertificate(height, encoded);
    saved
      .then(() => this.#tracker.certified(height, encoded, () => this.#storedCalls(height)))
      .catch((error: unknown) => this.#logger.error({ err: error, height }, 'result certificate not stored'));
    this.#saving = saved.catch(() => undefined);
  }

  /** Lowest executed height without certificate; one above the executed head when there is none. */
  firstUncertified(): number {
    const executed = this.#ledger.head().height;
    while (this.#upTo < executed && this.#ledger.readResultCertificate(asHeight(this.#upTo + 1)) !== undefined)
      this.#upTo += 1;
    return this.#upTo + 1;
  }

  /** Newest certified result of a height up to `maxHeight`, as headers name it. */
  stateReference(maxHeight: number): StateReference | undefined {
    if (this.#newest !== undefined && this.#newest.height <= maxHeight) return this.#newest;
    let best: StateReference | undefined;
    for (const { reference } of this.#remembered.values()) {
      if (reference.height <= maxHeight && reference.height > (best?.height ?? 0)) best = reference;
    }
    return best;
  }

  /** A remembered certificate of a height. */
  at(height: Height): ResultCertificate | undefined {
    for (const { reference, certificate } of this.#remembered.values())
      if (reference.height === height) return certificate;
    return undefined;
  }

  /** A remembered certificate by the hash of its statement. */
  byHash(certHash: Hash): Uint8Array | undefined {
    return this.#remembered.get(certHash)?.encoded;
  }

  /** Calls of an executed height; one that an earlier block included as well has its outputs there. */
  #storedCalls(height: Height): readonly ExecutedTransaction[] {
    return (this.#ledger.readReceipts(height) ?? []).map((receipt) => {
      const located = this.#ledger.readReceipt(receipt.transactionId);
      return { ...receipt, outputs: located?.height === height ? located.outputs : [] };
    });
  }
}

/** The newest certified height near the executed head; certificates trail it by a few heights at most. */
const newestCertified = (ledger: Ledger): number => {
  const executed = ledger.head().height;
  for (let height: number = executed; height > Math.max(0, executed - MAX_REMEMBERED); height -= 1)
    if (ledger.readResultCertificate(asHeight(height)) !== undefined) return height;
  return 0;
};
