/** Complete lists of small things, for tests that try everything. */

/** 0 up to a length, without it. */
export const range = (length: number): number[] => Array.from({ length }, (_, index) => index);

/** All orders of all items. */
export const permutations = <T>(items: readonly T[]): T[][] =>
  items.length === 0
    ? [[]]
    : items.flatMap((item) => permutations(items.filter((other) => other !== item)).map((rest) => [item, ...rest]));

/** All selections of items, in the order of the items. */
export const subsets = <T>(items: readonly T[]): T[][] => {
  const [first, ...rest] = items;
  return first === undefined ? [[]] : subsets(rest).flatMap((some) => [some, [first, ...some]]);
};

/** All orders of all selections of items. */
export const arrangements = <T>(items: readonly T[]): T[][] => subsets(items).flatMap(permutations);

/** All ways to choose one of several things for each of so many places. */
export const assignments = <T>(choices: readonly T[], places: number): T[][] =>
  places === 0 ? [[]] : assignments(choices, places - 1).flatMap((some) => choices.map((one) => [...some, one]));
