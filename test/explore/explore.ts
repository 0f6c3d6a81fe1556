/**
 * The exhaustive exploration of agreement over a few views (consensus design §2.7, §5.2). All leaders are Byzantine:
 * every view has two blocks, each on any earlier block or the base, justified by any certificates that exist. Byzantine
 * validators cast every vote; honest ones whatever the guard permits, in every view, at any time.
 *
 * Why there is no search over orders: a rule asks either for certificates, of which there only ever are more, or for the
 * own earlier votes in the same view. So all that can happen is part of what happens when each honest validator has one
 * of its largest plans of votes for each view and casts all that the certificates allow. A violation once there stays.
 *
 * Why so few cases stand for so many: later views and the properties see a view's certificates, not who voted. All ways
 * to give plans to validators that end in the same certificates are one outcome, weighted by their number; all parents
 * without justification are one choice; and histories that differ only in blocks that nobody can build on continue alike.
 */
import { faultBound } from '../../protocol/genesis.ts';
import { assignments } from '../support/combinatorics.ts';
import { ALL_BITS, candidates, FINALIZED, has, type History, NOTARIZED, NULLIFIED } from './notation.ts';
import { PROPERTIES, type Property } from './properties.ts';
import { ParentJudge, quorumUnder, votePlans, type Weakening } from './rules.ts';

/** What is to be explored. */
export interface Space {
  readonly validators: number;
  readonly views: number;
  readonly weakening?: Weakening;
  /** The one property to watch, instead of all. */
  readonly only?: Property;
}

/** A history that breaks a property. */
export interface Finding {
  readonly property: string;
  readonly history: History;
  /** What each honest validator voted, view by view. */
  readonly votes: readonly (readonly number[])[];
}

/** Result of an exploration. */
export interface Exploration {
  /** Histories that were judged, shorter ones included; the last of them is the finding, if there is one. */
  readonly cases: number;
  /** Choices of vote plans and parents for all views that these stand for. */
  readonly represented: bigint;
  readonly finding: Finding | undefined;
}

/** One way in which a view can end. */
interface Outcome {
  readonly certificates: number;
  /** Votes of the honest validators, as one of the assignments has them. */
  readonly votes: readonly number[];
  /** Number of assignments. */
  weight: bigint;
}

const certified = (votes: readonly number[], needed: number): number => {
  let held = 0;
  for (const bit of ALL_BITS) {
    let count = 0;
    for (const cast of votes) if ((cast & bit) !== 0) count += 1;
    if (count >= needed) held |= bit;
  }
  return held;
};

/** The ways a view can end when the first and second of its blocks are justified or not, as the two bits say. */
const outcomesOf = (plans: readonly (readonly number[])[], needed: number, justified: number): Outcome[] => {
  const found = new Map<number, Outcome>();
  for (const plan of plans) {
    const early = plan.map((cast) => cast & (justified | NULLIFIED));
    const notarized = certified(early, needed) & (NOTARIZED[0] | NOTARIZED[1]);
    const votes = plan.map((cast) => cast & (justified | NULLIFIED | (notarized * FINALIZED[0])));
    const certificates = certified(votes, needed);
    const known = found.get(certificates);
    if (known === undefined) found.set(certificates, { certificates, votes, weight: 1n });
    else known.weight += 1n;
  }
  return [...found.values()];
};

interface Choice {
  readonly parent: number;
  readonly justified: 0 | 1;
  readonly weight: bigint;
}

/** Parents for a block: each acceptable one, and all others as one. */
const choicesOf = (judge: ParentJudge, certificates: readonly number[]): Choice[] => {
  const good = judge.parents(certificates);
  const [bad, ...more] = candidates(certificates.length).filter((parent) => !good.includes(parent));
  const choices = good.map((parent): Choice => ({ parent, justified: 1, weight: 1n }));
  return bad === undefined ? choices : [...choices, { parent: bad, justified: 0, weight: 1n + BigInt(more.length) }];
};

/**
 * What the continuations of a history depend on. Where P4 holds, no certified block ever stands on one without a
 * notarization, so the parent of such a block no longer matters.
 */
const essenceOf = (history: History): string => {
  const parents = history.parents.map((parent, block) => (has(history, block, NOTARIZED) ? parent : ''));
  return `${history.certificates.join()};${parents.join()}`;
};

/** Explores a space completely, or up to the first history that breaks a property. */
export const explore = ({ validators, views, weakening = {}, only }: Space): Exploration => {
  const honest = validators - faultBound(validators);
  const needed = quorumUnder(weakening, validators) - faultBound(validators);
  const plans = assignments(votePlans(validators, weakening), honest);
  const outcomes = [0, 1, 2, 3].map((justified) => outcomesOf(plans, needed, justified));
  const judge = new ParentJudge(validators, views, weakening);
  const properties = only === undefined ? PROPERTIES : [only];
  const parents: number[] = [];
  const certificates: number[] = [];
  const votes: (readonly number[])[] = [];
  const history = { parents, certificates };
  const seen = new Map<string, bigint>();
  let cases = 0;
  let finding: Finding | undefined;

  /** Goes through all continuations; returns what they stand for. */
  const visit = (view: number): bigint => {
    if (view > views) return 1n;
    const essence = essenceOf(history);
    const known = only === undefined ? seen.get(essence) : undefined;
    if (known !== undefined) return known;
    let represented = 0n;
    const choices = choicesOf(judge, certificates);
    for (const first of choices) {
      for (const second of choices) {
        for (const outcome of outcomes[first.justified + 2 * second.justified] ?? []) {
          parents.push(first.parent, second.parent);
          certificates.push(outcome.certificates);
          votes.push(outcome.votes);
          cases += 1;
          const broken = properties.find((property) => !property.holds(history, view));
          if (broken !== undefined)
            finding = { property: broken.name, history: structuredClone(history), votes: [...votes] };
          else represented += first.weight * second.weight * outcome.weight * visit(view + 1);
          if (finding !== undefined) return represented;
          parents.length -= 2;
          certificates.length -= 1;
          votes.length -= 1;
        }
      }
    }
    seen.set(essence, represented);
    return represented;
  };
  return { represented: visit(1), cases, finding };
};

/** Number of choices of plans and parents for all views: what a complete exploration represents. */
export const sizeOf = ({ validators, views, weakening = {} }: Space): bigint => {
  const plans = BigInt(votePlans(validators, weakening).length) ** BigInt(validators - faultBound(validators));
  let size = 1n;
  for (let view = 1; view <= views; view += 1) size *= plans * BigInt(2 * view - 1) ** 2n;
  return size;
};
