/** Epoch proofs (consensus design §3.6, §3.7): what leads a light client to the next epoch, and what does not. */
import { describe, expect, it } from 'vitest';
import { type EpochProof, verifyEpochProof, walkEpochs } from '../../../protocol/consensus/epoch-proof.ts';
import type { Header } from '../../../protocol/consensus/header.ts';
import { fakeGovernance, fakeVerify } from '../../sim/fake-crypto.ts';
import { anchor, base, closing, governance, nextHash, readyAt, swap, tailOn } from './epoch-fixture.ts';
import { blockOn, certificate, pointOf, type TestBlock } from './harness.ts';

/** A proof that a block, or the last of the tails after it, is final. */
const proofOf = ({ id, header, system }: TestBlock, tails: readonly TestBlock[] = []): EpochProof => {
  const last = tails.at(-1) ?? { id, header };
  const finalization = certificate(4, 'finalize', last.header.view, last.id);
  return { header, system, following: tails.map((tail) => tail.header), finalization };
};

const closingWith = (system: readonly Uint8Array[], change: Partial<Header> = {}): TestBlock =>
  blockOn(4, base, 1, { transactions: 0, system, change: { nextConfigHash: nextHash, ...change } });

const codeOf = (proof: EpochProof): string => {
  const verdict = verifyEpochProof(anchor, fakeGovernance, proof, fakeVerify);
  return verdict.verdict === 'invalid' ? verdict.code : verdict.verdict;
};

describe('an epoch proof', () => {
  const tail = tailOn(closing, 2);

  it.each([
    ['its own finalization', proofOf(closing)],
    ['that of a tail', proofOf(closing, [tail])],
  ])('leads to the next epoch by %s', (_by, proof) => {
    const verdict = verifyEpochProof(anchor, fakeGovernance, proof, fakeVerify);
    expect(verdict).toMatchObject({ verdict: 'valid', anchor: { configHash: nextHash, base: { id: closing.id } } });
  });

  const unsigned = governance(swap, { readiness: [readyAt(7, 0, base.id)], signed: false });
  const notReady = governance(swap);
  const plain = blockOn(4, base, 1);
  const foreign = certificate(4, 'notarize', 1, closing.id);

  it.each<[string, string, EpochProof]>([
    ['without the signatures of the members', 'GOVERNANCE_NOT_SIGNED', proofOf(closingWith([unsigned]))],
    ['with a joiner that is not ready', 'GOVERNANCE_NOT_READY', proofOf(closingWith([notReady]))],
    [
      'to another configuration',
      'WRONG_CONFIGURATION',
      proofOf(closingWith(closing.system, { nextConfigHash: anchor.configHash })),
    ],
    ['of a block that closes nothing', 'NOT_CLOSING', proofOf(plain)],
    ['with another system section', 'OTHER_SYSTEM_SECTION', { ...proofOf(closing), system: [notReady] }],
    ['with a block after it that is no tail', 'NOT_A_TAIL', proofOf(closing, [blockOn(4, pointOf(closing), 2)])],
    ['by a notarization', 'NOT_A_FINALIZATION', { ...proofOf(closing), finalization: foreign }],
    [
      'by the finalization of another block',
      'OTHER_BLOCK_FINALIZED',
      { ...proofOf(closing), finalization: proofOf(closing, [tail]).finalization },
    ],
    [
      'by too few signatures',
      'CERTIFICATE_NO_QUORUM',
      { ...proofOf(closing), finalization: { ...certificate(4, 'finalize', 1, closing.id), bitmap: Uint8Array.of(3) } },
    ],
  ])('is refused %s: %s', (_case, code, proof) => {
    expect(codeOf(proof)).toBe(code);
  });

  it('ends one epoch only: the next one needs its own', () => {
    const walk = walkEpochs(anchor, fakeGovernance, [proofOf(closing), proofOf(closing)], fakeVerify);
    expect(walk).toMatchObject({ verdict: 'invalid', epoch: 2, code: 'WRONG_EPOCH' });
  });
});
