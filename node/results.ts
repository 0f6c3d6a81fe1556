/**
 * From executed blocks to result certificates.
 *
 * Each validator sends its statement with two signatures to all others; n − f matching pairs make the certificate. A
 * peer's pair is verified only when our own enclave has executed that height, so a peer costs nothing until then. A
 * valid pair over another statement is divergence: with more than f of them our own replica must be wrong and stops.
 * Memory: one statement per validator and height, for at most `windowBlocks` heights above the last certified one.
 */
import type { Hash } from '../protocol/brand.ts';
import { bytes, type Infer, struct } from '../protocol/codec.ts';
import { faultBound, type ValidatorSet } from '../protocol/genesis.ts';
import {
  type ResultCertificate,
  type ResultSignatures,
  type ResultStatement,
  resultCertificateOf,
  resultStatementCodec,
  resultStatementHash,
  verifyResultSignatures,
} from '../protocol/result.ts';

/** A validator's statement about one executed block, as it travels. */
export const resultMessageCodec = struct({
  statement: resultStatementCodec,
  enclaveSignature: bytes(64),
  validatorSignature: bytes(64),
});

/** A validator's statement about one executed block. */
export type ResultMessage = Infer<typeof resultMessageCodec>;

/** Another validator signed a different result for a height that we executed. */
export interface Divergence {
  readonly height: number;
  readonly validator: number;
  readonly own: ResultStatement;
  readonly other: ResultMessage;
  /** Whether more than f validators contradict us, so that this replica is the wrong one. */
  readonly fatal: boolean;
}

/** Outcome of a peer's message. */
export type ResultVerdict = 'held' | 'counted' | 'ignored' | 'bad-signature' | 'diverged';

interface HeightResults {
  own?: { readonly statement: ResultStatement; readonly hash: Hash };
  readonly messages: Map<number, ResultMessage>;
  readonly verified: Map<number, ResultSignatures>;
  readonly contradicting: Set<number>;
  certified: boolean;
}

/** See the module comment. */
export class ResultCollector {
  readonly #set: ValidatorSet;
  readonly #self: number;
  readonly #windowBlocks: number;
  readonly #heights = new Map<number, HeightResults>();
  readonly #onCertificate: (certificate: ResultCertificate) => void;
  readonly #onDivergence: (divergence: Divergence) => void;
  #floor = 0;
  #top = 0;

  constructor(options: {
    readonly set: ValidatorSet;
    readonly self: number;
    readonly windowBlocks: number;
    readonly onCertificate: (certificate: ResultCertificate) => void;
    readonly onDivergence: (divergence: Divergence) => void;
  }) {
    this.#set = options.set;
    this.#self = options.self;
    this.#windowBlocks = options.windowBlocks;
    this.#onCertificate = options.onCertificate;
    this.#onDivergence = options.onDivergence;
  }

  /** Our own result of a height: starts counting what peers sent before. */
  addOwn(message: ResultMessage): void {
    const { statement } = message;
    const results = this.#at(statement.height);
    results.own = { statement, hash: resultStatementHash(statement) };
    results.verified.set(this.#self, { validator: this.#self, ...signaturesOf(message) });
    this.#top = Math.max(this.#top, statement.height);
    for (const [validator, held] of results.messages) this.#count(results, validator, held);
    this.#certify(results);
  }

  /** A peer's message; the transport has authenticated the sender as `validator`. */
  addPeer(validator: number, message: ResultMessage): ResultVerdict {
    const { height } = message.statement;
    if (height <= this.#floor || height > this.#top + this.#windowBlocks) return 'ignored';
    const results = this.#at(height);
    if (results.certified || results.messages.has(validator)) return 'ignored';
    results.messages.set(validator, message);
    if (results.own === undefined) return 'held';
    const verdict = this.#count(results, validator, message);
    this.#certify(results);
    return verdict;
  }

  /** Forgets heights up to and including `height`. */
  prune(height: number): void {
    this.#floor = Math.max(this.#floor, height);
    for (const known of this.#heights.keys()) if (known <= height) this.#heights.delete(known);
  }

  #at(height: number): HeightResults {
    const known = this.#heights.get(height);
    if (known !== undefined) return known;
    const fresh: HeightResults = {
      messages: new Map(),
      verified: new Map(),
      contradicting: new Set(),
      certified: false,
    };
    this.#heights.set(height, fresh);
    return fresh;
  }

  #count(results: HeightResults, validator: number, message: ResultMessage): ResultVerdict {
    if (results.own === undefined || results.certified) return 'ignored';
    const pair = { validator, ...signaturesOf(message) };
    if (!verifyResultSignatures(message.statement, pair, this.#set)) return 'bad-signature';
    if (resultStatementHash(message.statement) === results.own.hash) {
      results.verified.set(validator, pair);
      return 'counted';
    }
    results.contradicting.add(validator);
    this.#onDivergence({
      height: message.statement.height,
      validator,
      own: results.own.statement,
      other: message,
      fatal: results.contradicting.size > faultBound(this.#set.validatorKeys.length),
    });
    return 'diverged';
  }

  #certify(results: HeightResults): void {
    if (results.certified || results.own === undefined || results.verified.size < this.#set.quorum) return;
    results.certified = true;
    const certificate = resultCertificateOf(
      results.own.statement,
      [...results.verified.values()],
      this.#set.validatorKeys.length,
    );
    results.messages.clear();
    this.#onCertificate(certificate);
  }
}

const signaturesOf = ({ enclaveSignature, validatorSignature }: ResultMessage) => ({
  enclaveSignature,
  validatorSignature,
});
