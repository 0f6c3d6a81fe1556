/**
 * Learning fetched blocks (consensus design §2.14): only those that a certificate names, that we asked for, or that an
 * accepted one stands on. Hash links carry the certificate's authority backwards; nothing claimed is a target.
 */
import type { BlockHash, MemberIndex, Verified } from '../protocol/brand.ts';
import type { Certificate } from '../protocol/consensus/certificate.ts';
import { addBlock } from './blocks.ts';
import type { BodyState, CheckedBlock, Event } from './input.ts';
import { witnessCertificate } from './key-safety.ts';
import { continueCertificates, headerWanted } from './requests.ts';
import type { CoreState } from './state.ts';
import { addCertificate } from './tally.ts';
import type { Turn } from './turn.ts';

const certified = (state: CoreState, block: CheckedBlock): boolean => {
  const view = state.views.get(block.header.view);
  return view?.notarization?.hash === block.id || view?.finalization?.hash === block.id;
};

/** R12: takes the proof that the epoch is over; the blocks up to the closing one are fetched like any others. */
export const receiveClosing = (turn: Turn, proof: Extract<Event, { kind: 'closing' }>): void => {
  const { state } = turn;
  const { block, following, finalization } = proof;
  if (state.ended !== undefined || block.header.view <= state.finalized.view) return;
  addBlock(state, block, 'absent', true);
  state.closingProof ??= { block: block.id, following, finalization };
};

/** Takes the answer to `getCertificates`. */
export const receiveCertificates = (turn: Turn, certificates: readonly Verified<Certificate>[]): void => {
  const fresh = certificates.filter((certificate) => addCertificate(turn, certificate));
  if (fresh.length > 0) continueCertificates(turn.state);
};

/** Takes the answer to `getHeader` or `getBlocks`, newest block first. */
export const receiveBlocks = (
  turn: Turn,
  blocks: readonly (Verified<CheckedBlock> & { readonly body: BodyState })[],
  finalization: Verified<Certificate> | undefined,
  from: MemberIndex | undefined,
): void => {
  const { state } = turn;
  if (finalization !== undefined) addCertificate(turn, finalization);
  let linked: BlockHash | undefined;
  for (const block of blocks.toReversed()) {
    if (block.header.view <= state.finalized.view) continue;
    if (block.id !== linked && !certified(state, block) && !headerWanted(state, block.id)) continue;
    addBlock(state, block, block.body, true);
    // A certified chain vouches for the certificates inside it: honest validators checked them before they voted.
    const { parent, nullifications } = block.justification;
    for (const inside of parent === undefined ? nullifications : [parent, ...nullifications])
      witnessCertificate(turn, inside);
    linked = block.header.parentHash;
    state.helper = from;
  }
};
