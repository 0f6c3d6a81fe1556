/** Receipt and evidence files with one part forged, and the code under which every verifier refuses them. */
import { ed25519Sign } from '#primitives';
import { type Epoch, height, type Measurement } from '../../protocol/brand.ts';
import { decode, encode } from '../../protocol/codec.ts';
import { epochProofCodec } from '../../protocol/consensus/epoch-proof.ts';
import { type Evidence, type EvidenceRule, ruleOf } from '../../protocol/consensus/evidence.ts';
import { voteBytes, ZERO_HASH } from '../../protocol/consensus/vote.ts';
import { evidenceFileOf } from '../../protocol/evidence-file.ts';
import { concatBytes, toHex } from '../../protocol/hex.ts';
import { merkleTree } from '../../protocol/merkle.ts';
import { encodeReceipt, receiptFileOf } from '../../protocol/receipt.ts';
import {
  MAX_RESULT_CERTIFICATE_BYTES,
  type ResultCertificate,
  resultCertificateCodec,
  type ResultStatement,
} from '../../protocol/result.ts';
import { blockOn } from '../support/real-chain.ts';
import { TinyNetwork } from '../support/tiny-enclave.ts';
import { keysOf, validatorOf } from '../support/tiny-genesis.ts';
import { doubleVote } from './double-vote.ts';
import type { FileVector, FileVectors } from './vector-types.ts';

/** A network in its second epoch, and what led there. */
const secondEpoch = () => {
  const network = new TinyNetwork();
  const [first, keys] = [network.anchor, keysOf('tiny')];
  const { proof } = network.endEpoch({ kind: 'addValidator', validator: validatorOf('tiny', 4) });
  return { network, first, keys, epochs: [encode(epochProofCodec, proof)] };
};

/** Receipt files. */
export const receiptVectors = (): FileVectors => {
  const { network, epochs } = secondEpoch();
  const transactionId = 'ab'.repeat(32) as never;
  const leaves = [0, 1].map((index) =>
    encodeReceipt({ transactionId, index, succeeded: true, gasUsed: 1, outputs: [], claims: '{"paid":true}' }),
  );
  const [leaf, other] = leaves as [Uint8Array, Uint8Array];
  const { root, path } = merkleTree(leaves);
  const statement = network.statementAt(network.head, root);
  const encoded = network.certify(statement);
  const genuine = receiptFileOf(network.genesis, {
    epochs,
    receipt: leaf,
    index: 0,
    count: 2,
    path: path(0),
    certificate: encoded,
  });
  const certificate = decode(resultCertificateCodec, encoded, MAX_RESULT_CERTIFICATE_BYTES);
  const bent = (change: Partial<ResultCertificate>) => ({
    certificate: toHex(encode(resultCertificateCodec, { ...certificate, ...change })),
  });
  const signed = (change: Partial<ResultStatement>, signers?: readonly number[], epoch?: number) => ({
    certificate: toHex(network.certify({ ...statement, ...change }, signers, epoch)),
  });
  const { signers, enclaveSignatures, validatorSignatures } = certificate;
  const twice = concatBytes(
    validatorSignatures.slice(0, 64),
    validatorSignatures.slice(0, 64),
    validatorSignatures.slice(128),
  );
  const cases: readonly (readonly [string, string, FileVector['change']])[] = [
    ['genuine', 'valid', {}],
    ['another notice', 'RECEIPT_MALFORMED', { notice: 'Enclave platform: sev-snp.' }],
    ['one field more', 'RECEIPT_MALFORMED', { extra: 1 }],
    ['digits in capitals', 'RECEIPT_MALFORMED', { receipt: toHex(leaf).toUpperCase() }],
    ['another format', 'RECEIPT_MALFORMED', { format: 'cloister-receipt/1' }],
    ['another chain in its head', 'RECEIPT_MALFORMED', { chainId: '11'.repeat(32) }],
    ['another receipt', 'RECEIPT_NOT_IN_BLOCK', { receipt: toHex(other) }],
    ['another place', 'RECEIPT_NOT_IN_BLOCK', { index: 1 }],
    ['fewer receipts', 'RECEIPT_NOT_IN_BLOCK', { count: 1 }],
    ['no path', 'RECEIPT_NOT_IN_BLOCK', { path: [] }],
    ['no epochs', 'RECEIPT_EPOCHS_UNPROVEN', { epochs: [] }],
    ['epochs twice', 'RECEIPT_EPOCHS_UNPROVEN', { epochs: [...genuine.epochs, ...genuine.epochs] }],
    ['signers of an epoch that is not proven', 'RECEIPT_EPOCHS_UNPROVEN', bent({ signerEpoch: 3 as Epoch })],
    ['signers of the epoch before', 'RECEIPT_EPOCHS_UNPROVEN', signed({}, undefined, 1)],
    ['signers of a much later epoch', 'RECEIPT_WRONG_EPOCH', signed({ epoch: 0 as Epoch }, undefined, 2)],
    ['too few signers', 'RECEIPT_NO_QUORUM', signed({}, [0, 1, 2])],
    ['a bit beyond the set', 'RECEIPT_BAD_SIGNER_SET', bent({ signers: signers.with(0, (signers[0] ?? 0) | 0x80) })],
    ['a longer bitmap', 'RECEIPT_BAD_SIGNER_SET', bent({ signers: concatBytes(signers, Uint8Array.of(0)) })],
    ['a bit more than signatures', 'RECEIPT_BAD_LENGTH', bent({ signers: signers.with(0, 0x1f) })],
    ['an enclave signature missing', 'RECEIPT_BAD_LENGTH', bent({ enclaveSignatures: enclaveSignatures.slice(64) })],
    ['a validator that signed twice', 'RECEIPT_BAD_SIGNATURE', bent({ validatorSignatures: twice })],
    ['validators in place of enclaves', 'RECEIPT_BAD_SIGNATURE', bent({ enclaveSignatures: validatorSignatures })],
    ['another height', 'RECEIPT_BAD_SIGNATURE', bent({ statement: { ...statement, height: height(9) } })],
    ['another measurement', 'RECEIPT_OTHER_MEASUREMENT', signed({ measurement: 'cd'.repeat(48) as Measurement })],
    ['another chain', 'RECEIPT_OTHER_CHAIN', signed({ chainId: '11'.repeat(32) as never })],
    ['another result', 'RECEIPT_NOT_IN_BLOCK', signed({ receiptsRoot: ZERO_HASH })],
  ];
  return {
    about: 'Receipt files: each case replaces fields of the genuine one. Written by `npm run vectors`.',
    chainId: network.chainId,
    genuine,
    cases: cases.map(([name, verdict, change]) => ({ name, verdict, change })),
  };
};

/** Evidence files. */
export const evidenceVectors = (): FileVectors => {
  const { network, first: anchor, keys, epochs } = secondEpoch();
  const { genesis } = network;
  const genuine = evidenceFileOf(genesis, epochs, doubleVote(network.anchor, keys, 1));
  const filed = (evidence: Evidence) => {
    const { statement, evidence: encoded } = evidenceFileOf(genesis, epochs, evidence);
    return { statement, evidence: encoded };
  };
  const two = doubleVote(anchor, keys, 2);
  if (two.kind !== 'votes') throw new RangeError('evidence of another kind');
  const honest = blockOn(anchor, keys, undefined);
  const vote = { ...two.first, view: honest.header.view, hash: honest.id };
  const voted = { ...vote, signature: keys.sign(anchor.validatorKeys[2], voteBytes(anchor.chainId, vote)) };
  const accusation = { kind: 'block', vote: voted, parent: undefined, ...honest } as const;
  const nullify = { ...two.first, kind: 'nullify', hash: ZERO_HASH } as const;
  const skipped = { ...nullify, signature: keys.sign(anchor.validatorKeys[2], voteBytes(anchor.chainId, nullify)) };
  const unsigned = { ...two.second, signature: ed25519Sign(Uint8Array.of(1), new Uint8Array(32)) };
  const bent = { ...honest.header, configHash: ZERO_HASH };
  const nobody = { parent: undefined, nullifications: [] };
  const ruled = (rule: EvidenceRule): Evidence => ({ ...two, rule: rule as typeof two.rule });
  const cases: readonly (readonly [string, string, FileVector['change']])[] = [
    ['genuine', 'proven', {}],
    ['of the first epoch', 'proven', filed(two)],
    ['another statement', 'EVIDENCE_MALFORMED', { statement: 'Validator 2 is guilty.' }],
    ['one field more', 'EVIDENCE_MALFORMED', { extra: 1 }],
    ['no epochs', 'EVIDENCE_EPOCHS_UNPROVEN', { epochs: [] }],
    ['epochs twice', 'EVIDENCE_EPOCHS_UNPROVEN', { epochs: [...genuine.epochs, ...genuine.epochs] }],
    ['another rule', 'EVIDENCE_UNPROVEN', filed(ruled('E2'))],
    ['one vote twice', 'EVIDENCE_UNPROVEN', filed({ ...two, second: two.first })],
    ['a vote that somebody else signed', 'EVIDENCE_UNPROVEN', filed({ ...two, second: unsigned })],
    ['two validators', 'EVIDENCE_UNPROVEN', filed({ ...two, second: { ...two.second, signer: 3 as never } })],
    [
      'notarised and nullified',
      'EVIDENCE_UNPROVEN',
      filed({ kind: 'votes', rule: 'E3', first: two.first, second: skipped }),
    ],
    ['an honest vote for a sound block', 'EVIDENCE_UNPROVEN', filed(accusation)],
    [
      'an honest vote, with a justification that the block does not name',
      'EVIDENCE_UNPROVEN',
      filed({
        ...accusation,
        justification: {
          ...nobody,
          nullifications: [{ ...skipped, bitmap: Uint8Array.of(4), signatures: skipped.signature }],
        },
      }),
    ],
    ['an honest vote, with another block', 'EVIDENCE_UNPROVEN', filed({ ...accusation, header: bent })],
  ];
  if (ruleOf(two) !== 'E1') throw new RangeError('evidence of another rule');
  return {
    about: 'Evidence files: each case replaces fields of the genuine one. Written by `npm run vectors`.',
    chainId: network.chainId,
    genuine,
    cases: cases.map(([name, verdict, change]) => ({ name, verdict, change })),
  };
};
