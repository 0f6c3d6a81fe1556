/** Genuine messages of agreement: what validators push, ask, log, and what leads from epoch to epoch. */
import type { BlockHash, Hash, StateRoot } from '../../protocol/brand.ts';
import { epoch, height, view } from '../../protocol/brand.ts';
import { blockCodec, proposalCodec } from '../../protocol/consensus/block.ts';
import { blockBodyCodec } from '../../protocol/consensus/body.ts';
import { certificateCodec } from '../../protocol/consensus/certificate.ts';
import { closingCodec } from '../../protocol/consensus/closing.ts';
import { observerCodec } from '../../protocol/consensus/configuration.ts';
import { epochProofCodec, MAX_EPOCH_PROOF_BYTES } from '../../protocol/consensus/epoch-proof.ts';
import { type Evidence, evidenceCodec } from '../../protocol/consensus/evidence.ts';
import { finalityProofCodec, MAX_FINALITY_PROOF_BYTES } from '../../protocol/consensus/finality-proof.ts';
import {
  type Change,
  changeListOf,
  encodeChangeList,
  governanceTransactionCodec,
} from '../../protocol/consensus/governance.ts';
import { headerCodec } from '../../protocol/consensus/header.ts';
import { justificationCodec } from '../../protocol/consensus/justification.ts';
import { consensusMessageCodec } from '../../protocol/consensus/message.ts';
import { presenceCodec } from '../../protocol/consensus/presence.ts';
import { consensusRequestCodec, consensusResponseCodec } from '../../protocol/consensus/request.ts';
import { MAX_CONSENSUS_RESPONSE_BYTES } from '../../protocol/consensus/request.ts';
import { statusCodec } from '../../protocol/consensus/status.ts';
import { systemSectionCodec, systemTransactionCodec, systemTransactionsOf } from '../../protocol/consensus/system.ts';
import { voteCodec, voteStatementCodec } from '../../protocol/consensus/vote.ts';
import { walRecordCodec } from '../../protocol/consensus/wal-record.ts';
import { defaultParameters } from '../../protocol/genesis.ts';
import { MAX_CONSENSUS_MESSAGE_BYTES as MAX, MAX_SYSTEM_TRANSACTION_BYTES } from '../../protocol/limits.ts';
import { certificate, voteBy } from '../unit/consensus/harness.ts';
import { blockOn, certificateOn } from '../support/real-chain.ts';
import { TinyNetwork } from '../support/tiny-enclave.ts';
import { keysOf, memberOf, validatorOf } from '../support/tiny-genesis.ts';
import { type Target, target } from './target.ts';

const hash = 'ab'.repeat(32) as BlockHash;
const network = new TinyNetwork({ members: 3, threshold: 2 });
const { anchor } = network;
const keys = keysOf('tiny');
const joiner = validatorOf('tiny', 4);
const observer = { name: 'watcher', peerId: 'peer-9', address: '/ip4/10.0.0.9/tcp/1' };
const end = network.endEpoch({ kind: 'addValidator', validator: joiner }, { kind: 'addObserver', observer });
const { proof, closing } = end;

const envelopes = [Uint8Array.of(1, 2, 3), new Uint8Array(600)];
const stateCert = { height: height(1), root: hash as string as StateRoot, certHash: hash as Hash };
const first = blockOn(anchor, keys, undefined, { body: envelopes });
const second = blockOn(anchor, keys, first.header, { changes: { stateCert } });
const { header } = second;
const justification = { ...second.justification, nullifications: [certificate(4, 'nullify', 2)] };
const finalization = certificateOn(anchor, keys, 'finalize', header);
const block = { header, justification, system: proof.system, body: envelopes };
const bare = { ...first, body: undefined };
const vote = voteBy(1, 'notarize', 3, hash);
const statement = { kind: 'finalize', epoch: epoch(1), view: view(4), hash } as const;
const signature = vote.signature;

const changes: readonly Change[] = [
  { kind: 'addValidator', validator: joiner },
  { kind: 'removeValidator', validatorKey: joiner.validatorKey },
  { kind: 'rotateKey', validatorKey: joiner.validatorKey, newKey: memberOf('tiny').publicKey, proof: signature },
  { kind: 'setParameters', parameters: defaultParameters },
  { kind: 'addObserver', observer },
  { kind: 'removeObserver', peerId: observer.peerId },
];
const [system] = systemTransactionsOf(proof.system) ?? [];
if (system?.kind !== 'governance') throw new RangeError('the network closed its epoch otherwise');
const { transaction } = system;
const changeList = changeListOf(transaction);
if (changeList === undefined) throw new RangeError('the network signed something else');

const evidence: readonly Evidence[] = [
  { kind: 'votes', rule: 'E3', first: voteBy(0, 'nullify', 1), second: voteBy(0, 'finalize', 1, hash) },
  { kind: 'block', vote, header, justification, parent: first.header },
];
const proposal = {
  header,
  justification,
  system: [Uint8Array.of(7)],
  signature,
  body: { kind: 'inline', envelopes },
  resultCertificate: Uint8Array.of(9),
} as const;
const compact = { kind: 'compact', transactionIds: [hash as string as never] } as const;
const status = {
  epoch: epoch(1),
  view: view(9),
  finalizedView: view(3),
  finalizedHash: hash,
  finalizedHeight: height(2),
  have: [0, 1, 2, 3],
  votes: [vote, voteBy(1, 'finalize', 4, hash)],
};
const presence = { validatorKey: joiner.validatorKey, run: 3, nonce: new Uint8Array(16), signature };

/** The targets of this room. */
export const consensusTargets: readonly Target[] = [
  target('header', headerCodec, MAX, header, proof.header),
  target('certificate', certificateCodec, MAX, finalization, certificate(4, 'nullify', 2)),
  target('vote', voteCodec, MAX, vote, voteBy(2, 'nullify', 7)),
  target('vote statement', voteStatementCodec, MAX, statement),
  target('justification', justificationCodec, MAX, justification, first.justification),
  target('body', blockBodyCodec, MAX, envelopes, []),
  target('block', blockCodec, MAX, block, bare),
  target('proposal', proposalCodec, MAX, proposal, { ...proposal, body: compact }),
  target('closing', closingCodec, MAX, { ...closing, following: [header] }),
  target('status', statusCodec, MAX, status),
  target('presence', presenceCodec, MAX, presence),
  target('evidence', evidenceCodec, MAX, ...evidence),
  {
    name: 'change list',
    samples: [transaction.changeList, encodeChangeList({ ...changeList, changes })],
    again: (bytes) => {
      const read = changeListOf({ ...transaction, changeList: bytes });
      return read && encodeChangeList(read);
    },
  },
  target('governance transaction', governanceTransactionCodec, MAX_SYSTEM_TRANSACTION_BYTES, transaction),
  target('observer', observerCodec, MAX, observer),
  target(
    'system transaction',
    systemTransactionCodec,
    MAX_SYSTEM_TRANSACTION_BYTES,
    system,
    ...evidence.map((piece) => ({ kind: 'evidence', evidence: piece }) as const),
  ),
  target('system section', systemSectionCodec, MAX, proof.system, []),
  target('epoch proof', epochProofCodec, MAX_EPOCH_PROOF_BYTES, proof, { ...proof, following: [header] }),
  target('finality proof', finalityProofCodec, MAX_FINALITY_PROOF_BYTES, { following: [header], finalization }),
  target(
    'consensus message',
    consensusMessageCodec,
    MAX,
    { kind: 'vote', vote },
    { kind: 'proposal', proposal },
    { kind: 'certificate', certificate: finalization },
    { kind: 'status', status },
    ...evidence.map((piece) => ({ kind: 'evidence', evidence: piece }) as const),
    { kind: 'closing', closing },
    { kind: 'presence', presence },
  ),
  target(
    'consensus request',
    consensusRequestCodec,
    64 * 1024,
    { kind: 'getCertificates', epoch: epoch(1), from: view(3), to: view(9) },
    { kind: 'getHeader', block: hash },
    { kind: 'getBody', block: hash },
    { kind: 'getTransactions', block: hash, indexes: [0, 1, 4095] },
    { kind: 'getBlocks', from: height(5), to: height(68) },
    { kind: 'getResultCertificate', certHash: hash as Hash },
    { kind: 'getClosing', epoch: epoch(2) },
  ),
  target(
    'consensus response',
    consensusResponseCodec,
    MAX_CONSENSUS_RESPONSE_BYTES,
    { kind: 'certificates', certificates: [finalization] },
    { kind: 'header', block: bare },
    { kind: 'body', body: envelopes },
    { kind: 'transactions', envelopes },
    { kind: 'blocks', blocks: [block, bare], following: [header], finalization },
    { kind: 'resultCertificate', certificate: Uint8Array.of(1) },
    { kind: 'closing', closing },
  ),
  target(
    'log record',
    walRecordCodec,
    8 * 1024 * 1024,
    { kind: 'vote', vote: statement },
    { kind: 'certificate', certificate: finalization },
    { kind: 'block', header, justification, system: [], body: envelopes },
    ...evidence.map((piece) => ({ kind: 'evidence', evidence: piece }) as const),
    { kind: 'finalized', epoch: epoch(1), view: view(8), height: height(2), block: hash },
    { kind: 'closing', block: hash, following: [header], finalization },
  ),
];
