/** The example of docs/auditor.md, run by test/docs.test.ts. */
import { type ChainId, verifyReceipt } from '../../wallet/index.ts';

/** What the text of a receipt file proves on a chain, as a sentence. */
export const whatItProves = (text: string, chainId: ChainId): string => {
  const verdict = verifyReceipt(JSON.parse(text), chainId);
  if (verdict.verdict === 'invalid') return `proves nothing: ${verdict.code}`;
  const { receipt, statement } = verdict;
  return `${receipt.transactionId} ${receipt.succeeded ? 'took effect' : 'changed nothing'} at height ${statement.height}`;
};
