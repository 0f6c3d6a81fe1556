/** Byzantine validators: real cores whose effects are bent. They sign with their own key only. */
import type { View } from '../../protocol/brand.ts';
import { blockId, type Header } from '../../protocol/consensus/header.ts';
import { type Justification, justificationRoot } from '../../protocol/consensus/justification.ts';
import { type Vote, type VoteKind, type VoteStatement, ZERO_HASH } from '../../protocol/consensus/vote.ts';
import type { Effect, FinalBlock } from '../../consensus/effect.ts';
import { machineOf, signAs } from './fake-crypto.ts';
import type { Lie } from './scenario.ts';
import type { Message } from './sim-exchange.ts';
import type { Hooks, SimNode } from './sim-node.ts';

/** A vote by the node's key, whatever it voted before; undefined while it is no validator. */
const signed = (node: SimNode, kind: VoteKind, view: number, hash: VoteStatement['hash']): Vote | undefined => {
  const { anchor } = node;
  const signer = node.selfIn(anchor);
  if (signer === undefined) return undefined;
  const statement: VoteStatement = {
    kind,
    epoch: anchor.epoch,
    view: view as View,
    hash: kind === 'nullify' ? ZERO_HASH : hash,
  };
  return { ...statement, signer, signature: signAs(node.machine, statement) };
};

const toSome = (node: SimNode, message: Message, probability: number): void => {
  for (const validator of node.anchor.configuration.validators) {
    if (node.world.random.chance(probability)) node.send(machineOf(validator), message);
  }
};

/** Votes for everything at once, to random peers. */
const voteForAll = (): Hooks => {
  const voted = new Set<string>();
  return {
    message: (node, message) => {
      const target = targetOf(message);
      if (target === undefined || voted.has(`${target.view}${target.hash}`)) return false;
      voted.add(`${target.view}${target.hash}`);
      for (const kind of ['notarize', 'nullify', 'finalize'] as const) {
        const vote = signed(node, kind, target.view, target.hash);
        if (vote !== undefined) toSome(node, { kind: 'vote', vote }, 0.7);
      }
      return false;
    },
  };
};

const targetOf = (message: Message): { readonly view: number; readonly hash: VoteStatement['hash'] } | undefined => {
  if (message.kind === 'proposal') return { view: message.proposal.header.view, hash: message.id };
  if (message.kind === 'vote' && message.vote.kind !== 'nullify')
    return { view: message.vote.view, hash: message.vote.hash };
  return undefined;
};

const ownProposal = (effect: Effect): FinalBlock | undefined => (effect.kind === 'cast' ? effect.proposal : undefined);

const variant = (block: FinalBlock, change: Partial<Header>, justification: Justification): FinalBlock => {
  const header: Header = { ...block.header, ...change, justRoot: justificationRoot(justification) };
  return { id: blockId(header), header, justification, system: block.system };
};

const propose = (node: SimNode, block: FinalBlock, probability: number): void => {
  const vote = signed(node, 'notarize', block.header.view, block.id);
  if (vote === undefined) return;
  node.bodies.add(block.id);
  toSome(node, node.proposalMessage(block, vote.signature), probability);
};

/** Proposes two blocks in one view, to different peers. */
const equivocate: Hooks = {
  effect: (node, effect) => {
    const block = ownProposal(effect);
    if (block === undefined) return false;
    propose(node, variant(block, { timeMs: block.header.timeMs + 1 }, block.justification), 0.6);
    propose(node, block, 0.6);
    return true;
  },
};

/** Proposes on an older certified parent without the nullifications that would justify the gap. */
const unjustified: Hooks = {
  effect: (node, effect) => {
    const block = ownProposal(effect);
    const { core } = node;
    if (block === undefined || core === undefined || !node.world.random.chance(0.7)) return false;
    const { finalized } = core;
    if (block.header.parentView === finalized.view) return false;
    const held = [...core.views.values()].filter((view) => view.view > finalized.view && view.view < block.header.view);
    const justification: Justification = {
      parent: finalized.finalization,
      nullifications: held.flatMap((view) => (view.nullification === undefined ? [] : [view.nullification])),
    };
    const tail = block.header.kind === 'tail';
    const height = (finalized.height + (tail ? 0 : 1)) as never;
    const change = { parentView: finalized.view, parentHash: finalized.id, height };
    propose(node, variant(block, change, justification), 0.9);
    return true;
  },
};

/** Sends bodies to half of the peers and answers no request for them. */
const withhold: Hooks = {
  effect: (node, effect) => {
    const block = ownProposal(effect);
    if (block === undefined || effect.kind !== 'cast') return false;
    const vote = signed(node, 'notarize', block.header.view, block.id);
    if (vote === undefined) return false;
    const message = node.proposalMessage(block, vote.signature);
    if (message.kind !== 'proposal') return false;
    toSome(node, { ...message, body: false }, 0.5);
    toSome(node, { ...message, body: true }, 0.4);
    return true;
  },
  message: (_node, message) => message.kind === 'request',
};

/** Proposes blocks whose bodies break the rules. */
const badBody: Hooks = {
  effect: (node, effect) => {
    const block = ownProposal(effect);
    if (block !== undefined && block.header.txCount > 0) node.world.badBodies.add(block.id);
    return false;
  },
};

/** How a liar deviates. */
export const liarHooks = (lie: Lie): readonly Hooks[] => {
  switch (lie) {
    case 'silent':
    case 'twins':
      return [];
    case 'chaos':
      return [voteForAll()];
    case 'equivocate':
      return [equivocate, voteForAll()];
    case 'unjustified':
      return [unjustified, voteForAll()];
    case 'withhold':
      return [withhold];
    case 'badBody':
      return [badBody];
  }
};
