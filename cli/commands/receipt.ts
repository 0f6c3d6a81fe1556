/** `cloister receipt`: receipt files, offline. */
import { decode } from '../../protocol/codec.ts';
import { governanceOf } from '../../protocol/consensus/admission.ts';
import { genesisAnchor } from '../../protocol/consensus/configuration.ts';
import { epochProofCodec, MAX_EPOCH_PROOF_BYTES, walkEpochs } from '../../protocol/consensus/epoch-proof.ts';
import type { Validator } from '../../protocol/genesis.ts';
import { fromHex } from '../../protocol/hex.ts';
import {
  MAX_RECEIPT_BYTES,
  platformNotice,
  type Receipt,
  type ReceiptFile,
  receiptCodec,
  verifyReceipt,
} from '../../protocol/receipt.ts';
import { MAX_RESULT_CERTIFICATE_BYTES, type ResultStatement, resultCertificateCodec } from '../../protocol/result.ts';
import type { TransactionId } from '../../protocol/brand.ts';
import { signersOf } from '../../protocol/bitmap.ts';
import { cliErrors } from '../errors.ts';
import { readTextFile } from '../files.ts';
import { type NetworkOptions, trustedChainId } from '../network-access.ts';
import { type OutputOptions, printResult, table } from '../output.ts';

interface ReceiptOptions extends OutputOptions, NetworkOptions {
  readonly transaction?: string | undefined;
}

const readReceipt = async (path: string): Promise<unknown> => {
  const text = await readTextFile(path);
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw cliErrors.error('RECEIPT_INVALID', { verdict: 'RECEIPT_MALFORMED' }, cause);
  }
};

const factsOf = (receipt: Receipt, statement: ResultStatement) => ({
  transactionId: receipt.transactionId,
  succeeded: receipt.succeeded,
  chainId: statement.chainId,
  height: statement.height,
  index: receipt.index,
  blockHash: statement.blockHash,
  time: new Date(statement.timeMs).toISOString(),
  stateRoot: statement.stateRoot,
  gasUsed: receipt.gasUsed,
  claims: receipt.claims === '' ? null : (JSON.parse(receipt.claims) as unknown),
  measurement: statement.measurement,
  platform: statement.platform,
  notice: platformNotice(statement.platform),
});

const linesOf = ({ notice, ...facts }: ReturnType<typeof factsOf>): string[] => [
  ...table([
    ['Transaction', facts.transactionId],
    ['Outcome', facts.succeeded ? 'took effect' : 'changed nothing'],
    ['Chain', facts.chainId],
    ['Block', `${facts.height}, position ${facts.index}, ${facts.time}`],
    ['State root', facts.stateRoot],
    ['Gas', facts.gasUsed],
    ['Claims', JSON.stringify(facts.claims)],
    ['Measurement', facts.measurement],
  ]),
  notice,
];

/** The validators that a file says have signed; nobody where its proofs do not lead there. */
const validatorsOf = ({ genesis, epochs }: ReceiptFile, signerEpoch: number): readonly Validator[] => {
  const proofs = epochs.map((proof) => decode(epochProofCodec, fromHex(proof), MAX_EPOCH_PROOF_BYTES));
  const walk = walkEpochs(genesisAnchor(genesis), governanceOf(genesis), proofs);
  return walk.verdict === 'valid' ? (walk.anchors[signerEpoch - 1]?.configuration.validators ?? []) : [];
};

/** Shows a receipt file. */
export const show = async (options: OutputOptions, [path]: readonly [string]): Promise<void> => {
  const file = (await readReceipt(path)) as ReceiptFile;
  let facts: ReturnType<typeof factsOf>;
  let signers: readonly number[];
  let validators: readonly Validator[];
  try {
    const {
      statement,
      signerEpoch,
      signers: bitmap,
    } = decode(resultCertificateCodec, fromHex(file.certificate), MAX_RESULT_CERTIFICATE_BYTES);
    facts = factsOf(decode(receiptCodec, fromHex(file.receipt), MAX_RECEIPT_BYTES), statement);
    validators = validatorsOf(file, signerEpoch);
    signers = signersOf(bitmap, validators.length) ?? [];
  } catch (cause) {
    throw cliErrors.error('RECEIPT_INVALID', { verdict: 'RECEIPT_MALFORMED' }, cause);
  }
  const names = signers.map((index) => validators[index]?.name ?? String(index));
  printResult(options, { ...facts, network: file.genesis.network, signers: names, verified: false }, [
    'NOT VERIFIED: this is what the file says. Use `cloister receipt verify`.',
    ...linesOf(facts),
    `Signed by ${names.join(', ')}`,
  ]);
};

/** Verifies a receipt file. */
export const verify = async (options: ReceiptOptions, [path]: readonly [string]): Promise<void> => {
  const chainId = await trustedChainId(options);
  if (chainId === undefined) throw cliErrors.error('USAGE_NO_ANCHOR');
  const verdict = verifyReceipt(await readReceipt(path), chainId, options.transaction as TransactionId | undefined);
  if (verdict.verdict === 'invalid') throw cliErrors.error('RECEIPT_INVALID', { verdict: verdict.code });
  const facts = factsOf(verdict.receipt, verdict.statement);
  printResult(options, { verdict: 'valid', verified: true, ...facts }, [
    'VALID: a quorum of validators and of their enclaves signed this result.',
    ...linesOf(facts),
  ]);
};
