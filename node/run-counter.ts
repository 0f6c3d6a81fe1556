/**
 * Counts the starts of a validator key in a home, durably: a copy of the home, or one that was put back, goes on from an
 * older number and is told so by its peers (`presence.ts`). Lies with the log of votes, under the lock of the key.
 */
import { join } from 'node:path';
import { decode, encode, u64 } from '../protocol/codec.ts';
import { SealedSlots } from '../ledger/sealed-slots.ts';
import { SyntheticSeal } from '../ledger/record-cipher.ts';
import { nodeErrors } from './errors.ts';

const FILE_NAME = 'run.state';
const BYTES = encode(u64, 0).length;

/** The counter of one home. */
export class RunCounter {
  readonly #slots: SealedSlots;
  #last: number;

  private constructor(slots: SealedSlots, last: number) {
    this.#slots = slots;
    this.#last = last;
  }

  /** Opens the counter, or makes one that begins before 1. Throws UNSAFE_TO_SIGN when it is damaged. */
  static open(directory: string, replicaKey: Uint8Array): RunCounter {
    const path = join(directory, FILE_NAME);
    const seal = new SyntheticSeal(replicaKey, 'run');
    if (!SealedSlots.exists(path)) return new RunCounter(SealedSlots.create(path, seal, encode(u64, 0)), 0);
    const { slots, payload } = SealedSlots.open(path, seal, BYTES);
    if (payload !== undefined) return new RunCounter(slots, decode(u64, payload, BYTES));
    slots.close();
    throw nodeErrors.error('UNSAFE_TO_SIGN', { reason: 'the counter of starts is damaged' });
  }

  /** Number of the last start; 0 before the first. */
  get last(): number {
    return this.#last;
  }

  /** Makes a number the last one, durably, unless a later one was reached. */
  advance(to: number = this.#last + 1): number {
    if (to <= this.#last) return this.#last;
    this.#slots.write(encode(u64, to));
    this.#slots.sync();
    this.#last = to;
    return to;
  }

  /** Closes the file. */
  close(): void {
    this.#slots.close();
  }
}
