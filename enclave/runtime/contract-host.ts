/**
 * What a running contract may touch: its own keys in the call's overlay, the call's randomness, outputs and claims.
 *
 * Invariants: no key leaves the contract's prefix; state stays within its bound (STATE_FULL instead of a crash); all
 * text is well-formed, so that write sets keep it exactly; nothing here outlives the call.
 */
import { outcomeFits } from '../../protocol/sealed-output.ts';
import type { Outcome } from '../../protocol/call.ts';
import { toHex, utf8Length } from '../../protocol/hex.ts';
import { MAX_CLAIMS_BYTES } from '../../protocol/limits.ts';
import type { PartyMessage } from './call-result.ts';
import { recipientKey, touchRecipient } from './recipients.ts';
import type { Overlay } from './state/overlay.ts';
import { scan, type StateEntry, type StateReader } from './state/reader.ts';
import { contractPrefix } from './system-keys.ts';
import { type ContractHost, HostFailure, HostRefusal } from './vm/execution.ts';

function wellFormed(text: string): string {
  if (!text.isWellFormed()) throw new HostFailure('BAD_HOST_CALL');
  return text;
}

function scanOwn(
  reader: StateReader,
  prefix: string,
  from: string,
  to: string,
  limit: number,
  reverse: boolean,
): StateEntry[] {
  const rows = scan(reader, { from: prefix + from, to: prefix + to, reverse }, limit);
  return rows.map(([key, value]) => [key.slice(prefix.length), value]);
}

/** Room that a call's writes may take, in accounted bytes. */
export interface WriteBudget {
  /** Bytes by which state may still grow. */
  readonly stateBytes: number;
  /** Bytes that the write set may still take. */
  readonly writeBytes: number;
}

/** The host of one init or call. */
export class CallHost implements ContractHost {
  readonly messages: PartyMessage[] = [];
  readonly #contract: string;
  readonly #prefix: string;
  readonly #overlay: Overlay;
  readonly #budget: WriteBudget;
  readonly #random: (lengthBytes: number) => Uint8Array;
  readonly #height: number;
  readonly #claims = new Map<string, string>();

  constructor(
    contract: string,
    overlay: Overlay,
    budget: WriteBudget,
    height: number,
    random: (lengthBytes: number) => Uint8Array,
  ) {
    this.#contract = contract;
    this.#height = height;
    this.#prefix = contractPrefix(contract);
    this.#overlay = overlay;
    this.#budget = budget;
    this.#random = random;
  }

  /** What was disclosed, as JSON text with names in the order of their first use. */
  get claims(): string {
    if (this.#claims.size === 0) return '';
    return `{${[...this.#claims].map(([name, json]) => `${JSON.stringify(name)}:${json}`).join(',')}}`;
  }

  get(key: string): string | undefined {
    return this.#overlay.get(this.#prefix + key);
  }

  set(key: string, value: string): void {
    this.#overlay.set(this.#prefix + wellFormed(key), wellFormed(value));
    if (this.#overlay.bytesDelta > this.#budget.stateBytes) throw new HostFailure('STATE_FULL');
    this.#checkWrites();
  }

  remove(key: string): void {
    this.#overlay.remove(this.#prefix + wellFormed(key));
    this.#checkWrites();
  }

  scan(from: string, to: string, limit: number, reverse: boolean): readonly StateEntry[] {
    return scanOwn(this.#overlay, this.#prefix, from, to, limit, reverse);
  }

  random(lengthBytes: number): string {
    return toHex(this.#random(lengthBytes));
  }

  seal(recipient: string, json: string): void {
    const replyKey = recipientKey(this.#overlay, recipient);
    if (replyKey === undefined) throw new HostRefusal('recipient_unknown');
    const outcome: Outcome = { kind: 'message', contract: this.#contract, json };
    if (!outcomeFits(outcome)) throw new HostFailure('RESULT_TOO_LARGE');
    touchRecipient(this.#overlay, recipient, this.#height);
    this.messages.push({ replyKey, outcome });
  }

  #checkWrites(): void {
    if (this.#overlay.writeBytes > this.#budget.writeBytes) throw new HostFailure('LIMIT_EXCEEDED');
  }

  claim(name: string, json: string): void {
    this.#claims.set(wellFormed(name), wellFormed(json));
    if (utf8Length(this.claims) > MAX_CLAIMS_BYTES) throw new HostFailure('LIMIT_EXCEEDED');
  }
}

/** The host of a query: reads alone. The runtime refuses effects of queries before they reach a host. */
export function queryHost(contract: string, reader: StateReader): ContractHost {
  const prefix = contractPrefix(contract);
  const refuse = (): never => {
    throw new HostFailure('READ_ONLY');
  };
  return {
    get: (key) => reader.get(prefix + key),
    scan: (from, to, limit, reverse) => scanOwn(reader, prefix, from, to, limit, reverse),
    set: refuse,
    remove: refuse,
    random: refuse,
    seal: refuse,
    claim: refuse,
  };
}
