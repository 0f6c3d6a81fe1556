/**
 * The pool of plaintext system transactions: changes of the configuration that collect signatures, and evidence that is
 * not yet on the chain.
 *
 * A change list is known by its hash; signatures and readiness from everywhere are merged into one transaction, and
 * whatever adds something is passed on. A member's genuine signature is the ticket: strangers cannot fill the pool. What
 * is selected for a block was judged by the rules of agreement as of the block to come, so that waiting transactions
 * never make empty blocks. Everything that is about an earlier epoch is dropped.
 */
import { ed25519Sign } from '#primitives';
import type { BlockHash, Hash, Height, PublicKey } from '../protocol/brand.ts';
import { encode } from '../protocol/codec.ts';
import type { EpochAnchor } from '../protocol/consensus/configuration.ts';
import { type Evidence, evidenceHolds, placeOf } from '../protocol/consensus/evidence.ts';
import {
  type ChangeList,
  changeListId,
  changeListOf,
  type GovernanceTransaction,
  governanceBytes,
  type Readiness,
  readinessBytes,
} from '../protocol/consensus/governance.ts';
import {
  type BlockPlace,
  changesFault,
  evaluateGovernance,
  type Governance,
  type SystemFault,
} from '../protocol/consensus/reconfigure.ts';
import { type SystemSection, systemTransactionCodec } from '../protocol/consensus/system.ts';
import { verifyEd25519 } from '../protocol/finality.ts';
import type { Validator } from '../protocol/genesis.ts';
import { toHex } from '../protocol/hex.ts';
import { MAX_PENDING_CHANGES, MAX_READINESS_AGE_BLOCKS, MAX_SYSTEM_TRANSACTIONS } from '../protocol/limits.ts';
import { nodeErrors } from './errors.ts';
import { type RecordedEvidence, subjectOf } from './evidence-files.ts';

/** What the pool is made with. */
export interface SystemPoolOptions {
  readonly governance: Governance;
  /** The present epoch. */
  readonly anchor: () => EpochAnchor;
  /** Newest block that this node holds with everything before it. */
  readonly delivered: () => { readonly height: Height; readonly id: BlockHash };
  /** Secret of one of the own consensus keys. */
  readonly secretOf: (key: PublicKey) => Uint8Array | undefined;
  /** Passes a transaction on to the peers. */
  readonly passOn: (transaction: GovernanceTransaction) => void;
  /** Evidence that earlier runs saw on the chain. */
  readonly recorded: RecordedEvidence;
  /** Evidence was seen on the chain; what is given is to be kept. */
  readonly onRecorded: (recorded: RecordedEvidence) => void;
  /** Something may have become ready for a block, or a joiner known. */
  readonly onChange: () => void;
}

/** A change that waits. */
export interface PendingChangeList {
  readonly id: Hash;
  readonly transaction: GovernanceTransaction;
  readonly threshold: number;
  /** What is missing, in words; empty when the next block may carry it. */
  readonly waitingFor: string;
}

interface Entry {
  readonly id: Hash;
  readonly encoded: Uint8Array;
  readonly list: ChangeList;
  readonly signatures: Map<number, Uint8Array>;
  readonly readiness: Map<PublicKey, Readiness>;
}

/** Rules that a change can break for good, in words. */
const brokenRules: Readonly<Partial<Record<SystemFault, string>>> = {
  GOVERNANCE_TOO_MANY_CHANGES: 'more validators would change than one epoch allows: change the others afterwards',
  GOVERNANCE_UNKNOWN_VALIDATOR: 'it names a validator that is not one now',
  GOVERNANCE_UNKNOWN_OBSERVER: 'it names an observer that is not one now',
  GOVERNANCE_NOT_ADMITTED: 'the enclave evidence of a joining validator is not admitted in this network',
  GOVERNANCE_BAD_PROOF: 'the new key has not agreed to the rotation',
  GOVERNANCE_BAD_CONFIGURATION:
    'the network would have too few or too many members, one of them twice, or a parameter out of range',
};

/** See the module comment. */
export class SystemPool implements Disposable {
  readonly #options: SystemPoolOptions;
  readonly #entries = new Map<Hash, Entry>();
  readonly #evidence = new Map<string, Evidence>();
  /** Subjects of evidence that the chain carries, with the height. */
  readonly #recorded: Map<string, number>;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: SystemPoolOptions) {
    this.#options = options;
    this.#recorded = new Map(Object.entries(options.recorded));
  }

  /**
   * Takes a transaction, complete or not, from a client or a peer; false when it brings nothing new. Throws
   * GOVERNANCE_REFUSED naming the rule that it breaks for good.
   */
  offer(transaction: GovernanceTransaction): boolean {
    const list = changeListOf(transaction);
    const { chainId, epoch } = this.#options.anchor();
    const refuse = (rule: string) => nodeErrors.error('GOVERNANCE_REFUSED', { rule });
    if (list === undefined) throw refuse('the change list is not canonical');
    if (list.chainId !== chainId) throw refuse('it is for another network');
    if (list.epoch !== epoch) throw refuse(`it changes epoch ${list.epoch}, the network is in epoch ${epoch}`);
    if (list.expiryHeight <= this.#options.delivered().height) throw refuse('it has expired');
    const id = changeListId(transaction.changeList);
    const known = this.#entries.get(id);
    const entry: Entry = known ?? {
      id,
      encoded: transaction.changeList,
      list,
      signatures: new Map(),
      readiness: new Map(),
    };
    const signed = this.#mergeSignatures(entry, transaction);
    if (entry.signatures.size === 0) throw refuse('no member of the consortium has signed it');
    const readied = this.#mergeReadiness(entry, transaction.readiness);
    if (known === undefined) {
      const fault = changesFault(this.#options.anchor(), this.#options.governance, list.changes, verifyEd25519);
      if (fault !== undefined) throw refuse(brokenRules[fault] ?? fault);
      this.#insert(entry);
    }
    if (!signed && !readied) return false;
    this.#changed(entry);
    return true;
  }

  /** Takes evidence that is not yet on the chain; false when it is known. */
  offerEvidence(evidence: Evidence): boolean {
    const key = subjectOf(evidence);
    if (this.#evidence.has(key) || this.#recorded.has(key)) return false;
    this.#evidence.set(key, evidence);
    this.#options.onChange();
    return true;
  }

  /** Evidence that a final block carries: it is not put there again. */
  recorded(evidence: Evidence, height: number): void {
    const key = subjectOf(evidence);
    this.#evidence.delete(key);
    if (this.#recorded.has(key)) return;
    this.#recorded.set(key, height);
    this.#options.onRecorded(Object.fromEntries(this.#recorded));
  }

  /** Blocks were delivered or an epoch was entered: forgets what can no longer be carried, renews what ages. */
  advance(): void {
    const { epoch } = this.#options.anchor();
    const { height } = this.#options.delivered();
    for (const { id, list } of this.#entries.values())
      if (list.epoch !== epoch || list.expiryHeight <= height) this.#entries.delete(id);
    for (const [key, evidence] of this.#evidence) if (placeOf(evidence).epoch < epoch) this.#evidence.delete(key);
    for (const entry of this.#entries.values()) if (this.#signReadiness(entry)) this.#changed(entry);
  }

  /** Whether something may go into the next block that none of these open blocks carries. */
  hasWork(open: Iterable<SystemSection>): boolean {
    return this.select(open).length > 0;
  }

  /** The section of the next block: at most one change of the configuration, and evidence. */
  select(open: Iterable<SystemSection>): SystemSection {
    if (this.#entries.size === 0 && this.#evidence.size === 0) return [];
    const carried = new Set([...open].flatMap((section) => section.map((bytes) => toHex(bytes))));
    const anchor = this.#options.anchor();
    const section: Uint8Array[] = [];
    for (const entry of this.#entries.values()) {
      if (this.#fault(entry) !== undefined) continue;
      section.push(encode(systemTransactionCodec, { kind: 'governance', transaction: transactionOf(entry) }));
      break;
    }
    for (const evidence of this.#evidence.values()) {
      if (section.length >= MAX_SYSTEM_TRANSACTIONS) break;
      if (!evidenceHolds(evidence, anchor, verifyEd25519)) continue;
      section.push(encode(systemTransactionCodec, { kind: 'evidence', evidence }));
    }
    return section.filter((bytes) => !carried.has(toHex(bytes)));
  }

  /** Validators that a sufficiently signed change adds: they may connect, to catch up before they are let in. */
  joiners(): Validator[] {
    return [...this.#entries.values()]
      .filter(({ signatures }) => signatures.size >= this.#options.governance.threshold)
      .flatMap(({ list }) => list.changes)
      .flatMap((change) => (change.kind === 'addValidator' ? [change.validator] : []));
  }

  /** The changes that wait. */
  pending(): PendingChangeList[] {
    const { threshold } = this.#options.governance;
    return [...this.#entries.values()].map((entry) => ({
      id: entry.id,
      transaction: transactionOf(entry),
      threshold,
      waitingFor: this.#waitingFor(entry),
    }));
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
  }

  #mergeSignatures(entry: Entry, { signatures }: GovernanceTransaction): boolean {
    const { governance } = this.#options;
    const message = governanceBytes(governance.chainId, entry.encoded);
    const fresh = signatures.filter(({ member }) => !entry.signatures.has(member));
    for (const { member, signature } of fresh) {
      const key = governance.members[member];
      if (key === undefined || !verifyEd25519(signature, message, key))
        throw nodeErrors.error('GOVERNANCE_REFUSED', { rule: `the signature of member ${member} is not genuine` });
    }
    for (const { member, signature } of fresh) entry.signatures.set(member, signature);
    return fresh.length > 0;
  }

  #mergeReadiness(entry: Entry, words: readonly Readiness[]): boolean {
    const { chainId, epoch } = this.#options.anchor();
    let added = false;
    for (const word of words) {
      const { validatorKey, height, signature } = word;
      const older = entry.readiness.get(validatorKey)?.height ?? -1;
      if (height <= older || !joinersOf(entry).includes(validatorKey)) continue;
      if (!verifyEd25519(signature, readinessBytes(chainId, epoch, word), validatorKey)) continue;
      entry.readiness.set(validatorKey, word);
      added = true;
    }
    return added;
  }

  /** Gives our own word for a key of ours that is to join; renewed when half of its life is over. */
  #signReadiness(entry: Entry): boolean {
    const { height, id: blockHash } = this.#options.delivered();
    const { chainId, epoch } = this.#options.anchor();
    let added = false;
    for (const validatorKey of joinersOf(entry)) {
      const secret = this.#options.secretOf(validatorKey);
      const age = height - (entry.readiness.get(validatorKey)?.height ?? -MAX_READINESS_AGE_BLOCKS);
      if (secret === undefined || age < MAX_READINESS_AGE_BLOCKS / 2) continue;
      const word = { validatorKey, height, blockHash };
      const signature = ed25519Sign(readinessBytes(chainId, epoch, word), secret);
      entry.readiness.set(validatorKey, { ...word, signature });
      added = true;
    }
    return added;
  }

  #changed(entry: Entry): void {
    this.#signReadiness(entry);
    this.#options.passOn(transactionOf(entry));
    this.#options.onChange();
    this.#wakeWhenOldEnough();
  }

  #insert(entry: Entry): void {
    const { threshold } = this.#options.governance;
    if (this.#entries.size >= MAX_PENDING_CHANGES) {
      const weakest = [...this.#entries.values()]
        .filter(({ signatures }) => signatures.size < threshold)
        .sort((a, b) => a.signatures.size - b.signatures.size)[0];
      if (weakest === undefined)
        throw nodeErrors.error('GOVERNANCE_REFUSED', { rule: 'too many changes wait; let one be carried out first' });
      this.#entries.delete(weakest.id);
    }
    this.#entries.set(entry.id, entry);
  }

  /** Where the next block would stand. */
  #place(): BlockPlace {
    return { height: this.#options.delivered().height + 1, timeMs: Date.now() };
  }

  #fault(entry: Entry): string | undefined {
    if (entry.signatures.size < this.#options.governance.threshold) return 'GOVERNANCE_NOT_SIGNED';
    const transaction = transactionOf(entry);
    if (transaction.readiness.length < joinersOf(entry).length) return 'GOVERNANCE_NOT_READY';
    const { governance, anchor } = this.#options;
    const verdict = evaluateGovernance(anchor(), governance, transaction, this.#place(), verifyEd25519);
    return verdict.verdict === 'invalid' ? verdict.fault : undefined;
  }

  #waitingFor(entry: Entry): string {
    const missing = this.#options.governance.threshold - entry.signatures.size;
    if (missing > 0) return missing === 1 ? 'one more signature' : `${missing} more signatures`;
    const fault = this.#fault(entry);
    if (fault === undefined) return '';
    if (fault === 'GOVERNANCE_NOT_READY') return 'the joining validator to catch up';
    return fault === 'GOVERNANCE_EPOCH_TOO_YOUNG' ? 'the present epoch to be old enough' : `nothing: ${fault}`;
  }

  /** The shortest life of an epoch passes without any event. */
  #wakeWhenOldEnough(): void {
    const { base, configuration } = this.#options.anchor();
    const leftMs = base.timeMs + configuration.parameters.minEpochMs - Date.now();
    clearTimeout(this.#timer);
    if (leftMs > 0) this.#timer = setTimeout(() => this.#options.onChange(), leftMs + 1);
  }
}

const joinersOf = ({ list }: Entry): PublicKey[] =>
  list.changes.flatMap((change) => (change.kind === 'addValidator' ? [change.validator.validatorKey] : []));

const transactionOf = (entry: Entry): GovernanceTransaction => ({
  changeList: entry.encoded,
  signatures: [...entry.signatures].sort(([a], [b]) => a - b).map(([member, signature]) => ({ member, signature })),
  readiness: joinersOf(entry).flatMap((key) => entry.readiness.get(key) ?? []),
});
