/**
 * From executed blocks to result certificates.
 *
 * Each validator sends its statement with two signatures to all others; n − f matching pairs make the certificate: of the
 * validators of the block's epoch, or of the next one. A peer's pair is verified only when our own enclave has executed
 * that height, so a peer costs nothing until then. A valid pair over another statement is divergence: with more than f
 * of them our own replica must be wrong and stops. Memory: one statement per peer and height, for at most `windowBlocks`
 * heights above the last certified one.
 */
import type { Hash, PublicKey } from '../protocol/brand.ts';
import { bytes, type Infer, struct } from '../protocol/codec.ts';
import type { ValidatorSet } from '../protocol/consensus/configuration.ts';
import { faultBound } from '../protocol/genesis.ts';
import {
  type ResultCertificate,
  type ResultSignatures,
  type ResultStatement,
  resultCertificateOf,
  resultStatementCodec,
  resultStatementHash,
  verifyResultSignatures,
} from '../protocol/result.ts';
import type { PeerName } from './network/types.ts';

/** A validator's statement about one executed block, as it travels. */
export const resultMessageCodec = struct({
  statement: resultStatementCodec,
  enclaveSignature: bytes(64),
  validatorSignature: bytes(64),
});

/** A validator's statement about one executed block. */
export type ResultMessage = Infer<typeof resultMessageCodec>;

/** Our own result of a height; unsigned where this node is a validator of neither epoch that may sign. */
export interface OwnResult {
  readonly statement: ResultStatement;
  readonly signed: { readonly message: ResultMessage; readonly validatorKey: PublicKey } | undefined;
}

/** A set of validators that may certify a block, and which of them a machine is. */
export interface ResultSigners {
  readonly set: ValidatorSet;
  /** Position of the validator that runs on a machine; undefined when none does. */
  readonly indexOf: (peer: PeerName) => number | undefined;
}

/** Another validator signed a different result for a height that we executed. */
export interface Divergence {
  readonly height: number;
  /** Machine of the other validator. */
  readonly peer: PeerName;
  readonly own: ResultStatement;
  readonly other: ResultMessage;
  /** Whether more than f validators contradict us, so that this replica is the wrong one. */
  readonly fatal: boolean;
}

/** Outcome of a peer's message. */
export type ResultVerdict = 'held' | 'counted' | 'ignored' | 'bad-signature' | 'diverged';

interface HeightResults {
  own?: { readonly statement: ResultStatement; readonly hash: Hash };
  readonly messages: Map<PeerName, ResultMessage>;
  /** Verified pairs by epoch of the signers. */
  readonly verified: Map<number, Map<number, ResultSignatures>>;
  readonly contradicting: Set<PeerName>;
  certified: boolean;
  /** Counted below the floor too, until it is certified. */
  reopened: boolean;
}

/** What the collector is made with. */
export interface ResultCollectorOptions {
  /** Validators that may certify blocks of an epoch: its own, then those of the next one once it is known. */
  readonly signersOf: (epoch: number) => readonly ResultSigners[];
  /** Own machine. */
  readonly self: PeerName;
  readonly windowBlocks: number;
  readonly onCertificate: (certificate: ResultCertificate) => void;
  readonly onDivergence: (divergence: Divergence) => void;
}

/** See the module comment. */
export class ResultCollector {
  readonly #options: ResultCollectorOptions;
  readonly #heights = new Map<number, HeightResults>();
  #floor = 0;
  #top = 0;

  constructor(options: ResultCollectorOptions) {
    this.#options = options;
  }

  /** Our own result of a height: starts counting what peers sent before. */
  addOwn({ statement, signed }: OwnResult): void {
    const results = this.#at(statement.height);
    results.own = { statement, hash: resultStatementHash(statement) };
    this.#top = Math.max(this.#top, statement.height);
    for (const { set, indexOf } of this.#options.signersOf(statement.epoch)) {
      const index = indexOf(this.#options.self);
      if (signed !== undefined && index !== undefined && set.validatorKeys[index] === signed.validatorKey)
        pairsOf(results, set).set(index, { validator: index, ...signaturesOf(signed.message) });
    }
    for (const [peer, held] of results.messages) this.#count(results, peer, held);
    this.#certify(results);
  }

  /** Whether our own result of a height is here, to be counted with those of others. */
  counts(height: number): boolean {
    const known = this.#heights.get(height);
    return known?.own !== undefined && (known.reopened || height > this.#floor);
  }

  /**
   * Our own result of a height that was executed before this process started, or long ago, and that nobody has certified:
   * it is counted again, below the floor too.
   */
  reopen(own: OwnResult): void {
    this.#at(own.statement.height).reopened = true;
    this.addOwn(own);
  }

  /** A peer's message; the transport has authenticated the sender. */
  addPeer(peer: PeerName, message: ResultMessage): ResultVerdict {
    const { height } = message.statement;
    if (height > this.#top + this.#options.windowBlocks) return 'ignored';
    if (height <= this.#floor && this.#heights.get(height)?.reopened !== true) return 'ignored';
    const results = this.#at(height);
    if (results.certified || results.messages.has(peer)) return 'ignored';
    results.messages.set(peer, message);
    if (results.own === undefined) return 'held';
    const verdict = this.#count(results, peer, message);
    this.#certify(results);
    return verdict;
  }

  /** The next epoch is known: its validators may certify what is not yet certified. */
  recount(): void {
    for (const results of this.#heights.values()) {
      if (results.certified || results.own === undefined) continue;
      for (const [peer, held] of results.messages) this.#count(results, peer, held);
      this.#certify(results);
    }
  }

  /** Forgets heights up to and including `height`. */
  prune(height: number): void {
    this.#floor = Math.max(this.#floor, height);
    for (const [known, { reopened, certified }] of this.#heights)
      if (known <= height && (certified || !reopened)) this.#heights.delete(known);
  }

  #at(height: number): HeightResults {
    const known = this.#heights.get(height);
    if (known !== undefined) return known;
    const fresh: HeightResults = {
      messages: new Map(),
      verified: new Map(),
      contradicting: new Set(),
      certified: false,
      reopened: false,
    };
    this.#heights.set(height, fresh);
    return fresh;
  }

  #count(results: HeightResults, peer: PeerName, message: ResultMessage): ResultVerdict {
    const { own } = results;
    if (own === undefined || results.certified) return 'ignored';
    const { statement } = message;
    const agrees = resultStatementHash(statement) === own.hash;
    const signers = this.#options.signersOf(own.statement.epoch);
    let genuine = false;
    let known = false;
    for (const { set, indexOf } of signers) {
      const validator = indexOf(peer);
      if (validator === undefined) continue;
      known = true;
      const pair = { validator, ...signaturesOf(message) };
      // A machine that stays has the same keys in both epochs: one check serves both.
      if (!(genuine && sameKeys(signers, peer)) && !verifyResultSignatures(statement, pair, set)) continue;
      genuine = true;
      if (agrees) pairsOf(results, set).set(validator, pair);
    }
    // A validator of an epoch that we have not entered is early, not false: `recount` looks again.
    if (!genuine) return known ? 'bad-signature' : 'held';
    if (agrees) return 'counted';
    results.contradicting.add(peer);
    const fatal = results.contradicting.size > faultBound(signers[0]?.set.validatorKeys.length ?? 0);
    this.#options.onDivergence({ height: statement.height, peer, own: own.statement, other: message, fatal });
    return 'diverged';
  }

  #certify(results: HeightResults): void {
    if (results.certified || results.own === undefined) return;
    const { statement } = results.own;
    const complete = this.#options
      .signersOf(statement.epoch)
      .find(({ set }) => pairsOf(results, set).size >= set.quorum);
    if (complete === undefined) return;
    results.certified = true;
    const certificate = resultCertificateOf(statement, [...pairsOf(results, complete.set).values()], complete.set);
    results.messages.clear();
    this.#options.onCertificate(certificate);
  }
}

const pairsOf = ({ verified }: HeightResults, { epoch }: ValidatorSet): Map<number, ResultSignatures> => {
  const known = verified.get(epoch);
  if (known !== undefined) return known;
  const fresh = new Map<number, ResultSignatures>();
  verified.set(epoch, fresh);
  return fresh;
};

const sameKeys = (signers: readonly ResultSigners[], peer: PeerName): boolean => {
  const keys = signers.map(({ set, indexOf }) => {
    const index = indexOf(peer) ?? -1;
    return `${set.validatorKeys[index]} ${set.enclaveKeys[index]}`;
  });
  return new Set(keys).size === 1;
};

const signaturesOf = ({ enclaveSignature, validatorSignature }: ResultMessage) => ({
  enclaveSignature,
  validatorSignature,
});
