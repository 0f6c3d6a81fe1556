/** What executing one call gives, before it is sealed. */
import type { Outcome } from '../../protocol/call.ts';

/** A message that a contract sealed to a named party, with that party's reply key. */
export interface PartyMessage {
  readonly replyKey: Uint8Array;
  readonly outcome: Outcome;
}

/** What one call led to. Failed and refused calls have neither messages nor claims. */
export interface CallResult {
  readonly outcome: Outcome;
  readonly gasUsed: number;
  readonly messages: readonly PartyMessage[];
  /** Disclosed claims as JSON text; empty when there are none. */
  readonly claims: string;
}

/** A call that could not be executed. */
export function failedCall(code: string, gasUsed = 0): CallResult {
  return { outcome: { kind: 'failed', code }, gasUsed, messages: [], claims: '' };
}

/** A call that was refused with a reason for its caller alone. */
export function refusedCall(reason: string, detail: string | undefined, gasUsed: number): CallResult {
  return { outcome: { kind: 'refused', reason, detail }, gasUsed, messages: [], claims: '' };
}
