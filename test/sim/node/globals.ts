/** Clocks and timers of the simulated process that runs now, in place of those of the real one. */
import { host, type SimProcess } from './host.ts';

/** A timer, as production code uses one. */
class SimTimer {
  readonly #process: SimProcess;
  readonly #run: () => void;
  readonly #everyMs: number | undefined;
  #cleared = false;

  constructor(run: () => void, ms: number, repeats: boolean) {
    this.#process = host().current;
    this.#run = run;
    this.#everyMs = repeats ? Math.max(1, ms) : undefined;
    this.#wait(ms);
  }

  clear(): void {
    this.#cleared = true;
  }

  ref(): this {
    return this;
  }

  unref(): this {
    return this;
  }

  #wait(ms: number): void {
    host().later(this.#process, host().agenda.nowMs + Math.max(0, ms), () => {
      if (this.#cleared) return;
      if (this.#everyMs !== undefined) this.#wait(this.#everyMs);
      this.#run();
    });
  }
}

const timerOf =
  (repeats: boolean) =>
  (run: (...args: unknown[]) => void, ms = 0, ...args: unknown[]): SimTimer =>
    new SimTimer(() => run(...args), ms, repeats);

const clear = (timer: SimTimer | undefined): void => timer?.clear();

/** Puts simulated clocks and timers in place. Module code that keeps a real one must have been loaded before. */
export const installGlobals = (): void => {
  const immediate = (run: (...args: unknown[]) => void, ...args: unknown[]): SimTimer =>
    new SimTimer(() => run(...args), 0, false);
  Object.assign(globalThis, {
    setTimeout: timerOf(false),
    setInterval: timerOf(true),
    setImmediate: immediate,
    clearTimeout: clear,
    clearInterval: clear,
    clearImmediate: clear,
  });
  performance.now = () => host().monotonicMs(host().current);
  Date.now = () => host().wallMs(host().current);
  AbortSignal.timeout = (ms) => {
    const controller = new AbortController();
    setTimeout(() => controller.abort(), ms);
    return controller.signal;
  };
};
