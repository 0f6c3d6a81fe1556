/**
 * Forks as liars and a split network make them: two finalised chains of one epoch that contradict each other. Honest
 * validators are in one half or the other and sign by the rules there; liars sign whatever either half needs.
 */
import type { ValidatorIndex } from '../../protocol/brand.ts';
import { view as asView } from '../../protocol/brand.ts';
import type { Block } from '../../protocol/consensus/block.ts';
import { type Certificate, certificateOf } from '../../protocol/consensus/certificate.ts';
import type { EpochAnchor } from '../../protocol/consensus/configuration.ts';
import type { EvidenceRule } from '../../protocol/consensus/evidence.ts';
import type { FinalisedChain } from '../../protocol/consensus/forensics.ts';
import type { Header } from '../../protocol/consensus/header.ts';
import { type Justification, justificationRoot, MAX_NULLIFICATIONS } from '../../protocol/consensus/justification.ts';
import { voteBytes, ZERO_HASH } from '../../protocol/consensus/vote.ts';
import { faultBound } from '../../protocol/genesis.ts';
import { fakeAnchor, fakeSign, keyOf } from '../sim/fake-crypto.ts';
import { certificateOn, headerOn, KeyRing, pointOf } from '../support/real-chain.ts';
import type { SeededRandom } from '../support/seeded-random.ts';
import { shuffled } from './campaign.ts';

/** How the second chain gets past the view at which the first one is final. */
export type WayAround =
  | 'same view'
  | 'another block'
  | 'nullified'
  | 'nullified in a long outage'
  | 'no reason'
  | 'forged reason';

/** What the liars of each way break. */
export const RULE_OF_WAY: Readonly<Record<WayAround, EvidenceRule>> = {
  'same view': 'E2',
  'another block': 'E4',
  nullified: 'E3',
  'nullified in a long outage': 'E3',
  'no reason': 'E5',
  'forged reason': 'E5',
};

type ChainBlock = Pick<Block, 'header' | 'justification'>;

/** Two contradicting chains, and who lied. */
export interface Fork {
  readonly anchor: EpochAnchor;
  readonly liars: ReadonlySet<number>;
  readonly first: FinalisedChain;
  readonly second: FinalisedChain;
}

/** Signs as any of the first machines. */
const ringOf = (machines: number): KeyRing =>
  new KeyRing(
    ...Array.from({ length: machines }, (_, machine) => {
      const publicKey = keyOf(machine);
      return { publicKey, sign: (message: Uint8Array) => fakeSign(message, publicKey) };
    }),
  );

/** One half of the network: who signs there, and the chain that it holds. */
class Half {
  readonly blocks: ChainBlock[];
  readonly #unattached: Certificate[] = [];
  readonly #random: SeededRandom;
  readonly #anchor: EpochAnchor;
  readonly #keys: KeyRing;
  readonly #pool: readonly number[];

  constructor(random: SeededRandom, anchor: EpochAnchor, pool: readonly number[], blocks: readonly ChainBlock[]) {
    this.#random = random;
    this.#anchor = anchor;
    this.#keys = ringOf(anchor.validatorKeys.length);
    this.#pool = pool;
    this.blocks = [...blocks];
  }

  get #last(): Header | undefined {
    return this.blocks.at(-1)?.header;
  }

  get view(): number {
    return this.#last?.view ?? 0;
  }

  /** A quorum of this half or more, any of them. */
  #quorum(): number[] {
    const { quorum } = this.#anchor;
    return shuffled(this.#random, this.#pool).slice(0, quorum + this.#random.integer(this.#pool.length - quorum + 1));
  }

  certificate(kind: 'notarize' | 'finalize', block: Header): Certificate {
    return certificateOn(this.#anchor, this.#keys, kind, block, this.#quorum());
  }

  nullification(at: number): Certificate {
    const { chainId, epoch, validatorKeys } = this.#anchor;
    const statement = { kind: 'nullify', epoch, view: asView(at), hash: ZERO_HASH } as const;
    const votes = this.#quorum().map((signer) => ({
      ...statement,
      signer: signer as ValidatorIndex,
      signature: this.#keys.sign(validatorKeys[signer], voteBytes(chainId, statement)),
    }));
    return certificateOf(votes, validatorKeys.length);
  }

  /** The next block, at a view, with the justification that it needs unless changed. */
  extend(at: number, change: (justification: Justification) => Justification = (same) => same): void {
    const last = this.#last;
    const skipped = Array.from({ length: at - this.view - 1 }, (_, index) => this.nullification(this.view + 1 + index));
    const parent = last && this.certificate('notarize', last);
    const attached = skipped.splice(-MAX_NULLIFICATIONS);
    this.#unattached.push(...skipped);
    const justification = change({ parent, nullifications: attached });
    const point = last === undefined ? this.#anchor.base : pointOf(last);
    // Another time for every block: no two of one view are the same.
    const timeMs = point.timeMs + 1 + this.#random.integer(1 << 20);
    const changes = { view: asView(at), timeMs, justRoot: justificationRoot(justification) };
    this.blocks.push({ header: headerOn(this.#anchor, point, [], changes), justification });
  }

  /** Goes on to a view that is left for others; every view before it has a block or is nullified. */
  wander(until: number): void {
    for (let at = this.view + 1; at < until; at += 1) if (this.#random.integer(3) > 0) this.extend(at);
  }

  chain(): FinalisedChain {
    const last = this.#last;
    if (last === undefined) throw new RangeError('no block to finalise');
    return { blocks: this.blocks, unattached: this.#unattached, finalization: this.certificate('finalize', last) };
  }
}

const forged = (certificate: Certificate): Certificate => ({
  ...certificate,
  signatures: new Uint8Array(certificate.signatures.length),
});

/** Passes the view at which the other half is final. */
const passAround = (half: Half, way: WayAround, view: number): void => {
  half.wander(view);
  switch (way) {
    case 'same view':
      return half.extend(view);
    case 'another block':
      half.extend(view);
      break;
    case 'no reason':
      half.extend(view + 1, (due) => ({ ...due, nullifications: due.nullifications.slice(0, -1) }));
      break;
    case 'forged reason':
      half.extend(view + 1, (due) => ({
        ...due,
        nullifications: due.nullifications.map((each) => (each.view === view ? forged(each) : each)),
      }));
      break;
    case 'nullified':
      half.extend(view + 1);
      break;
    case 'nullified in a long outage':
      half.extend(view + 2 + MAX_NULLIFICATIONS);
      break;
  }
  // Another block follows: where nothing justifies the one before, its child shows who notarised that.
  const end = half.view + 3;
  half.wander(end);
  half.extend(end);
};

/** A fork among `validators` by f + 1 liars or more; a block against the rules needs a whole quorum of them. */
export const forkOf = (random: SeededRandom, validators: number, way: WayAround): Fork => {
  const anchor = fakeAnchor(validators);
  const { quorum } = anchor;
  const fewest = RULE_OF_WAY[way] === 'E5' ? quorum : faultBound(validators) + 1;
  const everybody = shuffled(
    random,
    Array.from({ length: validators }, (_, index) => index),
  );
  const lying = fewest + random.integer(validators - fewest + 1);
  const liars = everybody.slice(0, lying);
  const honest = everybody.slice(lying);
  const needed = Math.max(0, quorum - lying);
  const cut = needed + random.integer(honest.length - 2 * needed + 1);
  const common = new Half(random, anchor, everybody, []);
  common.wander(1 + random.integer(5));
  const first = new Half(random, anchor, [...liars, ...honest.slice(0, cut)], common.blocks);
  const view = common.view + 1 + random.integer(4);
  first.wander(view);
  first.extend(view);
  const pool = RULE_OF_WAY[way] === 'E5' ? liars : [...liars, ...honest.slice(cut)];
  const second = new Half(random, anchor, pool, common.blocks);
  passAround(second, way, view);
  return { anchor, liars: new Set(liars), first: first.chain(), second: second.chain() };
};
