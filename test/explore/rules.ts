/**
 * The rules of agreement as the explorer asks them: the product's own functions, one call at a time. Which votes exclude
 * each other say `cast` and `finalizeNotarized` (R5, R6, R8), which blocks may be voted for says `judge` (V1–V11), how
 * many votes make a certificate says `quorumOf`. None of it is written here a second time.
 *
 * A weakening is planted around them: another quorum, a guard that forgets, a judge who is shown something else.
 */
import type { ValidatorIndex } from '../../protocol/brand.ts';
import { height, view as viewNumber } from '../../protocol/brand.ts';
import type { Certificate } from '../../protocol/consensus/certificate.ts';
import { justificationRoot } from '../../protocol/consensus/justification.ts';
import { type VoteKind, ZERO_HASH } from '../../protocol/consensus/vote.ts';
import { quorumOf } from '../../protocol/genesis.ts';
import { cast } from '../../consensus/cast.ts';
import { finalizeNotarized } from '../../consensus/finalize.ts';
import * as core from '../../consensus/state.ts';
import { indexCertificate } from '../../consensus/tally.ts';
import { newTurn, type Turn } from '../../consensus/turn.ts';
import { judge } from '../../consensus/validity.ts';
import { fakeAnchor, fakeGovernance, fakeVerify, GENESIS_MS } from '../sim/fake-crypto.ts';
import { permutations, subsets } from '../support/combinatorics.ts';
import { blockOn, certificate, pointOf, type TestBlock } from '../unit/consensus/harness.ts';
import { ALL_BITS, candidates, FINALIZED, NOTARIZED, NULLIFIED, slotOf, viewOf } from './notation.ts';

/** A planted change of the rules. */
export interface Weakening {
  readonly quorum?: (validators: number) => number;
  /** Changes what the guard knows of the own votes in a view while it is asked for one of this kind. */
  readonly forget?: (own: core.OwnVotes, kind: VoteKind) => void;
  /** What the judge is shown in place of a block. */
  readonly show?: (block: core.BlockState, validators: number) => core.BlockState;
}

/** Votes that make a certificate. */
export const quorumUnder = (weakening: Weakening, validators: number): number =>
  (weakening.quorum ?? quorumOf)(validators);

/** A core that has started and knows nothing, at work. */
const freshTurn = (validators: number): Turn => {
  const anchor = fakeAnchor(validators);
  const config = { anchor, self: 0 as ValidatorIndex, governance: fakeGovernance, verifySignature: fakeVerify };
  const state = core.initialState(config, core.basePoint(anchor), { recent: new Map(), later: [] });
  state.started = true;
  return newTurn(state, { monotonicMs: 1, wallMs: GENESIS_MS });
};

/** The occasion for one vote in view 1 comes; says whether the guard let it be cast. */
const offer = (turn: Turn, bit: number, blocks: readonly TestBlock[], weakening: Weakening): boolean => {
  const { state, records } = turn;
  const number = viewNumber(1);
  const view = core.viewOf(state, number);
  const kind: VoteKind = bit === NULLIFIED ? 'nullify' : bit < FINALIZED[0] ? 'notarize' : 'finalize';
  const hash = kind === 'nullify' ? ZERO_HASH : (blocks[slotOf(ALL_BITS.indexOf(bit as 1))]?.id ?? ZERO_HASH);
  const before = records.length;
  const known = { ...view.own };
  weakening.forget?.(view.own, kind);
  if (kind === 'finalize') {
    indexCertificate(state, view, certificate(state.validators, 'notarize', number, hash));
    finalizeNotarized(turn);
  } else cast(turn, kind, number, hash);
  const voted = records.length > before;
  Object.assign(view.own, known, voted ? { [kind]: view.own[kind] } : {});
  return voted;
};

/**
 * The largest sets of votes that the guard lets one validator cast in one view, over all orders in which the occasions
 * may come. Whatever an honest validator has cast is part of one of them.
 */
export const votePlans = (validators: number, weakening: Weakening = {}): number[] => {
  const { base } = fakeAnchor(validators);
  const blocks = [1, 2].map((transactions) => blockOn(validators, base, 1, { transactions }));
  const plans = permutations(ALL_BITS).map((order) => {
    const turn = freshTurn(validators);
    return order.reduce((votes, bit) => (offer(turn, bit, blocks, weakening) ? votes | bit : votes), 0);
  });
  const distinct = [...new Set(plans)].sort((a, b) => a - b);
  return distinct.filter((plan) => !distinct.some((other) => other !== plan && (other & plan) === plan));
};

const asState = (block: TestBlock): core.BlockState => ({
  ...block,
  body: 'present',
  sound: true,
  recorded: true,
  objective: 'unknown',
  effect: undefined,
  unheld: viewNumber(block.header.parentView + 1),
});

/** The certificates of a view that name its blocks, and its nullification. */
interface ViewCertificates {
  readonly notarize: readonly Certificate[];
  readonly finalize: readonly Certificate[];
  readonly nullify: Certificate;
}

/**
 * Which parents the product accepts for a block, given the certificates that exist. The leader is Byzantine: it names
 * any earlier block, with any certificate as that of the parent and any list of nullifications.
 */
export class ParentJudge {
  readonly #validators: number;
  readonly #weakening: Weakening;
  readonly #turn: Turn;
  readonly #blocks: readonly TestBlock[];
  readonly #certificates: readonly ViewCertificates[];
  readonly #accepted = new Map<string, readonly number[]>();

  constructor(validators: number, views: number, weakening: Weakening = {}) {
    this.#validators = validators;
    this.#weakening = weakening;
    const { base } = fakeAnchor(validators);
    this.#blocks = Array.from({ length: 2 * views }, (_, block) => {
      const below = { ...base, height: height(viewOf(block) - 1) };
      return blockOn(validators, below, viewOf(block), { transactions: slotOf(block) + 1 });
    });
    this.#certificates = Array.from({ length: views }, (_, index) => {
      const of = (kind: VoteKind): Certificate[] =>
        this.#blocks.slice(2 * index, 2 * index + 2).map(({ id }) => certificate(validators, kind, index + 1, id));
      return {
        notarize: of('notarize'),
        finalize: of('finalize'),
        nullify: certificate(validators, 'nullify', index + 1),
      };
    });
    this.#turn = freshTurn(validators);
    for (const block of this.#blocks) this.#turn.state.blocks.set(block.id, asState(block));
  }

  /** Acceptable parents of a block in the view after those whose certificates are given. */
  parents(certificates: readonly number[]): readonly number[] {
    const key = certificates.join();
    const known = this.#accepted.get(key);
    if (known !== undefined) return known;
    const accepted = candidates(certificates.length).filter((parent) => this.#accepts(parent, certificates));
    this.#accepted.set(key, accepted);
    return accepted;
  }

  #accepts(parent: number, certificates: readonly number[]): boolean {
    const below = this.#blocks[parent];
    const point = below === undefined ? fakeAnchor(this.#validators).base : pointOf(below);
    const proposal = asState(blockOn(this.#validators, point, certificates.length + 1));
    const held = certificates.flatMap((bits, index) => this.#held(bits, index));
    const lists = subsets(held.filter(({ kind }) => kind === 'nullify'));
    return [undefined, ...held.filter(({ kind }) => kind !== 'nullify')].some((claimed) =>
      lists.some((nullifications) => {
        const block = { ...proposal, justification: { parent: claimed, nullifications } };
        const { header, justification, ...rest } = this.#weakening.show?.(block, this.#validators) ?? block;
        const hashed = { ...header, justRoot: justificationRoot(justification) };
        return judge(this.#turn, { ...rest, header: hashed, justification }) === 'valid';
      }),
    );
  }

  #held(bits: number, index: number): Certificate[] {
    const all = this.#certificates[index];
    if (all === undefined) return [];
    const those = (kind: 'notarize' | 'finalize', of: readonly number[]): Certificate[] =>
      all[kind].filter((_, slot) => (bits & (of[slot] ?? 0)) !== 0);
    const nullified = (bits & NULLIFIED) === 0 ? [] : [all.nullify];
    return [...those('notarize', NOTARIZED), ...those('finalize', FINALIZED), ...nullified];
  }
}
