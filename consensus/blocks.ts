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

/** The known way from a block down to the finalised one, newest first. */
export interface KnownPath {
  readonly path: readonly BlockState[];
  /** Whether it leads to the finalised block. */
  readonly whole: boolean;
  /** The first header on it that is not known. */
  readonly missing: BlockHash | undefined;
}

/** Follows a block's ancestors as far as they are known. */
export const knownPath = (state: CoreState, tip: BlockHash): KnownPath => {
  const path: BlockState[] = [];
  let id = tip;
  while (id !== state.finalized.id) {
    const block = state.blocks.get(id);
    if (block === undefined) return { path, whole: false, missing: id };
    if (block.header.view <= state.finalized.view) return { path, whole: false, missing: undefined };
    path.push(block);
    id = block.header.parentHash;
  }
  return { path, whole: true, missing: undefined };
};

/** Unfinalised ancestors of a block, itself included, newest first; undefined when a header is missing. */
export const pathToFinalized = (state: CoreState, tip: BlockHash): readonly BlockState[] | undefined => {
  const { path, whole } = knownPath(state, tip);
  return whole ? path : undefined;
};
