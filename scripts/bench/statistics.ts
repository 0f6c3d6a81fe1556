/** Medians, percentiles and slopes of a few samples. */

/** Median with the smallest and largest sample. */
export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/** The sample below which the share `q` (0 to 1) of all lies. */
export const percentile = (samples: readonly number[], q: number): number => {
  const sorted = samples.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? Number.NaN;
};

/** Median and extremes. */
export const spreadOf = (samples: readonly number[]): Spread => ({
  median: percentile(samples, 0.5),
  min: Math.min(...samples),
  max: Math.max(...samples),
});

/** Slope of the least-squares line through points (x, y). */
export const slopeOf = (points: readonly (readonly [x: number, y: number])[]): number => {
  const meanX = points.reduce((sum, [x]) => sum + x, 0) / points.length;
  const meanY = points.reduce((sum, [, y]) => sum + y, 0) / points.length;
  const covariance = points.reduce((sum, [x, y]) => sum + (x - meanX) * (y - meanY), 0);
  const variance = points.reduce((sum, [x]) => sum + (x - meanX) ** 2, 0);
  return variance === 0 ? 0 : covariance / variance;
};
