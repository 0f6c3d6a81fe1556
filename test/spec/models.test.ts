/** A short version of `npm run spec`: few traces of one epoch and of two, and mistakes that must be found. */
import { expect, it } from 'vitest';
import { mutants } from './model-mutants.ts';
import { modelChecks } from './models.ts';
import { describeReport, makeReport } from './report.ts';

const TRACES = 180;
const quick = ['finalise although nullified', 'parent gap not checked', 'quorum 2f + 1 at n = 6'];

it('the models are safe, reach what they must, and would show a mistake', { timeout: 600_000 }, async () => {
  const report = await makeReport({
    traces: TRACES,
    seed: 1,
    workers: 1,
    models: modelChecks.filter(({ title }) => title.startsWith('one epoch, 4') || title.endsWith('skipped')),
    mutants: mutants.filter(({ name }) => quick.includes(name)),
    progress: () => {},
  });
  expect(report.passed, describeReport(report)).toBe(true);
  expect(report.mutants).toHaveLength(quick.length);
});
