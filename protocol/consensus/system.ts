/**
 * The plaintext system section of a block: governance and evidence, judged by agreement itself (consensus design §2.10
 * V7). Few, small, and always with the header: a light client needs them to follow the validator set.
 */
import type { Hash } from '../brand.ts';
import { byteString, type Codec, type Infer, list, struct, union } from '../codec.ts';
import { decodeOrUndefined } from '../foreign.ts';
import { MAX_SYSTEM_TRANSACTION_BYTES, MAX_SYSTEM_TRANSACTIONS } from '../limits.ts';
import { merkleRoot } from '../merkle.ts';
import { evidenceCodec } from './evidence.ts';
import { governanceTransactionCodec } from './governance.ts';
import { ZERO_HASH } from './vote.ts';

/** A plaintext transaction of the consortium. */
export const systemTransactionCodec = union({
  governance: [1, struct({ transaction: governanceTransactionCodec })],
  evidence: [2, struct({ evidence: evidenceCodec })],
});

/** A plaintext transaction of the consortium. */
export type SystemTransaction = Infer<typeof systemTransactionCodec>;

/** Encoded system transactions of a block, in order. */
export type SystemSection = readonly Uint8Array[];

/** A system section on the wire and at rest. */
export const systemSectionCodec: Codec<SystemSection> = list(
  byteString(MAX_SYSTEM_TRANSACTION_BYTES),
  MAX_SYSTEM_TRANSACTIONS,
);

/** Hash of a section, as it stands in the header; zero for an empty one. */
export const systemRoot = (section: SystemSection): Hash => (section.length === 0 ? ZERO_HASH : merkleRoot(section));

const transactions = new WeakMap<Uint8Array, { readonly decoded: SystemTransaction | undefined }>();

const transactionOf = (encoded: Uint8Array): SystemTransaction | undefined => {
  const known = transactions.get(encoded);
  if (known !== undefined) return known.decoded;
  const decoded = decodeOrUndefined(systemTransactionCodec, encoded);
  transactions.set(encoded, { decoded });
  return decoded;
};

/** The transactions of a section; undefined when one is not canonical. Each is decoded once for its array of bytes. */
export const systemTransactionsOf = (section: SystemSection): readonly SystemTransaction[] | undefined => {
  const decoded = section.map(transactionOf);
  return decoded.every((transaction) => transaction !== undefined) ? decoded : undefined;
};
