/** Changes of the validator set as the model's closing blocks name them, in the form that real blocks carry them. */
import type { BlockHash, Height } from '../../protocol/brand.ts';
import { encode } from '../../protocol/codec.ts';
import { anchorOf, type EpochAnchor } from '../../protocol/consensus/configuration.ts';
import {
  type Change,
  encodeChangeList,
  type GovernanceTransaction,
  governanceBytes,
  readinessBytes,
} from '../../protocol/consensus/governance.ts';
import type { Header } from '../../protocol/consensus/header.ts';
import { leaderOrder } from '../../protocol/consensus/leader.ts';
import { evaluateSystem } from '../../protocol/consensus/reconfigure.ts';
import { type SystemSection, systemTransactionCodec } from '../../protocol/consensus/system.ts';
import {
  fakeGovernance,
  fakeSign,
  fakeValidator,
  fakeVerify,
  keyOf,
  machineOf,
  MEMBER_KEY,
} from '../sim/fake-crypto.ts';

/** Machines of an epoch's validators, in leader order. */
export const leadersOf = (anchor: EpochAnchor): number[] =>
  leaderOrder(anchor).map((index) => machineOf(anchor.configuration.validators[index] as never));

/** The section of a block after which these machines are the validators. Joiners vouch for the base of the epoch. */
export const sectionFor = (anchor: EpochAnchor, machines: readonly number[]): SystemSection => {
  const present = anchor.configuration.validators.map(machineOf);
  const joiners = machines.filter((machine) => !present.includes(machine));
  const changes: Change[] = [
    ...present
      .filter((machine) => !machines.includes(machine))
      .map((machine) => ({ kind: 'removeValidator', validatorKey: keyOf(machine) }) as const),
    ...joiners.map((machine) => ({ kind: 'addValidator', validator: fakeValidator(machine) }) as const),
  ];
  const { chainId, epoch, base } = anchor;
  const changeList = encodeChangeList({ chainId, epoch, expiryHeight: (base.height + 1_000) as Height, changes });
  const readiness = joiners.map((machine) => {
    const word = { validatorKey: keyOf(machine), height: base.height as Height, blockHash: base.id };
    return { ...word, signature: fakeSign(readinessBytes(chainId, epoch, word), keyOf(machine)) };
  });
  const signatures = [{ member: 0, signature: fakeSign(governanceBytes(chainId, changeList), MEMBER_KEY) }];
  const transaction: GovernanceTransaction = { changeList, signatures, readiness };
  return [encode(systemTransactionCodec, { kind: 'governance', transaction })];
};

/** The epoch that stands on a block; undefined unless it is a closing one. */
export const anchorOn = (
  anchor: EpochAnchor,
  block: { readonly id: BlockHash; readonly header: Header; readonly system: SystemSection },
): EpochAnchor | undefined => {
  const { id, header, system } = block;
  const verdict = evaluateSystem(anchor, fakeGovernance, system, header, fakeVerify);
  if (verdict.verdict === 'invalid' || verdict.next === undefined) return undefined;
  return anchorOf(anchor.chainId, verdict.next, { ...header, id });
};
