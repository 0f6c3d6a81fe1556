/** One real core under direct control: signed messages of the other validators go in, effects come out. */
import type { BlockHash, ValidatorIndex, Verified, View } from '../../../protocol/brand.ts';
import { height, view as viewNumber } from '../../../protocol/brand.ts';
import { EMPTY_TRANSACTION_ROOT } from '../../../protocol/consensus/body.ts';
import { type Certificate, certificateOf } from '../../../protocol/consensus/certificate.ts';
import type { ChainPoint } from '../../../protocol/consensus/configuration.ts';
import { blockId, HEADER_VERSION, type Header } from '../../../protocol/consensus/header.ts';
import { type Justification, justificationRoot } from '../../../protocol/consensus/justification.ts';
import { type Vote, type VoteKind, type VoteStatement, ZERO_HASH } from '../../../protocol/consensus/vote.ts';
import type { WalRecord } from '../../../protocol/consensus/wal-record.ts';
import { domainHash } from '../../../protocol/hash.ts';
import type { Effect } from '../../../consensus/effect.ts';
import type { BodyState, CheckedProposal, Event } from '../../../consensus/input.ts';
import { leaderAt as leaderOf } from '../../../protocol/consensus/block-rules.ts';
import { type SystemSection, systemRoot } from '../../../protocol/consensus/system.ts';
import type { Parameters } from '../../../protocol/genesis.ts';
import { restore } from '../../../consensus/restart.ts';
import { basePoint, type CoreState, type FinalPoint, viewOf } from '../../../consensus/state.ts';
import { step } from '../../../consensus/step.ts';
import { fakeAnchor, fakeGovernance, fakeVerify, GENESIS_MS, signAs } from '../../sim/fake-crypto.ts';

/** A block as tests make it. */
export interface TestBlock {
  readonly id: BlockHash;
  readonly header: Header;
  readonly justification: Justification;
  readonly system: SystemSection;
}

export const anchorOf = fakeAnchor;

/** Leader of a view among n validators. */
export const leaderAt = (validators: number, view: number): ValidatorIndex => leaderOf(fakeAnchor(validators), view);

/** A validator that does not lead the view. */
export const followerAt = (validators: number, view: number): ValidatorIndex =>
  ((leaderAt(validators, view) + 1) % validators) as ValidatorIndex;

/** A genuine vote. */
export const voteBy = (signer: number, kind: VoteKind, view: number, hash: BlockHash = ZERO_HASH): Verified<Vote> => {
  const statement: VoteStatement = { kind, epoch: fakeAnchor(4).epoch, view: viewNumber(view), hash };
  return { ...statement, signer: signer as ValidatorIndex, signature: signAs(signer, statement) } as Verified<Vote>;
};

/** A genuine certificate by the first q validators, or the first q of those that are not `without`. */
export const certificate = (
  validators: number,
  kind: VoteKind,
  view: number,
  hash: BlockHash = ZERO_HASH,
  without?: number,
): Verified<Certificate> => {
  const signers = Array.from({ length: validators }, (_, signer) => signer).filter((signer) => signer !== without);
  const votes = signers.slice(0, fakeAnchor(validators).quorum).map((signer) => voteBy(signer, kind, view, hash));
  return certificateOf(votes, validators) as Verified<Certificate>;
};

/** A block on a parent, by the view's leader, with `transactions` transactions. */
export const blockOn = (
  validators: number,
  parent: ChainPoint,
  view: number,
  options: {
    transactions?: number;
    change?: Partial<Header>;
    justification?: Justification;
    system?: SystemSection;
  } = {},
): TestBlock => {
  const anchor = fakeAnchor(validators);
  const nullifications: Certificate[] = [];
  for (let between = parent.view + 1; between < view; between += 1)
    nullifications.push(certificate(validators, 'nullify', between));
  const justification = options.justification ?? {
    parent: parent.view === 0 ? undefined : certificate(validators, 'notarize', parent.view, parent.id),
    nullifications,
  };
  const txCount = options.transactions ?? 1;
  const system = options.system ?? [];
  const header: Header = {
    version: HEADER_VERSION,
    chainId: anchor.chainId,
    epoch: anchor.epoch,
    view: viewNumber(view),
    height: height(parent.height + 1),
    kind: txCount === 0 && system.length === 0 ? 'empty' : 'normal',
    timeMs: parent.timeMs + 100,
    proposer: leaderAt(validators, view),
    parentView: parent.view,
    parentHash: parent.id,
    justRoot: justificationRoot(justification),
    txRoot: txCount === 0 ? EMPTY_TRANSACTION_ROOT : domainHash('test', Uint8Array.of(txCount)),
    txCount,
    bodyBytes: txCount * 512,
    sysRoot: systemRoot(system),
    configHash: anchor.configHash,
    nextConfigHash: ZERO_HASH,
    stateCert: undefined,
    ...options.change,
  };
  return { id: blockId(header), header, justification, system };
};

/** The point that a block is. */
export const pointOf = ({ id, header }: TestBlock): ChainPoint => ({
  id,
  height: header.height,
  view: header.view,
  timeMs: header.timeMs,
});

/** Blocks of the first views on the genesis, each on the one before, without transactions. */
export const chainOf = (validators: number, length: number): TestBlock[] => {
  const blocks: TestBlock[] = [];
  let parent: ChainPoint = anchorOf(validators).base;
  for (let view = 1; view <= length; view += 1) {
    const block = blockOn(validators, parent, view, { transactions: 0 });
    blocks.push(block);
    parent = pointOf(block);
  }
  return blocks;
};

/** The event of a proposal. */
export const proposalEvent = (block: TestBlock, body: BodyState = 'present', sound = true): Event => {
  const { id, header, justification, system } = block;
  const certificates = [
    ...(justification.parent === undefined ? [] : [justification.parent]),
    ...justification.nullifications,
  ];
  const proposal = {
    id,
    header,
    justification,
    system,
    vote: voteBy(header.proposer, 'notarize', header.view, id),
    certificates: sound ? certificates : [],
    sound,
  } as unknown as Verified<CheckedProposal>;
  return { kind: 'proposal', proposal, body, from: header.proposer };
};

type Of<K extends Effect['kind']> = Extract<Effect, { kind: K }>;

/** A core with its clock, its log, and its own votes handed back as the driver does. */
export class Rig {
  core: CoreState;
  readonly self: ValidatorIndex;
  readonly log: WalRecord[];
  readonly effects: Effect[] = [];
  nowMs = 10_000;
  wallMs = GENESIS_MS + 10_000;

  constructor(
    validators: number,
    self: number,
    options: {
      log?: readonly WalRecord[];
      finalized?: FinalPoint;
      quietMs?: number;
      parameters?: Partial<Parameters>;
    } = {},
  ) {
    const anchor = fakeAnchor(validators, options.parameters);
    this.self = self as ValidatorIndex;
    this.log = [...(options.log ?? [])];
    const config = { anchor, self: this.self, governance: fakeGovernance, verifySignature: fakeVerify };
    this.core = restore(config, options.finalized ?? basePoint(anchor), this.log);
    this.give({ kind: 'start', quietMs: options.quietMs ?? 0 });
  }

  /**
   * The same event as an honest world gives it, where a core's signature is nowhere but under what it cast: certificates
   * by the others alone, and a proposal of our own view as one that we made.
   */
  #plausible(event: Event): Event {
    const byOthers = <T extends Certificate | undefined>(held: T): T =>
      (held === undefined
        ? held
        : certificate(this.core.validators, held.kind, held.view, held.hash, this.self)) as unknown as T;
    switch (event.kind) {
      case 'certificate':
        return { ...event, certificate: byOthers(event.certificate) };
      case 'proposal': {
        const { header, id, certificates } = event.proposal;
        if (header.proposer === this.self) viewOf(this.core, header.view).own.notarize ??= id;
        return { ...event, proposal: { ...event.proposal, certificates: certificates.map(byOthers) } };
      }
      case 'blocks': {
        const blocks = event.blocks.map((block) => {
          const { parent, nullifications } = block.justification;
          return {
            ...block,
            justification: { parent: byOthers(parent), nullifications: nullifications.map(byOthers) },
          };
        });
        return { ...event, blocks, finalization: byOthers(event.finalization) };
      }
      default:
        return event;
    }
  }

  /** Hands in an event of an honest world, then the own votes that it caused; returns all effects. */
  give(event: Event): Effect[] {
    return this.giveAsIs(this.#plausible(event));
  }

  /** Hands in an event, then the own votes that it caused; returns all effects. */
  giveAsIs(event: Event): Effect[] {
    const done: Effect[] = [];
    const queue: Event[] = [event];
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      const { state, effects } = step(this.core, { now: { monotonicMs: this.nowMs, wallMs: this.wallMs }, ...next });
      this.core = state;
      for (const effect of effects) {
        done.push(effect);
        if (effect.kind === 'persist') this.log.push(...effect.records);
        if (effect.kind === 'cast')
          queue.push({
            kind: 'ownVote',
            vote: voteBy(this.self, effect.vote.kind, effect.vote.view, effect.vote.hash),
          });
      }
    }
    this.effects.push(...done);
    return done;
  }

  /** Lets time pass, waking the core whenever it asked for it. */
  pass(ms: number): Effect[] {
    const end = this.nowMs + ms;
    const done: Effect[] = [];
    for (let at = this.core.wakeAtMs; at !== undefined && at <= end; at = this.core.wakeAtMs) {
      this.wallMs += at - this.nowMs;
      this.nowMs = at;
      done.push(...this.give({ kind: 'wake' }));
    }
    this.wallMs += end - this.nowMs;
    this.nowMs = end;
    return done;
  }

  /** Votes of other validators. */
  votes(signers: readonly number[], kind: VoteKind, view: number, hash: BlockHash = ZERO_HASH): Effect[] {
    return signers.flatMap((signer) =>
      this.give({ kind: 'vote', vote: voteBy(signer, kind, view, hash), from: signer as ValidatorIndex }),
    );
  }

  certificate(held: Verified<Certificate>): Effect[] {
    return this.give({ kind: 'certificate', certificate: held, from: undefined });
  }

  /** The other validators. */
  get others(): number[] {
    return Array.from({ length: this.core.validators }, (_, index) => index).filter((index) => index !== this.self);
  }

  /** What was cast so far, as `kind@view`. */
  get cast(): string[] {
    return of(this.effects, 'cast').map(({ vote }) => `${vote.kind}@${vote.view}`);
  }
}

/** Effects of one kind. */
export const of = <K extends Effect['kind']>(effects: readonly Effect[], kind: K): Of<K>[] =>
  effects.filter((effect): effect is Of<K> => effect.kind === kind);

/** View number of a core. */
export const currentOf = (rig: Rig): View => rig.core.current;

/** One of four validators, which does not lead the view. */
export const rigAt = (view = 1): Rig => new Rig(4, followerAt(4, view));
