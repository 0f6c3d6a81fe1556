/** The store of known blocks: adding, completing and finding them. */
import type { BlockHash, View } from '../protocol/brand.ts';
import type { BodyState, CheckedBlock } from './input.ts';
import { closeRequests } from './requests.ts';
import type { BlockState, CoreState } from './state.ts';
import type { Turn } from './turn.ts';

/** Adds a block, or completes what is known of it. */
export const addBlock = (state: CoreState, block: CheckedBlock, body: BodyState, sound: boolean): BlockState => {
  const arrived: BodyState = block.header.txCount === 0 ? 'present' : body;
  const known = state.blocks.get(block.id);
  if (known !== undefined) {
    if (known.body === 'absent') setBody(state, known, arrived);
    return known;
  }
  const { id, header, justification, system } = block;
  const added: BlockState = {
    id,
    header,
    justification,
    system,
    body: arrived,
    sound,
    recorded: false,
    objective: 'unknown',
    effect: undefined,
    unheld: (header.parentView + 1) as View,
  };
  state.blocks.set(id, added);
  if (arrived === 'absent') state.missingBodies.add(id);
  closeRequests(state, id, arrived !== 'absent');
  return added;
};

/** Notes that a body arrived or cannot exist. */
export const setBody = (state: CoreState, block: BlockState, body: BodyState): void => {
  if (body === 'absent' || block.body === 'present') return;
  block.body = body;
  state.missingBodies.delete(block.id);
  closeRequests(state, block.id, true);
};

/** Writes a block's record, once; the driver adds the body. */
export const recordBlock = (turn: Turn, block: BlockState): void => {
  if (block.recorded) return;
  block.recorded = true;
  const { header, justification, system } = block;
  turn.records.push({ kind: 'block', header, justification, system, body: undefined });
};

/** Unfinalised ancestors of a block, itself included, newest first; undefined when a header is missing. */
export const pathToFinalized = (state: CoreState, tip: BlockHash): BlockState[] | undefined => {
  const path: BlockState[] = [];
  let id = tip;
  while (id !== state.finalized.id) {
    const block = state.blocks.get(id);
    if (block === undefined || block.header.view <= state.finalized.view) return undefined;
    path.push(block);
    id = block.header.parentHash;
  }
  return path;
};

/** First hash on the way from a block to the finalised one whose header is not known. */
export const firstMissing = (state: CoreState, tip: BlockHash): BlockHash | undefined => {
  let id = tip;
  while (id !== state.finalized.id) {
    const block = state.blocks.get(id);
    if (block === undefined) return id;
    if (block.header.view <= state.finalized.view) return undefined;
    id = block.header.parentHash;
  }
  return undefined;
};
