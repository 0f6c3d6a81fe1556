/**
 * Governing a network: members propose changes of the configuration, sign them and see them carried out. What a node says
 * about waiting changes is a claim; a change counts as carried out only once the epoch that it leads to is proven.
 */
import { type PendingChange, pendingChangeShape, pendingChangesShape } from '../protocol/api.ts';
import type { Hash } from '../protocol/brand.ts';
import { height } from '../protocol/brand.ts';
import { decode, encode } from '../protocol/codec.ts';
import type { Configuration } from '../protocol/consensus/configuration.ts';
import {
  type Change,
  type ChangeList,
  changeListId,
  changeListOf,
  encodeChangeList,
  type GovernanceTransaction,
  governanceBytes,
  governanceTransactionCodec,
} from '../protocol/consensus/governance.ts';
import type { Genesis } from '../protocol/genesis.ts';
import { fromBase64, toBase64 } from '../protocol/json-shape.ts';
import { MAX_PENDING_CHANGES, MAX_SYSTEM_TRANSACTION_BYTES } from '../protocol/limits.ts';
import type { Account } from './account.ts';
import { walletErrors } from './errors.ts';
import type { NetworkInternals } from './internals.ts';
import { pause } from './scheduling.ts';
import { readAnswer } from './transport.ts';

/** Blocks within which a proposal must be carried out unless asked otherwise: about a day at one block in ten seconds. */
export const CHANGE_EXPIRY_BLOCKS = 10_000;
const MAX_ANSWER_BYTES = 2 * MAX_PENDING_CHANGES * MAX_SYSTEM_TRANSACTION_BYTES;
const TIMEOUT_MS = 10_000;
const POLL_MS = 250;

/** A change that waits, as a node claims it. */
export interface WaitingChange {
  readonly id: Hash;
  readonly changeList: ChangeList;
  readonly signatures: number;
  readonly threshold: number;
  /** What is missing, in words; empty when the next block may carry it. */
  readonly waitingFor: string;
}

/** Position of an account among the members that govern. Throws NOT_A_MEMBER. */
const memberOf = ({ members }: Genesis, { publicKey }: Account): number => {
  const member = members.findIndex(({ key }) => key === publicKey);
  if (member < 0) throw walletErrors.error('NOT_A_MEMBER');
  return member;
};

const transactionOf = (pending: PendingChange): GovernanceTransaction => {
  try {
    return decode(governanceTransactionCodec, fromBase64(pending.transaction), MAX_SYSTEM_TRANSACTION_BYTES);
  } catch (cause) {
    throw walletErrors.error('ANSWER_MALFORMED', { part: 'governance' }, cause);
  }
};

const waitingChange = (pending: PendingChange): WaitingChange => {
  const { changeList: encoded } = transactionOf(pending);
  const changeList = changeListOf({ changeList: encoded });
  if (changeList === undefined || changeListId(encoded) !== pending.id)
    throw walletErrors.error('ANSWER_MALFORMED', { part: 'governance' });
  const { id, signatures, threshold, waitingFor } = pending;
  return { id, changeList, signatures, threshold, waitingFor };
};

/** Governance of one connected network. */
export class NetworkGovernance {
  readonly #network: NetworkInternals;

  constructor(network: NetworkInternals) {
    this.#network = network;
  }

  /** Changes that wait for signatures or for a block. */
  async waiting(): Promise<readonly WaitingChange[]> {
    return (await this.#pending()).map(waitingChange);
  }

  /** Proposes changes of the present configuration, signed by members. */
  async propose(
    members: readonly Account[],
    changes: readonly Change[],
    expiryBlocks = CHANGE_EXPIRY_BLOCKS,
  ): Promise<WaitingChange> {
    const { verified, client } = this.#network;
    await verified.epochs.follow(client);
    await this.#network.refreshHeight();
    const changeList = encodeChangeList({
      chainId: verified.chainId,
      epoch: verified.epochs.newest.epoch,
      expiryHeight: height(this.#network.presentHeight() + expiryBlocks),
      changes,
    });
    return this.#submit(this.#signed(changeList, members));
  }

  /** Adds a member's signature to a change that waits. Throws UNKNOWN_CHANGE. */
  async approve(member: Account, id: string): Promise<WaitingChange> {
    const pending = (await this.#pending()).find((change) => change.id === id);
    if (pending === undefined) throw walletErrors.error('UNKNOWN_CHANGE', { id });
    return this.#submit(this.#signed(transactionOf(pending).changeList, [member]));
  }

  /** Waits until an epoch after `epoch` is proven, and returns its configuration. Throws OUTCOME_UNKNOWN in the end. */
  async carriedOut(epoch: number, waitMs: number): Promise<Configuration> {
    const { verified, client } = this.#network;
    const deadline = performance.now() + waitMs;
    for (;;) {
      await verified.epochs.follow(client);
      const { configuration } = verified.epochs.newest;
      if (configuration.epoch > epoch) return configuration;
      if (performance.now() > deadline) throw walletErrors.error('OUTCOME_UNKNOWN', { epoch });
      await pause(POLL_MS);
    }
  }

  #signed(changeList: Uint8Array, members: readonly Account[]): GovernanceTransaction {
    const { chainId, genesis } = this.#network.verified;
    const message = governanceBytes(chainId, changeList);
    const signatures = members
      .map((account) => ({ member: memberOf(genesis, account), signature: account.sign(message) }))
      .sort((a, b) => a.member - b.member);
    return { changeList, signatures, readiness: [] };
  }

  async #pending(): Promise<readonly PendingChange[]> {
    return (await this.#network.client.get('/v1/governance', pendingChangesShape, MAX_ANSWER_BYTES)).changes;
  }

  async #submit(transaction: GovernanceTransaction): Promise<WaitingChange> {
    const answer = await this.#network.client.send({
      method: 'POST',
      path: '/v1/governance',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ transaction: toBase64(encode(governanceTransactionCodec, transaction)) }),
      timeoutMs: TIMEOUT_MS,
      maxAnswerBytes: MAX_ANSWER_BYTES,
    });
    return waitingChange(readAnswer(answer.bytes, pendingChangeShape));
  }
}
