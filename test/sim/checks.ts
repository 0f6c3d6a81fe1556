/**
 * The properties of consensus design §5.3, checked while a simulation runs: P1 agreement, P2 and P3 certificates,
 * P4 notarised ancestors, P5 forced inclusion, P6 no honest evidence, P7 sent implies durable, P9 delivery order,
 * P13 evidence accuses liars only, P14 light client.
 */
import type { BlockHash } from '../../protocol/brand.ts';
import type { Certificate } from '../../protocol/consensus/certificate.ts';
import type { ChainPoint, EpochAnchor } from '../../protocol/consensus/configuration.ts';
import { brokenRule, type Evidence } from '../../protocol/consensus/evidence.ts';
import type { Vote } from '../../protocol/consensus/vote.ts';
import { verifyFinality } from '../../protocol/finality.ts';
import type { FinalBlock } from '../../consensus/effect.ts';
import { fakeVerify } from './fake-crypto.ts';

/** A property that did not hold. */
export class Violation extends Error {
  override readonly name = 'Violation';
}

const fail = (property: string, detail: string): never => {
  throw new Violation(`${property}: ${detail}`);
};

interface ViewFacts {
  notarized: BlockHash | undefined;
  nullified: boolean;
  finalized: BlockHash | undefined;
}

/** Watches one simulated world. */
export class Checks {
  readonly #anchor: EpochAnchor;
  readonly #honest: (validator: number) => boolean;
  readonly #views = new Map<number, ViewFacts>();
  readonly #votes = new Map<string, Vote[]>();
  /** The agreed chain: position i holds height i + 1. */
  readonly chain: ChainPoint[] = [];
  readonly accused = new Set<number>();

  constructor(anchor: EpochAnchor, honest: (validator: number) => boolean) {
    this.#anchor = anchor;
    this.#honest = honest;
  }

  #view(number: number): ViewFacts {
    const known = this.#views.get(number);
    if (known !== undefined) return known;
    const fresh: ViewFacts = { notarized: undefined, nullified: false, finalized: undefined };
    this.#views.set(number, fresh);
    return fresh;
  }

  /** An honest validator holds a certificate. */
  certificate(certificate: Certificate): void {
    const facts = this.#view(certificate.view);
    const { hash, kind, view } = certificate;
    if (kind === 'nullify') facts.nullified = true;
    else if (kind === 'notarize') {
      if (facts.notarized !== undefined && facts.notarized !== hash) fail('P3', `two notarizations of view ${view}`);
      facts.notarized = hash;
    } else {
      if (facts.finalized !== undefined && facts.finalized !== hash) fail('P1', `two finalizations of view ${view}`);
      facts.finalized = hash;
    }
    if (facts.nullified && facts.finalized !== undefined) fail('P2', `view ${view} nullified and finalised`);
    if (facts.finalized !== undefined && facts.notarized !== undefined && facts.finalized !== facts.notarized) {
      fail('P4', `view ${view} finalised a block that is not the notarised one`);
    }
  }

  /** An honest validator sends a vote. */
  vote(vote: Vote, durable: boolean): void {
    if (!durable) fail('P7', `validator ${vote.signer} sent ${vote.kind} of view ${vote.view} before it was durable`);
    const key = `${vote.signer}:${vote.view}`;
    const earlier = this.#votes.get(key) ?? [];
    for (const other of earlier) {
      const rule = brokenRule(other, vote);
      if (rule !== undefined) fail('P6', `honest validator ${vote.signer} broke ${rule} in view ${vote.view}`);
    }
    earlier.push(vote);
    this.#votes.set(key, earlier);
  }

  /** An honest validator delivers blocks; `expectedHeight` is the one after its last. */
  deliver(validator: number, expectedHeight: number, blocks: readonly FinalBlock[], finalization: Certificate): void {
    let height = expectedHeight;
    let fresh = false;
    for (const { id, header } of blocks) {
      if (header.height !== height)
        fail('P9', `validator ${validator} delivered height ${header.height}, expected ${height}`);
      const agreed = this.chain[height - 1];
      if (agreed !== undefined && agreed.id !== id)
        fail('P1', `validator ${validator} delivered another block at height ${height}`);
      if (agreed === undefined) {
        fresh = true;
        this.#skipped(header.parentView, header.view);
      }
      height += 1;
    }
    if (fresh) this.#extend(expectedHeight, blocks, finalization);
  }

  #extend(from: number, blocks: readonly FinalBlock[], finalization: Certificate): void {
    const previous = this.chain[from - 2] ?? this.#anchor.base;
    const verdict = verifyFinality(
      this.#anchor,
      previous,
      blocks.map((block) => block.header),
      finalization,
      fakeVerify,
    );
    if (verdict.verdict === 'invalid') return fail('P14', `the light client refuses delivered blocks: ${verdict.code}`);
    verdict.points.forEach((point, position) => {
      this.chain[from - 1 + position] = point;
    });
  }

  /** P5: a view that the chain jumps over and that has a notarised block must have been nullified. */
  #skipped(parentView: number, view: number): void {
    for (let number = parentView + 1; number < view; number += 1) {
      const facts = this.#views.get(number);
      if (facts?.notarized !== undefined && !facts.nullified) fail('P5', `notarised view ${number} was skipped`);
    }
  }

  /** An honest validator keeps evidence. */
  evidence(evidence: Evidence): void {
    this.accused.add(evidence.first.signer);
    if (this.#honest(evidence.first.signer))
      fail('P13', `evidence ${evidence.rule} accuses honest validator ${evidence.first.signer}`);
  }

  /** An honest validator stopped. */
  halt(validator: number, code: string): void {
    fail('HALT', `honest validator ${validator} stopped: ${code}`);
  }
}
