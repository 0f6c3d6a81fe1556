/**
 * Statements of the envelope keys of a key epoch, signed by attested enclaves.
 *
 * Every enclave of an epoch derives the same keys and signs the same statement; a wallet seals only to keys that a
 * quorum of the present validators' enclaves have signed, so no single broken enclave can give out a key of its own. The
 * signature covers the statement's received bytes.
 */
import { ed25519Sign, ed25519Verify } from '#primitives';
import type { ChainId, PublicKey } from './brand.ts';
import { decodeOrUndefined } from './foreign.ts';
import { byteString, encode, type Infer, list, refined, struct, u16 } from './codec.ts';
import type { ValidatorSet } from './consensus/configuration.ts';
import { fromHex, toHex } from './hash.ts';
import { HPKE_SUITES, type HpkeSuite, hpkeSuiteOf } from './hpke.ts';
import { chainIdCodec, epochCodec } from './scalars.ts';
import { signingBytes } from './signing.ts';
import { isValidXWingPublicKey, XWING_SIZES } from './xwing.ts';

/** Largest encoded statement. */
export const MAX_EPOCH_KEY_BYTES = 4096;

/** The public keys of an epoch, one for each KEM suite that its enclaves open. */
export const epochKeyStatementCodec = struct({
  chainId: chainIdCodec,
  epoch: epochCodec,
  /** Ascending by suite. */
  keys: refined(
    list(struct({ suite: u16, publicKey: byteString(XWING_SIZES.publicKey) }), 4),
    (keys) => keys.length > 0 && keys.every((key, index) => index === 0 || (keys[index - 1]?.suite ?? 0) < key.suite),
  ),
});

/** The public keys of an epoch. */
export type EpochKeyStatement = Infer<typeof epochKeyStatementCodec>;

/** A statement as one enclave signed it. */
export interface SignedEpochKeyStatement {
  readonly statement: Uint8Array;
  readonly signature: Uint8Array;
}

/** Encodes and signs the statement, as an enclave. */
export const signEpochKeys = (statement: EpochKeyStatement, enclaveSecret: Uint8Array): SignedEpochKeyStatement => {
  const bytes = encode(epochKeyStatementCodec, statement);
  return {
    statement: bytes,
    signature: ed25519Sign(signingBytes('epochKey', statement.chainId, bytes), enclaveSecret),
  };
};

/** Whether the enclave of a validator signed exactly these bytes for this chain. */
export const verifyEpochKeys = (signed: SignedEpochKeyStatement, chainId: ChainId, enclaveKey: string): boolean =>
  signed.statement.length <= MAX_EPOCH_KEY_BYTES &&
  ed25519Verify(signed.signature, signingBytes('epochKey', chainId, signed.statement), fromHex(enclaveKey));

/** Outcome of looking for a statement that a quorum of enclaves signed. */
export type EpochKeyVerdict =
  | { readonly verdict: 'proven'; readonly statement: EpochKeyStatement; readonly signers: readonly PublicKey[] }
  | { readonly verdict: 'unproven'; readonly valid: number; readonly needed: number };

/** The statement of this chain that at least a quorum of the set's enclaves signed; total on foreign input. */
export const provenEpochKeys = (
  signed: readonly (SignedEpochKeyStatement & { readonly enclaveKey: PublicKey })[],
  chainId: ChainId,
  set: ValidatorSet,
): EpochKeyVerdict => {
  const members = new Set(set.enclaveKeys);
  const signersOf = new Map<string, Set<PublicKey>>();
  let best = 0;
  for (const candidate of signed) {
    const { enclaveKey } = candidate;
    if (!members.has(enclaveKey) || !verifyEpochKeys(candidate, chainId, enclaveKey)) continue;
    const content = toHex(candidate.statement);
    const signers = signersOf.get(content) ?? new Set();
    signersOf.set(content, signers.add(enclaveKey));
    best = Math.max(best, signers.size);
    if (signers.size < set.quorum) continue;
    const statement = decodeOrUndefined(epochKeyStatementCodec, candidate.statement);
    if (statement?.chainId === chainId) return { verdict: 'proven', statement, signers: [...signers].sort() };
  }
  return { verdict: 'unproven', valid: best, needed: set.quorum };
};

/** The key of a suite in a statement; undefined when there is none or it is not a valid key. */
export const epochKeyOf = (statement: EpochKeyStatement, suite: HpkeSuite): Uint8Array | undefined => {
  const key = statement.keys.find((candidate) => hpkeSuiteOf(candidate.suite) === suite)?.publicKey;
  if (key === undefined || key.length !== HPKE_SUITES[suite].publicKeyBytes) return undefined;
  return suite === 'x-wing' && !isValidXWingPublicKey(key) ? undefined : key;
};
