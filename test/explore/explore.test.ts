/**
 * Agreement explored exhaustively (consensus design §5.4 A): no history of a few views breaks a property under the rules
 * as they are, each planted change that endangers agreement is found, and none that does not is blamed. The long version
 * is `npm run explore -- --deep`.
 */
import { describe, expect, it } from 'vitest';
import { explore, sizeOf } from './explore.ts';
import { FINALIZED, NOTARIZED, NULLIFIED } from './notation.ts';
import { agreement } from './properties.ts';
import { describeFinding, SPACES } from './report.ts';
import { ParentJudge, votePlans } from './rules.ts';
import { weakenings } from './weakenings.ts';

describe('the rules, as the explorer learns them from the product', () => {
  it('let a validator notarise one block a view, and finalise that block or nullify', () => {
    const plans = [0, 1].flatMap((slot) => {
      const notarized = NOTARIZED[slot] ?? 0;
      return [notarized | (FINALIZED[slot] ?? 0), notarized | NULLIFIED];
    });
    expect(votePlans(4)).toEqual(plans.sort((a, b) => a - b));
  });

  it('let a block stand on what is certified, over nullified views only', () => {
    const judge = new ParentJudge(4, 3);
    const nullified = NULLIFIED;
    const first = NOTARIZED[0];
    expect(judge.parents([])).toEqual([-1]);
    expect(judge.parents([first])).toEqual([0]);
    expect(judge.parents([first | nullified])).toEqual([-1, 0]);
    expect(judge.parents([FINALIZED[1]])).toEqual([1]);
    expect(judge.parents([first, 0])).toEqual([]);
    expect(judge.parents([first, nullified])).toEqual([0]);
    expect(judge.parents([nullified, nullified])).toEqual([-1]);
  });
});

describe('every history', () => {
  it.each(SPACES)('of %d validators over %d views keeps every property', (validators, views) => {
    const { finding, represented } = explore({ validators, views });
    expect(finding === undefined ? '' : describeFinding(finding, validators)).toBe('');
    expect(represented).toBe(sizeOf({ validators, views }));
  });

  it('counts as many votes and parents as there are', () => {
    expect(sizeOf({ validators: 4, views: 3 })).toBe(64n ** 3n * 9n * 25n);
  });
});

describe('planted changes of the rules', () => {
  it.each(weakenings)('$name', ({ validators, weakening, forks }) => {
    const { finding } = explore({ validators, views: 3, weakening, only: agreement });
    expect(finding !== undefined).toBe(forks);
  });

  it('are told so that a person can follow them', () => {
    const planted = weakenings.find(({ name }) => name === 'parent gap not checked');
    const { finding, cases } = explore({
      validators: 4,
      views: 3,
      weakening: planted?.weakening ?? {},
      only: agreement,
    });
    expect(cases).toBe(2);
    expect(finding === undefined ? [] : describeFinding(finding, 4).split('\n')).toEqual(
      expect.arrayContaining([
        '  view 1: a1 on base, b1 on base',
        '    certificates: notarization of a1, finalization of a1',
        '  view 2: a2 on base, b2 on base',
        '    validator 0: NOTARIZE a2, FINALIZE a2',
      ]),
    );
  });
});
