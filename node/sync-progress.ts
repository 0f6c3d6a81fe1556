/**
 * How far a node that is behind has come, and when it will be there: for logs, status and the person who waits.
 *
 * The target is what certificates prove, as far as their headers are known here; the rate is that of the last seconds.
 * Two stages: fetching final blocks, then executing or importing them; the later one decides.
 */

/** Progress of a node that is behind. */
export interface SyncProgress {
  readonly height: number;
  readonly target: number;
  readonly perSecond: number;
  /** Undefined while there is no progress to reckon with. */
  readonly secondsLeft: number | undefined;
}

/** Blocks that a node may be behind without being called so. */
const BEHIND_BLOCKS = 16;
/** Samples that the rate is taken over, one a second. */
const SAMPLES = 10;

interface Sample {
  readonly atMs: number;
  readonly height: number;
}

/** Takes a sample a second; see the module comment. */
export class SyncMeter {
  readonly #samples: Sample[] = [];
  #progress: SyncProgress | undefined;

  /** Progress at the last sample; undefined when the node is not behind. */
  get progress(): SyncProgress | undefined {
    return this.#progress;
  }

  /** Notes how far execution is and how far it is to go. */
  sample(nowMs: number, height: number, target: number): SyncProgress | undefined {
    this.#samples.push({ atMs: nowMs, height });
    if (this.#samples.length > SAMPLES) this.#samples.shift();
    const left = target - height;
    this.#progress = left <= BEHIND_BLOCKS ? undefined : this.#measured(height, target);
    return this.#progress;
  }

  #measured(height: number, target: number): SyncProgress {
    const [first] = this.#samples;
    const last = this.#samples.at(-1);
    const seconds = first === undefined || last === undefined ? 0 : (last.atMs - first.atMs) / 1_000;
    const perSecond = first === undefined || seconds === 0 ? 0 : Math.round((height - first.height) / seconds);
    return {
      height,
      target,
      perSecond,
      secondsLeft: perSecond === 0 ? undefined : Math.ceil((target - height) / perSecond),
    };
  }
}

const SAMPLE_EVERY_MS = 1_000;

/** Samples `heights` every second until disposed, and tells the progress while the node is behind. */
export const meterSync = (
  meter: SyncMeter,
  heights: () => { readonly height: number; readonly target: number },
  onProgress: (progress: SyncProgress) => void,
): Disposable => {
  const timer = setInterval(() => {
    const { height, target } = heights();
    const progress = meter.sample(performance.now(), height, target);
    if (progress !== undefined) onProgress(progress);
  }, SAMPLE_EVERY_MS);
  return { [Symbol.dispose]: () => clearInterval(timer) };
};
