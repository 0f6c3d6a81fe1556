/**
 * Byzantine nodes: real nodes whose messages are bent on their way out, each towards one peer, or that run twice (`twins`).
 * They sign with their own key only, and their cores do not stop when they are told of votes of it that they did not cast
 * (`watched-step.ts`).
 */
import { ed25519Sign } from '#primitives';
import type { ChainId, Epoch, Height, ValidatorIndex } from '../../../protocol/brand.ts';
import type { CoreState } from '../../../consensus/state.ts';
import { decode, encode } from '../../../protocol/codec.ts';
import type { Proposal } from '../../../protocol/consensus/block.ts';
import { blockId, type Header } from '../../../protocol/consensus/header.ts';
import { type Justification, justificationRoot } from '../../../protocol/consensus/justification.ts';
import { type ConsensusMessage, consensusMessageCodec } from '../../../protocol/consensus/message.ts';
import { type VoteStatement, voteBytes, ZERO_HASH } from '../../../protocol/consensus/vote.ts';
import { MAX_CONSENSUS_MESSAGE_BYTES } from '../../../protocol/limits.ts';
import type { Random } from '../random.ts';
import type { Lie, Scenario } from '../scenario.ts';
import { partyOf } from './parties.ts';

/** What liars do to messages. */
export interface Lies {
  /** What a machine sends instead of a message; undefined where it is honest. */
  instead(machine: number, bytes: Uint8Array): readonly Uint8Array[] | undefined;
  /** Whether a machine keeps everything that it is asked for. */
  answersNothing(machine: number): boolean;
}

/** What liars know of the world. */
export interface LiarWorld {
  /** Position of a machine among the validators of an epoch. */
  indexOf(machine: number, epoch: number): ValidatorIndex | undefined;
  coreOf(machine: number): CoreState | undefined;
}

interface Liar {
  readonly machine: number;
  readonly chainId: ChainId;
  readonly random: Random;
  /** What its own core holds. */
  readonly core: CoreState | undefined;
  /** Own position among the validators of an epoch. */
  readonly indexIn: (epoch: number) => ValidatorIndex | undefined;
}

const signed = ({ machine, chainId, indexIn }: Liar, statement: VoteStatement): ConsensusMessage => {
  const signature = ed25519Sign(voteBytes(chainId, statement), partyOf(machine).validatorSecret);
  const signer = indexIn(statement.epoch) ?? (0 as ValidatorIndex);
  return { kind: 'vote', vote: { ...statement, signer, signature } };
};

const targetOf = (message: ConsensusMessage): VoteStatement | undefined => {
  if (message.kind === 'vote') return message.vote.kind === 'nullify' ? undefined : message.vote;
  if (message.kind !== 'proposal') return undefined;
  const { header } = message.proposal;
  return { kind: 'notarize', epoch: header.epoch, view: header.view, hash: blockId(header) };
};

/** Votes for everything at once. */
const voteForAll = (liar: Liar, message: ConsensusMessage): ConsensusMessage[] => {
  const target = targetOf(message);
  if (target === undefined) return [];
  const { epoch, view, hash } = target;
  const kinds = (['notarize', 'nullify', 'finalize'] as const).filter(() => liar.random.chance(0.7));
  return kinds.map((kind) => signed(liar, { kind, epoch, view, hash: kind === 'nullify' ? ZERO_HASH : hash }));
};

/** The proposal with another header, signed anew. */
const variant = (liar: Liar, proposal: Proposal, change: Partial<Proposal['header']>): ConsensusMessage => {
  const header = { ...proposal.header, ...change };
  const vote = { kind: 'notarize', epoch: header.epoch, view: header.view, hash: blockId(header) } as const;
  const signature = ed25519Sign(voteBytes(liar.chainId, vote), partyOf(liar.machine).validatorSecret);
  return { kind: 'proposal', proposal: { ...proposal, header, signature } };
};

const onParent = (liar: Liar, proposal: Proposal, justification: Justification, parent: Partial<Header>) =>
  variant(liar, { ...proposal, justification }, { ...parent, justRoot: justificationRoot(justification) });

/**
 * Stands on an older parent, the last final block, with those nullifications of the views in between that there are; where
 * the last final block is the parent, without any nullification.
 */
const unjustified = (liar: Liar, proposal: Proposal): ConsensusMessage => {
  const { header, justification } = proposal;
  const { core } = liar;
  if (core === undefined || header.epoch !== core.config.anchor.epoch || header.parentView === core.finalized.view)
    return onParent(liar, proposal, { ...justification, nullifications: [] }, {});
  const { view, id, height, finalization } = core.finalized;
  const between = [...core.views.values()].filter((one) => one.view > view && one.view < header.view);
  const nullifications = between.flatMap(({ nullification }) => nullification ?? []);
  return onParent(
    liar,
    proposal,
    { parent: finalization, nullifications },
    {
      parentView: view,
      parentHash: id,
      height: (height + (header.kind === 'tail' ? 0 : 1)) as Height,
    },
  );
};

const bend = (lie: Lie, liar: Liar, message: ConsensusMessage): readonly ConsensusMessage[] => {
  const proposal = message.kind === 'proposal' ? message.proposal : undefined;
  switch (lie) {
    case 'chaos':
      return [message, ...voteForAll(liar, message)];
    case 'equivocate':
      if (proposal === undefined) return [message, ...voteForAll(liar, message)];
      return [liar.random.chance(0.5) ? message : variant(liar, proposal, { timeMs: proposal.header.timeMs + 1 })];
    case 'unjustified':
      return proposal === undefined ? [message] : [liar.random.chance(0.7) ? unjustified(liar, proposal) : message];
    case 'withhold':
      if (proposal === undefined) return [message];
      return liar.random.chance(0.5)
        ? []
        : [{ kind: 'proposal', proposal: { ...proposal, body: { kind: 'compact', transactionIds: [] } } }];
    case 'badBody':
      if (proposal?.body.kind !== 'inline') return [message];
      return [
        { kind: 'proposal', proposal: { ...proposal, body: { kind: 'inline', envelopes: [new Uint8Array(600)] } } },
      ];
    case 'wrongEpoch': {
      const target = targetOf(message);
      if (target === undefined) return [message];
      const others = [target.epoch - 1, target.epoch + 1].map((epoch) => ({ ...target, epoch: epoch as Epoch }));
      return [message, ...others.map((other) => signed(liar, other))];
    }
    default:
      return [message];
  }
};

/** The lies of a scenario's liars. */
export const liesOf = ({ liars }: Scenario, chainId: ChainId, random: Random, world: LiarWorld): Lies => ({
  instead: (machine, bytes) => {
    const lie = liars.get(machine);
    if (lie === undefined) return undefined;
    const message = decode(consensusMessageCodec, bytes, MAX_CONSENSUS_MESSAGE_BYTES);
    const indexIn = (epoch: number): ValidatorIndex | undefined => world.indexOf(machine, epoch);
    const sent = bend(lie, { machine, chainId, random, core: world.coreOf(machine), indexIn }, message);
    return sent.map((one) => encode(consensusMessageCodec, one));
  },
  answersNothing: (machine) => liars.get(machine) === 'withhold',
});
