/**
 * Twins scenarios, enumerated (Bano et al., "Twins: BFT Systems Made Robust"; consensus design §5.4 D). A Byzantine
 * validator is two correct nodes with one key. A scenario says for each adversarial round who leads it and which nodes
 * are together on which of two sides; on one side there is always a quorum of keys, or nothing would happen.
 *
 * Scenarios that differ only in what correct validators, twins or the halves of a twin are called are one scenario. The
 * rounds are drawn one after the other, each up to those renamings that leave the rounds before it as they are; so every
 * class comes exactly once, classes are counted exactly, and any of them is found without listing those before it.
 */
import { faultBound, quorumOf } from '../../protocol/genesis.ts';
import { permutations, range } from '../support/combinatorics.ts';

/** One adversarial round. */
export interface Round {
  /** Validator that leads it; both halves of a twin do. */
  readonly leader: number;
  /** Bit i is the side of node i: correct validators first, then the two halves of each twin. */
  readonly sides: number;
}

/** A renaming, by what it makes of each possible round: positions in the list of rounds. */
type Renaming = readonly number[];

/** A round that stands for its class, and the renamings that leave it as it is. */
interface Branch {
  readonly round: number;
  readonly renamings: readonly Renaming[];
}

const commonDivisor = (a: bigint, b: bigint): bigint => (b === 0n ? a : commonDivisor(b, a % b));

/** A number near 0.618 of the total that has no divisor in common with it: steps of it visit all places, well spread. */
const stepOf = (total: bigint): bigint => {
  let step = (total * 618n) / 1000n + 1n;
  while (commonDivisor(step, total) !== 1n) step += 1n;
  return step;
};

/** All scenarios of so many validators, f of them twins, and so many adversarial rounds. */
export class TwinsScenarios {
  readonly validators: number;
  readonly twins: number;
  /** Correct validators; the twins come after them. */
  readonly correct: number;
  /** Nodes: one for each correct validator, two for each twin. */
  readonly nodes: number;
  readonly rounds: number;
  /** Number of scenarios up to renaming. */
  readonly total: bigint;
  /** All that a round can be. */
  readonly possible: readonly Round[];
  /** All renamings. */
  readonly renamings: readonly Renaming[];
  readonly #step: bigint;
  readonly #branches = new Map<string, readonly Branch[]>();
  readonly #keys = new WeakMap<readonly Renaming[], string>();
  readonly #counts = new Map<string, bigint>();

  constructor(validators: number, rounds: number) {
    this.validators = validators;
    this.twins = faultBound(validators);
    this.correct = validators - this.twins;
    this.nodes = validators + this.twins;
    this.rounds = rounds;
    this.possible = this.#listRounds();
    this.renamings = this.#listRenamings();
    this.total = this.#count(this.renamings, rounds);
    this.#step = stepOf(this.total);
  }

  /** The scenario at a place of the order, 0 to `total` − 1. Neighbours are far apart, so that any slice is a spread. */
  at(place: number | bigint): readonly Round[] {
    let rank = (BigInt(place) * this.#step) % this.total;
    let renamings = this.renamings;
    const rounds: Round[] = [];
    for (let left = this.rounds - 1; left >= 0; left -= 1) {
      for (const branch of this.#branchesOf(renamings)) {
        const size = this.#count(branch.renamings, left);
        if (rank < size) {
          rounds.push(this.possible[branch.round] as Round);
          renamings = branch.renamings;
          break;
        }
        rank -= size;
      }
    }
    return rounds;
  }

  /** A scenario as a person reads it; the halves of a twin are `3` and `3'`. */
  describe(scenario: readonly Round[]): string {
    const name = (node: number): string =>
      `${this.#validatorOf(node)}${node >= this.correct && (node - this.correct) % 2 === 1 ? "'" : ''}`;
    const side = (sides: number, which: number): string =>
      range(this.nodes)
        .filter((node) => ((sides >> node) & 1) === which)
        .map(name)
        .join(' ');
    return scenario
      .map(({ leader, sides }, i) => {
        const other = side(sides, 1);
        return `view ${i + 1}: leader ${leader}, ${side(sides, 0)}${other === '' ? ' together' : ` | ${other}`}`;
      })
      .join('\n');
  }

  #validatorOf(node: number): number {
    return node < this.correct ? node : this.correct + ((node - this.correct) >> 1);
  }

  #listRounds(): Round[] {
    const quorum = quorumOf(this.validators);
    const keysOn = (sides: number, side: number): number =>
      new Set(range(this.nodes).flatMap((node) => (((sides >> node) & 1) === side ? [this.#validatorOf(node)] : [])))
        .size;
    // The last node is on side 0: the sides have no names.
    const divisions = range(2 ** (this.nodes - 1)).filter(
      (sides) => keysOn(sides, 0) >= quorum || keysOn(sides, 1) >= quorum,
    );
    return range(this.validators).flatMap((leader) => divisions.map((sides) => ({ leader, sides })));
  }

  #listRenamings(): Renaming[] {
    const { correct, twins } = this;
    return permutations(range(correct)).flatMap((people) =>
      permutations(range(twins)).flatMap((pairs) =>
        range(2 ** twins).map((swaps) => {
          const validators = [...people, ...pairs.map((pair) => correct + pair)];
          const halves = range(2 * twins).map((half) => {
            const pair = half >> 1;
            return correct + 2 * (pairs[pair] ?? pair) + ((half & 1) ^ ((swaps >> pair) & 1));
          });
          return this.#effectOf(validators, [...people, ...halves]);
        }),
      ),
    );
  }

  #effectOf(validators: readonly number[], nodes: readonly number[]): Renaming {
    const all = 2 ** this.nodes - 1;
    const positions = new Map(this.possible.map(({ leader, sides }, position) => [`${leader}/${sides}`, position]));
    return this.possible.map(({ leader, sides }) => {
      const moved = nodes.reduce((mask, to, from) => mask | (((sides >> from) & 1) << to), 0);
      const named = moved > all / 2 ? all - moved : moved;
      return positions.get(`${validators[leader]}/${named}`) as number;
    });
  }

  /** The classes of rounds under renamings. */
  #branchesOf(renamings: readonly Renaming[]): readonly Branch[] {
    const key = this.#keyOf(renamings);
    const known = this.#branches.get(key);
    if (known !== undefined) return known;
    const branches: Branch[] = [];
    const seen = new Set<number>();
    for (const round of this.possible.keys()) {
      if (seen.has(round)) continue;
      for (const renaming of renamings) seen.add(renaming[round] as number);
      branches.push({ round, renamings: renamings.filter((renaming) => renaming[round] === round) });
    }
    this.#branches.set(key, branches);
    return branches;
  }

  #count(renamings: readonly Renaming[], rounds: number): bigint {
    if (rounds === 0) return 1n;
    const key = `${rounds}:${this.#keyOf(renamings)}`;
    const known = this.#counts.get(key);
    if (known !== undefined) return known;
    const count =
      renamings.length === 1
        ? BigInt(this.possible.length) ** BigInt(rounds)
        : this.#branchesOf(renamings).reduce((sum, branch) => sum + this.#count(branch.renamings, rounds - 1), 0n);
    this.#counts.set(key, count);
    return count;
  }

  #keyOf(renamings: readonly Renaming[]): string {
    const known = this.#keys.get(renamings);
    if (known !== undefined) return known;
    const key = renamings.map((renaming) => this.renamings.indexOf(renaming)).join();
    this.#keys.set(renamings, key);
    return key;
  }
}
