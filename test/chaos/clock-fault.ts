/** Wall clocks of a minority that jump, forwards or back, by minutes to hours, and are put right again. */
import { type Begin, fewNodes, names } from './field.ts';

const MINUTE_MS = 60_000;
const MOST_MINUTES = 180;

/** Clocks that jump ahead (1) or back (−1). */
export const jumpClocks =
  (direction: 1 | -1): Begin =>
  async (field, random) => {
    const nodes = fewNodes(field, random);
    const minutes = direction * (1 + random.integer(MOST_MINUTES));
    const shift = (offsetMs: number) => Promise.all(nodes.map(({ index }) => field.shiftClock(index, offsetMs)));
    await shift(minutes * MINUTE_MS);
    return {
      name: direction > 0 ? 'clocks jump ahead' : 'clocks jump back',
      where: `${names(nodes)} by ${minutes} min`,
      heal: async () => void (await shift(0)),
    };
  };
