/**
 * Writes a small data folder of the layout that data.ts reads: five banks, seeded noise, and planted cycles, fans and
 * scatter-gathers that cross banks. The same seed gives the same bytes. The rules' answers are not written: whoever
 * needs them computes them.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { TRANSFER_COLUMNS, type TransferRow } from '../../apps/aml/types.ts';
import type { AmlData } from './data.ts';

const BANKS = ['A', 'B', 'C', 'D', 'E'] as const;
const MONTH_MINUTES = 24 * 1440;
const RULES = {
  cycle: { min_hops: 3, max_hops: 6, window_minutes: 5760, min_banks: 2 },
  fan_in: { min_counterparties: 7, window_minutes: 4320, min_banks: 3 },
  fan_out: { min_counterparties: 7, window_minutes: 4320, min_banks: 3 },
  scatter_gather: { min_middlemen: 4, window_minutes: 5760, min_banks: 3 },
} as const;
const CURRENCIES = ['US Dollar', 'Euro', 'Swiss Franc', 'Yen'] as const;
const FORMATS = ['ACH', 'Cheque', 'Wire', 'Credit Card'] as const;

interface Account {
  readonly bank: string;
  readonly account: string;
}

/** Generates the data of a seed in memory. */
export function generateAmlData(seed: string): AmlData {
  const world = new World(seed);
  world.plantAll();
  world.addNoise(240);
  const rows = world.sortedRows();
  return {
    banks: BANKS.map((name, index) => ({ name, rows: rows.filter((row) => touches(row, index)) })),
    rules: Object.entries(RULES).map(([rule, thresholds]) => ({ rule: rule as keyof typeof RULES, thresholds })),
    release: { approvals_needed: 4, of: BANKS.length },
  };
}

/** Writes the data of a seed into a folder, which is created. */
export async function writeAmlData(directory: string, seed: string): Promise<void> {
  const { banks, release } = generateAmlData(seed);
  await mkdir(path.join(directory, 'world'), { recursive: true });
  const params = { seed, banks: banks.map(({ name }) => name), world_rules: RULES, release };
  await writeFile(path.join(directory, 'params.json'), `${JSON.stringify(params, null, 1)}\n`);
  for (const { name, rows } of banks) {
    const lines = [TRANSFER_COLUMNS, ...rows].map((row) => row.join(','));
    await writeFile(path.join(directory, 'world', `bank_${name}.csv`), `${lines.join('\n')}\n`);
  }
}

function touches(row: TransferRow, index: number): boolean {
  return Number(row[2]) % BANKS.length === index || Number(row[4]) % BANKS.length === index;
}

/** A growing list of transfers between invented accounts. */
class World {
  private readonly rows: TransferRow[] = [];
  private readonly random: Random;

  constructor(seed: string) {
    this.random = new Random(seed);
  }

  plantAll(): void {
    for (let count = 0; count < 9; count++) this.plantCycle(3 + (count % 4));
    for (let count = 0; count < 5; count++) this.plantFan('in', 7 + this.random.below(5));
    for (let count = 0; count < 4; count++) this.plantFan('out', 7 + this.random.below(5));
    for (let count = 0; count < 3; count++) this.plantScatterGather(4 + this.random.below(4));
    // One ring whose members pay twice, so that hops combine to several findings in one case.
    const ring = this.accounts(4);
    const start = this.random.below(MONTH_MINUTES / 2);
    for (let lap = 0; lap < 2; lap++) this.payRing(ring, start + lap * 900);
  }

  addNoise(count: number): void {
    const regulars = this.accounts(90);
    for (let index = 0; index < count; index++) {
      const from = this.random.pick(regulars);
      const to = this.random.below(12) === 0 ? from : this.random.pick(regulars);
      this.pay(from, to, this.random.below(MONTH_MINUTES));
    }
  }

  sortedRows(): readonly TransferRow[] {
    return this.rows.toSorted(
      (left, right) => Number(left[1]) - Number(right[1]) || ((left[0] ?? '') < (right[0] ?? '') ? -1 : 1),
    );
  }

  private plantCycle(hops: number): void {
    this.payRing(this.accounts(hops), this.random.below(MONTH_MINUTES));
  }

  private payRing(ring: readonly Account[], start: number): void {
    ring.forEach((account, index) => {
      this.pay(account, ring[(index + 1) % ring.length] as Account, start + index * 120 + 1 + this.random.below(100));
    });
  }

  private plantFan(side: 'in' | 'out', width: number): void {
    const [hub, ...others] = this.accounts(width + 1) as [Account, ...Account[]];
    const start = this.random.below(MONTH_MINUTES);
    for (const other of others) {
      const minute = start + this.random.below(RULES.fan_in.window_minutes);
      if (side === 'in') this.pay(other, hub, minute);
      else this.pay(hub, other, minute);
    }
  }

  private plantScatterGather(width: number): void {
    const [source, sink, ...middlemen] = this.accounts(width + 2) as [Account, Account, ...Account[]];
    const start = this.random.below(MONTH_MINUTES);
    for (const middleman of middlemen) {
      this.pay(source, middleman, start + this.random.below(2000));
      this.pay(middleman, sink, start + 2001 + this.random.below(2000));
    }
  }

  private pay(from: Account, to: Account, minute: number): void {
    const amount = `${1 + this.random.below(90_000)}.${String(this.random.below(100)).padStart(2, '0')}`;
    const currency = this.random.pick(CURRENCIES);
    const txId = `T${this.random.hex(12)}`;
    this.rows.push([
      txId,
      String(minute),
      from.bank,
      from.account,
      to.bank,
      to.account,
      amount,
      currency,
      amount,
      currency,
      this.random.pick(FORMATS),
    ]);
  }

  /** Invented accounts whose banks go round the members from a random one on, so that every group crosses banks. */
  private accounts(count: number): readonly Account[] {
    const first = this.random.below(BANKS.length);
    return Array.from({ length: count }, (_, index) => ({
      bank: String(10 + 5 * this.random.below(4000) + ((first + index) % BANKS.length)),
      account: `8${this.random.hex(8).toUpperCase()}`,
    }));
  }
}

/** Seeded generator (SplitMix32); good enough to invent data, never for keys. */
class Random {
  private state: number;

  constructor(seed: string) {
    this.state = 0x811c9dc5;
    for (const character of seed)
      this.state = Math.imul(this.state ^ (character.codePointAt(0) ?? 0), 0x01000193) >>> 0;
  }

  below(bound: number): number {
    return Math.floor((this.next() / 2 ** 32) * bound);
  }

  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)] as T;
  }

  hex(digits: number): string {
    let text = '';
    while (text.length < digits) text += this.next().toString(16).padStart(8, '0');
    return text.slice(0, digits);
  }

  private next(): number {
    this.state = (this.state + 0x9e3779b9) >>> 0;
    let mixed = this.state;
    mixed = Math.imul(mixed ^ (mixed >>> 16), 0x21f0aaad);
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
    return (mixed ^ (mixed >>> 15)) >>> 0;
  }
}
