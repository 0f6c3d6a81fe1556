/**
 * Restores executed history from what the ledger keeps: header, result certificate and sealed write set per height.
 *
 * A result certificate proves finality and result (design §4), so nothing is executed again. Everything is checked
 * before state changes, except the root, which is a statement about the state itself: if it differs, this enclave stops.
 */
import { validatorSetOf } from '../../protocol/consensus/configuration.ts';
import { blockId, type Header } from '../../protocol/consensus/header.ts';
import { type ResultCertificate, resultCertificateFault, writeSetHash } from '../../protocol/result.ts';
import { enclaveErrors } from '../boundary/errors.ts';
import type { EpochDirectory } from './epoch-directory.ts';
import type { LightClient } from './light-client.ts';
import type { Replica } from './replica.ts';
import { openWriteSet } from './write-set.ts';

/** One executed height, as the ledger keeps it. */
export interface ExecutedHeight {
  readonly header: Header;
  readonly certificate: ResultCertificate;
  readonly sealedWriteSet: Uint8Array;
}

function checkCertificate(replica: Replica, epochs: EpochDirectory, { header, certificate }: ExecutedHeight): void {
  const { statement } = certificate;
  const { genesis } = replica;
  if (statement.chainId !== replica.chainId) throw enclaveErrors.error('WRONG_CHAIN');
  const names =
    statement.epoch === header.epoch &&
    statement.height === header.height &&
    statement.blockHash === blockId(header) &&
    statement.timeMs === header.timeMs;
  const code = statement.measurement === genesis.measurement && statement.platform === genesis.platform;
  if (!names || !code) throw enclaveErrors.error('NOT_FINAL', { height: header.height });
  const signers = epochs.at(certificate.signerEpoch);
  if (signers === undefined) throw enclaveErrors.error('EPOCH_UNPROVEN', { epoch: certificate.signerEpoch });
  const fault = resultCertificateFault(certificate, validatorSetOf(signers.configuration));
  if (fault !== undefined) throw enclaveErrors.error('NOT_FINAL', { fault });
}

/** Applies the next executed height. Throws the refusal, or STATE_DIVERGED after which the enclave must stop. */
export function restoreHeight(
  replica: Replica,
  epochs: EpochDirectory,
  lightClient: LightClient,
  executed: ExecutedHeight,
): void {
  const placed = lightClient.checkPlace(executed.header);
  checkCertificate(replica, epochs, executed);
  const { statement } = executed.certificate;
  if (writeSetHash(executed.sealedWriteSet) !== statement.writeSetHash) throw enclaveErrors.error('WRITE_SET_REFUSED');
  const writes = openWriteSet(replica.keys, statement.height, executed.sealedWriteSet);
  if (writes === undefined) throw enclaveErrors.error('WRITE_SET_REFUSED', { height: statement.height });
  const root = replica.state.apply(writes);
  if (root !== statement.stateRoot) throw enclaveErrors.error('STATE_DIVERGED', { height: statement.height });
  replica.sessions.forget();
  replica.parameters = placed.anchor.configuration.parameters;
  lightClient.advance(placed);
}
