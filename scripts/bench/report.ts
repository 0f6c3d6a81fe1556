/** The measurements for people: each with its target, and where the time of a transaction goes. */
import type { Floors } from './floors.ts';
import type { Latency, Loaded } from './network-rounds.ts';
import type { Spread } from './statistics.ts';

/** Everything that was measured. */
export interface Measurements {
  readonly latency: Latency;
  readonly loaded: Loaded;
  readonly readySeconds: Spread;
  readonly residentBytes: number;
  readonly idleCpuPercent: Spread;
  readonly contractTestMs: Spread;
  readonly helpMs: Spread;
  readonly floors: Floors;
}

const MIB = 1024 * 1024;
/** All eight processes together, idle. */
const MAX_RESIDENT_BYTES = 1.2e9;
const number = (value: number): string =>
  Math.abs(value) >= 100 ? value.toFixed(0) : value.toFixed(Math.abs(value) >= 10 ? 1 : 2);

interface Line {
  readonly name: string;
  readonly unit: string;
  readonly spread: Spread;
  readonly limit: number;
  readonly atLeast?: boolean;
}

const single = (value: number): Spread => ({ median: value, min: value, max: value });

const linesOf = (m: Measurements): Line[] => [
  { name: 'submit to verified receipt, idle, p50', unit: 'ms', spread: m.latency.p50, limit: 40 },
  { name: 'submit to verified receipt, idle, p99', unit: 'ms', spread: m.latency.p99, limit: 150 },
  {
    name: 'token.transfer committed with receipt',
    unit: '/s',
    spread: m.loaded.committedPerSecond,
    limit: 1_500,
    atLeast: true,
  },
  { name: 'network ready, warm', unit: 's', spread: m.readySeconds, limit: 5 },
  {
    name: 'resident, all eight processes, idle',
    unit: 'MiB',
    spread: single(m.residentBytes / MIB),
    limit: MAX_RESIDENT_BYTES / MIB,
  },
  { name: 'CPU of a validator, idle', unit: '%', spread: m.idleCpuPercent, limit: 2 },
  { name: 'receipt verified offline', unit: 'ms', spread: m.latency.receiptVerifyMs, limit: 5 },
  { name: 'contract unit test', unit: 'ms', spread: m.contractTestMs, limit: 10 },
  { name: 'cloister --help', unit: 'ms', spread: m.helpMs, limit: 150 },
];

/** Whether every target is met. */
export const meetsTargets = (m: Measurements): boolean => linesOf(m).every(meets);
const meets = ({ spread, limit, atLeast }: Line): boolean =>
  atLeast === true ? spread.median >= limit : spread.median <= limit;

const targetTable = (m: Measurements): string[] =>
  linesOf(m).map((line) => {
    const { name, unit, spread, limit, atLeast } = line;
    const range = spread.min === spread.max ? '' : ` [${number(spread.min)}–${number(spread.max)}]`;
    const measured = `${number(spread.median)} ${unit}${range}`;
    return `${meets(line) ? 'PASS' : 'MISS'}  ${name.padEnd(40)} ${measured.padEnd(30)} target ${atLeast === true ? '≥' : '≤'} ${number(limit)} ${unit}`;
  });

interface CostLine {
  readonly name: string;
  readonly micros: number;
}

/** Ed25519 operations of a node for each block: votes and proposal of peers, results of two peers, own signatures. */
const VERIFIED_PER_BLOCK = 10;
const SIGNED_PER_BLOCK = 3;
/** An enclave checks the finalization of n − f = 3 signatures and signs its result. */
const ENCLAVE_VERIFIED_PER_BLOCK = 3;

/** What the floors explain of a validator's cost for a transaction, by line of the budget of the design. */
const explained = ({ floors, loaded }: Measurements): CostLine[] => {
  const block = loaded.meanBlockTransactions;
  return [
    { name: '2    transaction ids (node twice, enclave once)', micros: 3 * floors.sha256Of768Micros },
    { name: '3    client signature (sessions need none)', micros: 0 },
    { name: '4    open the call', micros: floors.aead512Micros },
    { name: '5    execute in the metered interpreter', micros: floors.contractRunMicros },
    { name: '7–8  seal the result', micros: floors.aead512Micros },
    { name: '9    ledger batch, synced', micros: floors.levelBatchMicrosPerTransaction },
    { name: '10   boundary, once a block', micros: (2 * floors.ipcRoundTripWallMicros) / block },
    {
      name: '13   votes, certificates, results',
      micros:
        ((VERIFIED_PER_BLOCK + ENCLAVE_VERIFIED_PER_BLOCK) * floors.ed25519VerifyMicros +
          (SIGNED_PER_BLOCK + 1) * floors.ed25519SignMicros) /
        block,
    },
  ];
};

const timeTable = (m: Measurements): string[] => {
  const { cpu } = m.loaded;
  const measured = cpu.node + cpu.enclave;
  const parts = explained(m);
  const rest = measured - parts.reduce((sum, { micros }) => sum + micros, 0);
  const row = (name: string, micros: number): string => `  ${name.padEnd(58)} ${micros.toFixed(1).padStart(8)}`;
  return [
    row('node process', cpu.node),
    row('  of it the main thread', cpu.nodeMain),
    row('enclave process', cpu.enclave),
    row('  of it the main thread', cpu.enclaveMain),
    row('one validator', measured),
    row('load generator', cpu.load),
    row('all eight processes and the load generator', cpu.total),
    '',
    'of one validator, what the floors of this run explain, by line of the budget:',
    ...parts.map(({ name, micros }) => row(name, micros)),
    row('1, 6, 11, 12: encoding, state root, network, HTTP, runtime', rest),
  ];
};

/** The whole report. */
export const describe = (m: Measurements): string => {
  const { loaded, floors } = m;
  const failures = Object.entries(loaded.failures).map(([code, count]) => `${code} ${count}`);
  return [
    ...targetTable(m),
    '',
    `load: ${loaded.committed} committed in ${loaded.seconds.toFixed(1)} s, ${loaded.blocks} blocks of ${loaded.meanBlockTransactions.toFixed(0)} on average, ` +
      `failures: ${failures.length === 0 ? 'none' : failures.join(', ')}`,
    `memory under load: ${number(loaded.residentBytesAfter / MIB)} MiB with mapped files, ${number(loaded.ownBytesAfter / MIB)} MiB without, ` +
      `the latter growing ${number(loaded.ownGrowthBytesPerMinute / MIB)} MiB a minute`,
    '',
    'where the time goes, CPU µs a transaction:',
    ...timeTable(m),
    '',
    'floors of this run:',
    ...Object.entries(floors).map(([name, value]) => `  ${name.padEnd(34)} ${number(value as number)}`),
  ].join('\n');
};

const rounded = (value: number): number => Number(value.toPrecision(4));
const roundedSpread = ({ median, min, max }: Spread): Spread => ({
  median: rounded(median),
  min: rounded(min),
  max: rounded(max),
});
const roundedAll = (record: object): Record<string, number> =>
  Object.fromEntries(Object.entries(record).map(([name, value]) => [name, rounded(value as number)]));

/** The object of `--json`. */
export const toJson = (m: Measurements): Record<string, unknown> => {
  const { latency, loaded } = m;
  return {
    idleLatencyMs: { p50: rounded(latency.p50.median), p99: rounded(latency.p99.median) },
    committedPerSecond: rounded(loaded.committedPerSecond.median),
    readySeconds: rounded(m.readySeconds.median),
    residentBytes: m.residentBytes,
    idleCpuPercent: rounded(m.idleCpuPercent.median),
    receiptVerifyMs: rounded(latency.receiptVerifyMs.median),
    contractTestMs: rounded(m.contractTestMs.median),
    helpMs: rounded(m.helpMs.median),
    floors: roundedAll(m.floors),
    spread: {
      idleLatencyP50Ms: roundedSpread(latency.p50),
      idleLatencyP99Ms: roundedSpread(latency.p99),
      committedPerSecond: roundedSpread(loaded.committedPerSecond),
      readySeconds: roundedSpread(m.readySeconds),
      idleCpuPercent: roundedSpread(m.idleCpuPercent),
      receiptVerifyMs: roundedSpread(latency.receiptVerifyMs),
      contractTestMs: roundedSpread(m.contractTestMs),
      helpMs: roundedSpread(m.helpMs),
    },
    load: {
      committed: loaded.committed,
      seconds: rounded(loaded.seconds),
      failures: loaded.failures,
      blocks: loaded.blocks,
      meanBlockTransactions: rounded(loaded.meanBlockTransactions),
      residentBytesAfter: loaded.residentBytesAfter,
      ownBytesAfter: loaded.ownBytesAfter,
      ownGrowthBytesPerMinute: Math.round(loaded.ownGrowthBytesPerMinute),
    },
    cpuMicrosPerTransaction: roundedAll(loaded.cpu),
    targetsMet: meetsTargets(m),
  };
};
