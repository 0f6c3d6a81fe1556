/**
 * One real core that follows a validator of the model: inputs pass the real gate (`verify.ts`), records go to a log that
 * loses at a crash whatever no vote has synced, own votes wait until the model hands them back.
 */
import type { BlockHash, ValidatorIndex, Verified } from '../../protocol/brand.ts';
import type { Block } from '../../protocol/consensus/block.ts';
import { EMPTY_TRANSACTION_ROOT } from '../../protocol/consensus/body.ts';
import type { Certificate } from '../../protocol/consensus/certificate.ts';
import type { EpochAnchor } from '../../protocol/consensus/configuration.ts';
import type { Vote, VoteStatement } from '../../protocol/consensus/vote.ts';
import type { SystemSection } from '../../protocol/consensus/system.ts';
import type { WalRecord } from '../../protocol/consensus/wal-record.ts';
import type { Effect, FinalBlock } from '../../consensus/effect.ts';
import type { Event } from '../../consensus/input.ts';
import { restore } from '../../consensus/restart.ts';
import { basePoint, type CoreConfig, type CoreState, type FinalPoint } from '../../consensus/state.ts';
import { step } from '../../consensus/step.ts';
import { type Verdict, verifyBlock, verifyCertificate, verifyProposal, verifyVote } from '../../consensus/verify.ts';
import { fakeAnchor, fakeGovernance, fakeVerify, machineOf, signAs } from '../sim/fake-crypto.ts';

/** First epoch with timers so short that no repair or silence rule ever gets its turn: time is the model's to give. */
export const replicaAnchor = (validators: number, observers: number): EpochAnchor =>
  fakeAnchor(
    validators,
    {
      baseTimeoutMs: 50,
      maxTimeoutMs: 1_000,
      heartbeatMs: 3_600_000,
      minBlockIntervalMs: 0,
      maxStateLagBlocks: 4096,
    },
    observers,
  );

/** The wall clock that all replicas of a trace share: the time of the newest block. */
export interface Clock {
  wallMs: number;
}

/** How many block times are tried before a wished-for block is given up. */
const MAX_TRIES = 5_000;

/** A deep copy of a core, to see what an input would do. */
const copyOf = (core: CoreState): CoreState => {
  const { config, ...memory } = core;
  return { config, ...structuredClone(memory) };
};

/** What a step did that others can see. */
export interface Visible {
  readonly cast: readonly VoteStatement[];
  readonly formed: readonly Certificate[];
  /** The block that this step proposed. */
  readonly proposed: FinalBlock | undefined;
}

const accepted = <T>(verdict: Verdict<T>): Verified<T> => {
  if (verdict.verdict === 'reject') throw new RangeError(`the gate refused an input of the model: ${verdict.code}`);
  return verdict.value;
};

/** A final block in the ledger, with the epoch in which it was made; the base of the first one has none. */
interface Tip {
  readonly epoch: number;
  readonly point: FinalPoint;
}

/** See the module comment. */
export class Replica {
  readonly #machine: number;
  readonly #clock: Clock;
  /** Anchors of the epochs entered so far, the first one first. */
  readonly #anchors: EpochAnchor[];
  core: CoreState;
  readonly #log: WalRecord[] = [];
  readonly #tips: Tip[];
  #durable = { records: 0, tips: 1 };
  #nowMs = 1_000;
  #restarts = 0;
  #build: Extract<Effect, { kind: 'build' }> | undefined;
  /** Own votes that were signed and not handed back yet. */
  readonly outbox: Verified<Vote>[] = [];
  constructor(anchor: EpochAnchor, machine: number, clock: Clock) {
    this.#machine = machine;
    this.#clock = clock;
    this.#anchors = [anchor];
    this.#tips = [{ epoch: 0, point: basePoint(anchor) }];
    this.core = restore(this.#config(anchor), basePoint(anchor), []);
    this.#start();
  }

  #tip(): Tip {
    return this.#tips.at(-1) as Tip;
  }

  /** Id of the newest block of the ledger. */
  get final(): BlockHash {
    return this.#tip().point.id;
  }

  #selfIn({ configuration }: EpochAnchor): ValidatorIndex | undefined {
    const index = configuration.validators.findIndex((validator) => machineOf(validator) === this.#machine);
    return index < 0 ? undefined : (index as ValidatorIndex);
  }

  #config(anchor: EpochAnchor): CoreConfig {
    return { anchor, self: this.#selfIn(anchor), governance: fakeGovernance, verifySignature: fakeVerify };
  }

  #start(): Effect[] {
    return [...this.#give({ kind: 'start', quietMs: 0 }), ...this.#give({ kind: 'mempool', pending: true })];
  }

  #give(event: Event): Effect[] {
    const { state, effects } = step(this.core, { now: this.#now(this.#clock.wallMs), ...event });
    this.core = state;
    for (const effect of effects) this.#perform(effect);
    const [first] = effects;
    if (first?.kind === 'persist' && first.sync) this.#durable = { records: this.#log.length, tips: this.#tips.length };
    return [...effects];
  }

  #now(wallMs: number) {
    return { monotonicMs: this.#nowMs, wallMs };
  }

  #perform(effect: Effect): void {
    if (effect.kind === 'persist') this.#log.push(...effect.records);
    else if (effect.kind === 'build') this.#build = effect;
    else if (effect.kind === 'halt') throw new RangeError(`the core stopped: ${effect.code}`);
    else if (effect.kind === 'cast') {
      const signature = signAs(this.#machine, effect.vote);
      this.outbox.push({ ...effect.vote, signer: this.core.config.self, signature } as Verified<Vote>);
    } else if (effect.kind === 'deliver') {
      for (const { id, header } of effect.blocks) {
        const { view, height, timeMs, stateCert } = header;
        const point = { id, view, height, timeMs, stateCert, finalization: effect.finalization };
        this.#tips.splice(height);
        this.#tips.push({ epoch: header.epoch, point });
      }
    }
  }

  #visible(effects: readonly Effect[]): Visible {
    const casts = effects.filter((effect) => effect.kind === 'cast').filter(({ audience }) => audience === 'all');
    return {
      cast: casts.map(({ vote }) => vote),
      formed: effects
        .flatMap((effect) => (effect.kind === 'persist' ? effect.records : []))
        .flatMap((record) => (record.kind === 'certificate' ? [record.certificate] : [])),
      proposed: casts.find(({ proposal }) => proposal !== undefined)?.proposal,
    };
  }

  #input(event: Event): Visible {
    return this.#visible(this.#give(event));
  }

  #gate() {
    return { set: this.core.config.anchor, verifySignature: fakeVerify, state: undefined };
  }

  proposal(block: Block, signature: Uint8Array): Visible {
    const { header, justification, system } = block;
    const proposal = accepted(
      verifyProposal(this.#gate(), {
        header,
        justification,
        system,
        signature,
        body: { kind: 'compact', transactionIds: [] },
        resultCertificate: undefined,
      }),
    );
    return this.#input({ kind: 'proposal', proposal, body: 'present', from: header.proposer });
  }

  header(block: Block, from: ValidatorIndex): Visible {
    const answer = Object.assign(accepted(verifyBlock(this.#gate(), block)), { body: 'present' as const });
    return this.#input({ kind: 'blocks', blocks: [answer], finalization: undefined, from });
  }

  vote(vote: Vote): Visible {
    return this.#input({ kind: 'vote', vote: accepted(verifyVote(this.#gate(), vote)), from: vote.signer });
  }

  certificate(certificate: Certificate): Visible {
    const held = accepted(verifyCertificate(this.#gate(), certificate));
    return this.#input({ kind: 'certificate', certificate: held, from: undefined });
  }

  /** Hands one of the own votes back. */
  ownVote(statement: Pick<VoteStatement, 'kind' | 'view' | 'hash'>): Visible {
    const { kind, view, hash } = statement;
    const index = this.outbox.findIndex((own) => own.kind === kind && own.view === view && own.hash === hash);
    const [vote] = index < 0 ? [] : this.outbox.splice(index, 1);
    if (vote === undefined) throw new RangeError(`the core has not cast ${kind} of view ${view}`);
    return this.#input({ kind: 'ownVote', vote });
  }

  /** The view's timer fires. */
  timeOut(): Visible {
    const { viewTimerAtMs } = this.core;
    if (viewTimerAtMs === undefined) throw new RangeError('no timer runs');
    this.#nowMs = viewTimerAtMs;
    return this.#input({ kind: 'wake' });
  }

  /**
   * The payload is there that the core must have asked for, on this parent. The block's time is chosen such that the
   * block is as wished: what follows from its hash is not the payload's to say.
   */
  built(parent: BlockHash, system: SystemSection, isWished: (block: FinalBlock) => boolean): Visible {
    const asked = this.#build;
    if (asked === undefined || asked.view !== this.core.current || asked.parent !== parent)
      throw new RangeError(
        `payload: ${JSON.stringify(asked)} instead of parent ${parent} in view ${this.core.current}`,
      );
    const summary = { txRoot: EMPTY_TRANSACTION_ROOT, txCount: 0, bodyBytes: 0 };
    const { view, stateCert } = asked;
    const event: Event = { kind: 'built', view, parent, payload: { summary, system, stateCert } };
    for (let tries = 0; tries < MAX_TRIES && system.length > 0; tries += 1, this.#clock.wallMs += 1) {
      const { effects } = step(copyOf(this.core), { now: this.#now(this.#clock.wallMs), ...event });
      const { proposed } = this.#visible(effects);
      if (proposed === undefined || isWished(proposed)) break;
    }
    return this.#input(event);
  }

  /** The driver hands in the next epoch, which the core must have announced. */
  enterEpoch(): Visible {
    const { ended } = this.core;
    if (ended?.announced !== true) throw new RangeError('the core has not announced the end of its epoch');
    this.#anchors.length = ended.next.epoch - 1;
    this.#anchors.push(ended.next);
    this.outbox.length = 0;
    this.#build = undefined;
    return this.#input({ kind: 'enterEpoch', self: this.#selfIn(ended.next) });
  }

  /**
   * Loses memory and every record that no vote has synced, and starts from the log in an epoch. The ledger is durable as
   * far as the log is; every other time it lags by one block, as after a crash between the log's sync and the ledger's,
   * and it lags as far as it takes for the epoch not to be over.
   */
  restart(epoch: number): Visible {
    const anchor = this.#anchors[epoch - 1];
    if (anchor === undefined) throw new RangeError(`epoch ${epoch} was never entered`);
    this.#log.length = this.#durable.records;
    this.#tips.length = this.#durable.tips;
    this.#restarts += 1;
    while (this.#tip().epoch > epoch) this.#tips.pop();
    const isOver = this.#log.some((record) => record.kind === 'closing' && record.block === this.final);
    if ((isOver || this.#restarts % 2 === 0) && this.#tip().epoch === epoch) this.#tips.pop();
    this.outbox.length = 0;
    this.#build = undefined;
    const tip = this.#tip();
    const point = tip.epoch === epoch ? tip.point : basePoint(anchor, tip.point.stateCert);
    const records = this.#log.map((record) => (record.kind === 'block' ? { ...record, body: [] } : record));
    const recent = new Map(this.#tips.map((known) => [known.point.height as number, known.point.id]));
    this.core = restore(this.#config(anchor), point, records, recent);
    return this.#visible(this.#start());
  }
}
