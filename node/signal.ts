/** A bell: whoever waits is woken by the next ring. Waiters are told that something changed, not what. */
export class Signal {
  #ring = Promise.withResolvers<void>();

  /** Wakes everybody who waits now. */
  fire(): void {
    const rung = this.#ring;
    this.#ring = Promise.withResolvers<void>();
    rung.resolve();
  }

  /** Resolves at the next `fire`; rejects with the signal's reason when that comes first. */
  next(signal: AbortSignal): Promise<void> {
    if (signal.aborted) return Promise.reject(signal.reason);
    const { promise } = this.#ring;
    return new Promise((resolve, reject) => {
      const abort = (): void => reject(signal.reason);
      signal.addEventListener('abort', abort, { once: true });
      promise.then(() => {
        signal.removeEventListener('abort', abort);
        resolve();
      });
    });
  }
}
