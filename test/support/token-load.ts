/**
 * Token transfers by several wallets against a running network, with a book of all that was acknowledged.
 *
 * Every wallet calls through all nodes, beginning at its own; each transfer has its own id and amount, so that a lost
 * one, and one applied twice, both show in the balances.
 */
import { fileURLToPath } from 'node:url';
import { bundleContract } from '../../contracts/bundle.ts';
import type { ChainId, PublicKey, TransactionId } from '../../protocol/brand.ts';
import type { LocalNetwork } from '../../testnet/local-network.ts';
import {
  type Account,
  type CallResult,
  connect,
  createAccount,
  type Network,
  type Session,
  verifyReceipt,
} from '../../wallet/index.ts';
import type { BalanceResult, SupplyResult } from '../../apps/token/types.ts';

/** The token of the load. */
export const TOKEN = 'usd';
const TOKEN_SOURCE = fileURLToPath(new URL('../../apps/token/contract.ts', import.meta.url));
const OPENING = 1_000_000n;
/** Longer than any outage that a test makes: an outcome is then always known. */
const WAIT_MS = 60_000;
const LOOKUPS_AT_ONCE = 8;

/** One acknowledged transfer. */
export interface Acknowledged {
  readonly transactionId: TransactionId;
  readonly height: number;
  readonly receipt: CallResult['receipt'];
}

interface Holder {
  readonly account: Account;
  readonly session: Session;
  balance: bigint;
}

/** Node URLs beginning at one of them. */
const urlsFrom = (urls: readonly string[], first: number): string[] => [
  ...urls.slice(first % urls.length),
  ...urls.slice(0, first % urls.length),
];

/** Deploys a contract from its source file as the first developer account. */
export const deploy = async (session: Session, name: string, source: string, init?: unknown): Promise<void> => {
  await session.call('system', 'deploy', {
    name,
    code: await bundleContract(source),
    ...(init !== undefined && { init }),
  });
};

/** See the module comment. */
export class TokenLoad {
  readonly chainId: ChainId;
  readonly issuer: Session;
  readonly network: Network;
  readonly acknowledged: Acknowledged[] = [];
  readonly failures: unknown[] = [];
  readonly #holders: readonly Holder[];
  #stopping = false;
  #running: Promise<void> = Promise.resolve();
  #next = 0;
  #verified = 0;

  private constructor(chainId: ChainId, network: Network, issuer: Session, holders: readonly Holder[]) {
    this.chainId = chainId;
    this.network = network;
    this.issuer = issuer;
    this.#holders = holders;
  }

  /** Deploys the token, opens the wallets' sessions and gives each an opening balance. */
  static async prepare(local: Pick<LocalNetwork, 'apis' | 'chainId' | 'account'>, wallets: number): Promise<TokenLoad> {
    const { apis, chainId } = local;
    const { account: issuer } = local.account('dev-1');
    const network = await connect({ urls: apis, chainId });
    const session = await network.openSession(issuer);
    await deploy(session, 'token', TOKEN_SOURCE, { issuers: [issuer.publicKey], auditor: issuer.publicKey });
    const holders = await Promise.all(
      Array.from({ length: wallets }, async (_, index): Promise<Holder> => {
        const account = createAccount();
        const own = await connect({ urls: urlsFrom(apis, index), chainId });
        return { account, session: await own.openSession(account), balance: OPENING };
      }),
    );
    const opening = holders.map(({ account }) => ({ holder: account.publicKey, amount: OPENING.toString() }));
    await session.call('token', 'issue', { id: 'opening', token: TOKEN, opening });
    return new TokenLoad(chainId, network, session, holders);
  }

  /** Number of acknowledged transfers. */
  get count(): number {
    return this.acknowledged.length;
  }

  /** Begins to transfer, `inFlight` calls a wallet at a time. */
  start(inFlight = 2): void {
    this.#stopping = false;
    const lanes = this.#holders.flatMap((holder) => Array.from({ length: inFlight }, () => this.#lane(holder)));
    this.#running = Promise.all(lanes).then(() => undefined);
  }

  /** Ends the load when every call in flight has its outcome. */
  async stop(): Promise<void> {
    this.#stopping = true;
    await this.#running;
  }

  /** Makes one transfer of the first wallet and waits for its outcome. */
  async once(waitMs = WAIT_MS): Promise<Acknowledged> {
    const [holder] = this.#holders;
    if (holder === undefined) throw new RangeError('no wallet');
    return this.#transfer(holder, waitMs);
  }

  /** What is wrong with the balances and the supply; empty when every acknowledged transfer counts exactly once. */
  async bookErrors(): Promise<string[]> {
    const wrong: string[] = [];
    let sum = 0n;
    for (const [index, { session, balance }] of this.#holders.entries()) {
      const { result } = await session.query<BalanceResult>('token', 'balance', { token: TOKEN });
      sum += BigInt(result.balance);
      if (BigInt(result.balance) !== balance) wrong.push(`wallet ${index}: ${result.balance} instead of ${balance}`);
    }
    const { result } = await this.issuer.query<SupplyResult>('token', 'supply', { token: TOKEN });
    if (BigInt(result.supply) !== sum) wrong.push(`supply ${result.supply}, balances ${sum}`);
    return wrong;
  }

  /** Acknowledged transfers since the last call whose receipt does not verify offline. */
  badReceipts(): Acknowledged[] {
    const fresh = this.acknowledged.slice(this.#verified);
    this.#verified += fresh.length;
    return fresh.filter(
      ({ receipt, transactionId }) =>
        verifyReceipt(JSON.parse(JSON.stringify(receipt)), this.chainId, transactionId).verdict !== 'valid',
    );
  }

  /** Acknowledged transfers, from the given one on, that a node does not know as committed at the height of their receipt. */
  async missingAt(api: string, from = 0): Promise<Acknowledged[]> {
    const missing: Acknowledged[] = [];
    const waiting = this.acknowledged.slice(from);
    const ask = async (): Promise<void> => {
      for (let entry = waiting.shift(); entry !== undefined; entry = waiting.shift()) {
        const response = await fetch(`${api}/v1/transactions/${entry.transactionId}`, {
          signal: AbortSignal.timeout(10_000),
        });
        const document = (await response.json()) as { status?: string; height?: number };
        if (document.status !== 'committed' || document.height !== entry.height) missing.push(entry);
      }
    };
    await Promise.all(Array.from({ length: LOOKUPS_AT_ONCE }, ask));
    return missing;
  }

  async #lane(holder: Holder): Promise<void> {
    while (!this.#stopping) {
      try {
        await this.#transfer(holder, WAIT_MS);
      } catch (error) {
        this.failures.push(error);
        return;
      }
    }
  }

  async #transfer(from: Holder, waitMs: number): Promise<Acknowledged> {
    const number = this.#next;
    this.#next += 1;
    const others = this.#holders.filter((holder) => holder !== from);
    const to = others[number % others.length] ?? from;
    const amount = BigInt(1 + (number % 7));
    const done = await from.session.call(
      'token',
      'transfer',
      { id: `t-${number}`, token: TOKEN, to: to.account.publicKey satisfies PublicKey, amount: amount.toString() },
      { waitMs },
    );
    from.balance -= amount;
    to.balance += amount;
    const entry = { transactionId: done.transactionId, height: done.height, receipt: done.receipt };
    this.acknowledged.push(entry);
    return entry;
  }
}
