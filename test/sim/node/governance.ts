/**
 * Governance of simulated nodes: change lists that the one member signs, while faults go on. Validators join, leave, and are
 * evicted where evidence convicts them; parameters change.
 */
import { ed25519Sign } from '#primitives';
import type { Height } from '../../../protocol/brand.ts';
import { type Change, encodeChangeList, governanceBytes } from '../../../protocol/consensus/governance.ts';
import type { EpochAnchor } from '../../../protocol/consensus/configuration.ts';
import { isCloisterError } from '../../../protocol/errors.ts';
import { faultBound, type Validator } from '../../../protocol/genesis.ts';
import { secretOf } from '../../support/tiny-genesis.ts';
import type { Random } from '../random.ts';
import type { Machine } from './machine.ts';
import { NETWORK, validatorOf } from './parties.ts';
import { machineOf } from './peers.ts';
import type { PeerName } from '../../../node/network/types.ts';

const VALID_BLOCKS = 10_000;
const MEMBER_SECRET = secretOf(`${NETWORK}/member/0`);

const numberOf = ({ peerId }: Validator): number => machineOf(peerId as PeerName);

/** What changes are drawn from. */
export interface Electorate {
  readonly machines: readonly Machine[];
  isHonest(machine: number): boolean;
  /** Machines that evidence accuses. */
  readonly accused: ReadonlySet<number>;
}

/** Draws other parameters, a join, a removal, or both; undefined when too many liars would vote. */
const drawChanges = (
  { configuration }: EpochAnchor,
  { machines, isHonest, accused }: Electorate,
  random: Random,
): Change[] | undefined => {
  const { validators, parameters } = configuration;
  if (random.chance(0.1))
    return [{ kind: 'setParameters', parameters: { ...parameters, baseTimeoutMs: 200 + random.below(300) } }];
  const outside = machines
    .map(({ number }) => number)
    .filter((number) => !validators.some((one) => numberOf(one) === number));
  const joiner = outside[random.below(Math.max(1, outside.length))];
  const drawn = validators[random.below(validators.length)] as Validator;
  const convicted = validators.find((one) => accused.has(numberOf(one)));
  const leaver = random.chance(0.8) ? (convicted ?? drawn) : drawn;
  const leaves = random.chance(convicted === undefined ? 0.5 : 0.9) && (joiner !== undefined || validators.length > 4);
  const changes: Change[] = [];
  if (leaves) changes.push({ kind: 'removeValidator', validatorKey: leaver.validatorKey });
  if (joiner !== undefined) changes.push({ kind: 'addValidator', validator: validatorOf(joiner) });
  const next = validators.filter((one) => !leaves || one !== leaver).map(numberOf);
  if (joiner !== undefined) next.push(joiner);
  const liars = next.filter((machine) => !isHonest(machine)).length;
  return changes.length > 0 && liars <= faultBound(next.length) ? changes : undefined;
};

const nameOf = (change: Change, { accused }: Electorate): string => {
  if (change.kind === 'addValidator') return 'join';
  if (change.kind !== 'removeValidator') return change.kind;
  return [...accused].some((machine) => validatorOf(machine).validatorKey === change.validatorKey)
    ? 'eviction'
    : 'leave';
};

/** Proposes a change of the configuration to every node that runs; names what it would change. */
export const proposeChange = (anchor: EpochAnchor, electorate: Electorate, random: Random): readonly string[] => {
  const { machines } = electorate;
  const changes = drawChanges(anchor, electorate, random);
  if (changes === undefined) return [];
  const { chainId, epoch, base } = anchor;
  const expiryHeight = (base.height + VALID_BLOCKS) as Height;
  const changeList = encodeChangeList({ chainId, epoch, expiryHeight, changes });
  const signature = ed25519Sign(governanceBytes(chainId, changeList), MEMBER_SECRET);
  for (const machine of machines) {
    machine.use(({ service }) => {
      try {
        service.propose({ changeList, signatures: [{ member: 0, signature }], readiness: [] });
      } catch (error) {
        // A node that is in another epoch already refuses it.
        if (!isCloisterError(error, 'GOVERNANCE_REFUSED')) throw error;
      }
    });
  }
  return changes.map((change) => nameOf(change, electorate));
};
