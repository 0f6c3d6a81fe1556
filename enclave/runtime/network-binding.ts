/**
 * Binds an enclave to one network: the genesis is checked, this enclave found in it, and its peers' evidence judged.
 *
 * Production policy refuses the simulated platform here, so an identity that was sealed to a simulated processor never
 * serves anything but a test network.
 */
import type { ChainId, Measurement } from '../../protocol/brand.ts';
import { reportDataOf, verifySimEvidence } from '../../protocol/attestation.ts';
import { decodeOrUndefined } from '../../protocol/foreign.ts';
import { chainIdOf, checkGenesis, type Genesis, genesisCodec, type Validator } from '../../protocol/genesis.ts';
import { fromHex, toHex } from '../../protocol/hex.ts';
import { enclaveErrors } from '../boundary/errors.ts';
import type { Identity } from './identity.ts';

/** Name of the simulated platform in evidence, statements and status. */
export const SIMULATED_PLATFORM = 'sim';
const GENESIS_NONCE = new Uint8Array(32);

/** The network that an enclave belongs to. */
export interface NetworkBinding {
  readonly genesis: Genesis;
  readonly chainId: ChainId;
  /** Position of this enclave's validator. */
  readonly self: number;
}

function decodeGenesis(bytes: Uint8Array): Genesis {
  const genesis = decodeOrUndefined(genesisCodec, bytes);
  if (genesis === undefined) throw enclaveErrors.error('GENESIS_REFUSED');
  try {
    return checkGenesis(genesis);
  } catch (cause) {
    throw enclaveErrors.error('GENESIS_REFUSED', {}, cause);
  }
}

function checkEvidence(genesis: Genesis, validator: Validator, index: number): void {
  const keys = {
    platform: SIMULATED_PLATFORM,
    enclaveKey: validator.enclaveKey,
    enclaveKem: fromHex(validator.enclaveKem),
    nonce: GENESIS_NONCE,
  } as const;
  const verdict = verifySimEvidence(fromHex(validator.evidence), genesis.simRoot, {
    policyClass: genesis.policyClass === 'testnet' ? 'testnet' : 'production',
    measurements: [genesis.measurement],
    reportData: reportDataOf(keys),
  });
  if (verdict.verdict === 'refused')
    throw enclaveErrors.error('GENESIS_REFUSED', { validator: index, faults: verdict.codes.join(' ') });
}

/** Checks a genesis for this enclave. Throws GENESIS_REFUSED or PLATFORM_REFUSED. */
export function bindToNetwork(genesisBytes: Uint8Array, identity: Identity, measurement: Measurement): NetworkBinding {
  const genesis = decodeGenesis(genesisBytes);
  const allowed = genesis.policyClass === 'testnet' && genesis.platform === SIMULATED_PLATFORM;
  if (!allowed || genesis.measurement !== measurement) throw enclaveErrors.error('PLATFORM_REFUSED');
  const self = genesis.validators.findIndex((validator) => validator.enclaveKey === identity.enclaveKey);
  const own = genesis.validators[self];
  if (own === undefined || own.enclaveKem !== toHex(identity.kem.publicKey))
    throw enclaveErrors.error('GENESIS_REFUSED');
  if (own.contribution !== undefined && own.contribution !== identity.commitment)
    throw enclaveErrors.error('GENESIS_REFUSED');
  genesis.validators.forEach((validator, index) => checkEvidence(genesis, validator, index));
  return { genesis, chainId: chainIdOf(genesis), self };
}
