/** A client that seals by hand and speaks plain HTTP, to send what the wallet never would. */
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { text } from 'node:stream/consumers';
import { randomBytes } from '#primitives';
import { networkShape } from '../../protocol/api.ts';
import { type ChainId, height } from '../../protocol/brand.ts';
import {
  SEAL_RANDOMNESS_BYTES,
  sealCall,
  sealSessionCall,
  sealSessionOpen,
  type SealingTarget,
} from '../../protocol/envelope-seal.ts';
import type { ParsedEnvelope } from '../../protocol/envelope.ts';
import { WalletSession } from '../../protocol/session.ts';
import { type Account, createAccount } from '../../wallet/index.ts';
import { EpochTrail } from '../../wallet/epoch-trail.ts';
import { NodeClient } from '../../wallet/transport.ts';
import { checkedGenesis, verifyNetwork } from '../../wallet/verify-network.ts';

/** An answer as text, with what the tests look at. */
export interface RawAnswer {
  readonly status: number;
  readonly contentType: string;
  readonly text: string;
  readonly json: Record<string, unknown>;
}

/** One result of a submission. */
export interface RawResult {
  readonly status: string;
  readonly transactionId: string;
  readonly height: number;
  readonly receipt: string;
  readonly outputs: readonly string[];
}

/** See the module comment. */
export class RawClient {
  readonly #api: string;
  readonly #target: SealingTarget;
  readonly #account: Account = createAccount();

  private constructor(api: string, target: SealingTarget) {
    this.#api = api;
    this.#target = target;
  }

  /** Learns the epoch key of a network. */
  static async connect(api: string, chainId: ChainId): Promise<RawClient> {
    const document = networkShape.read(await (await fetch(`${api}/v1/network`)).json(), 'network');
    const genesis = checkedGenesis(document, chainId);
    const epochs = new EpochTrail(genesis);
    await epochs.follow(new NodeClient([api], fetch));
    return new RawClient(api, verifyNetwork(document, genesis, epochs, { policyClass: 'testnet' }).target);
  }

  /** Sends a body to a path. */
  async post(path: string, body: string | Uint8Array, headers: Record<string, string> = {}): Promise<RawAnswer> {
    return this.#answer(
      await fetch(`${this.#api}${path}`, {
        method: 'POST',
        body: body as string | Uint8Array<ArrayBuffer>,
        headers: { 'content-type': 'application/json', ...headers },
      }),
    );
  }

  /** Announces a body of a length and sends none of it: a refusal that rests on the length alone comes all the same. */
  async announce(path: string, bytes: number): Promise<RawAnswer> {
    const headers = { 'content-type': 'application/json', 'content-length': bytes };
    const sending = request(`${this.#api}${path}`, { method: 'POST', headers });
    sending.flushHeaders();
    const [incoming] = (await once(sending, 'response')) as [IncomingMessage];
    const response = new Response(await text(incoming), {
      status: incoming.statusCode ?? 0,
      headers: { 'content-type': incoming.headers['content-type'] ?? '' },
    });
    sending.destroy();
    return this.#answer(response);
  }

  /** Reads a path. */
  async get(path: string): Promise<RawAnswer> {
    return this.#answer(await fetch(`${this.#api}${path}`));
  }

  /** Submits envelopes and waits for their results. */
  submit(...envelopes: readonly Uint8Array[]): Promise<RawAnswer> {
    const body = JSON.stringify({ envelopes: envelopes.map((bytes) => Buffer.from(bytes).toString('base64')) });
    return this.post('/v1/transactions', body, { prefer: 'wait=30' });
  }

  /** A signed call outside a session. */
  call(
    contract: string,
    method: string,
    args: unknown,
    expiry: number,
    target: Partial<SealingTarget> = {},
  ): ParsedEnvelope {
    const call = { contract, method, args: JSON.stringify(args), idempotencyKey: undefined };
    const sealed = { call, replyKey: this.#account.replyKeyPair.publicKey, expiryHeight: height(expiry) };
    return sealCall({ ...this.#target, ...target }, this.#account, sealed, randomBytes(SEAL_RANDOMNESS_BYTES));
  }

  /** The opening of a session, and how to seal calls of it under numbers of one's own choice. */
  openSession(expiry: number): {
    readonly opening: ParsedEnvelope;
    readonly call: (number: number, method: string, args: unknown, contract?: string) => ParsedEnvelope;
  } {
    const asked = {
      replyKey: this.#account.replyKeyPair.publicKey,
      expiryHeight: height(expiry),
      sessionExpiryHeight: height(expiry),
    };
    const opening = sealSessionOpen(this.#target, this.#account, asked, randomBytes(SEAL_RANDOMNESS_BYTES));
    return {
      opening,
      call: (number, method, args, contract = 'misbehaving') => {
        const session = new WalletSession(opening.session.keys);
        for (let skipped = 0; skipped < number; skipped += 1) session.takeCounter();
        const call = { contract, method, args: JSON.stringify(args), idempotencyKey: undefined };
        return sealSessionCall(this.#target, session, { call, expiryHeight: height(expiry) });
      },
    };
  }

  async #answer(response: Response): Promise<RawAnswer> {
    const body = await response.text();
    let json: Record<string, unknown> = {};
    try {
      json = JSON.parse(body) as Record<string, unknown>;
    } catch {
      // Judged by its text.
    }
    return { status: response.status, contentType: response.headers.get('content-type') ?? '', text: body, json };
  }
}

/** The results of a submission that was accepted as a whole. */
export const resultsOf = ({ json, text }: RawAnswer): RawResult[] => {
  if (!Array.isArray(json['results'])) throw new Error(`no results: ${text.slice(0, 500)}`);
  return json['results'] as RawResult[];
};
