/** What the figures must show of agreement (consensus design §1.1, §5.3 P11), whatever the machine. */
import { describe, expect, it } from 'vitest';
import { distributionPlot } from './plot.ts';
import { REGIONS, worldDelayMs } from './regions.ts';
import { evenLinks, idle, middleAndTail, withCrashed } from './settings.ts';

describe('without faults, with links of one delay', () => {
  const delayMs = 200;
  const { intervals, finality } = evenLinks(delayMs, 40);

  it.each([
    ['a block comes every two delays', intervals, 2],
    ['a block is final after three delays', finality, 3],
  ] as const)('%s', (_what, times, delays) => {
    expect(times.length).toBeGreaterThan(30);
    for (const time of middleAndTail(times)) expect(Math.abs(time / (delays * delayMs) - 1)).toBeLessThan(0.05);
  });
});

describe('one leader of four down', () => {
  const [first, later] = withCrashed([1], 50, 20);
  const [whole] = withCrashed([], 50, 20);

  it('costs its views and nothing else once it counts as silent', () => {
    expect(whole.heights / whole.views).toBeGreaterThan(0.98);
    for (const { heights, views } of [first, later]) expect(heights / views).toBeCloseTo(0.75, 1);
    expect(later.heights).toBeGreaterThan(0.75 * whole.heights);
  });
});

describe('an idle network', () => {
  it('tells STATUS and makes a heartbeat block twice a minute', () => {
    const { heights, sent } = idle();
    expect(heights).toBeCloseTo(2, 0);
    expect(sent.get('status')?.messages).toBeLessThan(60);
    expect(sent.get('request')).toBeUndefined();
  });
});

describe('the plots', () => {
  it('know every region, with itself nearest', () => {
    for (const [a] of REGIONS.entries())
      for (const [b] of REGIONS.entries()) {
        expect(worldDelayMs(a, b)).toBe(worldDelayMs(b, a));
        if (a !== b) expect(worldDelayMs(a, b)).toBeGreaterThan(worldDelayMs(a, a));
      }
  });

  it('draw a line for each series, inside the frame', () => {
    const plot = distributionPlot('ms', [
      { name: 'one', samples: [1, 2, 3] },
      { name: 'two', samples: [2, 7] },
    ]);
    expect(plot.match(/<polyline/g)).toHaveLength(2);
    expect([...plot.matchAll(/x="([\d.]+)"/g)].every(([, x]) => Number(x) <= 640)).toBe(true);
  });
});
