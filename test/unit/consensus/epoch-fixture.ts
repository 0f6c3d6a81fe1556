/** Changes of the validators as tests make them: signed change lists, words of readiness, a closing block and its tails. */
import { encode } from '../../../protocol/codec.ts';
import type { BlockHash, Height } from '../../../protocol/brand.ts';
import { height } from '../../../protocol/brand.ts';
import { configurationHash } from '../../../protocol/consensus/configuration.ts';
import {
  type Change,
  encodeChangeList,
  governanceBytes,
  type Readiness,
  readinessBytes,
} from '../../../protocol/consensus/governance.ts';
import { evaluateSystem } from '../../../protocol/consensus/reconfigure.ts';
import { systemTransactionCodec } from '../../../protocol/consensus/system.ts';
import {
  fakeGovernance,
  fakeSign,
  fakeValidator,
  fakeVerify,
  keyOf,
  MEMBER_KEY,
  SIM_CHAIN,
} from '../../sim/fake-crypto.ts';
import { anchorOf, blockOn, pointOf, type TestBlock } from './harness.ts';

/** The epoch that ends. */
export const anchor = anchorOf(4);
/** Its base. */
export const { base } = anchor;

/** A word of readiness by the machine with a number. */
export const readyAt = (machine: number, at: number, blockHash: BlockHash): Readiness => {
  const word = { validatorKey: keyOf(machine), height: height(at), blockHash };
  return { ...word, signature: fakeSign(readinessBytes(SIM_CHAIN, anchor.epoch, word), word.validatorKey) };
};

/** An encoded governance transaction. */
export const governance = (
  changes: readonly Change[],
  options: { epoch?: number; expiry?: number; readiness?: Readiness[]; signed?: boolean } = {},
): Uint8Array => {
  const changeList = encodeChangeList({
    chainId: SIM_CHAIN,
    epoch: (options.epoch ?? 1) as typeof anchor.epoch,
    expiryHeight: (options.expiry ?? 1_000) as Height,
    changes,
  });
  const signature = fakeSign(governanceBytes(SIM_CHAIN, changeList), options.signed === false ? keyOf(1) : MEMBER_KEY);
  const transaction = { changeList, signatures: [{ member: 0, signature }], readiness: options.readiness ?? [] };
  return encode(systemTransactionCodec, { kind: 'governance', transaction });
};

/** A change that adds the validator on a machine. */
export const join = (machine: number): Change => ({ kind: 'addValidator', validator: fakeValidator(machine) });
/** A change that removes it. */
export const leave = (machine: number): Change => ({ kind: 'removeValidator', validatorKey: keyOf(machine) });
/** One validator leaves, another one comes. */
export const swap = [leave(3), join(7)];
/** The same as a transaction that is valid at height 1. */
export const swapNow = governance(swap, { readiness: [readyAt(7, 0, base.id)] });

/** What a system section does. */
export const outcomeOf = (
  section: readonly Uint8Array[],
  place = { height: 1, timeMs: base.timeMs + 1 },
  of = anchor,
) => evaluateSystem(of, fakeGovernance, section, place, fakeVerify);

/** The configuration that it leads to. */
export const nextOf = (section: readonly Uint8Array[]) => {
  const outcome = outcomeOf(section);
  if (outcome.verdict === 'invalid' || outcome.next === undefined) throw new Error('not a change');
  return outcome.next;
};

/** Hash of the configuration after the swap. */
export const nextHash = configurationHash(SIM_CHAIN, nextOf([swapNow]));

/** A closing block of view 1. */
export const closing = blockOn(4, base, 1, {
  transactions: 0,
  system: [swapNow],
  change: { nextConfigHash: nextHash },
});
/** A tail of the closing block on a block of its epoch. */
export const tailOn = (parent: TestBlock, view: number, change = {}): TestBlock =>
  blockOn(4, pointOf(parent), view, {
    transactions: 0,
    change: { kind: 'tail', height: parent.header.height, nextConfigHash: nextHash, ...change },
  });
