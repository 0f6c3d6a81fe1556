/**
 * Binds an enclave to one network: the genesis is checked, this enclave's entry in it, and its peers' evidence judged.
 *
 * Production policy refuses the simulated platform here, so an identity that was sealed to a simulated processor never
 * serves anything but a test network.
 */
import type { ChainId, Measurement } from '../../protocol/brand.ts';
import { evidenceFaults, policyClassOf } from '../../protocol/consensus/admission.ts';
import { decodeOrUndefined } from '../../protocol/foreign.ts';
import { chainIdOf, checkGenesis, type Genesis, genesisCodec, type Validator } from '../../protocol/genesis.ts';
import { toHex } from '../../protocol/hex.ts';
import { enclaveErrors } from '../boundary/errors.ts';
import type { Identity } from './identity.ts';

/** Name of the simulated platform in evidence, statements and status. */
export const SIMULATED_PLATFORM = 'sim';

/** The network that an enclave belongs to. */
export interface NetworkBinding {
  readonly genesis: Genesis;
  readonly chainId: ChainId;
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
  const faults = evidenceFaults(genesis, validator, policyClassOf(genesis));
  if (faults.length > 0) throw enclaveErrors.error('GENESIS_REFUSED', { validator: index, faults: faults.join(' ') });
}

/** An entry with this enclave's key must be this enclave's: everything else in it was chosen by somebody else. */
function checkOwnEntry(genesis: Genesis, identity: Identity): void {
  const own = genesis.validators.find((validator) => validator.enclaveKey === identity.enclaveKey);
  if (own === undefined) return; // it may join later
  if (own.enclaveKem !== toHex(identity.kem.publicKey)) throw enclaveErrors.error('GENESIS_REFUSED');
  if (own.contribution !== undefined && own.contribution !== identity.commitment)
    throw enclaveErrors.error('GENESIS_REFUSED');
}

/** Checks a genesis for this enclave. Throws GENESIS_REFUSED or PLATFORM_REFUSED. */
export function bindToNetwork(genesisBytes: Uint8Array, identity: Identity, measurement: Measurement): NetworkBinding {
  const genesis = decodeGenesis(genesisBytes);
  const allowed = genesis.policyClass === 'testnet' && genesis.platform === SIMULATED_PLATFORM;
  if (!allowed || genesis.measurement !== measurement) throw enclaveErrors.error('PLATFORM_REFUSED');
  checkOwnEntry(genesis, identity);
  genesis.validators.forEach((validator, index) => checkEvidence(genesis, validator, index));
  return { genesis, chainId: chainIdOf(genesis) };
}
