/**
 * Executes one final block: opens its envelopes, runs the calls in order, seals what they led to, and signs the result.
 *
 * Invariants: a function of (state, block, epoch secret) alone; every transaction of the block has exactly one receipt,
 * at its index; numbers and nonces are used up even by calls that fail; state changes once, at the end.
 */
import type { TransactionId } from '../../protocol/brand.ts';
import type { Call } from '../../protocol/call.ts';
import type { ChainPoint, Configuration } from '../../protocol/consensus/configuration.ts';
import { openEnvelope } from '../../protocol/envelope-open.ts';
import { type EnvelopeForm, parseEnvelope } from '../../protocol/envelope.ts';
import { merkleRoot } from '../../protocol/merkle.ts';
import { type ResultStatement, writeSetHash } from '../../protocol/result.ts';
import { expiryFault } from './admit.ts';
import { type CallResult, failedCall } from './call-result.ts';
import { callerBounds } from './caller-bounds.ts';
import { executeCall } from './execute-call.ts';
import type { OpenedCall } from './opened-calls.ts';
import { registerRecipient } from './recipients.ts';
import { earlierAttempt, isSpent, pruneReplays, rememberAttempt, spend, spentCount } from './replay.ts';
import { openingKeys, type Replica } from './replica.ts';
import { type BlockState, type CallOrigin, OutputBudget } from './run-contract.ts';
import { type ReplyTo, type SealedResult, sealResult } from './seal-result.ts';
import { Overlay } from './state/overlay.ts';
import { sealWriteSet } from './write-set.ts';

/** A block that the light client accepted. */
export interface AcceptedBlock {
  /** Configuration of the block's epoch. */
  readonly configuration: Configuration;
  readonly point: ChainPoint;
  readonly transactionIds: readonly TransactionId[];
  readonly body: readonly Uint8Array[];
}

/** What executing a block produced. */
export interface ExecutedBlock {
  readonly statement: ResultStatement;
  readonly calls: readonly SealedResult[];
  readonly sealedWriteSet: Uint8Array;
}

interface Replied {
  readonly result: CallResult;
  readonly replyTo: ReplyTo;
}

/** State that a call outside sessions may add by itself: nonce, reply key, session. */
const ONE_SHOT_STATE_BYTES = 16 * 1024;

/** A form for envelopes so malformed that they have none; validators never put one into a block. */
const FORMLESS: EnvelopeForm = { kind: 'sealed', suite: 0, enc: new Uint8Array(0) };

function openForExecution(
  replica: Replica,
  block: BlockState,
  bytes: Uint8Array,
  id: TransactionId,
): OpenedCall | EnvelopeForm {
  const held = replica.openedCalls.take(id);
  // A session may be gone since its call was admitted; then it is opened again, in vain.
  const usable =
    held?.opened.verdict !== 'session-call' ||
    replica.sessions.find(block.state, held.opened.session.id, block.context.height) !== undefined;
  if (held !== undefined && usable) return held;
  const parsed = parseEnvelope(bytes, replica.chainId);
  if (parsed.verdict === 'rejected') return FORMLESS;
  const opened = openEnvelope(parsed, openingKeys(replica, block.state, block.context.height));
  if (opened.verdict === 'rejected') return parsed.envelope.form;
  return { opened, expiryHeight: parsed.envelope.expiryHeight };
}

/** Runs a call once per idempotency key of its caller. */
function runOnce(replica: Replica, block: BlockState, call: Call, origin: CallOrigin): CallResult {
  const key = call.idempotencyKey;
  if (key === undefined) return executeCall(replica.machine, call, origin, block);
  if (earlierAttempt(block.state, origin.caller, key) !== undefined) return failedCall('ALREADY_EXECUTED');
  const result = executeCall(replica.machine, call, origin, block);
  if (result.outcome.kind === 'ok')
    rememberAttempt(block.state, origin.caller, key, origin.transactionId, block.context.height);
  return result;
}

function runSessionCall(
  replica: Replica,
  block: BlockState,
  { opened, expiryHeight }: OpenedCall & { readonly opened: { readonly verdict: 'session-call' } },
): CallResult {
  const { session, counter, call, transactionId } = opened;
  if (!replica.sessions.use(block.state, session.id, counter)) return failedCall('REPLAYED');
  const expiry = expiryFault(expiryHeight, block.context.height);
  return expiry === undefined
    ? runOnce(replica, block, call, { caller: session.caller, transactionId })
    : failedCall(expiry);
}

function runOneShot(
  replica: Replica,
  block: BlockState,
  { opened, expiryHeight }: OpenedCall & { readonly opened: { readonly verdict: 'call' | 'session-opening' } },
): CallResult {
  const { transactionId, nonce, replyKey } = opened;
  const caller = opened.verdict === 'call' ? opened.caller : opened.session.caller;
  const expiry = expiryFault(expiryHeight, block.context.height);
  if (expiry !== undefined) return failedCall(expiry);
  const oneShot = { expiryHeight, caller, nonce };
  if (isSpent(block.state, oneShot)) return failedCall('REPLAYED');
  const { height } = block.context;
  const bounds = callerBounds(replica.parameters);
  const hasRoom = block.freeStateBytes - block.state.bytesDelta >= ONE_SHOT_STATE_BYTES;
  if (!hasRoom || spentCount(block.state) >= bounds.nonces) return failedCall('STATE_FULL');
  spend(block.state, oneShot);
  registerRecipient(block.state, caller, replyKey, { height, maximum: bounds.replyKeys });
  if (opened.verdict === 'call') return runOnce(replica, block, opened.call, { caller, transactionId });
  const lifetime = height + replica.parameters.sessionLifetimeBlocks;
  const expiryOfSession = Math.min(opened.session.expiryHeight, lifetime) as typeof opened.session.expiryHeight;
  const session = { ...opened.session, expiryHeight: expiryOfSession };
  const fault = replica.sessions.open(block.state, session, { height, maximum: bounds.sessions });
  if (fault !== undefined) return failedCall(fault);
  if (opened.firstCall !== undefined) return runOnce(replica, block, opened.firstCall, { caller, transactionId });
  return {
    outcome: { kind: 'ok', result: JSON.stringify({ expiryHeight: expiryOfSession }) },
    gasUsed: 0,
    messages: [],
    claims: '',
  };
}

function isOpened(found: OpenedCall | EnvelopeForm): found is OpenedCall {
  return 'opened' in found;
}

function runTransaction(replica: Replica, block: BlockState, bytes: Uint8Array, id: TransactionId): Replied {
  const found = openForExecution(replica, block, bytes, id);
  if (!isOpened(found)) return { result: failedCall('UNREADABLE'), replyTo: { kind: 'nobody', form: found } };
  const { opened, expiryHeight } = found;
  if (opened.verdict === 'session-call') {
    return {
      result: runSessionCall(replica, block, { opened, expiryHeight }),
      replyTo: { kind: 'session', session: opened.session },
    };
  }
  const result = runOneShot(replica, block, { opened, expiryHeight });
  const replyTo: ReplyTo =
    opened.verdict === 'call'
      ? { kind: 'key', replyKey: opened.replyKey }
      : { kind: 'session', session: opened.session };
  return { result, replyTo };
}

/** Executes a block and commits its writes. The caller advances the light client and signs the statement. */
export function executeBlock(
  replica: Replica,
  { configuration, point, transactionIds, body }: AcceptedBlock,
): ExecutedBlock {
  const { state, keys, sessions, genesis } = replica;
  replica.parameters = configuration.parameters;
  const overlay = new Overlay(state);
  const block: BlockState = {
    context: { blockHash: point.id, height: point.height, timeMs: point.timeMs },
    state: overlay,
    freeStateBytes: replica.parameters.maxStateBytes - state.bytes,
    maxGasPerCall: replica.parameters.maxGasPerCall,
    outputBudget: new OutputBudget(),
  };
  sessions.prune(overlay, point.height);
  pruneReplays(overlay, point.height);
  const calls = transactionIds.map((transactionId, index) => {
    const { result, replyTo } = runTransaction(replica, block, body[index] ?? new Uint8Array(0), transactionId);
    return sealResult(keys, result, replyTo, { transactionId, index });
  });
  sessions.flush(overlay, point.height);
  const writes = [...overlay.writes()];
  const sealedWriteSet = sealWriteSet(keys, point.height, writes);
  const stateRoot = state.apply(writes);
  const statement: ResultStatement = {
    chainId: replica.chainId,
    epoch: configuration.epoch,
    height: point.height,
    blockHash: point.id,
    timeMs: point.timeMs,
    stateRoot,
    receiptsRoot: merkleRoot(calls.map((call) => call.receipt)),
    writeSetHash: writeSetHash(sealedWriteSet),
    measurement: genesis.measurement,
    platform: genesis.platform,
  };
  return { statement, calls, sealedWriteSet };
}
