/** Keys and entries of simulated machines: made once, as the attestation evidence in them takes real cryptography. */
import type { Validator } from '../../../protocol/genesis.ts';
import { type Party, partyOf as freshParty, validatorOf as freshValidator } from '../../support/tiny-genesis.ts';

/** The name from which all keys of the simulated network are derived. */
export const NETWORK = 'simulated';

const parties: Party[] = [];
const validators: Validator[] = [];

/** Secrets of a machine. */
export const partyOf = (machine: number): Party => {
  parties[machine] ??= freshParty(NETWORK, machine);
  return parties[machine];
};

/** The validator that a machine is, or may become. */
export const validatorOf = (machine: number): Validator => {
  validators[machine] ??= freshValidator(NETWORK, machine);
  return validators[machine];
};
