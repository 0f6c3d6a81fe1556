/** What `npm run explore` does and says: all explorations, as a table for people and as an object for programs. */
import { faultBound } from '../../protocol/genesis.ts';
import { type CrashSpace, exploreCrashes, OCCASIONS, type Occasion } from './crash-space.ts';
import { crashWeakenings } from './crash-weakenings.ts';
import { type Exploration, explore, type Finding, sizeOf } from './explore.ts';
import { nameOf, wordsOf } from './notation.ts';
import { agreement } from './properties.ts';
import { quorumUnder } from './rules.ts';
import { weakenings } from './weakenings.ts';

interface Row {
  readonly name: string;
  readonly seconds: number;
  /** Whether the result is the one that must come out. */
  readonly expected: boolean;
}

/** One size of network and history, explored completely. */
export interface SpaceRow extends Row, Exploration {
  readonly validators: number;
  readonly views: number;
}

/** One planted change of the rules. */
export interface WeakeningRow extends Row, Exploration {
  readonly validators: number;
  readonly forks: boolean;
}

/** One set of rules for the crash-recovery space. */
export interface CrashRow extends Row, CrashSpace {}

/** All results. */
export interface Report {
  readonly spaces: readonly SpaceRow[];
  readonly weakenings: readonly WeakeningRow[];
  readonly crashes: readonly CrashRow[];
  readonly passed: boolean;
}

/** Validators and views that are explored every time. */
export const SPACES = [
  [4, 3],
  [5, 3],
  [6, 3],
  [7, 3],
  [10, 3],
  [4, 4],
  [5, 4],
  [7, 4],
] as const;

const DEEP_SPACES = [...SPACES, [4, 5], [5, 5], [6, 5], [7, 5], [4, 6]] as const;

const timed = <T extends object>(run: () => T): T & { readonly seconds: number } => {
  const start = performance.now();
  const result = run();
  return { ...result, seconds: (performance.now() - start) / 1000 };
};

const exploreSpace = ([validators, views]: readonly [number, number]): SpaceRow => {
  const result = timed(() => explore({ validators, views }));
  const expected = result.finding === undefined && result.represented === sizeOf({ validators, views });
  return { name: `${validators} validators, ${views} views`, validators, views, expected, ...result };
};

const exploreWeakenings = (): WeakeningRow[] =>
  weakenings.map(({ name, validators, weakening, forks }) => {
    const result = timed(() => explore({ validators, views: 3, weakening, only: agreement }));
    return { name, validators, forks, expected: forks === (result.finding !== undefined), ...result };
  });

/** What can happen in the view before the power is lost, under the rules as they are. */
const CRASHES: readonly { readonly name: string; readonly occasions: readonly Occasion[]; readonly deep: boolean }[] = [
  { name: 'the rules', occasions: OCCASIONS, deep: false },
  { name: 'the rules, two blocks', occasions: [...OCCASIONS, 'other block'], deep: true },
  { name: 'the rules, all certificates', occasions: [...OCCASIONS, 'nullify', 'finalize'], deep: true },
];

const exploreCrashRules = (deep: boolean): CrashRow[] => {
  const rules = CRASHES.filter((one) => deep || !one.deep).map(({ name, occasions }) => {
    const result = timed(() => exploreCrashes(occasions));
    return { name, expected: result.example === undefined, ...result };
  });
  const planted = crashWeakenings
    .filter((one) => deep || one.deep !== true)
    .map(({ name, weakening, leadsTo, deadVoteStates }) => {
      const upTo = leadsTo === 'nothing' || deadVoteStates !== undefined ? 'all' : 'first';
      const result = timed(() => exploreCrashes(OCCASIONS, weakening, upTo));
      const expected =
        result.deadStates > 0 === (leadsTo === 'dead') &&
        result.violations > 0 === (leadsTo === 'violation') &&
        (deadVoteStates === undefined || deadVoteStates === result.deadVoteStates);
      return { name, expected, ...result };
    });
  return [...rules, ...planted];
};

/** Runs everything; the deep run takes minutes. */
export const makeReport = (deep: boolean): Report => {
  const spaces = (deep ? DEEP_SPACES : SPACES).map(exploreSpace);
  const planted = exploreWeakenings();
  const crashes = exploreCrashRules(deep);
  const passed = [...spaces, ...planted, ...crashes].every(({ expected }) => expected);
  return { spaces, weakenings: planted, crashes, passed };
};

/** A finding so that a person can follow it, view by view. */
export const describeFinding = ({ property, history, votes }: Finding, validators: number): string => {
  const lines = [`  ${property}`];
  history.certificates.forEach((held, index) => {
    const view = index + 1;
    const blocks = [2 * index, 2 * index + 1].map(
      (block) => `${nameOf(block)} on ${nameOf(history.parents[block] ?? -1)}`,
    );
    lines.push(`  view ${view}: ${blocks.join(', ')}`);
    votes[index]?.forEach((cast, validator) => {
      const said = wordsOf(cast, view, ['NOTARIZE', 'NULLIFY', 'FINALIZE']);
      lines.push(`    validator ${validator}: ${said.join(', ') || 'nothing'}`);
    });
    const liars = Array.from({ length: faultBound(validators) }, (_, i) => validators - 1 - i).reverse();
    lines.push(`    validator ${liars.join(', ')}: Byzantine, votes for everything`);
    const certificates = wordsOf(held, view, ['notarization of', 'nullification', 'finalization of']);
    lines.push(`    certificates: ${certificates.join(', ') || 'none'}`);
  });
  return lines.join('\n');
};

const table = (head: readonly string[], rows: readonly (readonly string[])[]): string => {
  const widths = head.map((title, column) => Math.max(...[head, ...rows].map((row) => (row[column] ?? title).length)));
  const line = (row: readonly string[]): string =>
    `  ${row.map((cell, column) => (column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0))).join('  ')}`;
  return [head, ...rows].map((row) => line(row).trimEnd()).join('\n');
};

const number = (value: number | bigint): string => value.toLocaleString('en');
const mark = (row: Row): string => (row.expected ? '' : 'WRONG');

const describeSpaces = (rows: readonly SpaceRow[]): string =>
  table(
    ['agreement, every leader Byzantine', 'quorum', 'votes and parents', 'cases', 'seconds', 'violations', ''],
    rows.map((row) => [
      row.name,
      String(quorumUnder({}, row.validators)),
      row.finding === undefined ? number(row.represented) : '-',
      number(row.cases),
      row.seconds.toFixed(2),
      row.finding === undefined ? '0' : '1',
      mark(row),
    ]),
  );

const describeWeakenings = (rows: readonly WeakeningRow[]): string =>
  table(
    ['planted change of the rules, 3 views', 'n', 'fork in case', 'seconds', ''],
    rows.map((row) => [
      row.name,
      String(row.validators),
      row.finding === undefined ? `none of ${number(row.cases)}` : number(row.cases),
      row.seconds.toFixed(2),
      mark(row),
    ]),
  );

const describeCrashes = (rows: readonly CrashRow[]): string =>
  table(
    ['power loss in one view, n = 4', 'states', 'dead', 'by votes', 'dead', 'violations', 'worst ms', 'seconds', ''],
    rows.map((row) => [
      row.name,
      number(row.states),
      number(row.deadStates),
      number(row.voteStates),
      number(row.deadVoteStates),
      number(row.violations),
      row.worstRecoveryMs.toFixed(0),
      row.seconds.toFixed(2),
      mark(row),
    ]),
  );

const describeExamples = ({ spaces, weakenings: planted, crashes }: Report, all: boolean): string[] => [
  ...[...spaces, ...planted].flatMap((row) =>
    row.finding === undefined || (row.expected && !all)
      ? []
      : [`${row.name}, case ${row.cases}:\n${describeFinding(row.finding, row.validators)}`],
  ),
  ...crashes.flatMap(({ name, example, expected }) =>
    example === undefined || (expected && !all) ? [] : [`${name}:\n  ${example}`],
  ),
];

/** The report for people; `all` also shows the cases that were meant to be found. */
export const describeReport = (report: Report, all: boolean): string =>
  [
    describeSpaces(report.spaces),
    describeWeakenings(report.weakenings),
    describeCrashes(report.crashes),
    ...describeExamples(report, all),
    report.passed ? 'All as it must be.' : 'Not as it must be: see WRONG.',
  ].join('\n\n');
