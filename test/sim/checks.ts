/**
 * The properties of consensus design §5.3, checked while a simulation runs: P1 agreement, P2 and P3 certificates,
 * P4 notarised ancestors, P5 forced inclusion, P6 no honest evidence, P7 sent implies durable, P9 delivery order and
 * epochs, P13 evidence accuses liars only, P14 light client.
 */
import type { BlockHash } from '../../protocol/brand.ts';
import type { Certificate } from '../../protocol/consensus/certificate.ts';
import type { ChainPoint, EpochAnchor } from '../../protocol/consensus/configuration.ts';
import { verifyEpochProof } from '../../protocol/consensus/epoch-proof.ts';
import { accusedBy, brokenRule, type Evidence, placeOf, ruleOf } from '../../protocol/consensus/evidence.ts';
import type { Header } from '../../protocol/consensus/header.ts';
import { type Vote, ZERO_HASH } from '../../protocol/consensus/vote.ts';
import { verifyFinality } from '../../protocol/finality.ts';
import type { FinalBlock } from '../../consensus/effect.ts';
import { fakeGovernance, fakeVerify, machineOf } from './fake-crypto.ts';

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
  readonly #honest: (machine: number) => boolean;
  readonly #views = new Map<string, ViewFacts>();
  readonly #votes = new Map<string, Vote[]>();
  /** The agreed chain: position i holds height i + 1. */
  readonly chain: ChainPoint[] = [];
  /** Anchors of all epochs that an honest machine reached, the first epoch first. */
  readonly epochs: EpochAnchor[];
  readonly accused = new Set<number>();
  /** Set where more liars vote than agreement stands: then a fork is noted and the world goes on. */
  toleratesForks = false;
  /** The forks that were noted, and what followed from them. */
  readonly forks: string[] = [];

  constructor(genesis: EpochAnchor, honest: (machine: number) => boolean) {
    this.epochs = [genesis];
    this.#honest = honest;
  }

  /** What no more than f liars can bring about. */
  #broken(property: string, detail: string): void {
    if (!this.toleratesForks) fail(property, detail);
    this.forks.push(`${property}: ${detail}`);
  }

  #view(epoch: number, number: number): ViewFacts {
    const key = `${epoch}:${number}`;
    const known = this.#views.get(key);
    if (known !== undefined) return known;
    const fresh: ViewFacts = { notarized: undefined, nullified: false, finalized: undefined };
    this.#views.set(key, fresh);
    return fresh;
  }

  /** An honest machine holds a certificate. */
  certificate({ epoch, hash, kind, view }: Certificate): void {
    const facts = this.#view(epoch, view);
    const at = `view ${view} of epoch ${epoch}`;
    if (kind === 'nullify') facts.nullified = true;
    else if (kind === 'notarize') {
      if (facts.notarized !== undefined && facts.notarized !== hash) this.#broken('P3', `two notarizations of ${at}`);
      facts.notarized = hash;
    } else {
      if (facts.finalized !== undefined && facts.finalized !== hash) this.#broken('P1', `two finalizations of ${at}`);
      facts.finalized = hash;
    }
    if (facts.nullified && facts.finalized !== undefined) this.#broken('P2', `${at} nullified and finalised`);
    if (facts.finalized !== undefined && facts.notarized !== undefined && facts.finalized !== facts.notarized) {
      this.#broken('P4', `${at} finalised a block that is not the notarised one`);
    }
  }

  /** An honest machine sends a vote. */
  vote(vote: Vote, machine: number, durable: boolean): void {
    if (!durable) fail('P7', `machine ${machine} sent ${vote.kind} of view ${vote.view} before it was durable`);
    const key = `${machine}:${vote.epoch}:${vote.view}`;
    const earlier = this.#votes.get(key) ?? [];
    for (const other of earlier) {
      const rule = brokenRule(other, vote);
      if (rule !== undefined) fail('P6', `honest machine ${machine} broke ${rule} in ${vote.epoch}:${vote.view}`);
    }
    earlier.push(vote);
    this.#votes.set(key, earlier);
  }

  /** An honest machine delivers blocks of an epoch; `expectedHeight` is the one after its last. */
  deliver(
    machine: number,
    expectedHeight: number,
    anchor: EpochAnchor,
    blocks: readonly FinalBlock[],
    following: readonly Header[],
    finalization: Certificate,
  ): void {
    if (anchor.configHash !== this.epochs[anchor.epoch - 1]?.configHash)
      this.#broken('P9', `machine ${machine} delivers in an epoch ${anchor.epoch} that was not agreed on`);
    let height = expectedHeight;
    let fresh = false;
    for (const { id, header } of blocks) {
      if (header.height !== height || header.kind === 'tail')
        this.#broken(
          'P9',
          `machine ${machine} delivered ${header.kind} at height ${header.height}, expected ${height}`,
        );
      const agreed = this.chain[height - 1];
      if (agreed !== undefined && agreed.id !== id)
        this.#broken('P1', `machine ${machine} delivered another block at height ${height}`);
      if (agreed === undefined) {
        fresh = true;
        this.#skipped(header);
      }
      height += 1;
    }
    if (fresh) this.#extend(expectedHeight, anchor, blocks, following, finalization);
  }

  #extend(
    from: number,
    anchor: EpochAnchor,
    blocks: readonly FinalBlock[],
    following: readonly Header[],
    finalization: Certificate,
  ): void {
    const previous = from - 1 === anchor.base.height ? anchor.base : (this.chain[from - 2] ?? anchor.base);
    const headers = [...blocks.map((block) => block.header), ...following];
    const verdict = verifyFinality(anchor, previous, headers, finalization, fakeVerify);
    if (verdict.verdict === 'invalid')
      return this.#broken('P14', `the light client refuses delivered blocks: ${verdict.code}`);
    verdict.points.forEach((point, position) => {
      this.chain[from - 1 + position] = point;
    });
    const last = blocks.at(-1);
    if (last !== undefined && last.header.nextConfigHash !== ZERO_HASH)
      this.#close(anchor, last, following, finalization);
  }

  #close(anchor: EpochAnchor, closing: FinalBlock, following: readonly Header[], finalization: Certificate): void {
    const proof = { header: closing.header, system: closing.system, following, finalization };
    const verdict = verifyEpochProof(anchor, fakeGovernance, proof, fakeVerify);
    if (verdict.verdict === 'invalid') return this.#broken('P14', `the epoch proof does not verify: ${verdict.code}`);
    this.epochs[anchor.epoch] = verdict.anchor;
  }

  /** P5: a view that the chain jumps over and that has a notarised block must have been nullified. */
  #skipped({ epoch, parentView, view }: Header): void {
    for (let number = parentView + 1; number < view; number += 1) {
      const facts = this.#views.get(`${epoch}:${number}`);
      if (facts?.notarized !== undefined && !facts.nullified)
        this.#broken('P5', `notarised view ${number} of epoch ${epoch} was skipped`);
    }
  }

  /** An honest machine keeps evidence about a validator of its epoch. */
  evidence(evidence: Evidence, { configuration }: EpochAnchor): void {
    const validator = configuration.validators[accusedBy(evidence)];
    if (validator === undefined || placeOf(evidence).epoch !== configuration.epoch) return;
    const machine = machineOf(validator);
    this.accused.add(machine);
    if (this.#honest(machine)) fail('P13', `evidence ${ruleOf(evidence)} accuses honest machine ${machine}`);
  }

  /** An honest machine stopped. */
  halt(machine: number, code: string): void {
    this.#broken('HALT', `honest machine ${machine} stopped: ${code}`);
  }
}
