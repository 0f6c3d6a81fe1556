/**
 * Reminders of votes: a peer whose STATUS does not name votes which its key signed is handed them, for one that does not
 * remember them must not vote (consensus design §2.8).
 */
import type { MemberIndex, ValidatorIndex } from '../protocol/brand.ts';
import { needsNoReminder, type Status } from '../protocol/consensus/status.ts';
import type { Vote } from '../protocol/consensus/vote.ts';
import { votesOf } from '../consensus/query.ts';
import type { CoreState } from '../consensus/state.ts';
import { repairMs } from '../consensus/timer.ts';

/** Most votes at once: all that were cast in views that are still open, unless nothing is final for long. */
const MAX_REMINDERS = 64;

/** See the module comment. */
export class VoteReminders {
  readonly #remindedMs = new Map<MemberIndex, number>();

  /** A member was reached anew: it is reminded at once. */
  forget(member: MemberIndex): void {
    this.#remindedMs.delete(member);
  }

  /** Votes of a member that its status does not name, or all without one; at most once a repair interval. */
  due(core: CoreState, member: MemberIndex, status: Status | undefined): Vote[] {
    const nowMs = performance.now();
    if (nowMs - (this.#remindedMs.get(member) ?? Number.NEGATIVE_INFINITY) < repairMs(core)) return [];
    this.#remindedMs.set(member, nowMs);
    return votesOf(core, member as number as ValidatorIndex, MAX_REMINDERS).filter(
      (vote) => status === undefined || !needsNoReminder(status, vote),
    );
  }
}
