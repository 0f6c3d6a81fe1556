/**
 * Restores executed history from what the ledger keeps: headers and sealed write sets of consecutive heights, and the
 * result certificate of the last one.
 *
 * That certificate proves its block final, so all its ancestors are, and names the root of the state after it, so the
 * write sets that lead there are the true ones; nothing is executed again, and what lies in between needs no signatures.
 * Everything is checked before state changes, except the root, which is a statement about the state itself: if it
 * differs, this enclave stops.
 */
import { validatorSetOf } from '../../protocol/consensus/configuration.ts';
import { blockId, type Header } from '../../protocol/consensus/header.ts';
import { type ResultCertificate, resultCertificateFault, writeSetHash } from '../../protocol/result.ts';
import { enclaveErrors } from '../boundary/errors.ts';
import type { EpochDirectory } from './epoch-directory.ts';
import type { LightClient } from './light-client.ts';
import type { Replica } from './replica.ts';
import { openWriteSet } from './write-set.ts';

const NOTHING = new Uint8Array();

/** One executed height, as the ledger keeps it. */
export interface RestoredBlock {
  readonly header: Header;
  readonly sealedWriteSet: Uint8Array;
}

function checkCertificate(
  replica: Replica,
  epochs: EpochDirectory,
  header: Header,
  certificate: ResultCertificate,
): void {
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

/** What the heights leave of every key that they write; throws for a write set that is not one of its height. */
function writesOf(replica: Replica, blocks: readonly RestoredBlock[]): Map<string, string | undefined> {
  const last = new Map<string, string | undefined>();
  for (const { header, sealedWriteSet } of blocks) {
    const writes = openWriteSet(replica.keys, header.height, sealedWriteSet);
    if (writes === undefined) throw enclaveErrors.error('WRITE_SET_REFUSED', { height: header.height });
    for (const [key, value] of writes) last.set(key, value);
  }
  return last;
}

/** Applies the next executed heights. Throws the refusal, or STATE_DIVERGED after which the enclave must stop. */
export function restoreBlocks(
  replica: Replica,
  epochs: EpochDirectory,
  lightClient: LightClient,
  blocks: readonly RestoredBlock[],
  certificate: ResultCertificate,
): void {
  const placed = lightClient.checkChain(blocks.map(({ header }) => header));
  const last = placed.at(-1);
  if (last === undefined) throw enclaveErrors.error('BLOCK_MALFORMED');
  checkCertificate(replica, epochs, last.header, certificate);
  const { statement } = certificate;
  if (writeSetHash(blocks.at(-1)?.sealedWriteSet ?? NOTHING) !== statement.writeSetHash)
    throw enclaveErrors.error('WRITE_SET_REFUSED', { height: statement.height });
  const root = replica.state.apply(writesOf(replica, blocks));
  if (root !== statement.stateRoot) throw enclaveErrors.error('STATE_DIVERGED', { height: statement.height });
  replica.sessions.forget();
  replica.parameters = last.anchor.configuration.parameters;
  lightClient.advance(placed);
}
