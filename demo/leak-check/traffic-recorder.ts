/**
 * Records what a client sends to and receives from nodes: request and answer lines, headers and bodies, in order. Wraps
 * the fetch that a wallet is given, so it sees exactly what leaves the wallet.
 */
import type { FetchFunction } from '../../wallet/index.ts';
import type { Haystack } from './leak-check.ts';

/** One request and its answer. */
export interface Exchange {
  readonly method: string;
  readonly path: string;
  readonly requestBody: Uint8Array;
  readonly status: number;
  readonly answerBody: Uint8Array;
  readonly text: string;
}

const textOf = (headers: Iterable<readonly [string, string]>): string =>
  [...headers].map(([name, value]) => `${name}: ${value}`).join('\n');

const bytesOf = (body: RequestInit['body']): Uint8Array => {
  if (typeof body === 'string') return Buffer.from(body);
  if (body instanceof Uint8Array) return body.slice();
  return new Uint8Array(0);
};

/** Statuses whose answers have no body (Fetch standard, null body status). */
const BODILESS = [101, 103, 204, 205, 304];

/** The traffic of one party. */
export class TrafficRecorder {
  readonly party: string;
  readonly #exchanges: Exchange[] = [];
  #isRecording = true;

  constructor(party: string) {
    this.party = party;
  }

  get exchanges(): readonly Exchange[] {
    return this.#exchanges;
  }

  /** The platform's fetch, recorded. */
  readonly fetch: FetchFunction = async (url, init) => {
    const answer = await globalThis.fetch(url, init);
    if (!this.#isRecording) return answer;
    const answerBody = new Uint8Array(await answer.arrayBuffer());
    const method = init.method ?? 'GET';
    const head = `${method} ${url}\n${textOf(new Headers(init.headers))}\n\n${answer.status}\n${textOf(answer.headers)}\n`;
    const { pathname } = new URL(url);
    this.#exchanges.push({
      method,
      path: pathname,
      requestBody: bytesOf(init.body),
      status: answer.status,
      answerBody,
      text: head,
    });
    const body = BODILESS.includes(answer.status) ? null : answerBody;
    return new Response(body, { status: answer.status, statusText: answer.statusText, headers: answer.headers });
  };

  /** Goes on without recording, and forgets what was recorded. */
  stopRecording(): void {
    this.#isRecording = false;
    this.#exchanges.splice(0);
  }

  /** Everything that was recorded. */
  *haystacks(): Generator<Haystack> {
    for (const [index, { text, requestBody, answerBody }] of this.#exchanges.entries()) {
      const name = `client traffic of ${this.party}, request ${index}`;
      yield { name, bytes: Buffer.concat([Buffer.from(text), requestBody, Buffer.from('\n'), answerBody]) };
    }
  }
}
