/** The example of docs/wallet-developer.md, run by test/docs.test.ts against a small network. */
import { CallRefused, connect, createAccount, openKeystore, sealKeystore, verifyReceipt } from '../../wallet/index.ts';
import type { ChainId } from '../../wallet/index.ts';

interface Total {
  readonly total: number;
}

/** What the example learned. */
export interface Outcome {
  readonly total: number;
  readonly asked: number;
  readonly verdict: string;
  readonly reason: string;
  readonly sameAccount: boolean;
}

/** Connects, calls, asks, verifies, is refused, and keeps its key. */
export const useNetwork = async (urls: readonly string[], chainId: ChainId): Promise<Outcome> => {
  const network = await connect({ urls, chainId, policy: { policyClass: 'testnet' } });
  if (network.simulated) process.stderr.write(`${network.notice}\n`);

  const account = createAccount();
  const session = await network.openSession(account);

  const call = await session.call<Total>('counter', 'add', { amount: 5 });
  const query = await session.query<Total>('counter', 'total');

  const verdict = verifyReceipt(call.receipt, chainId, call.transactionId);

  let reason = '';
  try {
    await session.call('counter', 'refuse', { why: 'closed' });
  } catch (error) {
    if (!(error instanceof CallRefused)) throw error;
    reason = error.reason;
  }

  const file = await sealKeystore(account, 'a long passphrase', 14);
  const opened = await openKeystore(JSON.parse(JSON.stringify(file)), 'a long passphrase');

  return {
    total: call.result.total,
    asked: query.result.total,
    verdict: verdict.verdict,
    reason,
    sameAccount: opened.publicKey === account.publicKey,
  };
};
