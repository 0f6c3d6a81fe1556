/**
 * The epochs that were proven to this enclave, from the genesis on: whose certificates count, to whom the epoch secret
 * may go. The host hands in proofs; a proof of another end of a proven epoch shows a fork and poisons the enclave.
 */
import { governanceOf } from '../../protocol/consensus/admission.ts';
import { type EpochAnchor, genesisAnchor } from '../../protocol/consensus/configuration.ts';
import { type EpochProof, verifyEpochProof } from '../../protocol/consensus/epoch-proof.ts';
import type { Governance } from '../../protocol/consensus/reconfigure.ts';
import type { Genesis } from '../../protocol/genesis.ts';
import { enclaveErrors } from '../boundary/errors.ts';

/** Proven epochs, without gaps. Memory: a few hundred bytes each, since configurations share their validators. */
export class EpochDirectory {
  readonly #anchors: EpochAnchor[];
  readonly #governance: Governance;

  constructor(genesis: Genesis) {
    this.#anchors = [genesisAnchor(genesis)];
    this.#governance = governanceOf(genesis);
  }

  /** The newest proven epoch. */
  get newest(): EpochAnchor {
    const anchor = this.#anchors.at(-1);
    if (anchor === undefined) throw enclaveErrors.error('FAIL_STOP');
    return anchor;
  }

  /** A proven epoch. */
  at(epoch: number): EpochAnchor | undefined {
    return this.#anchors[epoch - 1];
  }

  /** Takes a proof of a change of epoch, new or known. Throws EPOCH_UNPROVEN, or CHAIN_CONFLICT on two valid ends. */
  take(proof: EpochProof): void {
    const { epoch } = proof.header;
    const anchor = this.at(epoch);
    if (anchor === undefined) throw enclaveErrors.error('EPOCH_UNPROVEN', { epoch, fault: 'SKIPPED' });
    const verdict = verifyEpochProof(anchor, this.#governance, proof);
    if (verdict.verdict === 'invalid') throw enclaveErrors.error('EPOCH_UNPROVEN', { epoch, fault: verdict.code });
    const known = this.at(epoch + 1);
    if (known === undefined) this.#anchors.push(verdict.anchor);
    else if (known.base.id !== verdict.anchor.base.id) throw enclaveErrors.error('CHAIN_CONFLICT', { epoch });
  }
}
