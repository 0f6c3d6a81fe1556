/** Wrong runs: what a faulty validator's records would look like, planted into the run of honest ones. */
import type { Fact, Run } from './facts.ts';

/** A run with one wrong fact in it. */
export interface Planted {
  readonly name: string;
  readonly run: Run;
}

/** The fact of a kind; some kinds share a shape. */
type Of<K extends Fact['kind'], F = Fact> = F extends { readonly kind: infer G } ? (K extends G ? F : never) : never;

/** Facts kept after the wrong one: enough for a consequence that only shows later. */
const AFTERMATH = 12;

const find = <K extends Fact['kind']>(
  facts: readonly Fact[],
  kind: K,
  suits: (fact: Of<K>, position: number) => boolean,
): readonly [number, Of<K>] | undefined => {
  for (const [position, fact] of facts.entries()) {
    if (fact.kind === kind && suits(fact as Of<K>, position)) return [position, fact as Of<K>];
  }
  return undefined;
};

const splice = (facts: readonly Fact[], position: number, remove: number, ...insert: Fact[]): Fact[] => [
  ...facts.slice(0, position),
  ...insert,
  ...facts.slice(position + remove),
];

const before = (facts: readonly Fact[], end: number, kind: Fact['kind'], suits: (fact: Fact) => boolean): number =>
  facts.findLastIndex((fact, position) => position < end && fact.kind === kind && suits(fact));

/** Every planting that the run has a place for. */
export const plantInto = (run: Run): Planted[] => {
  const { facts } = run;
  const viewOf = new Map<number, number>();
  for (const fact of facts) if (fact.kind === 'Proposed') viewOf.set(viewOf.size + 1, fact.view);
  const planted: Planted[] = [];
  const plant = (name: string, position: number, wrong: readonly Fact[]): void => {
    planted.push({ name, run: { ...run, facts: wrong.slice(0, position + AFTERMATH) } });
  };

  const notarized = find(facts, 'Notarized', () => true);
  if (notarized !== undefined) {
    const [at, fact] = notarized;
    plant('a block notarised twice', at, splice(facts, at + 1, 0, fact));
  }

  const finalized = find(facts, 'Finalized', () => true);
  if (finalized !== undefined) {
    const [at, { by, epoch, id }] = finalized;
    const isHeld = (fact: Fact): boolean => fact.kind === 'HeldNotarization' && fact.by === by && fact.id === id;
    const held = before(facts, at, 'HeldNotarization', isHeld);
    const view = viewOf.get(id) ?? 0;
    plant('finalised although nullified', at, splice(facts, held, 0, { kind: 'Nullified', by, epoch, view }));
    plant('finalised without holding the notarization', at, splice(facts, held, 1));
  }

  const certificate = find(facts, 'HeldNotarization', () => true);
  if (certificate !== undefined) {
    const [at, fact] = certificate;
    const [, ...fewer] = fact.signers;
    plant('a certificate one vote short', at, splice(facts, at, 1, { ...fact, signers: fewer }));
    const isVote = (vote: Fact): boolean => vote.kind === 'Notarized' && vote.id === fact.id;
    const last = before(facts, at, 'Notarized', (vote) => isVote(vote) && fact.signers.includes(vote.by));
    if (last >= 0) plant('a certificate before its last vote', at, splice(splice(facts, at, 1), last, 0, fact));
  }

  const skipping = find(facts, 'Proposed', ({ skipped }) => skipped.length > 0);
  if (skipping !== undefined) {
    const [at, fact] = skipping;
    plant(
      'a proposal without the nullification of a view it skips',
      at,
      splice(facts, at, 1, { ...fact, skipped: [] }),
    );
  }

  const child = find(facts, 'Proposed', ({ parent, by }) => parent > 0 && !run.liars.includes(by));
  if (child !== undefined) {
    const [at, fact] = child;
    plant('a proposal on an older parent', at, splice(facts, at, 1, { ...fact, parent: 0 }));
  }

  const nullified = find(facts, 'Nullified', () => true);
  if (nullified !== undefined) {
    const [at, fact] = nullified;
    plant('a later view nullified', at, splice(facts, at, 1, { ...fact, view: fact.view + 1 }));
  }

  const committed = find(facts, 'Committed', () => true);
  if (committed !== undefined) {
    const [at, { by, epoch, id, view }] = committed;
    const isHeld = (fact: Fact): boolean =>
      fact.kind === 'HeldFinalization' && fact.by === by && viewOf.get(fact.id) === view;
    plant('committed without a finalization', at, splice(facts, before(facts, at, 'HeldFinalization', isHeld), 1));
    plant('another block committed', at, splice(facts, at, 1, { kind: 'Committed', by, epoch, id: id + 1, view }));
  }

  const entered = find(facts, 'Entered', ({ by }) => facts.some((fact) => fact.kind === 'Committed' && fact.by === by));
  if (entered !== undefined) {
    const [at, fact] = entered;
    const { by, epoch } = fact;
    const commit = before(facts, at, 'Committed', (committed) => committed.by === by);
    plant('an epoch entered before its base is final', commit, splice(splice(facts, at, 1), commit, 0, fact));
    const view = Math.max(...viewOf.values()) + 1;
    plant('a vote in an epoch that was left', at, splice(facts, at + 1, 0, { kind: 'Nullified', by, epoch, view }));
  }
  const closing = find(facts, 'Proposed', ({ next }) => Array.isArray(next));
  if (closing !== undefined) {
    const [at, fact] = closing;
    const next = run.machines.slice(0, 3);
    plant('an epoch of fewer than four validators', at, splice(facts, at, 1, { ...fact, next }));
    plant('an epoch that does not end after its closing block', at, splice(facts, at, 1, { ...fact, next: 'tail' }));
  }
  return planted;
};
