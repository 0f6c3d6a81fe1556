/** Genuine messages around calls: envelopes, queries, outputs, receipts, results, attestation, the genesis. */
import {
  decodeSimCertificate,
  encodeSimCertificate,
  reportDataOf,
  verifySimEvidence,
} from '../../protocol/attestation.ts';
import { epoch, height } from '../../protocol/brand.ts';
import { callCodec, oneShotCallCodec, outcomeCodec, signedCodec } from '../../protocol/call.ts';
import { decode } from '../../protocol/codec.ts';
import { finishEnvelope, parseEnvelope, sealedFormCodec } from '../../protocol/envelope.ts';
import { sealCall, sealedContentCodec, sealSessionCall, sealSessionOpen } from '../../protocol/envelope-seal.ts';
import { epochKeyStatementCodec, MAX_EPOCH_KEY_BYTES } from '../../protocol/epoch-key.ts';
import { genesisCodec, parametersCodec, validatorCodec } from '../../protocol/genesis.ts';
import { fromHex } from '../../protocol/hex.ts';
import { MAX_ENVELOPE_BYTES, MAX_OUTPUT_BYTES } from '../../protocol/limits.ts';
import { openAnswer, parseQuery, sealAnswer, sealQuery, sealSessionQuery } from '../../protocol/query.ts';
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
].map(({ bytes }) => bytes);
const queries = [
  sealQuery(sealing, alice, call, randomness()),
  sealSessionQuery(sealing, opening.session.keys, call, pattern(16)),
];
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
const [validator] = genesis.validators;
if (validator === undefined) throw new RangeError('a network has validators');
const evidence = fromHex(validator.evidence);
const policy = {
  policyClass: 'testnet',
  measurements: [genesis.measurement],
  reportData: reportDataOf({
    platform: 'sim',
    enclaveKey: validator.enclaveKey,
    enclaveKem: fromHex(validator.enclaveKem),
    nonce: new Uint8Array(32),
  }),
} as const;
const processor = { chipId: pattern(16), processorKey: caller, signature: pattern(64) };
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
  {
    name: 'envelope',
    samples: envelopes,
    again: (bytes) => {
      const read = parseEnvelope(bytes, sealing.chainId);
      return read.verdict === 'accepted' ? finishEnvelope(read.envelope, read.envelope.ciphertext).bytes : undefined;
    },
  },
  {
    name: 'query',
    samples: queries.map(({ bytes }) => bytes),
    again: (bytes) => (parseQuery(bytes, sealing.chainId).verdict === 'accepted' ? bytes : undefined),
  },
  {
    name: 'sealed answer',
    samples: queries.map(({ binding }) => sealAnswer(answer, binding)),
    again: (bytes) =>
      queries.some(({ binding }) => openAnswer(bytes, binding).verdict === 'opened') ? bytes : undefined,
  },
  {
    name: 'attestation evidence',
    samples: [evidence],
    again: (bytes) => (verifySimEvidence(bytes, genesis.simRoot, policy).verdict === 'accepted' ? bytes : undefined),
  },
  {
    name: 'processor certificate',
    samples: [encodeSimCertificate(processor)],
    again: (bytes) => {
      const read = decodeSimCertificate(bytes);
      return read && encodeSimCertificate(read);
    },
  },
  target('epoch keys', epochKeyStatementCodec, MAX_EPOCH_KEY_BYTES, epochKeys),
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
  target('signed query', signedQueryCodec, MAX_ENVELOPE_BYTES, { call, caller, nonce }),
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
  target('genesis', genesisCodec, 2 * 1024 * 1024, genesis),
  target('parameters', parametersCodec, 1024, genesis.parameters),
  target('validator', validatorCodec, 16 * 1024, ...genesis.validators.slice(0, 2)),
];
