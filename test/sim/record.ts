/** The record of a run: a hash over everything that happened, in order, and how often each rule of agreement was used. */
import type { Effect } from '../../consensus/effect.ts';
import type { Event } from '../../consensus/input.ts';
import type { Counts } from './counts.ts';

const EVENT_KINDS = [
  'start',
  'wake',
  'roundTrip',
  'mempool',
  'proposal',
  'vote',
  'ownVote',
  'certificate',
  'certificates',
  'status',
  'blocks',
  'closing',
  'enterEpoch',
  'body',
  'built',
  'resultCertificate',
  'evidence',
  'twin',
  'unanswered',
] as const satisfies readonly Event['kind'][];

/** See the module comment. */
export class RunRecord {
  readonly #counts: Counts;
  readonly #nowMs: () => number;
  #hash = 0x811c9dc5;
  /** Steps taken by all cores. */
  steps = 0;

  constructor(counts: Counts, nowMs: () => number) {
    this.#counts = counts;
    this.#nowMs = nowMs;
  }

  /** Hash of all that was noted. */
  get hash(): string {
    return (this.#hash >>> 0).toString(16).padStart(8, '0');
  }

  /** Notes a number. */
  note(value: number): void {
    this.#hash = Math.imul(this.#hash ^ value, 0x01000193) ^ (this.#hash >>> 13);
  }

  /** Notes a step of a core: who, when, what, how many effects. */
  step(machine: number, event: Event, effects: readonly Effect[], enteredView: boolean): void {
    this.steps += 1;
    const what = EVENT_KINDS.indexOf(event.kind) * 64 + effects.length;
    this.note(Math.imul(what * 128 + machine, 0x9e3779b1) ^ Math.floor(this.#nowMs() * 1_000));
    if (enteredView) this.#counts.add('R2 view entered');
    switch (event.kind) {
      case 'proposal':
        return this.#counts.add('R4 proposal in');
      case 'mempool':
        return event.pending ? undefined : this.#counts.add('R10 no work');
      case 'wake':
        return effects.some((effect) => effect.kind === 'cast') ? this.#counts.add('R9 timer') : undefined;
      case 'closing':
        return this.#counts.add('R12 epoch learnt');
      case 'enterEpoch':
        return this.#counts.add('R14 epoch entered');
      default:
    }
  }

  /** Notes an effect that is done. */
  effect(effect: Effect): void {
    const rule = ruleOf(effect);
    if (rule !== undefined) this.#counts.add(rule);
  }
}

const ruleOf = (effect: Effect): string | undefined => {
  switch (effect.kind) {
    case 'relay':
      return 'R1 certificate';
    case 'cast':
      return ruleOfCast(effect);
    case 'deliver':
      return 'R7 delivery';
    case 'sendCertificate':
    case 'sendProposal':
    case 'request':
      return 'R11 repair';
    default:
      return undefined;
  }
};

const ruleOfCast = ({ vote, audience, proposal }: Extract<Effect, { kind: 'cast' }>): string => {
  if (audience === 'none') return 'R13 vote restored';
  if (vote.kind === 'notarize') return proposal === undefined ? 'R5 notarize' : 'R3 proposal out';
  return vote.kind === 'finalize' ? 'R6 finalize' : 'R8 nullify';
};
