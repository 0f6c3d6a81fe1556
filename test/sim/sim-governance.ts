/**
 * Governance of a simulated world: change lists signed by its one member while faults go on. Membership rotates, grows
 * and shrinks; removed machines stay on as observers, and never more than f liars vote in one epoch.
 */
import type { ChainId, Height } from '../../protocol/brand.ts';
import type { Configuration, EpochAnchor } from '../../protocol/consensus/configuration.ts';
import {
  type Change,
  changeListId,
  encodeChangeList,
  type GovernanceTransaction,
  governanceBytes,
  type Readiness,
  readinessBytes,
} from '../../protocol/consensus/governance.ts';
import { systemTransactionCodec } from '../../protocol/consensus/system.ts';
import { encode } from '../../protocol/codec.ts';
import { faultBound, type Validator } from '../../protocol/genesis.ts';
import { fakeObserver, fakeSign, fakeValidator, keyOf, machineOf, MEMBER_KEY, SIM_CHAIN } from './fake-crypto.ts';
import type { SimNode } from './sim-node.ts';
import type { World } from './world.ts';

/** How often a change list that waits is offered again, with fresh readiness. */
const RENEW_MS = 300;
const MAX_RENEWALS = 20;
const VALID_BLOCKS = 1_000_000;

const liarsAmong = (world: World, validators: readonly Validator[]): number =>
  validators.filter((validator) => !world.isHonest(machineOf(validator))).length;

/** The honest machine that is furthest ahead. */
const furthest = (world: World): SimNode | undefined => {
  const up = world.honest().filter((node) => node.up);
  return up.sort((a, b) => b.anchor.epoch - a.anchor.epoch || b.disk.ledger.length - a.disk.ledger.length)[0];
};

const without = (configuration: Configuration, machine: number): readonly Validator[] =>
  configuration.validators.filter((validator) => machineOf(validator) !== machine);

/** Draws changes that keep at most f liars among the validators; undefined when this draw would not. */
const drawChanges = (world: World, configuration: Configuration): Change[] | undefined => {
  const { random } = world;
  const { validators, observers, parameters } = configuration;
  const lot = random.next();
  if (lot < 0.1) {
    const baseTimeoutMs = 200 + random.below(300);
    return [{ kind: 'setParameters', parameters: { ...parameters, baseTimeoutMs } }];
  }
  const leaver = machineOf(validators[random.below(validators.length)] as Validator);
  const joiner = observers.length === 0 ? undefined : machineOf(observers[random.below(observers.length)] as never);
  const adds = joiner !== undefined && (lot < 0.75 || validators.length <= 4);
  const removes = lot < 0.55 || lot >= 0.75;
  const changes: Change[] = [];
  let next = validators;
  if (removes && (validators.length > 4 || adds)) {
    next = without(configuration, leaver);
    changes.push({ kind: 'removeValidator', validatorKey: keyOf(leaver) });
    changes.push({ kind: 'addObserver', observer: fakeObserver(leaver) });
  }
  if (adds) {
    next = [...next, fakeValidator(joiner)];
    changes.push({ kind: 'addValidator', validator: fakeValidator(joiner) });
  }
  return changes.length > 0 && liarsAmong(world, next) <= faultBound(next.length) ? changes : undefined;
};

/** What the joiners' replicas vouch for; undefined while one has nothing to show. */
const readinessOf = (world: World, anchor: EpochAnchor, changes: readonly Change[]): Readiness[] | undefined => {
  const words: Readiness[] = [];
  for (const change of changes) {
    if (change.kind !== 'addValidator') continue;
    const { validatorKey } = change.validator;
    const ledger = world.nodes[machineOf(change.validator)]?.[0]?.disk.ledger;
    const newest = ledger?.at(-1)?.block;
    if (newest === undefined) return undefined;
    const word = { validatorKey, height: newest.header.height as Height, blockHash: newest.id };
    words.push({
      ...word,
      signature: fakeSign(readinessBytes(SIM_CHAIN as ChainId, anchor.epoch, word), validatorKey),
    });
  }
  return words;
};

/** Proposes a change of the configuration, and renews it until the epoch has ended. */
export const proposeChange = (world: World): void => {
  const reference = furthest(world);
  if (reference === undefined) return;
  const { anchor } = reference;
  const changes = drawChanges(world, anchor.configuration);
  if (changes === undefined) return;
  const expiryHeight = (anchor.base.height + VALID_BLOCKS) as Height;
  const changeList = encodeChangeList({ chainId: SIM_CHAIN, epoch: anchor.epoch, expiryHeight, changes });
  const signatures = [{ member: 0, signature: fakeSign(governanceBytes(SIM_CHAIN, changeList), MEMBER_KEY) }];
  world.changes += 1;
  const offer = (left: number): void => {
    if (left === 0 || (furthest(world)?.anchor.epoch ?? 0) > anchor.epoch) return;
    const readiness = readinessOf(world, anchor, changes);
    if (readiness !== undefined) {
      const transaction: GovernanceTransaction = { changeList, signatures, readiness };
      world.offerSystem(changeListId(changeList), encode(systemTransactionCodec, { kind: 'governance', transaction }));
    }
    world.agenda.at(world.agenda.nowMs + RENEW_MS, () => offer(left - 1));
  };
  offer(MAX_RENEWALS);
};
