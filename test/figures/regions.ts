/**
 * Ten regions of a public cloud and the round trips between them: medians over one year as cloudping.co measures and
 * publishes them for AWS, in the copy that the estimator of commonware (`examples/estimator/src/p50.json`, 2025) keeps;
 * both directions averaged, rounded to whole milliseconds. A message takes half a round trip; jitter is not modelled.
 */

/** The regions, in the order of the table. */
export const REGIONS = [
  'us-east-1',
  'us-west-2',
  'ca-central-1',
  'sa-east-1',
  'eu-west-1',
  'eu-central-1',
  'ap-south-1',
  'ap-southeast-1',
  'ap-southeast-2',
  'ap-northeast-1',
] as const;

/** Round trips in milliseconds; row and column as in `REGIONS`, the lower triangle with the diagonal. */
const ROUND_TRIPS: readonly (readonly number[])[] = [
  [6],
  [64, 3],
  [17, 61, 4],
  [115, 175, 126, 3],
  [70, 118, 69, 178, 3],
  [93, 143, 93, 205, 27, 4],
  [191, 222, 192, 301, 126, 129, 3],
  [219, 161, 215, 328, 179, 161, 64, 4],
  [200, 141, 198, 312, 256, 251, 155, 95, 4],
  [150, 98, 147, 259, 202, 227, 134, 71, 106, 3],
];

const regionOf = (machine: number): number => machine % REGIONS.length;

/** Time of a message between two machines: machine i stands in region i mod 10. */
export const worldDelayMs = (from: number, to: number): number => {
  const [a, b] = [regionOf(from), regionOf(to)];
  return (ROUND_TRIPS[Math.max(a, b)]?.[Math.min(a, b)] ?? 0) / 2;
};
