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
import type { WalRecord } from '../../protocol/consensus/wal-record.ts';
import type { Effect, FinalBlock } from '../../consensus/effect.ts';
import type { Event } from '../../consensus/input.ts';
import { restore } from '../../consensus/restart.ts';
import { basePoint, type CoreConfig, type CoreState, type FinalPoint } from '../../consensus/state.ts';
import { step } from '../../consensus/step.ts';
import { type Verdict, verifyBlock, verifyCertificate, verifyProposal, verifyVote } from '../../consensus/verify.ts';
import { fakeAnchor, fakeGovernance, fakeVerify, GENESIS_MS, signAs } from '../sim/fake-crypto.ts';

/** First epoch with timers so short that no repair or silence rule ever gets its turn: time is the model's to give. */
export const replicaAnchor = (validators: number): EpochAnchor =>
  fakeAnchor(validators, {
    baseTimeoutMs: 50,
    maxTimeoutMs: 1_000,
    heartbeatMs: 3_600_000,
    minBlockIntervalMs: 0,
    maxStateLagBlocks: 4096,
  });

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

/** See the module comment. */
export class Replica {
  readonly self: ValidatorIndex;
  readonly #config: CoreConfig;
  core: CoreState;
  readonly #log: WalRecord[] = [];
  readonly #tips: FinalPoint[];
  #durable = { records: 0, tips: 1 };
  #nowMs = 1_000;
  #restarts = 0;
  #build: Extract<Effect, { kind: 'build' }> | undefined;
  /** Own votes that were signed and not handed back yet. */
  readonly outbox: Verified<Vote>[] = [];
  /** Ids of the blocks delivered, by height. */
  readonly delivered: BlockHash[] = [];

  constructor(anchor: EpochAnchor, self: ValidatorIndex) {
    this.self = self;
    this.#config = { anchor, self, governance: fakeGovernance, verifySignature: fakeVerify };
    this.#tips = [basePoint(anchor)];
    this.core = restore(this.#config, basePoint(anchor), []);
    this.#start();
  }

  #start(): Effect[] {
    return [...this.#give({ kind: 'start', quietMs: 0 }), ...this.#give({ kind: 'mempool', pending: true })];
  }

  #give(event: Event): Effect[] {
    const now = { monotonicMs: this.#nowMs, wallMs: GENESIS_MS + 10_000 };
    const effects = [...step(this.core, { now, ...event }).effects];
    for (const effect of effects) this.#perform(effect);
    const [first] = effects;
    if (first?.kind === 'persist' && first.sync) this.#durable = { records: this.#log.length, tips: this.#tips.length };
    return effects;
  }

  #perform(effect: Effect): void {
    if (effect.kind === 'persist') this.#log.push(...effect.records);
    else if (effect.kind === 'build') this.#build = effect;
    else if (effect.kind === 'halt') throw new RangeError(`the core stopped: ${effect.code}`);
    else if (effect.kind === 'cast') {
      const signature = signAs(this.self, effect.vote);
      this.outbox.push({ ...effect.vote, signer: this.self, signature } as Verified<Vote>);
    } else if (effect.kind === 'deliver') {
      for (const { id, header } of effect.blocks) {
        const { view, height, timeMs, stateCert } = header;
        this.delivered.splice(height - 1);
        this.delivered.push(id);
        this.#tips.splice(height);
        this.#tips.push({ id, view, height, timeMs, stateCert, finalization: effect.finalization });
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
    return { set: this.#config.anchor, verifySignature: fakeVerify, state: undefined };
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

  /** The payload is there that the core must have asked for, on this parent. */
  built(parent: BlockHash): Visible {
    const asked = this.#build;
    if (asked === undefined || asked.view !== this.core.current || asked.parent !== parent)
      throw new RangeError(
        `payload: ${JSON.stringify(asked)} instead of parent ${parent} in view ${this.core.current}`,
      );
    const summary = { txRoot: EMPTY_TRANSACTION_ROOT, txCount: 0, bodyBytes: 0 };
    const { view, stateCert } = asked;
    return this.#input({ kind: 'built', view, parent, payload: { summary, system: [], stateCert } });
  }

  /**
   * Loses memory and every record that no vote has synced, and starts from the log. The ledger is durable as far as the
   * log is; every other time it lags by one block, as after a crash between the log's sync and the ledger's.
   */
  restart(): Visible {
    this.#log.length = this.#durable.records;
    this.#tips.length = this.#durable.tips;
    this.#restarts += 1;
    if (this.#restarts % 2 === 0 && this.#tips.length > 1) this.#tips.pop();
    this.delivered.length = this.#tips.length - 1;
    this.outbox.length = 0;
    this.#build = undefined;
    const tip = this.#tips.at(-1) ?? basePoint(this.#config.anchor);
    const records = this.#log.map((record) => (record.kind === 'block' ? { ...record, body: [] } : record));
    this.core = restore(this.#config, tip, records);
    return this.#visible(this.#start());
  }
}
