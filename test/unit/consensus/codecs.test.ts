/** Consensus messages: what is encoded comes back, and every cut, grown or foreign byte string is refused. */
import { describe, expect, it } from 'vitest';
import type { BlockHash, ValidatorIndex } from '../../../protocol/brand.ts';
import { epoch, height, view } from '../../../protocol/brand.ts';
import { decode, encode } from '../../../protocol/codec.ts';
import { bodyFault, summarize } from '../../../protocol/consensus/body.ts';
import { brokenRule } from '../../../protocol/consensus/evidence.ts';
import { blockId, HEADER_BYTES, headerBytes, headerCodec } from '../../../protocol/consensus/header.ts';
import { justificationRoot } from '../../../protocol/consensus/justification.ts';
import { type ConsensusMessage, consensusMessageCodec } from '../../../protocol/consensus/message.ts';
import { consensusRequestCodec, consensusResponseCodec } from '../../../protocol/consensus/request.ts';
import { recordEpoch, recordView, walRecordCodec, type WalRecord } from '../../../protocol/consensus/wal-record.ts';
import { leaderOrder } from '../../../protocol/consensus/leader.ts';
import { verifyProposal, verifyStatus, verifyVote } from '../../../consensus/verify.ts';
import { statusOf } from '../../../consensus/repair.ts';
import { toHex } from '../../../protocol/hex.ts';
import { transactionId } from '../../../protocol/transaction-id.ts';
import { fakeAnchor, fakeVerify } from '../../sim/fake-crypto.ts';
import { blockOn, certificate, pointOf, Rig, voteBy } from './harness.ts';

const MAX = 1_000_000;
const hash = 'ab'.repeat(32) as BlockHash;
const base = fakeAnchor(4).base;
const first = blockOn(4, base, 1);
const block = blockOn(4, pointOf(first), 3, {
  change: { stateCert: { height: height(1), root: hash as never, certHash: hash } },
});
const proposal = {
  header: block.header,
  justification: block.justification,
  system: [new Uint8Array([7])],
  signature: voteBy(block.header.proposer, 'notarize', 3, block.id).signature,
  body: { kind: 'inline', envelopes: [new Uint8Array([1, 2, 3])] },
  resultCertificate: new Uint8Array([9]),
} as const;

const messages: ConsensusMessage[] = [
  { kind: 'vote', vote: voteBy(1, 'nullify', 7) },
  { kind: 'proposal', proposal },
  { kind: 'certificate', certificate: certificate(4, 'finalize', 3, hash) },
  { kind: 'status', status: statusOf(new Rig(4, 0).core) },
  {
    kind: 'evidence',
    evidence: { kind: 'votes', rule: 'E3', first: voteBy(0, 'nullify', 1), second: voteBy(0, 'finalize', 1, hash) },
  },
  {
    kind: 'evidence',
    evidence: {
      kind: 'block',
      vote: voteBy(0, 'notarize', 3, hash),
      header: block.header,
      justification: block.justification,
      parent: first.header,
    },
  },
  {
    kind: 'closing',
    closing: {
      block: { header: block.header, justification: block.justification, system: [], body: undefined },
      following: [first.header],
      finalization: certificate(4, 'finalize', 3, hash),
    },
  },
];

describe('messages', () => {
  it.each(messages.map((message) => [message.kind, message] as const))('%s survives the wire', (_kind, message) => {
    const bytes = encode(consensusMessageCodec, message);
    expect(decode(consensusMessageCodec, bytes, MAX)).toEqual(message);
    for (let cut = 0; cut < bytes.length; cut += Math.max(1, Math.floor(bytes.length / 50))) {
      expect(() => decode(consensusMessageCodec, bytes.subarray(0, cut), MAX)).toThrow();
    }
    expect(() => decode(consensusMessageCodec, Uint8Array.from([...bytes, 0]), MAX)).toThrow();
    expect(() => decode(consensusMessageCodec, bytes, bytes.length - 1)).toThrow();
  });

  it('random damage never passes as another message', () => {
    const bytes = encode(consensusMessageCodec, messages[1] as ConsensusMessage);
    for (let i = 0; i < 400; i += 1) {
      const damaged = bytes.slice();
      const at = (i * 7919) % bytes.length;
      damaged[at] = (damaged[at] ?? 0) ^ (1 << (i % 8));
      let decoded: ConsensusMessage | undefined;
      try {
        decoded = decode(consensusMessageCodec, damaged, MAX);
      } catch {
        continue;
      }
      expect(toHex(encode(consensusMessageCodec, decoded))).toBe(toHex(damaged));
    }
  });

  it('requests and answers survive the wire; an oversize range is refused', () => {
    const request = { kind: 'getBlocks', from: height(5), to: height(68) } as const;
    expect(decode(consensusRequestCodec, encode(consensusRequestCodec, request), MAX)).toEqual(request);
    expect(() => encode(consensusRequestCodec, { ...request, to: height(69) })).toThrow();
    const response = {
      kind: 'blocks',
      blocks: [{ header: block.header, justification: block.justification, system: [], body: undefined }],
      following: [],
      finalization: undefined,
    } as const;
    expect(decode(consensusResponseCodec, encode(consensusResponseCodec, response), MAX)).toEqual(response);
  });

  it('log records survive the disk and name their view', () => {
    const records: WalRecord[] = [
      { kind: 'vote', vote: { kind: 'finalize', epoch: epoch(1), view: view(4), hash } },
      { kind: 'certificate', certificate: certificate(4, 'nullify', 5) },
      {
        kind: 'block',
        header: block.header,
        justification: block.justification,
        system: [],
        body: [new Uint8Array([1])],
      },
      {
        kind: 'evidence',
        evidence: {
          kind: 'votes',
          rule: 'E1',
          first: voteBy(0, 'notarize', 6, hash),
          second: voteBy(0, 'notarize', 6, first.id),
        },
      },
      { kind: 'finalized', epoch: epoch(1), view: view(8), height: height(2), block: hash },
      { kind: 'closing', block: hash, following: [block.header], finalization: certificate(4, 'finalize', 9, hash) },
    ];
    for (const record of records) expect(decode(walRecordCodec, encode(walRecordCodec, record), MAX)).toEqual(record);
    expect(records.map(recordView)).toEqual([4, 5, 3, 6, 8, 9]);
    expect(new Set(records.map(recordEpoch))).toEqual(new Set([1]));
  });
});

describe('headers', () => {
  it('have a fixed encoding in which every field counts', () => {
    const { header } = block;
    expect(headerBytes(header)).toHaveLength(HEADER_BYTES);
    const ids = new Set([blockId(header)]);
    for (const [field, value] of Object.entries(header)) {
      const changed =
        typeof value === 'number'
          ? value + 1
          : field === 'kind'
            ? 'tail'
            : field === 'stateCert'
              ? undefined
              : 'cd'.repeat(32);
      ids.add(blockId({ ...header, [field]: changed }));
    }
    expect(ids.size).toBe(Object.keys(header).length + 1);
    expect(decode(headerCodec, encode(headerCodec, header), MAX)).toEqual(header);
  });

  it('commit to the whole justification', () => {
    const { justification } = block;
    const roots = [
      justification,
      { ...justification, parent: undefined },
      { ...justification, nullifications: [] },
    ].map(justificationRoot);
    expect(new Set(roots).size).toBe(3);
  });
});

describe('bodies', () => {
  const body = [new Uint8Array([1]), new Uint8Array([2, 3])];
  const header = { ...block.header, ...summarize(body, body.map(transactionId)) };

  it('must match their header', () => {
    expect(bodyFault(body, header)).toBeUndefined();
    expect(bodyFault(body.toReversed(), header)).toBe('BODY_MISMATCH');
    expect(bodyFault(body.slice(1), header)).toBe('BODY_MISMATCH');
  });

  it('hold no transaction twice', () => {
    const twice = [body[0] as Uint8Array, body[0] as Uint8Array];
    expect(bodyFault(twice, { ...header, ...summarize(twice, twice.map(transactionId)) })).toBe('BODY_DUPLICATE');
  });
});

describe('verification', () => {
  const verifier = { set: fakeAnchor(4), verifySignature: fakeVerify, state: undefined };

  it('accepts genuine votes and refuses the rest', () => {
    const vote = voteBy(2, 'notarize', 3, hash);
    expect(verifyVote(verifier, vote).verdict).toBe('accept');
    expect(verifyVote(verifier, { ...vote, signer: 1 as ValidatorIndex })).toEqual({
      verdict: 'reject',
      code: 'BAD_SIGNATURE',
    });
    expect(verifyVote(verifier, { ...vote, signer: 9 as ValidatorIndex })).toEqual({
      verdict: 'reject',
      code: 'BAD_VOTE',
    });
    expect(verifyVote(verifier, { ...vote, epoch: epoch(2) })).toEqual({ verdict: 'reject', code: 'WRONG_EPOCH' });
    expect(verifyVote(verifier, { ...vote, kind: 'nullify' })).toEqual({ verdict: 'reject', code: 'BAD_VOTE' });
  });

  it('finds an unsound justification without refusing the evidence of it', () => {
    const genuine = verifyProposal(verifier, { ...proposal, system: [] });
    expect(genuine.verdict === 'accept' && genuine.value.sound).toBe(true);
    const forged = certificate(4, 'nullify', 2);
    const nullifications = [{ ...forged, signatures: forged.signatures.slice().fill(0) }];
    const justification = { ...block.justification, nullifications };
    const bad = blockOn(4, pointOf(first), 3, { justification });
    const signature = voteBy(bad.header.proposer, 'notarize', 3, bad.id).signature;
    const verdict = verifyProposal(verifier, { ...proposal, system: [], header: bad.header, justification, signature });
    expect(verdict.verdict === 'accept' && verdict.value.sound).toBe(false);
    expect(verifyProposal(verifier, proposal)).toEqual({ verdict: 'reject', code: 'BAD_SYSTEM_SECTION' });
    expect(verifyProposal(verifier, { ...proposal, justification })).toEqual({
      verdict: 'reject',
      code: 'BAD_JUSTIFICATION',
    });
  });

  it('refuses a status with the vote of another validator', () => {
    const status = { ...statusOf(new Rig(4, 0).core), votes: [voteBy(1, 'nullify', 1)] };
    expect(verifyStatus(verifier, status, 1 as ValidatorIndex).verdict).toBe('accept');
    expect(verifyStatus(verifier, status, 2 as ValidatorIndex)).toEqual({ verdict: 'reject', code: 'BAD_VOTE' });
  });

  it('NOTARIZE and NULLIFY of one view contradict nothing', () => {
    expect(brokenRule(voteBy(0, 'notarize', 1, hash), voteBy(0, 'nullify', 1))).toBeUndefined();
    expect(brokenRule(voteBy(0, 'notarize', 1, hash), voteBy(1, 'notarize', 1, first.id))).toBeUndefined();
  });
});

describe('leader order', () => {
  it('is a permutation that depends on the chain', () => {
    for (const n of [4, 7, 31, 100])
      expect([...leaderOrder(fakeAnchor(n))].sort((a, b) => a - b)).toEqual(Array.from({ length: n }, (_, i) => i));
    const otherBase = { ...fakeAnchor(31), base: { ...base, id: hash } };
    expect(leaderOrder(otherBase)).not.toEqual(leaderOrder(fakeAnchor(31)));
  });
});
