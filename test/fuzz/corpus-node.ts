/** Genuine messages between nodes, to and from the enclave, and what nodes and ledgers keep. */
import {
  decodeReply,
  decodeRequest,
  encodeReply,
  encodeRequest,
  executedCallCodec,
  heightClaimCodec,
  peerMessageCodec,
  type ReplyOf,
  type RequestKind,
  type RequestOf,
} from '../../enclave/boundary/messages.ts';
import { MAX_FRAME_BYTES } from '../../enclave/boundary/framing.ts';
import { blockCodec, chainCodec, headCodec, layoutCodec } from '../../ledger/records.ts';
import { walStateCodec } from '../../ledger/wal-load.ts';
import type { Ledger } from '../../ledger/ledger.ts';
import { custodyRecord, FRESH_CUSTODY, keyCustodyCodec, readCustodyRecord } from '../../node/custody.ts';
import { decodeExecutedHeight, encodeExecutedHeight, type ExecutedHeight } from '../../node/executed-height.ts';
import { promisesCodec, promisesOf } from '../../node/guard-state.ts';
import {
  bulkMessageCodec,
  MAX_BULK_MESSAGE_BYTES,
  MAX_PEER_RESPONSE_BYTES,
  peerRequestCodec,
  peerResponseCodec,
} from '../../node/peer-messages.ts';
import { resultMessageCodec } from '../../node/results.ts';
import { blockRecords, decodeHeaderRecord } from '../../node/stored-blocks.ts';
import type { BlockHash, Hash, SealedBytes } from '../../protocol/brand.ts';
import { height } from '../../protocol/brand.ts';
import { decode } from '../../protocol/codec.ts';
import { systemTransactionsOf } from '../../protocol/consensus/system.ts';
import { encode } from '../../protocol/codec.ts';
import { genesisCodec } from '../../protocol/genesis.ts';
import { concatBytes } from '../../protocol/hex.ts';
import { MAX_RESULT_CERTIFICATE_BYTES, resultCertificateCodec, resultStatementCodec } from '../../protocol/result.ts';
import { TinyNetwork } from '../support/tiny-enclave.ts';
import { validatorOf } from '../support/tiny-genesis.ts';
import { HISTORY } from '../unit/node/promises.ts';
import { type Target, target } from './target.ts';

const bytesOf = (length: number, fill = 7): Uint8Array => new Uint8Array(length).fill(fill);
const network = new TinyNetwork();
const { genesis, chainId } = network;
const { proof } = network.endEpoch({ kind: 'addValidator', validator: validatorOf('tiny', 4) });
const [system] = systemTransactionsOf(proof.system) ?? [];
if (system?.kind !== 'governance') throw new RangeError('the network closed its epoch otherwise');
const { statement, certificate: encodedCertificate } = network.execute([]);
const certificate = decode(resultCertificateCodec, encodedCertificate, MAX_RESULT_CERTIFICATE_BYTES);
const hash = 'cd'.repeat(32);
const { enclaveKey } = genesis.validators[0] ?? validatorOf('tiny', 0);
const signature = bytesOf(64);
const result = { statement, enclaveSignature: signature, validatorSignature: signature };
const claim = { enclaveKey, height: height(3), signature };
const message = { enclaveKey, message: bytesOf(200) };
const call = { transactionId: hash as never, receipt: bytesOf(80), outputs: [bytesOf(20), bytesOf(0)] };
const digest = bytesOf(32);
const link = {
  height: 3,
  blockHash: digest,
  header: digest,
  body: digest,
  finality: digest,
  writeSet: digest,
  receipts: digest,
  outputs: digest,
  outputChunks: 1,
  transactions: 2,
  statement: digest,
  previous: digest,
  running: digest,
};

const peerTargets: readonly Target[] = [
  target(
    'bulk message',
    bulkMessageCodec,
    MAX_BULK_MESSAGE_BYTES,
    { kind: 'envelopes', envelopes: [bytesOf(3), bytesOf(600)] },
    { kind: 'result', result },
    { kind: 'governance', transaction: system.transaction },
  ),
  target('result message', resultMessageCodec, MAX_BULK_MESSAGE_BYTES, result),
  target(
    'peer request',
    peerRequestCodec,
    64 * 1024,
    { kind: 'results', from: height(1), to: height(64) },
    { kind: 'contribution', enclaveKey },
    { kind: 'epochKey' },
    { kind: 'freshness', challenge: digest },
    { kind: 'executed', from: height(1), to: height(2), offset: 4096 },
    { kind: 'receipts', height: height(9) },
  ),
  target(
    'peer response',
    peerResponseCodec,
    MAX_PEER_RESPONSE_BYTES,
    { kind: 'results', certificates: [encodedCertificate], results: [result] },
    { kind: 'contribution', contribution: message },
    { kind: 'epochKey', statement: { enclaveKey, statement: bytesOf(99), signature } },
    { kind: 'freshness', answer: claim },
    { kind: 'executed', heights: [bytesOf(40)], total: 40 },
    { kind: 'receipts', receipts: [bytesOf(80)] },
  ),
];

/** A ledger that holds one executed height. */
const ledgerWith = ({ certificate: held, writeSet, calls }: ExecutedHeight): Ledger =>
  ({
    readResultCertificate: () => encode(resultCertificateCodec, held),
    readWriteSet: () => writeSet,
    readCalls: () => calls,
  }) as Partial<Ledger> as Ledger;
const executed: ExecutedHeight = { certificate, writeSet: bytesOf(90), calls: [call] };
const proven = {
  id: hash as BlockHash,
  header: proof.header,
  justification: { parent: proof.finalization, nullifications: [] },
  system: proof.system,
  tails: [{ header: proof.header, justification: { parent: undefined, nullifications: [] } }],
  body: [],
  proof: { following: [], finalization: proof.finalization },
  unattached: [],
};
const custody = custodyRecord({
  state: 'refused',
  validatorKey: enclaveKey,
  generation: 2,
  guard: 'ab'.repeat(16),
  timeMs: 5,
  vote: undefined,
});

const keptTargets: readonly Target[] = [
  {
    name: 'custody record',
    samples: [custody.payload],
    again: (bytes) => {
      const read = readCustodyRecord({ ...custody, payload: bytes });
      return read && custodyRecord(read).payload;
    },
  },
  {
    name: 'header record',
    samples: [blockRecords(proven).header],
    again: (bytes) => blockRecords({ ...proven, ...decodeHeaderRecord(bytes) }).header,
  },
  {
    name: 'executed height',
    samples: [encodeExecutedHeight(ledgerWith(executed), 1) ?? bytesOf(0)],
    again: (bytes) => {
      const read = decodeExecutedHeight(bytes);
      return read && encodeExecutedHeight(ledgerWith(read), 1);
    },
  },
  target('promises', promisesCodec, MAX_FRAME_BYTES, promisesOf(HISTORY), []),
  target('key custody', keyCustodyCodec, 1024, FRESH_CUSTODY, {
    ...FRESH_CUSTODY,
    state: 'exported',
    guard: 'ab'.repeat(16),
  }),
  target('ledger layout', layoutCodec, 1024, { layout: 2, chainId: digest }),
  target('ledger head', headCodec, 1024, {
    executedHeight: 3,
    finalisedHeight: 4,
    running: digest,
    finalisedHash: digest,
  }),
  target('ledger block', blockCodec, 1024, { blockHash: digest, header: digest, body: digest, finality: undefined }),
  target('ledger link', chainCodec, 1024, link),
  target('log marker', walStateCodec, 1024, { first: 1, last: 2, length: 999, digest }),
];

type Exchanges = {
  readonly [K in RequestKind]: { readonly requests: readonly RequestOf<K>[]; readonly reply: ReplyOf<K> };
};

/** Every kind of request to the enclave, and the reply. */
const exchanges: Exchanges = {
  hello: {
    requests: [{ processorSecret: digest, processorCertificate: bytesOf(150), sealedIdentity: bytesOf(300) }],
    reply: {
      measurement: genesis.measurement,
      platform: 'sim',
      enclaveKey,
      enclaveKem: bytesOf(1216),
      evidence: bytesOf(400),
      contribution: hash as Hash,
      sealedIdentity: bytesOf(300),
    },
  },
  provision: {
    requests: [
      { genesis: encode(genesisCodec, genesis), epochs: [proof], sealedEpoch: bytesOf(60), contributions: [message] },
    ],
    reply: {
      chainId,
      epoch: proof.header.epoch,
      ready: true,
      outgoing: [message],
      epochKey: { statement: bytesOf(99), signature },
      sealedEpoch: undefined,
    },
  },
  admit: {
    requests: [{ envelopes: [bytesOf(3), bytesOf(600)] }],
    reply: {
      verdicts: [
        { admitted: true, code: '' },
        { admitted: false, code: 'EXPIRED' },
      ],
    },
  },
  execute: {
    requests: [{ headers: [proof.header], finalization: proof.finalization, body: [bytesOf(600)] }],
    reply: {
      height: height(1),
      statement: encode(resultStatementCodec, statement),
      signature,
      calls: [call],
      sealedWriteSet: bytesOf(90) as SealedBytes,
      stateRoot: statement.stateRoot,
      receiptsRoot: statement.receiptsRoot,
    },
  },
  query: { requests: [{ sealedQuery: bytesOf(600) }], reply: { height: height(1), sealedAnswer: bytesOf(284) } },
  restore: {
    requests: [
      { kind: 'blocks', blocks: [{ header: proof.header, sealedWriteSet: bytesOf(90) }], certificate },
      { kind: 'challenge' },
      { kind: 'answer', challenge: digest },
      { kind: 'answers', answers: [claim, claim] },
    ],
    reply: { height: height(3), stateRoot: statement.stateRoot, fresh: true, challenge: digest, answer: claim },
  },
  status: {
    requests: [{}],
    reply: {
      state: 'ready',
      platform: 'sim',
      measurement: genesis.measurement,
      chainId,
      epoch: proof.header.epoch,
      height: height(3),
      blockHash: hash as BlockHash,
      stateRoot: statement.stateRoot,
      fresh: false,
      stateEntries: 1,
      stateBytes: 2,
      maxStateBytes: 3,
      sessions: 4,
      cachedCalls: 5,
      heapBytes: Number.MAX_SAFE_INTEGER,
    },
  },
};

const PREFIX_BYTES = 5;

/** Requests and replies as they stand in their frames, behind the prefix. */
const exchangeTargets = <K extends RequestKind>(kind: K): Target[] => {
  const { requests, reply } = exchanges[kind];
  const asked = requests.map((request) => encodeRequest(1, kind, request));
  const answered = encodeReply(1, kind, reply);
  const prefix = (asked[0] ?? answered).slice(0, PREFIX_BYTES);
  return [
    {
      name: `enclave request ${kind}`,
      samples: asked.map((frame) => frame.slice(PREFIX_BYTES)),
      again: (bytes) => {
        const read = decodeRequest(concatBytes(prefix, bytes));
        if (read.kind === 'malformed') return undefined;
        return encodeRequest(1, read.kind, read.request as RequestOf<RequestKind>).slice(PREFIX_BYTES);
      },
    },
    {
      name: `enclave reply ${kind}`,
      samples: [answered.slice(PREFIX_BYTES)],
      again: (bytes) => {
        const read = decodeReply(kind, concatBytes(answered.slice(0, PREFIX_BYTES), bytes));
        return encodeReply(1, kind, read).slice(PREFIX_BYTES);
      },
    },
  ];
};

const KINDS: readonly RequestKind[] = ['hello', 'provision', 'admit', 'execute', 'query', 'restore', 'status'];

/** The targets of these rooms. */
export const nodeTargets: readonly Target[] = [
  ...peerTargets,
  ...keptTargets,
  ...KINDS.flatMap((kind) => exchangeTargets(kind)),
  target('enclave message', peerMessageCodec, MAX_FRAME_BYTES, message),
  target('executed call', executedCallCodec, MAX_FRAME_BYTES, call),
  target('height claim', heightClaimCodec, MAX_FRAME_BYTES, claim),
];
