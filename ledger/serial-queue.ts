/** Runs asynchronous sections one after the other, in the order of their calls. */
export class SerialQueue {
  #tail: Promise<unknown> = Promise.resolve();

  /** Starts `section` when all earlier ones have ended, whatever their outcome. */
  run<T>(section: () => Promise<T>): Promise<T> {
    const result = this.#tail.then(section, section);
    this.#tail = result.catch(() => undefined);
    return result;
  }
}
