/**
 * The documents of the HTTP API `/v1`, shared by the node that writes them and the wallet that judges them.
 *
 * Bytes are base64, hashes and keys lowercase hexadecimal digits. Everything here is public or sealed. What a node says
 * outside of certificates, signed statements and Merkle paths is a claim; the wallet relies on none of it.
 */
import type { BlockHash, ChainId, Hash, Measurement, PublicKey, StateRoot, TransactionId } from './brand.ts';
import {
  jsonBase64,
  jsonChoice,
  jsonCount,
  jsonFlag,
  jsonHex,
  jsonList,
  jsonObject,
  jsonRecord,
  jsonText,
  jsonWord,
  type Shaped,
} from './json-shape.ts';
import {
  MAX_BLOCK_TRANSACTIONS,
  MAX_ENVELOPE_BYTES,
  MAX_OUTPUT_BYTES,
  MAX_OUTPUTS,
  MAX_PATH_LENGTH,
  MAX_PENDING_CHANGES,
  MAX_SYSTEM_TRANSACTION_BYTES,
  MAX_VALIDATORS,
} from './limits.ts';
import { MAX_EPOCH_PROOF_BYTES } from './consensus/epoch-proof.ts';
import { MAX_RECEIPT_BYTES } from './receipt.ts';
import { MAX_RESULT_CERTIFICATE_BYTES } from './result.ts';

/** Most envelopes in one submission: one request stays within a block's body. */
export const MAX_SUBMISSION = 256;
/** Longest `Prefer: wait`, seconds. */
export const MAX_WAIT_SECONDS = 60;
/** Largest submission body: a full block body of envelopes in base64, and the JSON around them. */
export const MAX_SUBMISSION_BYTES = 2 * 1024 * 1024;
/** Media type of one sealed message. */
export const BYTES_MEDIA_TYPE = 'application/octet-stream';
/** Media type of error documents (RFC 9457). */
export const PROBLEM_MEDIA_TYPE = 'application/problem+json';

/** Largest statement of an epoch key. */
const MAX_STATEMENT_BYTES = 4096;
const SIGNATURE_BYTES = 64;

const transactionIdShape = jsonHex<TransactionId>(32, 'Hash of the public envelope');
const code = jsonText(64, 'Stable code', '^[A-Z][A-Z0-9_]*$');

/** An error document (RFC 9457): `code` is stable, `title` and `hint` are for people. */
export const problemShape = jsonRecord(
  {
    type: jsonText(256, 'Where the code is explained'),
    title: jsonText(512, 'What happened'),
    status: jsonCount('HTTP status'),
    code,
    retryable: jsonFlag('Whether the same request may succeed later'),
    hint: jsonText(512, 'What to do next'),
  },
  {
    detail: jsonText(512, 'Which part of the request'),
    instance: jsonText(128, 'Identifier of this request in the log'),
  },
);
export type Problem = Shaped<typeof problemShape>;

/** Body of `POST /v1/transactions`. */
export const submissionShape = jsonRecord({
  envelopes: jsonList(jsonBase64(MAX_ENVELOPE_BYTES, 'One sealed envelope'), MAX_SUBMISSION, 1),
});
export type Submission = Shaped<typeof submissionShape>;

const outputsShape = jsonList(jsonBase64(MAX_OUTPUT_BYTES, 'One sealed output'), MAX_OUTPUTS + 1);

/** An executed transaction; its block stands under the same height in `blocks`. */
const committedFields = {
  transactionId: transactionIdShape,
  height: jsonCount('Height of the block'),
  index: jsonCount('Position in the block'),
  receipt: jsonBase64(MAX_RECEIPT_BYTES, 'Encoded receipt'),
  path: jsonList(jsonHex<Hash>(32, 'Sibling hash'), MAX_PATH_LENGTH),
  outputs: outputsShape,
} as const;

const committedShape = jsonRecord({ status: jsonWord('committed'), ...committedFields });
const acceptedShape = jsonRecord({ status: jsonWord('accepted'), transactionId: transactionIdShape });
const refusedShape = jsonRecord({
  status: jsonWord('refused'),
  transactionId: transactionIdShape,
  code,
  retryable: jsonFlag(),
  hint: jsonText(512),
});

/** What became of one submitted envelope. */
export const submitResultShape = jsonChoice('status', {
  committed: committedShape,
  accepted: acceptedShape,
  refused: refusedShape,
});
export type SubmitResult = Shaped<typeof submitResultShape>;
export type CommittedResult = Shaped<typeof committedShape>;

/** What proves the receipts of one block. */
export const blockProofShape = jsonRecord({
  height: jsonCount(),
  count: jsonCount('Number of receipts in the block'),
  certificate: jsonBase64(MAX_RESULT_CERTIFICATE_BYTES, 'Encoded result certificate'),
});
export type BlockProof = Shaped<typeof blockProofShape>;

/** Answer to a submission: results in the order of the envelopes, each block's proof once. */
export const submitReplyShape = jsonRecord({
  results: jsonList(submitResultShape, MAX_SUBMISSION),
  blocks: jsonList(blockProofShape, MAX_SUBMISSION),
});
export type SubmitReply = Shaped<typeof submitReplyShape>;

/** A transaction as the node knows it. */
export const transactionShape = jsonChoice('status', {
  pending: jsonRecord({ status: jsonWord('pending'), transactionId: transactionIdShape }),
  committed: jsonRecord({ status: jsonWord('committed'), ...committedFields, block: blockProofShape }),
});
export type TransactionDocument = Shaped<typeof transactionShape>;

/** A final block, without its sealed content. */
export const blockSummaryShape = jsonRecord(
  {
    height: jsonCount(),
    blockHash: jsonHex<BlockHash>(32),
    parentHash: jsonHex<BlockHash>(32),
    view: jsonCount(),
    proposer: jsonCount('Position of the proposing validator'),
    timeMs: jsonCount('Consensus time, ms since the Unix epoch'),
    transactionCount: jsonCount(),
    bodyBytes: jsonCount(),
  },
  { stateRoot: jsonHex<StateRoot>(32, 'State after the block, once certified') },
);
export type BlockSummary = Shaped<typeof blockSummaryShape>;

/** A final block with its transaction ids and, once there is one, its result certificate. */
export const blockShape = jsonRecord(
  { block: blockSummaryShape, transactionIds: jsonList(transactionIdShape, MAX_BLOCK_TRANSACTIONS) },
  { certificate: jsonBase64(MAX_RESULT_CERTIFICATE_BYTES, 'Encoded result certificate') },
);
export type BlockDocument = Shaped<typeof blockShape>;

/** What a wallet verifies before it seals anything; the validators' evidence stands in the genesis. */
export const networkShape = jsonRecord({
  chainId: jsonHex<ChainId>(32),
  platform: jsonText(16),
  notice: jsonText(256, 'What the platform protects'),
  genesis: jsonObject('The genesis document'),
  epoch: jsonCount('Present epoch; what leads there stands under /v1/epochs'),
  epochKeys: jsonList(
    jsonRecord({
      enclaveKey: jsonHex<PublicKey>(32, 'Key of the enclave that signed'),
      statement: jsonBase64(MAX_STATEMENT_BYTES, 'Encoded statement of the epoch key'),
      signature: jsonBase64(SIGNATURE_BYTES),
    }),
    MAX_VALIDATORS,
  ),
});
export type NetworkDocument = Shaped<typeof networkShape>;

/** Most proofs in one answer about epochs. */
export const MAX_EPOCH_PROOFS = 16;

/** Proofs of consecutive changes of epoch. */
export const epochsShape = jsonRecord({
  epoch: jsonCount('Present epoch'),
  proofs: jsonList(jsonBase64(MAX_EPOCH_PROOF_BYTES, 'Encoded proof'), MAX_EPOCH_PROOFS),
});
export type EpochsDocument = Shaped<typeof epochsShape>;

/** Body of `POST /v1/governance`: a change list with the signatures that there are. */
export const proposalShape = jsonRecord({
  transaction: jsonBase64(MAX_SYSTEM_TRANSACTION_BYTES, 'Encoded governance transaction'),
});
export type ProposalSubmission = Shaped<typeof proposalShape>;

/** A proposed change of the configuration. */
export const pendingChangeShape = jsonRecord({
  id: jsonHex<Hash>(32, 'Hash of the change list'),
  transaction: jsonBase64(MAX_SYSTEM_TRANSACTION_BYTES, 'Encoded governance transaction, as far as it is signed'),
  signatures: jsonCount('Members that have signed'),
  threshold: jsonCount('Members that must sign'),
  waitingFor: jsonText(128, 'What is missing; empty when the next block may carry it'),
});
export type PendingChange = Shaped<typeof pendingChangeShape>;

/** Changes that wait. */
export const pendingChangesShape = jsonRecord({ changes: jsonList(pendingChangeShape, MAX_PENDING_CHANGES) });
export type PendingChanges = Shaped<typeof pendingChangesShape>;

/** How a node is doing. */
export const statusShape = jsonRecord(
  {
    version: jsonText(32),
    network: jsonText(64),
    chainId: jsonHex<ChainId>(32),
    platform: jsonText(16),
    notice: jsonText(256, 'What the platform protects'),
    policyClass: jsonText(16),
    epoch: jsonCount('Present epoch'),
    role: jsonText(16, 'validator or observer'),
    name: jsonText(64, 'Name of the node in the present configuration; empty when it is not part of it'),
    measurement: jsonHex<Measurement>(48, 'Measurement of the enclave'),
    ready: jsonFlag(),
    reasons: jsonList(jsonText(128, 'Why the node is not ready'), 16),
    view: jsonCount(),
    finalizedHeight: jsonCount('Newest final block'),
    executedHeight: jsonCount('Newest block that the own enclave executed'),
    certifiedHeight: jsonCount('Newest block with a result certificate'),
    timeMs: jsonCount('Consensus time of the newest final block'),
    peers: jsonRecord({ connected: jsonCount(), validators: jsonCount('Other validators') }),
    mempool: jsonRecord({ transactions: jsonCount(), bytes: jsonCount() }),
    uptimeSeconds: jsonCount(),
  },
  {
    validator: jsonRecord({ index: jsonCount(), key: jsonHex<PublicKey>(32) }),
    sync: jsonRecord(
      {
        height: jsonCount('Executed so far'),
        target: jsonCount('Newest height that certificates prove'),
        perSecond: jsonCount('Blocks a second'),
      },
      { secondsLeft: jsonCount() },
    ),
    stateRoot: jsonHex<StateRoot>(32, 'State after the newest executed block, once there is one'),
  },
);
export type NodeStatus = Shaped<typeof statusShape>;
