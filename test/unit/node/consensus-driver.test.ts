/**
 * The driver with the real core and the real log: durable before sent, the same votes after a crash, an end without
 * votes when the log fails, and no memory for what the core refuses.
 */
import { setImmediate as immediate } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { ed25519PublicKey, ed25519Verify } from '#primitives';
import { BodyStore } from '../../../node/body-store.ts';
import type { CertifiedResults } from '../../../node/certified-results.ts';
import { ConsensusDriver, type Delivery } from '../../../node/consensus-driver.ts';
import type { Epochs } from '../../../node/epochs.ts';
import type { FinalBlocks } from '../../../node/final-blocks.ts';
import { silentLogger } from '../../../node/logger.ts';
import { Mempool } from '../../../node/mempool.ts';
import type { TransactionId, ValidatorIndex } from '../../../protocol/brand.ts';
import { transactionId } from '../../../protocol/transaction-id.ts';
import type { PeerNetwork } from '../../../node/network/network.ts';
import type { PeerName } from '../../../node/network/types.ts';
import { SystemPool } from '../../../node/system-pool.ts';
import { decode } from '../../../protocol/codec.ts';
import { type ConsensusMessage, consensusMessageCodec } from '../../../protocol/consensus/message.ts';
import { voteBytes } from '../../../protocol/consensus/vote.ts';
import { type WalRecord, walRecordCodec } from '../../../protocol/consensus/wal-record.ts';
import { basePoint } from '../../../consensus/state.ts';
import type { Event } from '../../../consensus/input.ts';
import { restore } from '../../../consensus/restart.ts';
import { type WalRecord as LogRecord, WriteAheadLog } from '../../../ledger/wal.ts';
import {
  anchorOf,
  certificate,
  followerAt,
  leaderAt,
  proposalEvent,
  type TestBlock,
  voteBy,
} from '../consensus/harness.ts';
import { fakeGovernance, fakeVerify } from '../../sim/fake-crypto.ts';
import { chainId, freshDirectory, replicaKey } from '../ledger/support.ts';
import { envelopeOf, headerOf } from './support.ts';

const anchor = anchorOf(4);
const self = followerAt(4, 1);
const validatorSecret = new Uint8Array(32).fill(9);
const running: AsyncDisposable[] = [];

afterEach(async () => {
  for (const each of running.splice(0).reverse()) await each[Symbol.asyncDispose]();
});

const finalBlocks = (order: string[], bodies: BodyStore, backlog: () => number): FinalBlocks =>
  ({
    deliver: ({ blocks }: Delivery) => {
      order.push('deliver');
      for (const { id } of blocks) bodies.forget(id);
    },
    get backlog() {
      return backlog();
    },
  }) as unknown as FinalBlocks;

/** One run of a validator on a directory. */
class Run {
  readonly order: string[] = [];
  readonly sent: ConsensusMessage[] = [];
  readonly evidence: unknown[] = [];
  readonly delivered: TransactionId[] = [];
  readonly halts: unknown[] = [];
  readonly bodies = new BodyStore();
  readonly mempool = new Mempool({ maxBytes: 1_000_000, maxTransactions: 100, share: 1 });
  failure: unknown;
  failSyncs = false;
  backlog = 0;
  readonly driver: ConsensusDriver;
  #sent = Promise.withResolvers<void>();

  private constructor(log: WriteAheadLog, records: readonly WalRecord[], position: ValidatorIndex) {
    const config = { anchor, self: position, governance: fakeGovernance, verifySignature: fakeVerify };
    const core = restore(config, basePoint(anchor), [...records]);
    const take = (bytes: Uint8Array): void => {
      const message = decode(consensusMessageCodec, bytes, 1 << 21);
      this.sent.push(message);
      this.order.push(`send ${message.kind}`);
      this.#sent.resolve();
      this.#sent = Promise.withResolvers<void>();
    };
    this.driver = new ConsensusDriver({
      core,
      wal: {
        append: (...all: readonly LogRecord[]) => {
          this.order.push('append');
          log.append(...all);
        },
        sync: async () => {
          if (this.failSyncs) throw new Error('disk full');
          await log.sync();
          this.order.push('sync');
        },
      } as unknown as WriteAheadLog,
      epochs: {
        secretIn: () => validatorSecret,
        peerOf: (member: number) => `peer-${member}`,
        memberOf: (peer: PeerName) => Number(peer.slice('peer-'.length)),
        otherValidators: () => [],
      } as unknown as Epochs,
      network: {
        send: (_to: string, _channel: string, bytes: Uint8Array) => take(bytes),
        broadcast: (_channel: string, bytes: Uint8Array) => take(bytes),
        publish: async () => undefined,
        connectedPeers: () => [],
      } as unknown as PeerNetwork,
      bodies: this.bodies,
      mempool: this.mempool,
      system: new SystemPool({
        governance: fakeGovernance,
        anchor: () => anchor,
        delivered: () => anchor.base,
        secretOf: () => undefined,
        passOn: () => undefined,
        recorded: {},
        onRecorded: () => undefined,
        onChange: () => undefined,
      }),
      blocks: finalBlocks(this.order, this.bodies, () => this.backlog),
      certified: { stateReference: () => undefined, byHash: () => undefined } as unknown as CertifiedResults,
      logger: silentLogger(),
      onHalt: (code, vote) => this.halts.push([code, vote?.kind]),
      onDelivered: (_delivery, ids) => this.delivered.push(...ids),
      onEpoch: () => undefined,
      onFatal: (error) => {
        this.failure = error;
        this.#sent.resolve();
      },
      onEvidence: (evidence) => this.evidence.push(evidence),
    });
  }

  static async on(directory: string, position: ValidatorIndex = self): Promise<Run> {
    const records: WalRecord[] = [];
    const { log } = await WriteAheadLog.open(directory, {
      replicaKey,
      chainId,
      onRecord: ({ payload }) => records.push(decode(walRecordCodec, payload, payload.length)),
    });
    const run = new Run(log, records, position);
    running.push({ [Symbol.asyncDispose]: () => log.close() }, run.driver);
    for (const record of records) {
      if (record.kind === 'block' && record.body !== undefined) run.bodies.offer(block.id, record.header, record.body);
    }
    run.driver.start({ ask: () => undefined, askResultCertificate: () => undefined }, 0);
    return run;
  }

  /** Waits until something was sent for which the condition holds, or the driver failed. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition() && this.failure === undefined) await this.#sent.promise;
  }

  propose(proposed: TestBlock, body: readonly Uint8Array[]): void {
    const status = this.bodies.offer(proposed.id, proposed.header, body);
    this.driver.push(proposalEvent(proposed, status));
  }

  /** A client's transaction enters the pool. */
  offer(envelope: Uint8Array): void {
    this.mempool.add({ id: transactionId(envelope), envelope, expiryHeight: 100, source: 'client' });
    this.driver.tellAdded();
  }

  proposals(): number[] {
    return this.sent.flatMap((message) => (message.kind === 'proposal' ? [message.proposal.header.txCount] : []));
  }

  votes(kind: string): string[] {
    return this.sent.flatMap((message) =>
      message.kind === 'vote' && message.vote.kind === kind ? [message.vote.hash as string] : [],
    );
  }
}

const stop = async (): Promise<void> => {
  for (const each of running.splice(0).reverse()) await each[Symbol.asyncDispose]();
};

const body = [envelopeOf(1), envelopeOf(2)];
const block = headerOf(body, { timeMs: Date.now() });
const otherBody = [envelopeOf(3)];
const otherBlock = headerOf(otherBody, { timeMs: Date.now() + 1 });

describe('the consensus driver', () => {
  it('makes a vote durable, after the block that it is for, before it leaves', async () => {
    const directory = freshDirectory();
    const run = await Run.on(directory);
    run.propose(block, body);
    await run.until(() => run.votes('notarize').length > 0);
    expect(run.order.indexOf('sync')).toBeLessThan(run.order.indexOf('send vote'));
    expect(run.order.indexOf('append')).toBeLessThan(run.order.indexOf('sync'));
    const [message] = run.sent.filter(({ kind }) => kind === 'vote');
    if (message?.kind !== 'vote') throw new Error('no vote');
    expect(
      ed25519Verify(message.vote.signature, voteBytes(anchor.chainId, message.vote), ed25519PublicKey(validatorSecret)),
    ).toBe(true);
    await stop();
    const records: WalRecord[] = [];
    const { log } = await WriteAheadLog.open(directory, {
      replicaKey,
      chainId,
      mustExist: true,
      onRecord: ({ payload }) => records.push(decode(walRecordCodec, payload, payload.length)),
    });
    await log.close();
    expect(records.map(({ kind }) => kind).slice(0, 2)).toEqual(['block', 'vote']);
    expect(records[0]).toMatchObject({ kind: 'block', body });
  });

  it('repeats its vote after a crash and casts no other one in that view', async () => {
    const directory = freshDirectory();
    const before = await Run.on(directory);
    before.propose(block, body);
    await before.until(() => before.votes('notarize').length > 0);
    await stop();
    const after = await Run.on(directory);
    after.propose(otherBlock, otherBody);
    after.driver.push({
      kind: 'vote',
      vote: voteBy((self + 1) % 4, 'notarize', 1, otherBlock.id),
      from: ((self + 1) % 4) as never,
    });
    await after.until(() => after.sent.some(({ kind }) => kind === 'status'));
    expect(after.votes('notarize').filter((hash) => hash !== block.id)).toEqual([]);
    expect(after.driver.core.views.get(1 as never)?.own.notarize).toBe(block.id);
  });

  it('ends without a vote when the log cannot be made durable', async () => {
    const run = await Run.on(freshDirectory());
    await run.until(() => run.sent.length > 0);
    run.failSyncs = true;
    run.propose(block, body);
    await run.until(() => false);
    expect(String(run.failure)).toContain('disk full');
    expect(run.votes('notarize')).toEqual([]);
    run.failSyncs = false;
    run.propose(block, body);
    await Promise.resolve();
    expect(run.votes('notarize')).toEqual([]);
  });

  it('keeps the evidence of two proposals, and the body of the first alone', async () => {
    const run = await Run.on(freshDirectory());
    run.propose(block, body);
    await run.until(() => run.votes('notarize').length > 0);
    for (let number = 10; number < 40; number += 1) {
      const many = [envelopeOf(number, 2_000)];
      run.propose(headerOf(many, { timeMs: Date.now() + number }), many);
    }
    await run.until(() => run.sent.some(({ kind }) => kind === 'evidence'));
    await stop();
    expect(run.evidence).toMatchObject([{ rule: 'E1' }]);
    expect(run.bodies.size).toBe(1);
    expect(run.bodies.get(block.id, block.header)?.body).toEqual(body);
  });

  it('gathers more transactions into its block while execution is behind', async () => {
    const run = await Run.on(freshDirectory(), leaderAt(4, 1));
    await run.until(() => run.sent.length > 0);
    run.backlog = 2;
    run.offer(envelopeOf(1));
    await immediate();
    run.offer(envelopeOf(2));
    run.driver.tellExecuted();
    await immediate();
    expect(run.proposals()).toEqual([]);
    run.backlog = 1;
    run.driver.tellExecuted();
    await run.until(() => run.proposals().length > 0);
    expect(run.proposals()).toEqual([2]);
  });

  it('proposes in good time although execution does not catch up', async () => {
    const run = await Run.on(freshDirectory(), leaderAt(4, 1));
    run.backlog = 2;
    run.offer(envelopeOf(1));
    await run.until(() => run.proposals().length > 0);
    expect(run.proposals()).toEqual([1]);
  });

  it('asks for a body that was forgotten before its turn came', async () => {
    const run = await Run.on(freshDirectory());
    await run.until(() => run.sent.length > 0);
    const event: Event = proposalEvent(block, 'present');
    run.driver.push(event);
    run.driver.push({ kind: 'wake' });
    await run.until(() => run.driver.core.blocks.has(block.id) || run.sent.length > 1);
    expect(run.driver.core.blocks.get(block.id)?.body ?? 'absent').toBe('absent');
    expect(run.votes('notarize')).toEqual([]);
  });

  it('hands final blocks on only when the log knows durably that they are final', async () => {
    const run = await Run.on(freshDirectory());
    run.propose(block, body);
    await run.until(() => run.votes('notarize').length > 0);
    const from = run.order.length;
    const finalization = certificate(4, 'finalize', 1, block.id, self);
    run.driver.push({ kind: 'certificate', certificate: finalization, from: undefined });
    await run.until(() => run.order.includes('deliver') || run.sent.length > 9);
    await immediate();
    expect(
      run.order
        .slice(from)
        .filter((step) => ['append', 'sync', 'deliver'].includes(step))
        .slice(-3),
    ).toEqual(['append', 'sync', 'deliver']);
    expect(run.delivered).toEqual(body.map(transactionId));
  });

  it('tells a peer that it reaches its own open votes, then how far we are, and reminds it now and then', async () => {
    const run = await Run.on(freshDirectory());
    await run.until(() => run.sent.length > 0);
    const peer = ((self + 1) % 4) as ValidatorIndex;
    const vote = voteBy(peer, 'nullify', 1);
    run.driver.push({ kind: 'vote', vote, from: peer });
    await run.until(() => run.driver.core.views.get(1 as never)?.nullifyCount === 1);
    const told = (act: () => void): string[] => {
      const before = run.sent.length;
      act();
      return run.sent.slice(before).map(({ kind }) => kind);
    };
    expect(told(() => run.driver.greet(`peer-${peer}` as PeerName))).toEqual(['vote', 'status']);
    expect(run.sent.at(-2)).toMatchObject({ vote: { signer: peer, kind: 'nullify', view: 1 } });
    expect(told(() => run.driver.remind(peer, undefined))).toEqual([]);
    expect(told(() => run.driver.greet(`peer-${peer}` as PeerName))).toEqual(['vote', 'status']);
    expect(told(() => run.driver.remind(((self + 2) % 4) as ValidatorIndex, undefined))).toEqual([]);
  });

  it('says what its key signed elsewhere, and votes no more', async () => {
    const run = await Run.on(freshDirectory());
    run.driver.push({ kind: 'vote', vote: voteBy(self, 'finalize', 9, block.id), from: 0 as ValidatorIndex });
    await run.until(() => run.halts.length > 0 || run.sent.length > 3);
    run.propose(block, body);
    await run.until(() => run.driver.core.blocks.has(block.id));
    expect(run.halts).toEqual([['KEY_USED_TWICE', 'finalize']]);
    expect(run.votes('notarize')).toEqual([]);
  });
});
