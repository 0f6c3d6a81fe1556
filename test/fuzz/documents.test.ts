/**
 * JSON documents from outside, changed in their structure: receipt and evidence files get a verdict, the genesis, API
 * bodies and guard files are refused with a stable code, and only what says the very same is accepted.
 */
import { sha256 } from '#primitives';
import { describe, expect, it } from 'vitest';
import { openGuard, readGuardHeader, sealGuard } from '../../node/guard-file.ts';
import { promisesOf } from '../../node/guard-state.ts';
import { openNodeKeystore, createSecrets, sealNodeKeystore } from '../../node/keystore.ts';
import { FRESH_CUSTODY } from '../../node/custody.ts';
import {
  blockShape,
  epochsShape,
  networkShape,
  pendingChangesShape,
  problemShape,
  proposalShape,
  statusShape,
  submissionShape,
  submitReplyShape,
  transactionShape,
} from '../../protocol/api.ts';
import { height } from '../../protocol/brand.ts';
import { canonicalJson } from '../../protocol/canonical-json.ts';
import { encode } from '../../protocol/codec.ts';
import { epochProofCodec } from '../../protocol/consensus/epoch-proof.ts';
import { isCloisterError } from '../../protocol/errors.ts';
import { evidenceFileOf, verifyEvidenceFile } from '../../protocol/evidence-file.ts';
import { genesisFromJson } from '../../protocol/genesis.ts';
import { toHex, utf8 } from '../../protocol/hex.ts';
import type { Shape } from '../../protocol/json-shape.ts';
import { toBase64 } from '../../protocol/json-shape.ts';
import { encodeReceipt, receiptFileOf, verifyReceipt } from '../../protocol/receipt.ts';
import { merkleTree } from '../../protocol/merkle.ts';
import { createAccount } from '../../wallet/account.ts';
import { openRecord, sealRecord } from '../../wallet/session-store.ts';
import { TinyNetwork } from '../support/tiny-enclave.ts';
import { keysOf, validatorOf } from '../support/tiny-genesis.ts';
import { HISTORY } from '../unit/node/promises.ts';
import { campaign, oneOf } from './campaign.ts';
import { doubleVote } from './double-vote.ts';
import { type Json, mutatedJson } from './mutate-json.ts';

const network = new TinyNetwork();
const { chainId, genesis } = network;
const { proof } = network.endEpoch({ kind: 'addValidator', validator: validatorOf('tiny', 4) });
const epochs = [encode(epochProofCodec, proof)];
const asJson = (value: unknown): Json => JSON.parse(JSON.stringify(value)) as Json;

const receiptFile = (() => {
  const transactionId = 'ab'.repeat(32) as never;
  const receipt = encodeReceipt({ transactionId, index: 0, succeeded: true, gasUsed: 1, outputs: [], claims: '' });
  const { root, path } = merkleTree([receipt]);
  const certificate = network.certify(network.statementAt(network.head, root));
  return asJson(receiptFileOf(genesis, { epochs, receipt, index: 0, count: 1, path: path(0), certificate }));
})();
const evidenceFile = asJson(evidenceFileOf(genesis, epochs, doubleVote(network.anchor, keysOf('tiny'), 1)));

const base64 = toBase64(Uint8Array.of(1, 2, 3));
const hex = 'ab'.repeat(32);
const committed = { transactionId: hex, height: 1, index: 0, receipt: base64, path: [hex], outputs: [base64] };
const block = { height: 1, count: 1, certificate: base64 };
const problem = {
  type: 'about:blank',
  title: 'no',
  status: 400,
  code: 'TX_MALFORMED',
  retryable: false,
  hint: 'send another',
};
const documents: readonly (readonly [name: string, shape: Shape<unknown>, document: object])[] = [
  ['submission', submissionShape, { envelopes: [base64, base64] }],
  ['proposal', proposalShape, { transaction: base64 }],
  ['problem', problemShape, { ...problem, detail: 'body', instance: '1' }],
  [
    'reply',
    submitReplyShape,
    {
      results: [
        { status: 'committed', ...committed },
        { status: 'accepted', transactionId: hex },
        { status: 'refused', transactionId: hex, code: 'EXPIRED', retryable: false, hint: 'again' },
      ],
      blocks: [block],
    },
  ],
  ['transaction', transactionShape, { status: 'committed', ...committed, block }],
  [
    'block',
    blockShape,
    {
      block: {
        height: 1,
        blockHash: hex,
        parentHash: hex,
        view: 2,
        proposer: 0,
        timeMs: 3,
        transactionCount: 0,
        bodyBytes: 0,
        stateRoot: hex,
      },
      transactionIds: [hex],
      certificate: base64,
    },
  ],
  [
    'network',
    networkShape,
    {
      chainId,
      platform: 'sim',
      notice: '',
      genesis: { version: 1 },
      epoch: 1,
      epochKeys: [{ enclaveKey: hex, statement: base64, signature: base64 }],
    },
  ],
  ['epochs', epochsShape, { epoch: 2, proofs: [base64] }],
  [
    'changes',
    pendingChangesShape,
    { changes: [{ id: hex, transaction: base64, signatures: 1, threshold: 2, waitingFor: 'signatures' }] },
  ],
  [
    'status',
    statusShape,
    {
      version: '1',
      network: 'tiny',
      chainId,
      platform: 'sim',
      notice: '',
      policyClass: 'testnet',
      epoch: 1,
      role: 'validator',
      name: 'a',
      measurement: 'ab'.repeat(48),
      ready: true,
      reasons: ['none'],
      view: 1,
      finalizedHeight: 1,
      executedHeight: 1,
      certifiedHeight: 1,
      timeMs: 1,
      peers: { connected: 3, validators: 3 },
      mempool: { transactions: 0, bytes: 0 },
      uptimeSeconds: 5,
      validator: { index: 0, key: hex },
      sync: { height: 1, target: 2, perSecond: 3, secondsLeft: 4 },
      stateRoot: hex,
    },
  ],
];

/** What a reader returns; undefined where it refuses with one of these codes. Throws where it does anything else. */
const readOr = <T>(codes: readonly string[], read: () => T): T | undefined => {
  try {
    return read();
  } catch (error) {
    if (isCloisterError(error) && codes.includes(error.code)) return undefined;
    throw new Error('another exception', { cause: error });
  }
};

describe('files that prove something', () => {
  it('a receipt file is valid as it was made and in no other way', () => {
    expect(verifyReceipt(receiptFile, chainId).verdict).toBe('valid');
    campaign(800, (random) => {
      const file = mutatedJson(random, receiptFile);
      const { verdict } = verifyReceipt(file, chainId);
      expect(verdict === 'valid').toBe(canonicalJson(file) === canonicalJson(receiptFile));
    });
  });

  it('an evidence file is proven as it was made and in no other way', () => {
    expect(verifyEvidenceFile(evidenceFile, chainId)).toMatchObject({ verdict: 'proven', rule: 'E1', epoch: 2 });
    campaign(800, (random) => {
      const file = mutatedJson(random, evidenceFile);
      const { verdict } = verifyEvidenceFile(file, chainId);
      expect(verdict === 'proven').toBe(canonicalJson(file) === canonicalJson(evidenceFile));
    });
  });
});

describe('documents', () => {
  it('a changed genesis is refused, or another chain', () => {
    const document = asJson(genesis);
    campaign(1_000, (random) => {
      const changed = mutatedJson(random, document);
      const read = readOr(['GENESIS_INVALID'], () => genesisFromJson(changed));
      if (read !== undefined) expect(canonicalJson(read)).toBe(canonicalJson(changed));
    });
  });

  it.each(documents)('API %s: refused, or read as it stands', (_name, shape, document) => {
    expect(shape.read(asJson(document), '')).toEqual(document);
    campaign(400, (random) => {
      const changed = mutatedJson(random, mutatedJson(random, asJson(document)));
      const read = readOr(['MALFORMED_MESSAGE'], () => shape.read(changed, ''));
      if (read !== undefined) expect(canonicalJson(read)).toBe(canonicalJson(changed));
    });
  });
});

describe('files of a home', () => {
  const secrets = createSecrets();
  const guard = {
    guard: 'ab'.repeat(16),
    chainId,
    validatorKey: hex as never,
    generation: 3,
    exportedAt: '2026-11-24T10:00:00.000Z',
    content: {
      ...secrets,
      promises: promisesOf(HISTORY),
      run: 7,
      genesis: '{}\n',
      descriptor: undefined,
      enclave: undefined,
    },
  };
  const text = sealGuard(guard, 'right');
  const { digest: _, ...fields } = JSON.parse(text) as { readonly digest: string };
  /** The fields as a guard file: with their digest, which needs no secret. */
  const withDigest = (changed: Json): string => {
    const digest = toHex(sha256(utf8(JSON.stringify(changed))));
    return `${JSON.stringify({ ...(changed as object), digest }, null, 2)}\n`;
  };
  const refusals = ['GUARD_DAMAGED', 'GUARD_UNSUPPORTED', 'GUARD_LOCKED'];

  it('a guard file whose digest fits is still read only in its own shape', () => {
    campaign(500, (random) => {
      const changed = mutatedJson(random, fields as Json);
      const read = readOr(refusals, () => readGuardHeader(withDigest(changed)));
      if (read !== undefined) expect(Object.keys(changed as object)).toEqual(Object.keys(fields));
    });
  });

  it('a changed guard file opens for nobody', () => {
    campaign(12, (random) => {
      const changed = mutatedJson(random, fields as Json);
      if (JSON.stringify(changed) === JSON.stringify(fields)) return;
      expect(readOr(refusals, () => openGuard(withDigest(changed), 'right'))).toBeUndefined();
    });
  });

  it('a changed keystore opens for nobody, or gives the very secrets', () => {
    const keystore = JSON.parse(sealNodeKeystore({ secrets, custody: FRESH_CUSTODY }, 'right')) as Json;
    campaign(12, (random) => {
      const changed = JSON.stringify(mutatedJson(random, oneOf(random, [keystore])));
      const opened = readOr(['KEYSTORE_LOCKED'], () => openNodeKeystore(changed, 'right'));
      if (opened !== undefined) expect(opened.secrets).toEqual(secrets);
    });
  });

  it('a changed session of a wallet opens for nobody, or is the very session', () => {
    const account = createAccount();
    const keys = { id: 'ab'.repeat(16) as never, callKey: secrets.validator, resultKey: secrets.network };
    const session = { ...keys, queryKey: secrets.replica, caller: account.publicKey, expiryHeight: height(9) };
    const record = { chainId, account: account.publicKey, session, nextNumber: 3, expiryHeight: height(9) };
    const document = JSON.parse(sealRecord(record, account)) as Json;
    campaign(300, (random) => {
      const changed = JSON.stringify(mutatedJson(random, document));
      const opened = readOr(['SESSION_EXPORT_INVALID'], () => openRecord(changed, account, chainId));
      if (opened !== undefined) expect(opened).toEqual(record);
    });
  });
});
