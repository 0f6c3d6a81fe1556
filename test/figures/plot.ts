/** A plot as SVG: for each series, which share of the samples lies below a value. No more than the figures need. */

/** Samples with a name, sorted. */
export interface Series {
  readonly name: string;
  readonly samples: readonly number[];
}

const WIDTH = 640;
const HEIGHT = 320;
const LEFT = 56;
const RIGHT = 16;
const TOP = 16;
const BOTTOM = 48;
const COLORS = ['#1b6ca8', '#c0392b', '#2e7d32'] as const;
const TICKS = 5;

/** The next larger number of the form 1, 2 or 5 times a power of ten. */
const roundStep = (raw: number): number => {
  const power = 10 ** Math.floor(Math.log10(raw));
  return ([1, 2, 5, 10].find((factor) => factor * power >= raw) ?? 10) * power;
};

const text = (x: number, y: number, anchor: string, words: string): string =>
  `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" text-anchor="${anchor}">${words}</text>`;

const line = (x1: number, y1: number, x2: number, y2: number): string =>
  `<line x1="${x1.toFixed(1)}" y1="${y1.toFixed(1)}" x2="${x2.toFixed(1)}" y2="${y2.toFixed(1)}" stroke="#ccc"/>`;

/** The plot of some series over one axis. */
export const distributionPlot = (axis: string, series: readonly Series[]): string => {
  const largest = Math.max(...series.map(({ samples }) => samples.at(-1) ?? 0));
  const step = roundStep(largest / TICKS);
  const end = Math.ceil(largest / step) * step;
  const x = (value: number): number => LEFT + (value / end) * (WIDTH - LEFT - RIGHT);
  const y = (part: number): number => HEIGHT - BOTTOM - part * (HEIGHT - TOP - BOTTOM);
  const parts: string[] = [];
  for (let value = 0; value <= end + step / 2; value += step)
    parts.push(line(x(value), y(0), x(value), y(1)), text(x(value), y(0) + 16, 'middle', `${+value.toPrecision(3)}`));
  for (const percent of [0, 25, 50, 75, 100])
    parts.push(
      line(x(0), y(percent / 100), x(end), y(percent / 100)),
      text(LEFT - 6, y(percent / 100) + 4, 'end', `${percent} %`),
    );
  parts.push(text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 8, 'middle', axis));
  series.forEach(({ name, samples }, index) => {
    const color = COLORS[index % COLORS.length];
    const points = Array.from({ length: 101 }, (_, percent) => {
      const value = samples[Math.min(samples.length - 1, Math.floor((percent / 100) * samples.length))] ?? 0;
      return `${x(value).toFixed(1)},${y(percent / 100).toFixed(1)}`;
    });
    parts.push(`<polyline fill="none" stroke="${color}" stroke-width="2" points="${points.join(' ')}"/>`);
    parts.push(`<g fill="${color}">${text(WIDTH - RIGHT - 8, y(0) - 10 - 16 * index, 'end', name)}</g>`);
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="12">`,
    `<title>${axis}: which share of the samples lies below</title>`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="#fff"/>`,
    ...parts,
    '</svg>',
    '',
  ].join('\n');
};
