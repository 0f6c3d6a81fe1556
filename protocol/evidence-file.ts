/**
 * Evidence files: proof that a validator signed what no honest validator signs, checked offline with only the chain id.
 *
 * The file holds the evidence, the genesis whose hash is the chain id, and the proofs of the changes of validators up to
 * the epoch that the evidence is about. Nothing in it is secret: two signed votes, or a signed block header.
 */
import { canonicalJson } from './canonical-json.ts';
import type { ChainId, PublicKey } from './brand.ts';
import { decode, encode } from './codec.ts';
import { governanceOf } from './consensus/admission.ts';
import { type EpochAnchor, genesisAnchor } from './consensus/configuration.ts';
import { epochProofCodec, MAX_EPOCH_PROOF_BYTES, walkEpochs } from './consensus/epoch-proof.ts';
import {
  accusedBy,
  type Evidence,
  type EvidenceRule,
  evidenceCodec,
  evidenceHolds,
  placeOf,
  ruleOf,
} from './consensus/evidence.ts';
import { verifyEd25519 } from './finality.ts';
import { chainIdOf, type Genesis, genesisFromJson } from './genesis.ts';
import { fromHex, toHex } from './hex.ts';

/** Format name and version of evidence files. */
export const EVIDENCE_FORMAT = 'cloister-evidence/1';
/** Largest encoded evidence: a block whose justification spans the longest outage. */
export const MAX_EVIDENCE_FILE_BYTES = 16 * 1024 * 1024;

/** An evidence file, as JSON: binary parts are hexadecimal digits. */
export interface EvidenceFile {
  readonly format: typeof EVIDENCE_FORMAT;
  readonly chainId: ChainId;
  /** In words; not part of the proof. */
  readonly statement: string;
  readonly genesis: Genesis;
  /** Encoded proofs of the changes of epoch from the genesis to the epoch that the evidence is about. */
  readonly epochs: readonly string[];
  /** Encoded evidence. */
  readonly evidence: string;
}

const meanings: Readonly<Record<EvidenceRule, string>> = {
  E1: 'notarised two blocks of one view',
  E2: 'finalised two blocks of one view',
  E3: 'nullified and finalised one view',
  E4: 'notarised one block and finalised another one of one view',
  E5: 'notarised a block that breaks the rules',
};

/** What a rule says of whoever broke it, in words. */
export const meaningOf = (rule: EvidenceRule): string => meanings[rule];

/** Puts an evidence file together. */
export const evidenceFileOf = (genesis: Genesis, epochs: readonly Uint8Array[], evidence: Evidence): EvidenceFile => {
  const { epoch, view } = placeOf(evidence);
  return {
    format: EVIDENCE_FORMAT,
    chainId: chainIdOf(genesis),
    statement: `Validator ${accusedBy(evidence)} of epoch ${epoch} ${meaningOf(ruleOf(evidence))} (view ${view}).`,
    genesis,
    epochs: epochs.map(toHex),
    evidence: toHex(encode(evidenceCodec, evidence)),
  };
};

/** Why an evidence file proves nothing. */
export type EvidenceFileFault =
  | 'EVIDENCE_MALFORMED'
  | 'EVIDENCE_OTHER_CHAIN'
  | 'EVIDENCE_EPOCHS_UNPROVEN'
  | 'EVIDENCE_UNPROVEN';

/** Outcome of checking an evidence file. */
export type EvidenceFileVerdict =
  | {
      readonly verdict: 'proven';
      readonly rule: EvidenceRule;
      readonly epoch: number;
      readonly view: number;
      readonly validator: { readonly index: number; readonly name: string; readonly key: PublicKey };
    }
  | { readonly verdict: 'unproven'; readonly code: EvidenceFileFault };

const unproven = (code: EvidenceFileFault): EvidenceFileVerdict => ({ verdict: 'unproven', code });

const parse = (file: unknown) => {
  try {
    const { genesis: genesisJson, epochs, evidence } = file as EvidenceFile;
    const genesis = genesisFromJson(genesisJson);
    const proofs = epochs.map(fromHex);
    const decoded = decode(evidenceCodec, fromHex(evidence), MAX_EVIDENCE_FILE_BYTES);
    const rebuilt = evidenceFileOf(genesis, proofs, decoded);
    if (canonicalJson(rebuilt) !== canonicalJson(file)) return undefined;
    return {
      genesis,
      evidence: decoded,
      epochs: proofs.map((proof) => decode(epochProofCodec, proof, MAX_EPOCH_PROOF_BYTES)),
    };
  } catch {
    return undefined;
  }
};

/** Checks a parsed evidence file against the chain id that the verifier trusts. Total: any input gives a verdict. */
export const verifyEvidenceFile = (file: unknown, chainId: ChainId): EvidenceFileVerdict => {
  const parsed = parse(file);
  if (parsed === undefined) return unproven('EVIDENCE_MALFORMED');
  const { genesis, evidence, epochs } = parsed;
  if (chainIdOf(genesis) !== chainId) return unproven('EVIDENCE_OTHER_CHAIN');
  const walk = walkEpochs(genesisAnchor(genesis), governanceOf(genesis), epochs);
  const { epoch, view } = placeOf(evidence);
  const anchor: EpochAnchor | undefined = walk.verdict === 'valid' ? walk.anchors[epoch - 1] : undefined;
  if (anchor === undefined) return unproven('EVIDENCE_EPOCHS_UNPROVEN');
  if (!evidenceHolds(evidence, anchor, verifyEd25519)) return unproven('EVIDENCE_UNPROVEN');
  const index = accusedBy(evidence);
  const accused = anchor.configuration.validators[index];
  if (accused === undefined) return unproven('EVIDENCE_UNPROVEN');
  const { name, validatorKey: key } = accused;
  return { verdict: 'proven', rule: ruleOf(evidence), epoch, view, validator: { index, name, key } };
};
