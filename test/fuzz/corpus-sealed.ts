/** Genuine messages around calls: envelopes, queries, outputs, receipts, results, attestation, the genesis. */
import {
  evidenceCodec,
  MAX_EVIDENCE_BYTES,
  parseEvidence,
  simCertificateCodec,
  simQuoteCodec,
} from '../../protocol/attestation.ts';
import { epoch, height } from '../../protocol/brand.ts';
import { callCodec, oneShotCallCodec, outcomeCodec, signedCodec } from '../../protocol/call.ts';
import { decode } from '../../protocol/codec.ts';
import { envelopeCodec, envelopeFormCodec, sealedFormCodec } from '../../protocol/envelope.ts';
import { sealCall, sealedContentCodec, sealSessionCall, sealSessionOpen } from '../../protocol/envelope-seal.ts';
import { epochKeyStatementCodec, MAX_EPOCH_KEY_BYTES } from '../../protocol/epoch-key.ts';
import { genesisCodec, memberCodec, parametersCodec, validatorCodec } from '../../protocol/genesis.ts';
import { fromHex } from '../../protocol/hex.ts';
import { MAX_ENVELOPE_BYTES, MAX_OUTPUT_BYTES } from '../../protocol/limits.ts';
import { answerCodec, queryCodec, queryFormCodec, sealQuery, sealSessionQuery } from '../../protocol/query.ts';
import { signedQueryCodec } from '../../protocol/query.ts';
import { MAX_RECEIPT_BYTES, receiptCodec } from '../../protocol/receipt.ts';
import { MAX_RESULT_CERTIFICATE_BYTES, resultCertificateCodec, resultStatementCodec } from '../../protocol/result.ts';
import { sealedOutputCodec, syntheticOutputCodec } from '../../protocol/sealed-output.ts';
import { sessionCodec, sessionOpeningCodec } from '../../protocol/session.ts';
import { TinyNetwork } from '../support/tiny-enclave.ts';
import {
  alice,
  callOf,
  expiryHeight,
  pattern,
  randomness,
  replyKeyPair,
  target as sealing,
} from '../unit/protocol-sealing/fixtures.ts';
import { type Target, target } from './target.ts';

const network = new TinyNetwork();
const { genesis } = network;
const replyKey = replyKeyPair.publicKey;
const request = { replyKey, expiryHeight, sessionExpiryHeight: expiryHeight };
const opening = sealSessionOpen(sealing, alice, request, randomness());
const call = { ...callOf('{"amount":3}'), idempotencyKey: 'once' };
const envelopes = [
  sealCall(sealing, alice, { call, replyKey, expiryHeight }, randomness()),
  opening,
  sealSessionCall(sealing, opening.session, { call, expiryHeight }),
].map(({ bytes }) => decode(envelopeCodec, bytes, MAX_ENVELOPE_BYTES));
const queries = [
  sealQuery(sealing, alice, call, randomness()),
  sealSessionQuery(sealing, opening.session.keys, call, pattern(16)),
].map(({ bytes }) => decode(queryCodec, bytes, MAX_ENVELOPE_BYTES));
const sealedForm = { suite: 0x647a, enc: pattern(1120) };
const signed = { body: pattern(90), signature: pattern(64) };
const nonce = pattern(16);
const caller = alice.publicKey;
const outcomes = [
  { kind: 'ok', result: '{"total":3}' },
  { kind: 'refused', reason: 'not_today', detail: '{}' },
  { kind: 'failed', code: 'UNKNOWN_METHOD' },
  { kind: 'message', contract: 'token', json: '"hello"' },
] as const;
const { statement, certificate } = network.execute([]);
const answer = { height: height(3), stateRoot: statement.stateRoot, timeMs: 1, outcome: outcomes[0] };
const { keys } = opening.session;
const session = { ...keys, caller, expiryHeight };
const evidence = parseEvidence(fromHex(genesis.validators[0]?.evidence ?? ''));
if (evidence === undefined) throw new RangeError('the genesis has no evidence');
const receipt = {
  transactionId: statement.blockHash as string as never,
  index: 3,
  succeeded: true,
  gasUsed: 100,
  outputs: [statement.receiptsRoot],
  claims: '{"é":1}',
};
const epochKeys = {
  chainId: network.chainId,
  epoch: epoch(1),
  keys: [
    { suite: 0x20, publicKey: pattern(32) },
    { suite: 0x647a, publicKey: pattern(1216) },
  ],
};

/** The targets of this room. */
export const sealedTargets: readonly Target[] = [
  target('envelope', envelopeCodec, MAX_ENVELOPE_BYTES, ...envelopes),
  target('envelope form', envelopeFormCodec, MAX_ENVELOPE_BYTES, ...envelopes.map(({ form }) => form)),
  target('sealed form', sealedFormCodec, MAX_ENVELOPE_BYTES, sealedForm),
  target(
    'sealed content',
    sealedContentCodec,
    MAX_ENVELOPE_BYTES,
    { kind: 'call', ...signed },
    { kind: 'opening', ...signed },
  ),
  target('signed', signedCodec, MAX_ENVELOPE_BYTES, signed),
  target('call', callCodec, MAX_ENVELOPE_BYTES, call, callOf()),
  target('one-shot call', oneShotCallCodec, MAX_ENVELOPE_BYTES, { call, caller, nonce, replyKey }),
  target('session opening', sessionOpeningCodec, MAX_ENVELOPE_BYTES, {
    caller,
    nonce,
    expiryHeight,
    replyKey,
    firstCall: call,
  }),
  target('session', sessionCodec, 2048, session),
  target('query', queryCodec, MAX_ENVELOPE_BYTES, ...queries),
  target('query form', queryFormCodec, MAX_ENVELOPE_BYTES, ...queries.map(({ form }) => form)),
  target('signed query', signedQueryCodec, MAX_ENVELOPE_BYTES, { call, caller, nonce }),
  target('answer', answerCodec, MAX_OUTPUT_BYTES, answer),
  target('outcome', outcomeCodec, MAX_OUTPUT_BYTES, ...outcomes),
  target(
    'sealed output',
    sealedOutputCodec,
    MAX_OUTPUT_BYTES,
    { kind: 'hpke', form: sealedForm, ciphertext: pattern(256 + 16) as never },
    { kind: 'session', sessionId: keys.id, ciphertext: pattern(256 + 28) as never },
  ),
  target('synthetic output', syntheticOutputCodec, MAX_OUTPUT_BYTES, pattern(256 + 28) as never),
  target('receipt', receiptCodec, MAX_RECEIPT_BYTES, receipt),
  target('result statement', resultStatementCodec, 1024, statement),
  target(
    'result certificate',
    resultCertificateCodec,
    MAX_RESULT_CERTIFICATE_BYTES,
    decode(resultCertificateCodec, certificate, MAX_RESULT_CERTIFICATE_BYTES),
  ),
  target('epoch keys', epochKeyStatementCodec, MAX_EPOCH_KEY_BYTES, epochKeys),
  target('attestation evidence', evidenceCodec, MAX_EVIDENCE_BYTES, evidence),
  target('processor certificate', simCertificateCodec, MAX_EVIDENCE_BYTES, evidence.certificate),
  target('quote', simQuoteCodec, 1024, decode(simQuoteCodec, evidence.quote, 1024)),
  target('genesis', genesisCodec, 2 * 1024 * 1024, genesis),
  target('parameters', parametersCodec, 1024, genesis.parameters),
  target('member', memberCodec, 1024, ...genesis.members),
  target('validator', validatorCodec, 16 * 1024, ...genesis.validators.slice(0, 2)),
];
