/** Evidence of the simulated platform is accepted only whole, for the right code, keys and policy class. */
import { ed25519PublicKey } from '#primitives';
import { describe, expect, it } from 'vitest';
import {
  type AttestationPolicy,
  certifySimProcessor,
  decodeSimCertificate,
  encodeSimCertificate,
  evidenceCodec,
  makeSimEvidence,
  parseEvidence,
  reportDataOf,
  type SimQuote,
  verifySimEvidence,
} from '../../../protocol/attestation.ts';
import type { Measurement, PublicKey } from '../../../protocol/brand.ts';
import { encode } from '../../../protocol/codec.ts';
import { toHex } from '../../../protocol/hex.ts';
import { pattern } from './fixtures.ts';

const keyOf = (secret: Uint8Array): PublicKey => toHex(ed25519PublicKey(secret)) as PublicKey;
const rootSecret = pattern(32, 1);
const processorSecret = pattern(32, 2);
const simRoot = keyOf(rootSecret);
const certificate = certifySimProcessor(rootSecret, pattern(16), keyOf(processorSecret));
const measurement = 'ab'.repeat(48) as Measurement;
const bound = {
  platform: 'sim',
  enclaveKey: keyOf(pattern(32, 3)),
  enclaveKem: pattern(1216),
  nonce: new Uint8Array(32),
} as const;
const quote: SimQuote = { measurement, debug: false, reportData: reportDataOf(bound) };
const policy: AttestationPolicy = {
  policyClass: 'testnet',
  measurements: [measurement],
  reportData: reportDataOf(bound),
};
const evidence = makeSimEvidence(processorSecret, certificate, quote);
const refusal = (...codes: readonly string[]) => ({ verdict: 'refused', codes });

describe('simulated evidence', () => {
  it('is accepted by a test network', () => {
    const claims = { platform: 'sim', chipId: pattern(16), ...quote };
    expect(verifySimEvidence(evidence, simRoot, policy)).toEqual({ verdict: 'accepted', claims });
    expect(decodeSimCertificate(encodeSimCertificate(certificate))).toEqual(certificate);
    expect(decodeSimCertificate(pattern(9))).toBeUndefined();
  });

  it('is refused by a production policy, naming every reason', () => {
    const strict: AttestationPolicy = { ...policy, policyClass: 'production', measurements: [] };
    expect(verifySimEvidence(evidence, simRoot, strict)).toEqual(refusal('PLATFORM_REFUSED', 'MEASUREMENT_REFUSED'));
  });

  it('is refused for another enclave, in debug mode or for other keys', () => {
    const other = makeSimEvidence(processorSecret, certificate, {
      ...quote,
      measurement: 'cd'.repeat(48) as Measurement,
    });
    expect(verifySimEvidence(other, simRoot, policy)).toEqual(refusal('MEASUREMENT_REFUSED'));
    const debug = makeSimEvidence(processorSecret, certificate, { ...quote, debug: true });
    expect(verifySimEvidence(debug, simRoot, policy)).toEqual(refusal('DEBUG_REFUSED'));
    for (const change of [
      { enclaveKey: keyOf(pattern(32, 9)) },
      { enclaveKem: pattern(1216, 1) },
      { nonce: pattern(32) },
    ]) {
      const expected = { ...policy, reportData: reportDataOf({ ...bound, ...change }) };
      expect(verifySimEvidence(evidence, simRoot, expected)).toEqual(refusal('REPORT_DATA_MISMATCH'));
    }
    expect(verifySimEvidence(evidence, simRoot, { ...policy, reportData: pattern(0) })).toEqual(
      refusal('REPORT_DATA_MISMATCH'),
    );
  });

  it('is refused under another root, from another processor, or signed by nobody', () => {
    expect(verifySimEvidence(evidence, keyOf(pattern(32, 8)), policy)).toEqual(refusal('EVIDENCE_CERTIFICATE_INVALID'));
    const stranger = makeSimEvidence(pattern(32, 5), certificate, quote);
    expect(verifySimEvidence(stranger, simRoot, policy)).toEqual(refusal('EVIDENCE_SIGNATURE_INVALID'));
    const self = certifySimProcessor(pattern(32, 5), pattern(16), keyOf(pattern(32, 5)));
    const selfMade = makeSimEvidence(pattern(32, 5), self, quote);
    expect(verifySimEvidence(selfMade, simRoot, policy)).toEqual(refusal('EVIDENCE_CERTIFICATE_INVALID'));
    const parsed = parseEvidence(evidence);
    if (parsed === undefined) throw new Error('the fixture parses');
    const unsigned = encode(evidenceCodec, { ...parsed, signature: new Uint8Array(64) });
    expect(verifySimEvidence(unsigned, simRoot, policy)).toEqual(refusal('EVIDENCE_SIGNATURE_INVALID'));
  });

  it('is refused with any changed byte, truncated or oversize', () => {
    for (let at = 0; at < evidence.length; at += 3) {
      const changed = evidence.slice();
      changed[at] = (changed[at] ?? 0) ^ 1;
      expect(verifySimEvidence(changed, simRoot, policy).verdict).toBe('refused');
      expect(verifySimEvidence(evidence.subarray(0, at), simRoot, policy)).toEqual(refusal('EVIDENCE_MALFORMED'));
    }
    expect(verifySimEvidence(new Uint8Array(9000), simRoot, policy)).toEqual(refusal('EVIDENCE_MALFORMED'));
  });
});
