/**
 * HTTP to one or more nodes: bounded answers, problem documents as errors, the next URL when a node does not answer.
 *
 * A node's answer is foreign input: read up to a bound, parsed by the shapes of protocol/api.ts, never trusted.
 */
import { PROBLEM_MEDIA_TYPE, problemShape } from '../protocol/api.ts';
import { CloisterError } from '../protocol/errors.ts';
import { concatBytes, fromUtf8 } from '../protocol/hex.ts';
import type { Shape } from '../protocol/json-shape.ts';
import { nodeRefusal, walletErrors } from './errors.ts';

/** The part of the Fetch API that the wallet uses. */
export type FetchFunction = (url: string, init: RequestInit) => Promise<Response>;

/** One request, to whichever node answers. */
export interface NodeRequest {
  readonly method: 'GET' | 'POST';
  /** Path from the root, as `/v1/status`. */
  readonly path: string;
  readonly body?: string | Uint8Array<ArrayBuffer>;
  readonly headers?: Readonly<Record<string, string>>;
  /** How long to wait for the answer, ms. */
  readonly timeoutMs: number;
  readonly maxAnswerBytes: number;
}

/** An answer with a 2xx status. */
export interface NodeAnswer {
  readonly bytes: Uint8Array;
  readonly status: number;
  /** Seconds of a Retry-After header. */
  readonly retryAfterSeconds: number | undefined;
}

const MAX_RETRY_AFTER_SECONDS = 60;

/** Seconds after which a refused request may be repeated, of an error that `NodeClient` threw. */
export const retryAfterOf = (error: CloisterError): number | undefined => {
  const seconds = error.data['retryAfterSeconds'];
  return typeof seconds === 'number' ? seconds : undefined;
};

const retryAfterHeader = (response: Response): number | undefined => {
  const seconds = Number(response.headers.get('retry-after') ?? Number.NaN);
  return Number.isFinite(seconds) && seconds >= 0 ? Math.min(seconds, MAX_RETRY_AFTER_SECONDS) : undefined;
};

const readBounded = async (response: Response, maxBytes: number): Promise<Uint8Array> => {
  const reader = response.body?.getReader();
  if (reader === undefined) return new Uint8Array(0);
  const parts: Uint8Array[] = [];
  let size = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return concatBytes(...parts);
    size += value.length;
    if (size > maxBytes) {
      await reader.cancel();
      throw walletErrors.error('ANSWER_MALFORMED', { maxBytes });
    }
    parts.push(value);
  }
};

/** Parses JSON bytes by a shape. Throws ANSWER_MALFORMED. */
export const readAnswer = <T>(bytes: Uint8Array, shape: Shape<T>): T => {
  try {
    return shape.read(JSON.parse(fromUtf8(bytes)), 'answer');
  } catch (cause) {
    throw walletErrors.error('ANSWER_MALFORMED', {}, cause);
  }
};

const refusalOf = (response: Response, bytes: Uint8Array): CloisterError => {
  if (response.headers.get('content-type')?.startsWith(PROBLEM_MEDIA_TYPE) !== true) {
    return walletErrors.error('ANSWER_MALFORMED', { status: response.status });
  }
  const refusal = nodeRefusal(readAnswer(bytes, problemShape));
  const retryAfterSeconds = retryAfterHeader(response);
  if (retryAfterSeconds === undefined) return refusal;
  const { code, message, hint, retryable, status } = refusal;
  return new CloisterError(
    code,
    { message, hint, retryable, ...(status !== undefined && { status }) },
    { retryAfterSeconds },
  );
};

/** Requests to the nodes of one network. */
export class NodeClient {
  readonly #urls: readonly string[];
  readonly #fetch: FetchFunction;
  /** The node that answered last stays in use until it fails. */
  #preferred = 0;

  constructor(urls: readonly string[], fetchFunction: FetchFunction) {
    if (urls.length === 0) throw new RangeError('at least one URL is needed');
    this.#urls = urls.map((url) => url.replace(/\/+$/u, ''));
    this.#fetch = fetchFunction;
  }

  /** Number of nodes. */
  get nodes(): number {
    return this.#urls.length;
  }

  /** Moves on to the next node, after an answer that proved wrong or too old. */
  useNext(): void {
    this.#preferred = (this.#preferred + 1) % this.#urls.length;
  }

  /**
   * Sends the request to the preferred node, and to the next when one cannot be reached or is not ready.
   * Throws the node's refusal, ANSWER_MALFORMED or NODE_UNREACHABLE.
   */
  async send(request: NodeRequest): Promise<NodeAnswer> {
    let failure: unknown;
    for (let tries = 0; tries < this.#urls.length; tries += 1) {
      try {
        return await this.#sendOnce(request);
      } catch (error) {
        if (error instanceof CloisterError && !this.#isLoss(error)) throw error;
        failure = error;
        this.useNext();
      }
    }
    if (failure instanceof CloisterError) throw failure;
    throw walletErrors.error('NODE_UNREACHABLE', { nodes: this.#urls.length }, failure);
  }

  /** GET of a JSON document. */
  async get<T>(path: string, shape: Shape<T>, maxAnswerBytes: number, timeoutMs = 10_000): Promise<T> {
    return readAnswer((await this.send({ method: 'GET', path, maxAnswerBytes, timeoutMs })).bytes, shape);
  }

  #isLoss(error: CloisterError): boolean {
    return ['ANSWER_MALFORMED', 'NOT_READY', 'OBSERVER_ONLY', 'INTERNAL'].includes(error.code);
  }

  async #sendOnce(request: NodeRequest): Promise<NodeAnswer> {
    const url = `${this.#urls[this.#preferred] ?? ''}${request.path}`;
    const response = await this.#fetch(url, {
      method: request.method,
      redirect: 'error',
      signal: AbortSignal.timeout(request.timeoutMs),
      ...(request.headers !== undefined && { headers: request.headers }),
      ...(request.body !== undefined && { body: request.body }),
    });
    const bytes = await readBounded(response, request.maxAnswerBytes);
    if (!response.ok) throw refusalOf(response, bytes);
    return { bytes, status: response.status, retryAfterSeconds: retryAfterHeader(response) };
  }
}
