/**
 * The node's side of the boundary: one enclave process, its channel and the requests in flight.
 *
 * Invariants: at most `maxInFlight` requests wait; every request settles, at the latest when the process ends; the
 * enclave's own output is counted and dropped, so nothing it might print can reach a log; disposing closes the
 * channel, on which the enclave exits by itself, and kills it when it does not.
 */
import type { ChildProcess } from 'node:child_process';
import type { Duplex } from 'node:stream';
import type { CloisterError } from '../../protocol/errors.ts';
import { enclaveErrors } from '../boundary/errors.ts';
import { FrameDecoder, frameHeader } from '../boundary/framing.ts';
import {
  decodeReply,
  encodeRequest,
  type ReplyOf,
  replyId,
  type RequestKind,
  type RequestOf,
} from '../boundary/messages.ts';
import { CHANNEL_DESCRIPTOR, launchEnclave, type LaunchOptions } from './launch.ts';

/** Launch options and the bound of pipelining. */
export interface EnclaveClientOptions extends LaunchOptions {
  /** Most requests that may wait for replies. */
  readonly maxInFlight: number;
}

/** How the enclave process ended; its output is only counted. */
export interface EnclaveExit {
  readonly code: number | null;
  readonly signal: string | null;
  readonly outputBytes: number;
}

interface Waiting {
  settle(body: Uint8Array): void;
  fail(error: CloisterError): void;
}

const EXIT_GRACE_MS = 2_000;
const MAX_REQUEST_ID = 0xffffffff;

/** A running enclave. */
export class EnclaveClient {
  /** Settles when the process has ended, expected or not. */
  readonly exited: Promise<EnclaveExit>;
  readonly #process: ChildProcess;
  readonly #channel: Duplex;
  readonly #maxInFlight: number;
  readonly #decoder = new FrameDecoder();
  readonly #waiting = new Map<number, Waiting>();
  #nextId = 1;
  #outputBytes = 0;
  #ended = false;

  /** Starts the process; `ENCLAVE_START_FAILED` when the system refuses to. */
  static async start(options: EnclaveClientOptions): Promise<EnclaveClient> {
    let child: ChildProcess;
    try {
      child = launchEnclave(options);
    } catch (cause) {
      throw enclaveErrors.error('ENCLAVE_START_FAILED', {}, cause);
    }
    const client = new EnclaveClient(child, options.maxInFlight);
    await new Promise<void>((resolve, reject) => {
      child.once('spawn', resolve);
      child.once('error', (cause) => reject(enclaveErrors.error('ENCLAVE_START_FAILED', {}, cause)));
    });
    return client;
  }

  private constructor(child: ChildProcess, maxInFlight: number) {
    this.#process = child;
    this.#maxInFlight = maxInFlight;
    this.#channel = child.stdio[CHANNEL_DESCRIPTOR] as Duplex;
    this.#channel.on('data', (chunk: Uint8Array) => this.#receive(chunk));
    this.#channel.on('error', () => this.#kill());
    for (const output of [child.stdout, child.stderr]) {
      output?.on('data', (chunk: Uint8Array) => {
        this.#outputBytes += chunk.length;
      });
    }
    this.exited = new Promise((resolve) => {
      const end = (code: number | null, signal: string | null): void => {
        this.#end();
        resolve({ code, signal, outputBytes: this.#outputBytes });
      };
      child.once('error', () => end(null, null));
      child.once('exit', end);
    });
  }

  /** Process id, for status and for tests that kill it; with namespaces it is the outermost process of the jail. */
  get pid(): number | undefined {
    return this.#process.pid;
  }

  /** Requests that wait for replies. */
  get inFlight(): number {
    return this.#waiting.size;
  }

  /** Sends a request. Rejects with the enclave's refusal, ENCLAVE_BUSY, ENCLAVE_GONE or CHANNEL_BROKEN. */
  call<K extends RequestKind>(kind: K, request: RequestOf<K>): Promise<ReplyOf<K>> {
    if (this.#ended) return Promise.reject(enclaveErrors.error('ENCLAVE_GONE', { kind }));
    if (this.#waiting.size >= this.#maxInFlight) return Promise.reject(enclaveErrors.error('ENCLAVE_BUSY', { kind }));
    const id = this.#nextId;
    this.#nextId = id === MAX_REQUEST_ID ? 1 : id + 1;
    const body = encodeRequest(id, kind, request);
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, {
        settle: (reply) => {
          try {
            resolve(decodeReply(kind, reply));
          } catch (error) {
            reject(error);
          }
        },
        fail: reject,
      });
      this.#channel.cork();
      this.#channel.write(frameHeader(body.length));
      this.#channel.write(body);
      this.#channel.uncork();
    });
  }

  /** Ends the enclave and waits until its process is gone. */
  async dispose(): Promise<EnclaveExit> {
    this.#channel.end();
    const timer = setTimeout(() => this.#kill(), EXIT_GRACE_MS);
    const exit = await this.exited;
    clearTimeout(timer);
    return exit;
  }

  #receive(chunk: Uint8Array): void {
    for (const event of this.#decoder.push(chunk)) {
      const id = event.kind === 'frame' ? replyId(event.body) : undefined;
      const waiting = id === undefined ? undefined : this.#waiting.get(id);
      if (event.kind !== 'frame' || id === undefined || waiting === undefined) {
        this.#kill();
        return;
      }
      this.#waiting.delete(id);
      waiting.settle(event.body);
    }
  }

  #kill(): void {
    if (!this.#ended) this.#process.kill('SIGKILL');
  }

  #end(): void {
    this.#ended = true;
    for (const waiting of this.#waiting.values()) waiting.fail(enclaveErrors.error('ENCLAVE_GONE'));
    this.#waiting.clear();
    this.#channel.destroy();
  }
}
