/** The light client with real Ed25519 signatures: what it accepts, and every way to be refused. */
import { ed25519PublicKey, ed25519Sign } from '#primitives';
import { describe, expect, it } from 'vitest';
import type { BlockHash, ChainId, PublicKey, ValidatorIndex } from '../../../protocol/brand.ts';
import { epoch, height, view } from '../../../protocol/brand.ts';
import { EMPTY_TRANSACTION_ROOT } from '../../../protocol/consensus/body.ts';
import { type Certificate, certificateFault, certificateOf } from '../../../protocol/consensus/certificate.ts';
import { leaderAt } from '../../../protocol/consensus/block-rules.ts';
import { type ChainPoint, type EpochAnchor, firstAnchor } from '../../../protocol/consensus/configuration.ts';
import { blockId, HEADER_VERSION, type Header } from '../../../protocol/consensus/header.ts';
import { type Vote, type VoteKind, voteBytes, ZERO_HASH } from '../../../protocol/consensus/vote.ts';
import { conflict, verifyEd25519, verifyFinality } from '../../../protocol/finality.ts';
import { faultBound, quorumOf } from '../../../protocol/genesis.ts';
import { toHex } from '../../../protocol/hex.ts';
import { fakeAnchor, fakeValidator } from '../../sim/fake-crypto.ts';

const secrets = Array.from({ length: 4 }, (_, i) => new Uint8Array(32).fill(i + 1));
const keys = secrets.map((secret) => toHex(ed25519PublicKey(secret)) as PublicKey);
const chainId = '11'.repeat(32) as ChainId;
const anchorWith = (validatorKeys: readonly PublicKey[]): EpochAnchor =>
  firstAnchor(
    chainId,
    {
      ...fakeAnchor(4).configuration,
      validators: validatorKeys.map((validatorKey, index) => ({ ...fakeValidator(index), validatorKey })),
    },
    1_000,
  );
const anchor = anchorWith(keys);

const headerOn = (parent: ChainPoint, change: Partial<Header> = {}): Header => ({
  version: HEADER_VERSION,
  chainId,
  epoch: epoch(1),
  view: view(parent.view + 1),
  height: height(parent.height + 1),
  kind: 'empty',
  timeMs: parent.timeMs + 10,
  proposer: leaderAt(anchor, parent.view + 1),
  parentView: parent.view,
  parentHash: parent.id,
  justRoot: ZERO_HASH,
  txRoot: EMPTY_TRANSACTION_ROOT,
  txCount: 0,
  bodyBytes: 0,
  sysRoot: ZERO_HASH,
  configHash: anchor.configHash,
  nextConfigHash: ZERO_HASH,
  stateCert: undefined,
  ...change,
});
const pointOf = (header: Header): ChainPoint => ({
  id: blockId(header),
  height: header.height,
  view: header.view,
  timeMs: header.timeMs,
});

const vote = (signer: number, kind: VoteKind, at: number, hash: BlockHash, chain = chainId): Vote => {
  const statement = { kind, epoch: epoch(1), view: view(at), hash };
  return {
    ...statement,
    signer: signer as ValidatorIndex,
    signature: ed25519Sign(voteBytes(chain, statement), secrets[signer] as Uint8Array),
  };
};
const finalization = (
  header: Header,
  signers: readonly number[] = [0, 1, 3],
  kind: VoteKind = 'finalize',
  chain = chainId,
): Certificate =>
  certificateOf(
    signers.map((signer) => vote(signer, kind, header.view, blockId(header), chain)),
    4,
  );

const chainOf = (length: number): Header[] => {
  const headers: Header[] = [];
  for (let i = 0; i < length; i += 1) headers.push(headerOn(i === 0 ? anchor.base : pointOf(headers[i - 1] as Header)));
  return headers;
};
const headers = chainOf(3);
const last = headers[2] as Header;
const proof = finalization(last);
const codeOf = (changed: {
  anchor?: EpochAnchor;
  from?: ChainPoint;
  headers?: readonly Header[];
  proof?: Certificate;
}): string => {
  const verdict = verifyFinality(
    changed.anchor ?? anchor,
    changed.from ?? anchor.base,
    changed.headers ?? headers,
    changed.proof ?? proof,
  );
  return verdict.verdict === 'final' ? 'final' : verdict.code;
};
const withLast = (change: Partial<Header>): { headers: Header[]; proof: Certificate } => {
  const changed = headerOn(pointOf(headers[1] as Header), change);
  return { headers: [...headers.slice(0, 2), changed], proof: finalization(changed) };
};

describe('verifyFinality', () => {
  it('accepts a chain, returns its points and goes on from the last of them', () => {
    const verdict = verifyFinality(anchor, anchor.base, headers.slice(0, 2), finalization(headers[1] as Header));
    expect(verdict).toEqual({ verdict: 'final', points: headers.slice(0, 2).map(pointOf) });
    expect(codeOf({ from: pointOf(headers[1] as Header), headers: [last] })).toBe('final');
  });

  it('accepts exactly n − f signers and more', () => {
    expect(codeOf({ proof: finalization(last, [0, 1, 2, 3]) })).toBe('final');
    expect(codeOf({ proof: finalization(last, [2, 3]) })).toBe('CERTIFICATE_NO_QUORUM');
  });

  it.each<[string, string, Parameters<typeof codeOf>[0]]>([
    ['no headers', 'NO_HEADERS', { headers: [] }],
    ['too many headers', 'TOO_MANY_HEADERS', { headers: new Array<Header>(4097).fill(last) }],
    ['a skipped height', 'WRONG_PARENT', { headers: [headers[0] as Header, last] }],
    ['headers in the wrong order', 'WRONG_PARENT', { headers: headers.toReversed() }],
    ['another starting point', 'WRONG_PARENT', { from: pointOf(last) }],
    ['a wrong height', 'WRONG_HEIGHT', withLast({ height: height(4) })],
    ['a wrong parent view', 'WRONG_VIEW', withLast({ parentView: view(1) })],
    ['a time that stands still', 'WRONG_TIME', withLast({ timeMs: (headers[1] as Header).timeMs })],
    ['another chain', 'WRONG_CHAIN', withLast({ chainId: '22'.repeat(32) as ChainId })],
    ['another epoch', 'WRONG_EPOCH', withLast({ epoch: epoch(2) })],
    ['another version', 'WRONG_VERSION', withLast({ version: 2 })],
    ['another configuration', 'WRONG_CONFIGURATION', withLast({ configHash: ZERO_HASH })],
    ['a change without a system section', 'WRONG_KIND', withLast({ nextConfigHash: anchor.configHash })],
    ['another proposer', 'WRONG_PROPOSER', withLast({ proposer: leaderAt(anchor, 4) })],
    ['a tail without a closing block', 'NOT_A_TAIL', withLast({ kind: 'tail', nextConfigHash: anchor.configHash })],
    ['a tail block', 'WRONG_KIND', withLast({ kind: 'tail' })],
    ['a payload in an empty block', 'WRONG_KIND', withLast({ txCount: 1 })],
    ['a notarization instead', 'NOT_A_FINALIZATION', { proof: finalization(last, [0, 1, 3], 'notarize') }],
    ['a finalization of an ancestor', 'OTHER_BLOCK_FINALIZED', { proof: finalization(headers[1] as Header) }],
    ['a certificate of another epoch', 'CERTIFICATE_WRONG_EPOCH', { proof: { ...proof, epoch: epoch(2) } }],
    [
      'signatures for another chain',
      'CERTIFICATE_BAD_SIGNATURE',
      { proof: finalization(last, [0, 1, 3], 'finalize', '22'.repeat(32) as ChainId) },
    ],
    [
      'NOTARIZE signatures under a FINALIZE label',
      'CERTIFICATE_BAD_SIGNATURE',
      { proof: { ...finalization(last, [0, 1, 3], 'notarize'), kind: 'finalize' } },
    ],
    [
      'a duplicate signer under two bits',
      'CERTIFICATE_BAD_SIGNATURE',
      {
        proof: {
          ...proof,
          signatures: Uint8Array.from([
            ...proof.signatures.subarray(0, 64),
            ...proof.signatures.subarray(0, 64),
            ...proof.signatures.subarray(128),
          ]),
        },
      },
    ],
    [
      'signatures in another order',
      'CERTIFICATE_BAD_SIGNATURE',
      {
        proof: {
          ...proof,
          signatures: Uint8Array.from([...proof.signatures.subarray(64), ...proof.signatures.subarray(0, 64)]),
        },
      },
    ],
    [
      'an extra bit beyond the set',
      'CERTIFICATE_BAD_SIGNER_SET',
      { proof: { ...proof, bitmap: Uint8Array.of(0b11011) } },
    ],
    ['an extra bit inside the set', 'CERTIFICATE_BAD_LENGTH', { proof: { ...proof, bitmap: Uint8Array.of(0b1111) } }],
    ['a longer bitmap', 'CERTIFICATE_BAD_SIGNER_SET', { proof: { ...proof, bitmap: Uint8Array.of(0b1011, 0) } }],
    ['an empty bitmap', 'CERTIFICATE_BAD_SIGNER_SET', { proof: { ...proof, bitmap: new Uint8Array(0) } }],
    [
      'missing signature bytes',
      'CERTIFICATE_BAD_LENGTH',
      { proof: { ...proof, signatures: proof.signatures.subarray(1) } },
    ],
    [
      'surplus signature bytes',
      'CERTIFICATE_BAD_LENGTH',
      { proof: { ...proof, signatures: Uint8Array.from([...proof.signatures, 0]) } },
    ],
    ['keys in another order', 'WRONG_CONFIGURATION', { anchor: anchorWith(keys.toReversed()) }],
  ])('refuses %s: %s', (_case, code, changed) => {
    expect(codeOf(changed)).toBe(code);
  });

  it('refuses every flipped byte of a header', () => {
    const changed = { ...last, justRoot: '0'.repeat(63).concat('1') as never };
    expect(codeOf({ headers: [...headers.slice(0, 2), changed] })).toBe('OTHER_BLOCK_FINALIZED');
  });

  it('a NULLIFY certificate that names a block is refused', () => {
    expect(certificateFault({ ...proof, kind: 'nullify' }, anchor, verifyEd25519)).toBe('BAD_HASH');
  });

  it('recognises a fork', () => {
    const twin = pointOf({ ...last, timeMs: last.timeMs + 1 });
    expect(conflict(pointOf(last), twin)).toBe(true);
    expect(conflict(pointOf(last), pointOf(last))).toBe(false);
  });
});

describe('quorum', () => {
  it('two quorums meet in an honest validator, and honest validators alone are a quorum, for n = 1..100', () => {
    for (let n = 1; n <= 100; n += 1) {
      const f = faultBound(n);
      const q = quorumOf(n);
      expect(q).toBe(n - f);
      expect(2 * q - n).toBeGreaterThan(f);
      expect(n - f).toBeGreaterThanOrEqual(q);
      expect(3 * f).toBeLessThan(n);
      expect(n).toBeLessThanOrEqual(3 * f + 3);
    }
  });
});
