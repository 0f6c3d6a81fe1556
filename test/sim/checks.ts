/**
 * The properties of consensus design §5.3, checked while a simulation runs: P1 agreement, P2 and P3 certificates,
 * P4 notarised ancestors, P5 forced inclusion, P6 no honest evidence, P7 sent implies durable, P9 delivery order and
 * epochs, P13 evidence accuses liars only, P14 light client; P8 certificates are genuine, P15 block times, P16 state
 * certificates. P10 to P12 are `simulate.ts`'s.
 */
import { type Certificate, certificateFault } from '../../protocol/consensus/certificate.ts';
import { leastTimeMs } from '../../protocol/consensus/block-rules.ts';
import type { ChainPoint, EpochAnchor } from '../../protocol/consensus/configuration.ts';
import { verifyEpochProof } from '../../protocol/consensus/epoch-proof.ts';
import { accusedBy, brokenRule, type Evidence, placeOf, ruleOf } from '../../protocol/consensus/evidence.ts';
import type { Header } from '../../protocol/consensus/header.ts';
import { type Vote, ZERO_HASH } from '../../protocol/consensus/vote.ts';
import { verifyFinality } from '../../protocol/finality.ts';
import type { FinalBlock } from '../../consensus/effect.ts';
import { CLOCK_AHEAD_MS } from '../../consensus/constants.ts';
import { fakeGovernance, fakeVerify, machineOf, resultAt } from './fake-crypto.ts';
import { isGenuine } from './genuine.ts';
import { ViewBook } from './view-book.ts';

/** A property that did not hold. */
export class Violation extends Error {
  override readonly name = 'Violation';
}

const fail = (property: string, detail: string): never => {
  throw new Violation(`${property}: ${detail}`);
};

/** Watches one simulated world. */
export class Checks {
  readonly #honest: (machine: number) => boolean;
  readonly #newestMs: () => number;
  readonly #views = new ViewBook((property, detail) => this.#broken(property, detail));
  readonly #votes = new Map<string, Vote[]>();
  /** The agreed chain: position i holds height i + 1. */
  readonly chain: ChainPoint[] = [];
  /** Anchors of all epochs that an honest machine reached, the first epoch first. */
  readonly epochs: EpochAnchor[];
  readonly accused = new Set<number>();
  /** Time of the newest final block, ms. */
  #timeMs = 0;
  /** Rules that evidence of honest machines showed broken. */
  readonly evidenceRules: string[] = [];
  /** Set where more liars vote than agreement stands: then a fork is noted and the world goes on. */
  toleratesForks = false;
  /** The forks that were noted, and what followed from them. */
  readonly forks: string[] = [];

  /** `newestMs`: the most that an honest clock can have shown so far. */
  constructor(genesis: EpochAnchor, honest: (machine: number) => boolean, newestMs: () => number) {
    this.epochs = [genesis];
    this.#honest = honest;
    this.#newestMs = newestMs;
  }

  /** What no more than f liars can bring about. */
  #broken(property: string, detail: string): void {
    if (!this.toleratesForks) fail(property, detail);
    this.forks.push(`${property}: ${detail}`);
  }

  /** An honest machine holds a certificate. */
  certificate(certificate: Certificate): void {
    const { epoch, view } = certificate;
    const anchor = this.epochs[epoch - 1];
    const holds = (): boolean =>
      anchor === undefined || certificateFault(certificate, anchor, fakeVerify) === undefined;
    if (!isGenuine(certificate, holds))
      this.#broken('P8', `an honest machine relays a false certificate of view ${view} of epoch ${epoch}`);
    this.#views.note(certificate);
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
        this.#views.skipped(header);
        this.#stated(header);
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

  /** P15: no block's time is further ahead of every honest clock than the rules let it be. P16: a block names the one true state of a height before it. */
  #stated({ height, stateCert, timeMs }: Header): void {
    if (timeMs > Math.max(this.#newestMs() + CLOCK_AHEAD_MS, leastTimeMs({ timeMs: this.#timeMs })))
      this.#broken('P15', `block ${height} is of a time that no honest clock has shown`);
    this.#timeMs = timeMs;
    if (stateCert === undefined) return;
    const { certHash, root } = resultAt(stateCert.height);
    if (stateCert.height >= height || stateCert.certHash !== certHash || stateCert.root !== root)
      this.#broken('P16', `block ${height} names a false state of height ${stateCert.height}`);
  }

  /** An honest machine keeps evidence about a validator of its epoch. */
  evidence(evidence: Evidence, { configuration }: EpochAnchor): void {
    const validator = configuration.validators[accusedBy(evidence)];
    if (validator === undefined || placeOf(evidence).epoch !== configuration.epoch) return;
    const machine = machineOf(validator);
    this.accused.add(machine);
    this.evidenceRules.push(ruleOf(evidence));
    if (this.#honest(machine)) fail('P13', `evidence ${ruleOf(evidence)} accuses honest machine ${machine}`);
  }

  /** An honest machine stopped. */
  halt(machine: number, code: string): void {
    this.#broken('HALT', `honest machine ${machine} stopped: ${code}`);
  }
}
