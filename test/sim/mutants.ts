/**
 * Known mistakes (consensus design §5.5), planted around the core: in its inputs, its effects, its disk or its
 * configuration. The simulator must find each of them.
 */
import type { Certificate } from '../../protocol/consensus/certificate.ts';
import type { View } from '../../protocol/brand.ts';
import { ZERO_HASH } from '../../protocol/consensus/vote.ts';
import type { Lie } from './scenario.ts';
import type { Hooks } from './sim-node.ts';
import type { Variation } from './simulate.ts';

/** A planted mistake and the conditions under which it shows most often. */
export interface Mutant {
  readonly name: string;
  readonly validators: number;
  readonly variation: Variation;
  /** Seeds within which it must be found. */
  readonly seeds: number;
}

const liar = (lie: Lie): Pick<Variation, 'scenario'> => ({
  scenario: (drawn) => ({ ...drawn, liars: new Map([[1, lie]]) }),
});

const finalizeThoughNullified: Hooks = {
  effect: (node, effect) => {
    if (effect.kind !== 'relay' || effect.certificate.kind !== 'notarize') return false;
    const { view, hash, epoch } = effect.certificate;
    const own = node.core?.views.get(view)?.own;
    if (own?.nullify === true && own.finalize === undefined) {
      node.disk.log.push({ kind: 'vote', vote: { kind: 'finalize', epoch, view, hash } });
      node.cast({ kind: 'finalize', epoch, view, hash }, 'all', undefined);
    }
    return false;
  },
};

const fillGap = (first: number, last: number, epoch: number): Certificate[] => {
  const filled: Certificate[] = [];
  for (let view = first; view < last; view += 1) {
    const statement = { kind: 'nullify', epoch: epoch as never, view: view as View, hash: ZERO_HASH } as const;
    filled.push({ ...statement, bitmap: new Uint8Array(1), signatures: new Uint8Array(0) });
  }
  return filled;
};

const gapNotChecked: Hooks = {
  event: (_node, event) => {
    if (event.kind !== 'proposal') return event;
    const { header, justification } = event.proposal;
    const nullifications = fillGap(header.parentView + 1, header.view, header.epoch);
    return { ...event, proposal: { ...event.proposal, justification: { ...justification, nullifications } } };
  },
};

const noLog: Hooks = { records: () => [] };
const noRepair: Hooks = { effect: (_node, effect) => effect.kind === 'broadcastStatus' };
const notRetallied: Hooks = { effect: (_node, effect) => effect.kind === 'cast' && effect.audience === 'none' };
const bodyNotNeeded: Hooks = {
  event: (_node, event) => (event.kind === 'proposal' ? { ...event, body: 'present' } : event),
};

/** All planted mistakes. */
export const mutants: readonly Mutant[] = [
  {
    name: 'finalise although nullified',
    validators: 4,
    variation: { mutant: finalizeThoughNullified, outcomeOnly: true },
    seeds: 200,
  },
  {
    name: 'parent gap not checked',
    validators: 4,
    variation: { mutant: gapNotChecked, ...liar('unjustified') },
    seeds: 200,
  },
  {
    name: 'quorum 2f + 1 at n = 6',
    validators: 6,
    variation: { quorum: 3, ...liar('equivocate') },
    seeds: 200,
  },
  { name: 'no write-ahead log', validators: 4, variation: { mutant: noLog }, seeds: 400 },
  { name: 'no STATUS repair', validators: 4, variation: { mutant: noRepair }, seeds: 100 },
  {
    name: 'own votes not tallied again after a restart',
    validators: 4,
    variation: { mutant: notRetallied },
    seeds: 800,
  },
  {
    name: 'notarise without the body',
    validators: 4,
    variation: { mutant: bodyNotNeeded, ...liar('withhold') },
    seeds: 200,
  },
];
