/**
 * The configuration state machine: what a block's system section does to the configuration (consensus design §3.1–3.3).
 *
 * A pure function of the epoch's anchor, the section and the block's place. Consensus, the enclave, wallets and auditors
 * all run it, so none of them trusts another about who the validators are.
 */
import type { ChainId, Epoch, PublicKey } from '../brand.ts';
import { assertNever } from '../brand.ts';
import { faultBound, parametersFault, type Validator, validatorsFault } from '../genesis.ts';
import { MAX_READINESS_AGE_BLOCKS } from '../limits.ts';
import type { VerifySignature } from './certificate.ts';
import type { Configuration, EpochAnchor } from './configuration.ts';
import { accusedBy, evidenceHolds, ruleOf } from './evidence.ts';
import {
  type Change,
  type ChangeList,
  changeListOf,
  type GovernanceTransaction,
  governanceBytes,
  keyRotationBytes,
  type Readiness,
  readinessBytes,
} from './governance.ts';
import { type SystemSection, systemTransactionsOf } from './system.ts';

/** Who governs a chain, and which validators its policy admits: fixed by the genesis. */
export interface Governance {
  readonly chainId: ChainId;
  readonly members: readonly PublicKey[];
  readonly threshold: number;
  /** Whether policy admits this validator's attestation evidence. */
  readonly admits: (validator: Validator) => boolean;
}

/** Height and consensus time of the block that carries a section. */
export interface BlockPlace {
  readonly height: number;
  readonly timeMs: number;
}

/** Why a system section is not valid. */
export type SystemFault =
  | 'SYSTEM_MALFORMED'
  | 'SYSTEM_SEVERAL_CHANGE_LISTS'
  | 'GOVERNANCE_OTHER_CHAIN'
  | 'GOVERNANCE_OTHER_EPOCH'
  | 'GOVERNANCE_EXPIRED'
  | 'GOVERNANCE_EPOCH_TOO_YOUNG'
  | 'GOVERNANCE_NOT_SIGNED'
  | 'GOVERNANCE_TOO_MANY_CHANGES'
  | 'GOVERNANCE_UNKNOWN_VALIDATOR'
  | 'GOVERNANCE_UNKNOWN_OBSERVER'
  | 'GOVERNANCE_NOT_ADMITTED'
  | 'GOVERNANCE_NOT_READY'
  | 'GOVERNANCE_BAD_PROOF'
  | 'GOVERNANCE_BAD_CONFIGURATION'
  | 'EVIDENCE_UNPROVEN'
  | 'EVIDENCE_REPEATED';

/** What a section does: nothing but be recorded, or change the configuration, or break a rule. */
export type SystemVerdict =
  | {
      readonly verdict: 'valid';
      /** The next epoch's configuration in a closing block. */
      readonly next: Configuration | undefined;
      /** Final blocks that joiners vouch for; a voter compares them with its own chain. */
      readonly readiness: readonly Readiness[];
    }
  | { readonly verdict: 'invalid'; readonly fault: SystemFault };

const invalid = (fault: SystemFault): SystemVerdict => ({ verdict: 'invalid', fault });
const UNCHANGED: SystemVerdict = { verdict: 'valid', next: undefined, readiness: [] };

/** Judges the system section of a block of this epoch. Total on foreign input. */
export const evaluateSystem = (
  anchor: EpochAnchor,
  governance: Governance,
  section: SystemSection,
  place: BlockPlace,
  verifySignature: VerifySignature,
): SystemVerdict => {
  if (section.length === 0) return UNCHANGED;
  const transactions = systemTransactionsOf(section);
  if (transactions === undefined) return invalid('SYSTEM_MALFORMED');
  let outcome: SystemVerdict = UNCHANGED;
  const accused = new Set<string>();
  for (const transaction of transactions) {
    if (transaction.kind === 'evidence') {
      const { evidence } = transaction;
      const subject = `${ruleOf(evidence)} ${accusedBy(evidence)}`;
      if (accused.has(subject)) return invalid('EVIDENCE_REPEATED');
      accused.add(subject);
      if (!evidenceHolds(evidence, anchor, verifySignature)) return invalid('EVIDENCE_UNPROVEN');
      continue;
    }
    if (outcome !== UNCHANGED) return invalid('SYSTEM_SEVERAL_CHANGE_LISTS');
    outcome = evaluateGovernance(anchor, governance, transaction.transaction, place, verifySignature);
    if (outcome.verdict === 'invalid') return outcome;
  }
  return outcome;
};

/** Judges one governance transaction as of a block; what members and nodes check before they pass it on. */
export const evaluateGovernance = (
  anchor: EpochAnchor,
  governance: Governance,
  transaction: GovernanceTransaction,
  place: BlockPlace,
  verifySignature: VerifySignature,
): SystemVerdict => {
  const changeList = changeListOf(transaction);
  if (changeList === undefined) return invalid('SYSTEM_MALFORMED');
  const fault =
    placeFault(anchor, changeList, place) ??
    signaturesFault(governance, transaction, verifySignature) ??
    readinessFault(anchor, changeList, transaction.readiness, place, verifySignature);
  if (fault !== undefined) return invalid(fault);
  const next = applyChanges(anchor, governance, changeList.changes, verifySignature);
  if (typeof next === 'string') return invalid(next);
  return { verdict: 'valid', next, readiness: transaction.readiness };
};

/** The rule that changes break whenever they are carried out in this epoch; undefined when they may be. */
export const changesFault = (
  anchor: EpochAnchor,
  governance: Governance,
  changes: readonly Change[],
  verifySignature: VerifySignature,
): SystemFault | undefined => {
  const outcome = applyChanges(anchor, governance, changes, verifySignature);
  return typeof outcome === 'string' ? outcome : undefined;
};

const placeFault = (anchor: EpochAnchor, changeList: ChangeList, place: BlockPlace): SystemFault | undefined => {
  if (changeList.chainId !== anchor.chainId) return 'GOVERNANCE_OTHER_CHAIN';
  if (changeList.epoch !== anchor.epoch) return 'GOVERNANCE_OTHER_EPOCH';
  if (changeList.expiryHeight < place.height) return 'GOVERNANCE_EXPIRED';
  const { minEpochMs } = anchor.configuration.parameters;
  return place.timeMs - anchor.base.timeMs < minEpochMs ? 'GOVERNANCE_EPOCH_TOO_YOUNG' : undefined;
};

const signaturesFault = (
  { chainId, members, threshold }: Governance,
  { changeList, signatures }: GovernanceTransaction,
  verifySignature: VerifySignature,
): SystemFault | undefined => {
  const message = governanceBytes(chainId, changeList);
  let last = -1;
  for (const { member, signature } of signatures) {
    const key = members[member];
    if (member <= last || key === undefined || !verifySignature(signature, message, key))
      return 'GOVERNANCE_NOT_SIGNED';
    last = member;
  }
  return signatures.length < threshold ? 'GOVERNANCE_NOT_SIGNED' : undefined;
};

/** One word of readiness for every validator that is added, in the order of the changes, none of them stale. */
const readinessFault = (
  anchor: EpochAnchor,
  { changes }: ChangeList,
  readiness: readonly Readiness[],
  place: BlockPlace,
  verifySignature: VerifySignature,
): SystemFault | undefined => {
  const joiners = changes.flatMap((change) => (change.kind === 'addValidator' ? [change.validator.validatorKey] : []));
  const ready = joiners.every((key, index) => {
    const word = readiness[index];
    if (word?.validatorKey !== key) return false;
    if (word.height >= place.height || place.height - word.height > MAX_READINESS_AGE_BLOCKS) return false;
    return verifySignature(word.signature, readinessBytes(anchor.chainId, anchor.epoch, word), key);
  });
  return ready && readiness.length === joiners.length ? undefined : 'GOVERNANCE_NOT_READY';
};

interface Applied {
  readonly configuration: Configuration;
  readonly governance: Governance;
  readonly outcome: Configuration | SystemFault;
}

/** What a list of changes came to last: the same block is judged several times, and its new configuration hashed. */
const applied = new WeakMap<readonly Change[], Applied>();

/** The configuration after some changes, or the rule that one of them breaks. */
const applyChanges = (
  anchor: EpochAnchor,
  governance: Governance,
  changes: readonly Change[],
  verifySignature: VerifySignature,
): Configuration | SystemFault => {
  const { configuration } = anchor;
  const known = applied.get(changes);
  if (known?.configuration === configuration && known.governance === governance) return known.outcome;
  const outcome = afterChanges(anchor, governance, changes, verifySignature);
  applied.set(changes, { configuration, governance, outcome });
  return outcome;
};

const afterChanges = (
  anchor: EpochAnchor,
  governance: Governance,
  changes: readonly Change[],
  verifySignature: VerifySignature,
): Configuration | SystemFault => {
  const { configuration } = anchor;
  let next: Configuration = { ...configuration, epoch: (configuration.epoch + 1) as Epoch };
  for (const change of changes) {
    const outcome = applyChange(next, change, anchor.chainId, governance, verifySignature);
    if (typeof outcome === 'string') return outcome;
    next = outcome;
  }
  if (replacedKeys(configuration, next) > Math.max(1, faultBound(configuration.validators.length)))
    return 'GOVERNANCE_TOO_MANY_CHANGES';
  const names = next.observers.map(({ peerId }) => peerId);
  const validators = new Set(next.validators.map(({ peerId }) => peerId));
  const sound =
    validatorsFault(next.validators) === undefined &&
    parametersFault(next.parameters) === undefined &&
    new Set(names).size === names.length &&
    !names.some((peerId) => validators.has(peerId));
  return sound ? next : 'GOVERNANCE_BAD_CONFIGURATION';
};

/**
 * Validators whose key is new, or gone, whichever are more: a replaced one counts once. At most f may change an epoch,
 * so that the old and the new set share an honest quorum's worth of members.
 */
const replacedKeys = (before: Configuration, after: Configuration): number => {
  const keysOf = ({ validators }: Configuration) => new Set(validators.map(({ validatorKey }) => validatorKey));
  const [old, fresh] = [keysOf(before), keysOf(after)];
  return Math.max([...fresh].filter((key) => !old.has(key)).length, [...old].filter((key) => !fresh.has(key)).length);
};

const applyChange = (
  configuration: Configuration,
  change: Change,
  chainId: ChainId,
  governance: Governance,
  verifySignature: VerifySignature,
): Configuration | SystemFault => {
  const { validators, observers } = configuration;
  switch (change.kind) {
    case 'addValidator': {
      const { validator } = change;
      if (validator.contribution !== undefined || !governance.admits(validator)) return 'GOVERNANCE_NOT_ADMITTED';
      // Whoever joins as a validator stops being an observer.
      const others = observers.filter(({ peerId }) => peerId !== validator.peerId);
      return { ...configuration, validators: [...validators, validator], observers: others };
    }
    case 'removeValidator': {
      const rest = validators.filter(({ validatorKey }) => validatorKey !== change.validatorKey);
      if (rest.length === validators.length) return 'GOVERNANCE_UNKNOWN_VALIDATOR';
      return { ...configuration, validators: rest };
    }
    case 'rotateKey': {
      const { validatorKey, newKey, proof } = change;
      if (!validators.some((validator) => validator.validatorKey === validatorKey))
        return 'GOVERNANCE_UNKNOWN_VALIDATOR';
      if (!verifySignature(proof, keyRotationBytes(chainId, validatorKey, newKey), newKey))
        return 'GOVERNANCE_BAD_PROOF';
      const rotated = validators.map((validator) =>
        validator.validatorKey === validatorKey ? { ...validator, validatorKey: newKey } : validator,
      );
      return { ...configuration, validators: rotated };
    }
    case 'setParameters':
      return { ...configuration, parameters: change.parameters };
    case 'addObserver':
      return { ...configuration, observers: [...observers, change.observer] };
    case 'removeObserver': {
      const rest = observers.filter(({ peerId }) => peerId !== change.peerId);
      return rest.length === observers.length ? 'GOVERNANCE_UNKNOWN_OBSERVER' : { ...configuration, observers: rest };
    }
    default:
      return assertNever(change);
  }
};
