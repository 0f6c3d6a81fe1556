/**
 * Turns the result of a call into what leaves: sealed outputs and the public receipt.
 *
 * Outsiders see the same shape whatever happened inside: one bit, a rounded gas figure, and at least one sealed output.
 * An envelope that nobody could open gets an output of the same form and length, sealed to no one.
 */
import type { SealedBytes, TransactionId } from '../../protocol/brand.ts';
import { encode } from '../../protocol/codec.ts';
import type { EnvelopeForm } from '../../protocol/envelope.ts';
import { fromHex } from '../../protocol/hex.ts';
import { HPKE_SUITES } from '../../protocol/hpke.ts';
import { OUTPUT_BUCKETS } from '../../protocol/padding.ts';
import { encodeReceipt } from '../../protocol/receipt.ts';
import { outputCommitment, sealedOutputCodec, sealOutput, sealSessionOutput } from '../../protocol/sealed-output.ts';
import type { Session } from '../../protocol/session.ts';
import { SYNTHETIC_OVERHEAD_BYTES } from '../../protocol/synthetic-seal.ts';
import type { CallResult } from './call-result.ts';
import { derive } from './derive.ts';
import type { EpochKeys } from './epoch-keys.ts';
import { enclaveErrors } from '../boundary/errors.ts';

const TAG_BYTES = 16;
const GAS_SIGNIFICANT_BITS = 5;

/** To whom the first output is sealed: a session, a reply key, or nobody when the envelope could not be opened. */
export type ReplyTo =
  | { readonly kind: 'session'; readonly session: Session }
  | { readonly kind: 'key'; readonly replyKey: Uint8Array }
  | { readonly kind: 'nobody'; readonly form: EnvelopeForm };

/** One executed call as it leaves. */
export interface SealedResult {
  readonly transactionId: TransactionId;
  readonly receipt: Uint8Array;
  readonly outputs: readonly SealedBytes[];
}

/** Gas as it stands in the public receipt: rounded up to five significant bits, so that it tells little of the path taken. */
export function publicGas(gasUsed: number): number {
  if (gasUsed <= 0) return 0;
  const step = 2 ** Math.max(0, Math.floor(Math.log2(gasUsed)) + 1 - GAS_SIGNIFICANT_BITS);
  return Math.ceil(gasUsed / step) * step;
}

/** Bytes that look like a sealed output of the smallest size for an envelope of this form. */
function shapelessOutput(keys: EpochKeys, transactionId: TransactionId, form: EnvelopeForm): SealedBytes {
  const bucket = OUTPUT_BUCKETS[0] ?? 0;
  const { encBytes, kemId } = HPKE_SUITES['x-wing'];
  const context = fromHex(transactionId);
  if (form.kind === 'session') {
    const ciphertext = derive(
      keys.shapelessOutput,
      'shapelessOutput',
      context,
      bucket + SYNTHETIC_OVERHEAD_BYTES,
    ) as SealedBytes;
    return encode(sealedOutputCodec, { kind: 'session', sessionId: form.sessionId, ciphertext }) as SealedBytes;
  }
  const random = derive(keys.shapelessOutput, 'shapelessOutput', context, encBytes + bucket + TAG_BYTES);
  const ciphertext = random.subarray(encBytes) as SealedBytes;
  return encode(sealedOutputCodec, {
    kind: 'hpke',
    form: { suite: kemId, enc: random.subarray(0, encBytes) },
    ciphertext,
  }) as SealedBytes;
}

/** Seals the outputs of a call and makes its receipt. */
export function sealResult(
  keys: EpochKeys,
  result: CallResult,
  replyTo: ReplyTo,
  { transactionId, index }: { readonly transactionId: TransactionId; readonly index: number },
): SealedResult {
  const place = (output: number) => ({ chainId: keys.chainId, transactionId, index: output });
  const toKey = (outcome: CallResult['outcome'], replyKey: Uint8Array, output: number): SealedBytes => {
    const sealed = sealOutput(outcome, replyKey, place(output), keys.outputSealing);
    if (sealed === undefined) throw enclaveErrors.error('FAIL_STOP', { reason: 'registered reply key does not seal' });
    return sealed;
  };
  const own = (): SealedBytes => {
    if (replyTo.kind === 'session') return sealSessionOutput(result.outcome, replyTo.session, place(0));
    return replyTo.kind === 'key'
      ? toKey(result.outcome, replyTo.replyKey, 0)
      : shapelessOutput(keys, transactionId, replyTo.form);
  };
  const outputs = [
    own(),
    ...result.messages.map(({ replyKey, outcome }, position) => toKey(outcome, replyKey, position + 1)),
  ];
  const receipt = encodeReceipt({
    transactionId,
    index,
    succeeded: result.outcome.kind === 'ok',
    gasUsed: publicGas(result.gasUsed),
    outputs: outputs.map(outputCommitment),
    claims: result.claims,
  });
  return { transactionId, receipt, outputs };
}
