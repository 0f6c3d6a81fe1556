/**
 * Where results lie in state: runs, their cases, the pages of each case, and each bank's own parts, apart from one
 * another so that a reader touches only what it may read. Also the names of runs and cases.
 */
import { stateMap } from '../../contracts/index.ts';
import type { OwnPart } from './dossier.ts';
import type { RunView, Shape } from './types.ts';

/** A run as it is stored. */
export type RunRecord = Omit<RunView, 'approvals' | 'approvalsNeeded' | 'status' | 'runId'>;

/** A case's entry in its run; its pages and own parts lie beside it. */
export interface CaseRecord extends Shape {
  readonly commitment: string;
  readonly pages: number;
  readonly window: { readonly fromMinute: number; readonly toMinute: number };
  /** Positions of the banks that have a part in it: never shown to anybody. */
  readonly banks: readonly number[];
}

/** Runs by number. */
export const runs = stateMap<[run: number], RunRecord>('runs');
/** Cases of a run, counted from 1. */
export const cases = stateMap<[run: number, caseNumber: number], CaseRecord>('cases');
/** JSON text of a case's pages, counted from 0. */
export const casePages = stateMap<[run: number, caseNumber: number, page: number], string>('casePages', {
  value: 'string',
});
/** Each bank's own parts of cases. */
export const ownAlerts = stateMap<[bank: number, run: number, caseNumber: number, part: number], OwnPart>('ownAlerts');

const CASE_ID = /^R([1-9][0-9]{0,8})-C([1-9][0-9]{0,5})$/;
const RUN_ID = /^R([1-9][0-9]{0,8})$/;

/** Name of a case. */
export function caseIdOf(run: number, caseNumber: number): string {
  return `R${run}-C${caseNumber}`;
}

/** Run and number of a case id, or undefined. */
export function parseCaseId(caseId: string): readonly [run: number, caseNumber: number] | undefined {
  const parts = CASE_ID.exec(caseId);
  return parts === null ? undefined : [Number(parts[1]), Number(parts[2])];
}

/** Number of a run id, or undefined. */
export function parseRunId(runId: string): number | undefined {
  const parts = RUN_ID.exec(runId);
  return parts === null ? undefined : Number(parts[1]);
}
