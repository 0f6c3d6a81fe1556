/**
 * Attestation evidence: what an enclave shows to prove which code it runs and that its keys are its own.
 *
 * Three layers, kept apart: parse (bytes to fields), verify (signatures and chain under a trust anchor), appraise
 * (verified claims under a policy, with every reason). Evidence is a union by platform: hardware formats join it as
 * further kinds. On the simulated platform the processor's root is a key of the test network, which protects nothing;
 * a policy of class `production` refuses it.
 */
import { ed25519Sign, ed25519Verify, sha512 } from '#primitives';
import type { ChainId, Measurement, PublicKey } from './brand.ts';
import { bool, bytes, byteString, encode, type Infer, struct, union } from './codec.ts';
import { decodeOrUndefined } from './foreign.ts';
import { concatBytes, fromHex, utf8 } from './hash.ts';
import { measurementCodec, publicKeyCodec, signatureCodec } from './scalars.ts';
import { signingBytes } from './signing.ts';

/** Largest evidence of any platform. */
export const MAX_EVIDENCE_BYTES = 8192;
/** Bytes of report data, as on every hardware platform. */
export const REPORT_DATA_BYTES = 64;
/** Bytes of a simulated processor's identity. */
export const CHIP_ID_BYTES = 16;

/** Certificate of a simulated processor: its attestation key under the network's simulated root. */
export const simCertificateCodec = struct({
  chipId: bytes(CHIP_ID_BYTES),
  processorKey: publicKeyCodec,
  /** The root's signature. */
  signature: signatureCodec,
});

/** Certificate of a simulated processor. */
export type SimCertificate = Infer<typeof simCertificateCodec>;

/** What a simulated processor states about the enclave that it runs. */
export const simQuoteCodec = struct({
  measurement: measurementCodec,
  debug: bool,
  reportData: bytes(REPORT_DATA_BYTES),
});

/** What a simulated processor states about an enclave. */
export type SimQuote = Infer<typeof simQuoteCodec>;

/** Evidence by platform. */
export const evidenceCodec = union({
  sim: [1, struct({ quote: byteString(1024), signature: signatureCodec, certificate: simCertificateCodec })],
});

/** Evidence by platform. */
export type Evidence = Infer<typeof evidenceCodec>;

/** The platforms that evidence can come from. */
export type Platform = Evidence['kind'];

/** Evidence of the first enclaves stands inside the genesis, so no chain id exists yet; the root is per network. */
const BEFORE_GENESIS = '00'.repeat(32) as ChainId;

const lengthPrefixed = (value: Uint8Array): Uint8Array => {
  const length = new Uint8Array(4);
  new DataView(length.buffer).setUint32(0, value.length);
  return concatBytes(length, value);
};

/** The keys that evidence binds, and the challenge that makes it fresh. */
export interface AttestedKeys {
  readonly platform: Platform;
  /** Ed25519 key that signs results. */
  readonly enclaveKey: PublicKey;
  /** X-Wing key to which secrets are sealed. */
  readonly enclaveKem: Uint8Array;
  /** Chosen by the verifier; 32 zero bytes for evidence that stands in a genesis. */
  readonly nonce: Uint8Array;
}

/** Report data that binds an enclave's keys (SHA-512 of the tagged, length-prefixed parts). */
export const reportDataOf = ({ platform, enclaveKey, enclaveKem, nonce }: AttestedKeys): Uint8Array =>
  sha512(
    utf8('cloister/attest/v1'),
    Uint8Array.of(0),
    ...[utf8(platform), fromHex(enclaveKey), enclaveKem, nonce].map(lengthPrefixed),
  );

const certificateBytes = (certificate: Pick<SimCertificate, 'chipId' | 'processorKey'>): Uint8Array =>
  signingBytes(
    'simulatedProcessor',
    BEFORE_GENESIS,
    concatBytes(certificate.chipId, fromHex(certificate.processorKey)),
  );

const quoteBytes = (quote: Uint8Array): Uint8Array => signingBytes('simulatedQuote', BEFORE_GENESIS, quote);

/** Certifies a simulated processor's key: what a manufacturer does once per chip. */
export const certifySimProcessor = (
  rootSecret: Uint8Array,
  chipId: Uint8Array,
  processorKey: PublicKey,
): SimCertificate => ({
  chipId,
  processorKey,
  signature: ed25519Sign(certificateBytes({ chipId, processorKey }), rootSecret),
});

/** Encoded certificate, as handed to an enclave at start. */
export const encodeSimCertificate = (certificate: SimCertificate): Uint8Array =>
  encode(simCertificateCodec, certificate);

/** Reads an encoded certificate; undefined when it is malformed. Its signature is checked with the evidence. */
export const decodeSimCertificate = (foreign: Uint8Array): SimCertificate | undefined =>
  foreign.length > MAX_EVIDENCE_BYTES ? undefined : decodeOrUndefined(simCertificateCodec, foreign);

/** Makes evidence as the simulated processor does for the enclave that it runs. */
export const makeSimEvidence = (
  processorSecret: Uint8Array,
  certificate: SimCertificate,
  quote: SimQuote,
): Uint8Array => {
  const body = encode(simQuoteCodec, quote);
  const signature = ed25519Sign(quoteBytes(body), processorSecret);
  return encode(evidenceCodec, { kind: 'sim', quote: body, signature, certificate });
};

/** Parse: evidence of foreign bytes; undefined when they are not canonical evidence of a known platform. */
export const parseEvidence = (foreign: Uint8Array): Evidence | undefined =>
  foreign.length > MAX_EVIDENCE_BYTES ? undefined : decodeOrUndefined(evidenceCodec, foreign);

/** Claims that verified evidence makes. */
export interface AttestedClaims {
  readonly platform: Platform;
  readonly chipId: Uint8Array;
  readonly measurement: Measurement;
  readonly debug: boolean;
  readonly reportData: Uint8Array;
}

/** What a verifier accepts. */
export interface AttestationPolicy {
  /** `testnet` permits the simulated platform; `production` refuses it. */
  readonly policyClass: 'testnet' | 'production';
  /** Measurements of accepted enclave bundles. */
  readonly measurements: readonly Measurement[];
  /** What the evidence must bind: `reportDataOf` the keys and the challenge. */
  readonly reportData: Uint8Array;
}

/** Why evidence was refused. */
export type AttestationFault =
  | 'EVIDENCE_MALFORMED'
  | 'EVIDENCE_CERTIFICATE_INVALID'
  | 'EVIDENCE_SIGNATURE_INVALID'
  | 'PLATFORM_REFUSED'
  | 'MEASUREMENT_REFUSED'
  | 'DEBUG_REFUSED'
  | 'REPORT_DATA_MISMATCH';

/** Outcome of judging evidence; a refusal names every reason. */
export type AttestationVerdict =
  | { readonly verdict: 'accepted'; readonly claims: AttestedClaims }
  | { readonly verdict: 'refused'; readonly codes: readonly AttestationFault[] };

/** Verify: claims of parsed evidence under the simulated root, or the fault. */
export const verifySimQuote = (evidence: Evidence, simRoot: PublicKey): AttestedClaims | AttestationFault => {
  const { certificate, quote, signature } = evidence;
  if (!ed25519Verify(certificate.signature, certificateBytes(certificate), fromHex(simRoot))) {
    return 'EVIDENCE_CERTIFICATE_INVALID';
  }
  if (!ed25519Verify(signature, quoteBytes(quote), fromHex(certificate.processorKey)))
    return 'EVIDENCE_SIGNATURE_INVALID';
  const claims = decodeOrUndefined(simQuoteCodec, quote);
  if (claims === undefined) return 'EVIDENCE_MALFORMED';
  return { platform: evidence.kind, chipId: certificate.chipId, ...claims };
};

/** Appraise: every reason for which a policy refuses verified claims; none means that it accepts them. */
export const appraise = (claims: AttestedClaims, policy: AttestationPolicy): readonly AttestationFault[] => {
  const faults: AttestationFault[] = [];
  if (claims.platform === 'sim' && policy.policyClass !== 'testnet') faults.push('PLATFORM_REFUSED');
  if (!policy.measurements.includes(claims.measurement)) faults.push('MEASUREMENT_REFUSED');
  if (claims.debug) faults.push('DEBUG_REFUSED');
  const { reportData } = policy;
  const bound = reportData.length === REPORT_DATA_BYTES && reportData.every((byte, i) => byte === claims.reportData[i]);
  if (!bound) faults.push('REPORT_DATA_MISMATCH');
  return faults;
};

/** Judges evidence of the simulated platform: parse, verify, appraise. */
export const verifySimEvidence = (
  foreign: Uint8Array,
  simRoot: PublicKey,
  policy: AttestationPolicy,
): AttestationVerdict => {
  const evidence = parseEvidence(foreign);
  if (evidence === undefined) return { verdict: 'refused', codes: ['EVIDENCE_MALFORMED'] };
  const claims = verifySimQuote(evidence, simRoot);
  if (typeof claims === 'string') return { verdict: 'refused', codes: [claims] };
  const codes = appraise(claims, policy);
  return codes.length === 0 ? { verdict: 'accepted', claims } : { verdict: 'refused', codes };
};
