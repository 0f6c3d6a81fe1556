/**
 * Admission: whether an envelope would be executed if it came into the next block. One bit and a coarse code leave.
 *
 * What is inside decides in four cases only: unreadable (not sealed to this network, not canonical, not signed), of an
 * unknown session, replayed, or fine. Everything else is public already. Nothing is changed but the memory of opened calls.
 */
import type { OpenedEnvelope } from '../../protocol/envelope-open.ts';
import { openEnvelope } from '../../protocol/envelope-open.ts';
import { type ParsedEnvelope, parseEnvelope } from '../../protocol/envelope.ts';
import { MAX_EXPIRY_BLOCKS } from '../../protocol/limits.ts';
import { isSpent } from './replay.ts';
import { openingKeys, type Replica } from './replica.ts';

/** Why an envelope is not admitted. */
export type AdmissionFault =
  | 'ENVELOPE_MALFORMED'
  | 'ENVELOPE_TOO_LARGE'
  | 'ENVELOPE_OTHER_CHAIN'
  | 'KEY_EPOCH_UNKNOWN'
  | 'EXPIRED'
  | 'EXPIRY_TOO_FAR'
  | 'SESSION_UNKNOWN'
  | 'REPLAYED'
  | 'UNREADABLE';

/** One bit and a code; the code is empty when the envelope is admitted. */
export interface AdmissionVerdict {
  readonly admitted: boolean;
  readonly code: AdmissionFault | '';
}

const refused = (code: AdmissionFault): AdmissionVerdict => ({ admitted: false, code });
const ADMITTED: AdmissionVerdict = { admitted: true, code: '' };

/** The public expiry rule, the same at admission and at execution. */
export function expiryFault(expiryHeight: number, height: number): 'EXPIRED' | 'EXPIRY_TOO_FAR' | undefined {
  if (expiryHeight < height) return 'EXPIRED';
  return expiryHeight > height + MAX_EXPIRY_BLOCKS ? 'EXPIRY_TOO_FAR' : undefined;
}

function coarse(opened: Extract<OpenedEnvelope, { verdict: 'rejected' }>): AdmissionFault {
  if (opened.code === 'KEY_EPOCH_UNKNOWN' || opened.code === 'SESSION_UNKNOWN') return opened.code;
  return opened.code === 'ENVELOPE_OTHER_CHAIN' ? opened.code : 'UNREADABLE';
}

function isReplayed(
  replica: Replica,
  opened: Exclude<OpenedEnvelope, { verdict: 'rejected' }>,
  expiryHeight: number,
): boolean {
  if (opened.verdict === 'session-call')
    return !replica.sessions.accepts(replica.state, opened.session.id, opened.counter);
  const caller = opened.verdict === 'call' ? opened.caller : opened.session.caller;
  return isSpent(replica.state, { expiryHeight, caller, nonce: opened.nonce });
}

function admitParsed(replica: Replica, parsed: ParsedEnvelope, height: number): AdmissionVerdict {
  const { expiryHeight } = parsed.envelope;
  const expiry = expiryFault(expiryHeight, height);
  if (expiry !== undefined) return refused(expiry);
  const known = replica.openedCalls.peek(parsed.transactionId);
  const opened = known?.opened ?? openEnvelope(parsed, openingKeys(replica, replica.state, height));
  if (opened.verdict === 'rejected') return refused(coarse(opened));
  if (isReplayed(replica, opened, expiryHeight)) return refused('REPLAYED');
  replica.openedCalls.put(parsed.transactionId, { opened, expiryHeight }, parsed.bytes.length);
  return ADMITTED;
}

/** Judges envelopes as of the block at `height`, in the order given. */
export function admit(replica: Replica, envelopes: readonly Uint8Array[], height: number): AdmissionVerdict[] {
  return envelopes.map((bytes) => {
    const parsed = parseEnvelope(bytes, replica.chainId);
    return parsed.verdict === 'rejected' ? refused(parsed.code) : admitParsed(replica, parsed, height);
  });
}
