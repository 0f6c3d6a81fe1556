/**
 * The epochs that were proven to this wallet, from the genesis on: whose certificates count. Nodes give the proofs; none
 * is trusted for them. Two valid ends of one epoch are a fork of the network: from then on nothing is accepted any more.
 */
import { type EpochsDocument, epochsShape } from '../protocol/api.ts';
import { decode } from '../protocol/codec.ts';
import { governanceOf } from '../protocol/consensus/admission.ts';
import {
  type EpochAnchor,
  genesisAnchor,
  type ValidatorSet,
  validatorSetOf,
} from '../protocol/consensus/configuration.ts';
import {
  type EpochProof,
  epochProofCodec,
  MAX_EPOCH_PROOF_BYTES,
  verifyEpochProof,
} from '../protocol/consensus/epoch-proof.ts';
import type { Governance } from '../protocol/consensus/reconfigure.ts';
import type { Genesis } from '../protocol/genesis.ts';
import { fromBase64 } from '../protocol/json-shape.ts';
import { walletErrors } from './errors.ts';
import type { NodeClient } from './transport.ts';

const MAX_ANSWER_BYTES = 4 * 1024 * 1024;

/** See the module comment. */
export class EpochTrail {
  readonly #governance: Governance;
  readonly #anchors: EpochAnchor[];
  readonly #sets: ValidatorSet[];
  readonly #proofs: Uint8Array[] = [];
  #following: Promise<void> | undefined;
  #forked = false;

  constructor(genesis: Genesis) {
    const anchor = genesisAnchor(genesis);
    this.#governance = governanceOf(genesis);
    this.#anchors = [anchor];
    this.#sets = [validatorSetOf(anchor.configuration)];
  }

  /** The newest proven epoch. Throws NETWORK_FORKED. */
  get newest(): EpochAnchor {
    const anchor = this.#anchors.at(-1);
    this.assertWhole();
    if (anchor === undefined) throw new TypeError('there is always a first epoch');
    return anchor;
  }

  /** Validators of a proven epoch. Throws NETWORK_FORKED. */
  validators(epoch: number): ValidatorSet | undefined {
    this.assertWhole();
    return this.#sets[epoch - 1];
  }

  /** Throws NETWORK_FORKED once a contradiction was proven. */
  assertWhole(): void {
    if (this.#forked) throw walletErrors.error('NETWORK_FORKED');
  }

  /** Two proofs contradict one another: nothing of this network is believed from now on. Throws NETWORK_FORKED. */
  stop(where: Readonly<Record<string, number>>): never {
    this.#forked = true;
    throw walletErrors.error('NETWORK_FORKED', where);
  }

  /** Encoded proofs that lead from the genesis to an epoch. */
  proofsTo(epoch: number): readonly Uint8Array[] {
    return this.#proofs.slice(0, epoch - 1);
  }

  /** Asks a node for what leads on from here; several askers share one walk. Throws EPOCHS_UNPROVEN, NETWORK_FORKED. */
  follow(client: NodeClient): Promise<void> {
    this.#following ??= this.#walk(client).finally(() => {
      this.#following = undefined;
    });
    return this.#following;
  }

  /** Takes one encoded proof, new or known. Throws EPOCHS_UNPROVEN or NETWORK_FORKED. */
  take(encoded: Uint8Array): void {
    let proof: EpochProof;
    try {
      proof = decode(epochProofCodec, encoded, MAX_EPOCH_PROOF_BYTES);
    } catch (cause) {
      throw walletErrors.error('EPOCHS_UNPROVEN', { fault: 'malformed' }, cause);
    }
    const { epoch } = proof.header;
    const anchor = this.#anchors[epoch - 1];
    if (anchor === undefined) throw walletErrors.error('EPOCHS_UNPROVEN', { epoch, fault: 'skipped' });
    const verdict = verifyEpochProof(anchor, this.#governance, proof);
    if (verdict.verdict === 'invalid') throw walletErrors.error('EPOCHS_UNPROVEN', { epoch, fault: verdict.code });
    const known = this.#anchors[epoch];
    if (known !== undefined && known.base.id !== verdict.anchor.base.id) this.stop({ epoch });
    if (known !== undefined) return;
    this.#anchors.push(verdict.anchor);
    this.#sets.push(validatorSetOf(verdict.anchor.configuration));
    this.#proofs.push(encoded);
  }

  async #walk(client: NodeClient): Promise<void> {
    let document: EpochsDocument;
    do {
      const from = this.newest.epoch;
      document = await client.get(`/v1/epochs?from=${from}`, epochsShape, MAX_ANSWER_BYTES);
      for (const proof of document.proofs) this.take(fromBase64(proof));
    } while (document.proofs.length > 0 && this.newest.epoch < document.epoch);
  }
}
