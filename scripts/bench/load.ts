/**
 * The load generator, a process of its own: real wallets against the client API, every result opened, every receipt's
 * proof checked. Started by `scripts/bench.ts` with the network's URLs; speaks with it over the process channel.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { bundleContract } from '../../contracts/bundle.ts';
import type { ChainId } from '../../protocol/brand.ts';
import { fromHex } from '../../protocol/hex.ts';
import { Account, connect, createAccount, type ReceiptFile, type Session, verifyReceipt } from '../../wallet/index.ts';
import { TOKEN_SOURCE } from './contract-calls.ts';

/** What the load generator is told. */
export type LoadCommand =
  | {
      readonly kind: 'prepare';
      readonly urls: readonly string[];
      readonly chainId: ChainId;
      readonly issuerSeed: string;
      readonly sessions: number;
    }
  | { readonly kind: 'latency'; readonly calls: number }
  | { readonly kind: 'load'; readonly inFlight: number; readonly seconds: number; readonly windowSeconds: number };

/** What it answers; `window` comes several times during a load. */
export type LoadReport =
  | { readonly kind: 'prepared' }
  | { readonly kind: 'latency'; readonly milliseconds: readonly number[]; readonly receiptVerifyMs: readonly number[] }
  | { readonly kind: 'window'; readonly committed: number; readonly seconds: number }
  | {
      readonly kind: 'loaded';
      readonly committed: number;
      readonly seconds: number;
      readonly failures: Readonly<Record<string, number>>;
    }
  | { readonly kind: 'failed'; readonly message: string };

const TOKEN = 'usd';
const OPENING = '1000000000';

class Load {
  readonly #chainId: ChainId;
  readonly #sessions: readonly Session[];
  readonly #receiver = createAccount();
  #next = 0;

  private constructor(chainId: ChainId, sessions: readonly Session[]) {
    this.#chainId = chainId;
    this.#sessions = sessions;
  }

  static async prepare({
    urls,
    chainId,
    issuerSeed,
    sessions: count,
  }: Extract<LoadCommand, { kind: 'prepare' }>): Promise<Load> {
    const issuer = Account.fromSeed(fromHex(issuerSeed));
    const network = await connect({ urls: [...urls], chainId });
    const session = await network.openSession(issuer);
    const init = { issuers: [issuer.publicKey], auditor: issuer.publicKey };
    await session.call('system', 'deploy', { name: 'token', code: await bundleContract(TOKEN_SOURCE), init });
    const sessions = await Promise.all(
      Array.from({ length: count }, async (_, index) => {
        const first = index % urls.length;
        const own = await connect({ urls: [...urls.slice(first), ...urls.slice(0, first)], chainId });
        return own.openSession(createAccount());
      }),
    );
    const opening = sessions.map(({ account }) => ({ holder: account.publicKey, amount: OPENING }));
    await session.call('token', 'issue', { id: 'opening', token: TOKEN, opening });
    return new Load(chainId, sessions);
  }

  transfer(lane: number): ReturnType<Session['call']> {
    const session = this.#sessions[lane % this.#sessions.length];
    if (session === undefined) throw new RangeError('no session');
    this.#next += 1;
    const args = { id: `b${this.#next}`, token: TOKEN, to: this.#receiver.publicKey, amount: '1' };
    return session.call('token', 'transfer', args);
  }

  /** Calls one after the other on the otherwise idle network. */
  async latency(calls: number): Promise<LoadReport> {
    const milliseconds: number[] = [];
    let receipt: ReceiptFile | undefined;
    for (let i = 0; i < calls; i += 1) {
      const start = performance.now();
      const result = await this.transfer(0);
      milliseconds.push(performance.now() - start);
      receipt = result.receipt;
    }
    const file = JSON.stringify(receipt);
    const receiptVerifyMs = Array.from({ length: 25 }, () => {
      const start = performance.now();
      const { verdict } = verifyReceipt(JSON.parse(file), this.#chainId);
      if (verdict !== 'valid') throw new TypeError('a receipt does not verify');
      return performance.now() - start;
    });
    return { kind: 'latency', milliseconds, receiptVerifyMs };
  }

  /** Keeps `inFlight` calls under way for a time. */
  async run({ inFlight, seconds, windowSeconds }: Extract<LoadCommand, { kind: 'load' }>): Promise<LoadReport> {
    const failures: Record<string, number> = {};
    let committed = 0;
    const start = performance.now();
    const elapsed = (): number => (performance.now() - start) / 1000;
    const lanes = Array.from({ length: inFlight }, async (_, lane) => {
      while (elapsed() < seconds) {
        try {
          await this.transfer(lane);
          committed += 1;
        } catch (error) {
          const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
          failures[code] = (failures[code] ?? 0) + 1;
          await delay(100);
        }
      }
    });
    const finished = Promise.all(lanes).then(() => true);
    let [before, since] = [0, 0];
    while (!(await Promise.race([finished, delay(windowSeconds * 1000, false)]))) {
      const now = elapsed();
      report({ kind: 'window', committed: committed - before, seconds: now - since });
      before = committed;
      since = now;
    }
    return { kind: 'loaded', committed, seconds: elapsed(), failures };
  }
}

const report = (message: LoadReport): void => {
  process.send?.(message);
};

let load: Load | undefined;
const obey = async (command: LoadCommand): Promise<LoadReport> => {
  if (command.kind === 'prepare') {
    load = await Load.prepare(command);
    return { kind: 'prepared' };
  }
  if (load === undefined) throw new TypeError('not prepared');
  return command.kind === 'latency' ? load.latency(command.calls) : load.run(command);
};

process.on('message', (command: LoadCommand) => {
  obey(command).then(report, (error: unknown) =>
    report({ kind: 'failed', message: error instanceof Error ? (error.stack ?? error.message) : String(error) }),
  );
});
process.once('disconnect', () => process.exit());
