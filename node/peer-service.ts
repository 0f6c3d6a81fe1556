/** What peers send beside agreement, and what they ask: every message goes to the part that it is for. */
import { decode, encode, type Infer } from '../protocol/codec.ts';
import type { GovernanceTransaction } from '../protocol/consensus/governance.ts';
import { isCloisterError } from '../protocol/errors.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { ConsensusInbox } from './consensus-inbox.ts';
import type { EnclaveSupervisor } from './enclave-supervisor.ts';
import type { PeerNetwork } from './network/network.ts';
import type { PeerName } from './network/types.ts';
import {
  bulkMessageCodec,
  MAX_BULK_MESSAGE_BYTES,
  PEER_METHOD,
  type PeerResponse,
  peerRequestCodec,
  peerResponseCodec,
} from './peer-messages.ts';
import { answerExecuted } from './result-import.ts';
import type { ResultsExchange } from './results-exchange.ts';
import type { SystemPool } from './system-pool.ts';
import type { Transactions } from './transactions.ts';

const MAX_PEER_REQUEST_BYTES = 64 * 1024;

/** The parts that messages are for. */
export interface PeerServiceOptions {
  readonly network: PeerNetwork;
  readonly ledger: Ledger;
  readonly inbox: ConsensusInbox;
  readonly transactions: Transactions;
  readonly exchange: ResultsExchange;
  readonly system: SystemPool;
  /** Undefined for an observer. */
  readonly enclave: EnclaveSupervisor | undefined;
}

/** Connects the peer network with the parts; from now on messages and requests are served. */
export const servePeers = (options: PeerServiceOptions): void => {
  const { network, inbox } = options;
  network.onMessage((peer, channel, bytes) => {
    if (channel === 'consensus') inbox.receive(peer, bytes);
    else takeBulk(options, peer, bytes);
  });
  network.onGossip('certificates', (_from, bytes) => inbox.gossip(bytes));
  network.handleRequest(PEER_METHOD, async (_peer, bytes) => encode(peerResponseCodec, await answer(options, bytes)));
};

const takeBulk = (
  { network, transactions, exchange, system }: PeerServiceOptions,
  peer: PeerName,
  bytes: Uint8Array,
) => {
  const message = decodeBulk(bytes);
  switch (message?.kind) {
    case undefined:
      return network.penalise(peer, 'malformed-message');
    case 'envelopes':
      return transactions.receive(peer, message.envelopes) ? undefined : network.penalise(peer, 'invalid-message');
    case 'result':
      return exchange.receive(peer, message.result) ? undefined : network.penalise(peer, 'invalid-signature');
    case 'governance':
      return takeGovernance(system, message.transaction) ? undefined : network.penalise(peer, 'invalid-message');
  }
};

/** False when the transaction breaks a rule; one that comes late is refused as well, at a price that does no harm. */
const takeGovernance = (system: SystemPool, transaction: GovernanceTransaction): boolean => {
  try {
    system.offer(transaction);
    return true;
  } catch (error) {
    if (isCloisterError(error, 'GOVERNANCE_REFUSED')) return false;
    throw error;
  }
};

const decodeBulk = (bytes: Uint8Array): Infer<typeof bulkMessageCodec> | undefined => {
  try {
    return decode(bulkMessageCodec, bytes, MAX_BULK_MESSAGE_BYTES);
  } catch {
    return undefined;
  }
};

const answer = async ({ ledger, exchange, enclave }: PeerServiceOptions, bytes: Uint8Array): Promise<PeerResponse> => {
  const request = decode(peerRequestCodec, bytes, MAX_PEER_REQUEST_BYTES);
  switch (request.kind) {
    case 'results':
      return exchange.answer(request.from, request.to);
    case 'receipts':
      return exchange.receipts(request.height);
    case 'executed':
      return answerExecuted(ledger, request.from, request.to, request.offset);
    case 'contribution':
      return { kind: 'contribution', contribution: enclave?.contributionFor(request.enclaveKey) };
    case 'epochKey':
      return { kind: 'epochKey', statement: enclave?.epochKey };
    case 'freshness':
      return { kind: 'freshness', answer: await enclave?.answerFreshness(request.challenge) };
  }
};
