/** A wallet inside the test process: seals calls and opens what comes back, with seeded randomness. */
import type { Height, TransactionId } from '../../protocol/brand.ts';
import { height } from '../../protocol/brand.ts';
import type { Call, Outcome, Signer } from '../../protocol/call.ts';
import type { ParsedEnvelope } from '../../protocol/envelope.ts';
import {
  SEAL_RANDOMNESS_BYTES,
  sealCall,
  sealSessionCall,
  sealSessionOpen,
  type SealingTarget,
} from '../../protocol/envelope-seal.ts';
import { type HpkeKeyPair, hpkeKeyPair } from '../../protocol/hpke.ts';
import { type Answer, openAnswer, type SealedQuery, sealQuery, sealSessionQuery } from '../../protocol/query.ts';
import { openOutput } from '../../protocol/sealed-output.ts';
import type { WalletSession } from '../../protocol/session.ts';
import { seededBytes, testSigner } from './enclave-network.ts';

/** A call with JSON arguments. */
export const callOf = (contract: string, method: string, args: unknown, idempotencyKey?: string): Call => ({
  contract,
  method,
  args: JSON.stringify(args),
  idempotencyKey,
});

/** The wallet. */
export class TestWallet {
  readonly signer: Signer;
  readonly replyKeys: HpkeKeyPair;
  readonly #target: SealingTarget;
  readonly #random: (lengthBytes: number) => Uint8Array;
  session: WalletSession | undefined;

  constructor(target: SealingTarget, seed: number, signer: Signer = testSigner(seed)) {
    this.#target = target;
    this.signer = signer;
    this.#random = seededBytes(seed + 50_000);
    this.replyKeys = hpkeKeyPair('x-wing', this.#random(32));
  }

  /** A one-shot call. */
  call(call: Call, expiryHeight: Height): ParsedEnvelope {
    const request = { call, replyKey: this.replyKeys.publicKey, expiryHeight };
    return sealCall(this.#target, this.signer, request, this.#random(SEAL_RANDOMNESS_BYTES));
  }

  /** Opens a session; later session calls use it. */
  open(expiryHeight: Height, firstCall?: Call, sessionExpiryHeight: Height = height(1_000_000)): ParsedEnvelope {
    const request = {
      replyKey: this.replyKeys.publicKey,
      expiryHeight,
      sessionExpiryHeight,
      ...(firstCall === undefined ? {} : { firstCall }),
    };
    const opened = sealSessionOpen(this.#target, this.signer, request, this.#random(SEAL_RANDOMNESS_BYTES));
    this.session = opened.session;
    return opened;
  }

  /** A call in the open session. */
  sessionCall(call: Call, expiryHeight: Height): ParsedEnvelope {
    if (this.session === undefined) throw new TypeError('open a session first');
    return sealSessionCall(this.#target, this.session, { call, expiryHeight });
  }

  /** A query, in the session when there is one. */
  query(call: Call): SealedQuery {
    return this.session === undefined
      ? sealQuery(this.#target, this.signer, call, this.#random(SEAL_RANDOMNESS_BYTES))
      : sealSessionQuery(this.#target, this.session.keys, call, this.#random(16));
  }

  /** The answer to a query. */
  answer(query: SealedQuery, sealed: Uint8Array): Answer {
    const opened = openAnswer(sealed, query.binding);
    if (opened.verdict === 'rejected') throw new TypeError(opened.code);
    return opened.answer;
  }

  /** What a sealed output says to this wallet, or the code why it says nothing. */
  outcome(sealed: Uint8Array | undefined, transactionId: TransactionId, index = 0): Outcome | string {
    const keys = {
      replyKeyPair: this.replyKeys,
      session: (id: string) => (this.session?.keys.id === id ? this.session.keys : undefined),
    };
    const opened = openOutput(sealed ?? new Uint8Array(0), keys, {
      chainId: this.#target.chainId,
      transactionId,
      index,
    });
    return opened.verdict === 'opened' ? opened.outcome : opened.code;
  }
}
