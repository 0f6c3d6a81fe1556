/**
 * Where log lines go: a file or standard error, written in order and without blocking.
 *
 * A line that cannot be written is lost and nothing else happens: what a full disk stops is the node, in order and with
 * a code, never its log.
 */
import { close, mkdirSync, openSync, write } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';

const writeAsync = promisify(write);
const closeAsync = promisify(close);

const STDERR = 2;
/** A pipe whose reader is slow says EAGAIN. */
const RETRY_MS = 20;

const isBusy = (error: unknown): boolean => error instanceof Error && 'code' in error && error.code === 'EAGAIN';

/** See the module comment. */
export class LogSink implements AsyncDisposable {
  readonly #descriptor: number;
  #waiting: string[] = [];
  #writing: Promise<void> | undefined;

  private constructor(descriptor: number) {
    this.#descriptor = descriptor;
  }

  /** Appends to a file, which is made with its directory where there is none. */
  static toFile(path: string): LogSink {
    mkdirSync(dirname(path), { recursive: true });
    return new LogSink(openSync(path, 'a', 0o600));
  }

  static toStderr(): LogSink {
    return new LogSink(STDERR);
  }

  write(line: string): void {
    this.#waiting.push(line);
    this.#writing ??= this.#writeWaiting();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#writing;
    if (this.#descriptor !== STDERR) await closeAsync(this.#descriptor);
  }

  async #writeWaiting(): Promise<void> {
    while (this.#waiting.length > 0) {
      const bytes = Buffer.from(this.#waiting.join(''));
      this.#waiting = [];
      await this.#writeWhole(bytes).catch(() => undefined);
    }
    this.#writing = undefined;
  }

  async #writeWhole(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length; ) {
      try {
        at += (await writeAsync(this.#descriptor, bytes, at)).bytesWritten;
      } catch (error) {
        if (!isBusy(error)) throw error;
        await delay(RETRY_MS);
      }
    }
  }
}
