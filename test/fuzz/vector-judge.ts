/**
 * Judges vectors with what wallets and auditors run. This module is what the browser build is made from, so that the same
 * lines decide in Node with native cryptography and in a page with portable one.
 */
import type { ChainId } from '../../protocol/brand.ts';
import { type Codec, decode, encode } from '../../protocol/codec.ts';
import { governanceOf } from '../../protocol/consensus/admission.ts';
import { certificateCodec } from '../../protocol/consensus/certificate.ts';
import { genesisAnchor } from '../../protocol/consensus/configuration.ts';
import { type EpochProof, epochProofCodec, walkEpochs } from '../../protocol/consensus/epoch-proof.ts';
import { headerCodec } from '../../protocol/consensus/header.ts';
import { systemSectionCodec } from '../../protocol/consensus/system.ts';
import { isCloisterError } from '../../protocol/errors.ts';
import { verifyEvidenceFile } from '../../protocol/evidence-file.ts';
import { verifyFinality } from '../../protocol/finality.ts';
import { chainIdOf, type Genesis, genesisCodec } from '../../protocol/genesis.ts';
import { fromBase64 } from '../../protocol/json-shape.ts';
import { EpochTrail } from '../../wallet/epoch-trail.ts';
import { verifyReceipt } from '../../wallet/receipt.ts';
import type { EpochVector, FileVector, FinalityVector, Parts } from './vector-types.ts';

const MAX = 1_000_000;

const part = <T>(parts: Parts, codec: Codec<T>, name: string): T => decode(codec, fromBase64(parts[name] ?? ''), MAX);

/** The genesis of a file of vectors. */
export const genesisIn = (encoded: string): Genesis => decode(genesisCodec, fromBase64(encoded), MAX);

/** The proofs of a vector. */
export const proofsIn = (parts: Parts, { proofs }: Pick<EpochVector, 'proofs'>): EpochProof[] =>
  proofs.map(({ header, system, following, finalization }) => ({
    header: part(parts, headerCodec, header),
    system: part(parts, systemSectionCodec, system),
    following: following.map((name) => part(parts, headerCodec, name)),
    finalization: part(parts, certificateCodec, finalization),
  }));

/** Headers and certificate of a vector. */
export const pieceIn = (parts: Parts, { headers, finalization }: Pick<FinalityVector, 'headers' | 'finalization'>) => ({
  headers: headers.map((name) => part(parts, headerCodec, name)),
  finalization: part(parts, certificateCodec, finalization),
});

/** The auditor's verdict on changes of epoch, and the epoch at which a wallet stands after the same proofs. */
export const judgeEpochs = (encodedGenesis: string, parts: Parts, vector: EpochVector) => {
  const genesis = genesisIn(encodedGenesis);
  const proofs = proofsIn(parts, vector);
  const walk = walkEpochs(genesisAnchor(genesis), governanceOf(genesis), proofs);
  const trail = new EpochTrail(genesis);
  try {
    for (const proof of proofs) trail.take(encode(epochProofCodec, proof));
  } catch (error) {
    if (!isCloisterError(error, 'EPOCHS_UNPROVEN')) throw error;
  }
  return { verdict: walk.verdict === 'valid' ? 'valid' : walk.code, epoch: trail.newest.epoch as number };
};

/** The verdict on blocks of the first epoch. */
export const judgeFinality = (encodedGenesis: string, parts: Parts, vector: FinalityVector) => {
  const anchor = genesisAnchor(genesisIn(encodedGenesis));
  const { headers, finalization } = pieceIn(parts, vector);
  const verdict = verifyFinality(anchor, anchor.base, headers, finalization);
  return { verdict: verdict.verdict === 'final' ? 'final' : verdict.code };
};

/** The verdict on a receipt file. */
export const judgeReceipt = (genuine: object, { change }: FileVector, chainId: ChainId) => {
  const verdict = verifyReceipt({ ...genuine, ...change }, chainId);
  return { verdict: verdict.verdict === 'valid' ? 'valid' : verdict.code };
};

/** The verdict on an evidence file. */
export const judgeEvidence = (genuine: object, { change }: FileVector, chainId: ChainId) => {
  const verdict = verifyEvidenceFile({ ...genuine, ...change }, chainId);
  return { verdict: verdict.verdict === 'proven' ? 'proven' : verdict.code };
};

/** Chain id of a file of vectors. */
export const chainIn = (encodedGenesis: string): ChainId => chainIdOf(genesisIn(encodedGenesis));
