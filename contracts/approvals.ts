/** k-of-n approvals as state. Who may approve, and what an approval means, is the contract's business. */
import { keyspace } from './keys.ts';
import { mapIn } from './state.ts';

/** Approvals of subjects (for example the hash of a proposal) by parties. */
export interface Approvals {
  /** Records an approval (once per party) and returns the number of approvals of the subject. */
  approve(subject: string, who: string): number;
  count(subject: string): number;
  has(subject: string, who: string): boolean;
  /** True when at least `needed` different parties approved. */
  reached(subject: string, needed: number): boolean;
  /** The parties that approved, in order of their names. */
  approvers(subject: string): string[];
  /** Forgets all approvals of a subject. */
  clear(subject: string): void;
}

/** Declares a set of approvals. */
export function approvals(name: string): Approvals {
  const given = mapIn<[subject: string, who: string], 1>(keyspace(name, 'approval:'), 'json');
  const counts = mapIn<[subject: string], number>(keyspace(name, 'approvals:'), 'json');
  const count = (subject: string): number => counts.get(subject) ?? 0;
  const approvers = (subject: string): string[] => [...given.entries({ prefix: [subject] })].map(([[, who]]) => who);
  return {
    approve(subject, who) {
      if (given.has(subject, who)) return count(subject);
      const next = count(subject) + 1;
      given.set(subject, who, 1);
      counts.set(subject, next);
      return next;
    },
    count,
    has: (subject, who) => given.has(subject, who),
    reached: (subject, needed) => count(subject) >= needed,
    approvers,
    clear(subject) {
      for (const who of approvers(subject)) given.delete(subject, who);
      counts.delete(subject);
    },
  };
}
