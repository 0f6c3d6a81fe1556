/**
 * Runs one entry of a contract in its own overlay: all of its writes, or none.
 *
 * A refused call may keep what it appended to audit logs, when the contract says so. A call that fails for any reason
 * changes nothing. The outcome is a function of state, call, block and epoch secret, the same on every replica.
 */
import type { BlockHash, PublicKey, TransactionId } from '../../protocol/brand.ts';
import type { Outcome } from '../../protocol/call.ts';
import { utf8Length } from '../../protocol/hex.ts';
import { outcomeFits } from '../../protocol/sealed-output.ts';
import { type CallResult, failedCall, refusedCall } from './call-result.ts';
import { CallHost } from './contract-host.ts';
import type { ImageCache } from './contract-registry.ts';
import { CallRandomness, type EpochKeys } from './epoch-keys.ts';
import { Overlay } from './state/overlay.ts';
import { contractPrefix } from './system-keys.ts';
import { AUDIT_KEY_PREFIX, type RunRequest } from './vm/execution.ts';
import type { ContractImage, ContractVm } from './vm/contract-vm.ts';

/** The block as calls see it. */
export interface BlockContext {
  readonly blockHash: BlockHash;
  readonly height: number;
  readonly timeMs: number;
}

/** Who governs the network. */
export interface Governance {
  readonly members: ReadonlySet<string>;
  readonly threshold: number;
}

/** What executing calls needs beside state. */
export interface CallMachine {
  readonly vm: ContractVm;
  readonly images: ImageCache;
  readonly keys: EpochKeys;
  readonly governance: Governance;
}

/** One call with its origin. */
export interface CallOrigin {
  readonly caller: PublicKey;
  readonly transactionId: TransactionId;
}

/** The state of the block being executed, and what calls may still add to it. */
export interface BlockState {
  readonly context: BlockContext;
  readonly state: Overlay;
  /** Accounted bytes by which the block may grow the committed state. */
  readonly freeStateBytes: number;
  readonly maxGasPerCall: number;
  readonly outputBudget: OutputBudget;
}

/** Most bytes that the sealed outputs of a block may take: with write set and receipts they fit into one frame. */
const MAX_BLOCK_OUTPUT_BYTES = 56 * 1024 * 1024;
/** Bytes that sealing adds to an output: key encapsulation, tag, encoding. */
const SEALED_OVERHEAD_BYTES = 2048;
/** Padding to a power of two at most doubles an output. */
const PADDING_FACTOR = 2;

/** What the outputs of a block may still take. Outputs of failed calls are small and not counted. */
export class OutputBudget {
  #remainingBytes = MAX_BLOCK_OUTPUT_BYTES;

  /** Takes room for outputs with these texts; false, taking nothing, when there is not enough. */
  take(texts: readonly string[]): boolean {
    let needed = 0;
    for (const text of texts) needed += SEALED_OVERHEAD_BYTES + PADDING_FACTOR * utf8Length(text);
    if (needed > this.#remainingBytes) return false;
    this.#remainingBytes -= needed;
    return true;
  }
}

/** One entry to run. */
export interface ContractRun {
  readonly contract: string;
  readonly image: ContractImage;
  readonly entry: 'init' | 'call';
  readonly method: string;
  readonly args: string;
}

/** Most bytes that the writes of a block may take before padding and sealing, at the widest encoding of text. */
const MAX_BLOCK_WRITE_BYTES = 28 * 1024 * 1024;

/** Keeps of a refused call's writes those to audit logs alone. */
function keepAudit(writes: Overlay, target: Overlay, contract: string): void {
  const prefix = contractPrefix(contract) + AUDIT_KEY_PREFIX;
  for (const [key, value] of writes.writes()) {
    if (key.startsWith(prefix) && value !== undefined) target.set(key, value);
  }
}

/** Runs one entry of a contract on `block` state; commits its writes into it when they count. */
export function runContract(machine: CallMachine, run: ContractRun, origin: CallOrigin, block: BlockState): CallResult {
  const overlay = new Overlay(block.state);
  const randomness = new CallRandomness(machine.keys, block.context.blockHash, origin.transactionId, origin.caller);
  const budget = {
    stateBytes: block.freeStateBytes - block.state.bytesDelta,
    writeBytes: MAX_BLOCK_WRITE_BYTES - block.state.writeBytes,
  };
  const { height, timeMs } = block.context;
  const host = new CallHost(run.contract, overlay, budget, height, (length) => randomness.next(length));
  const context = { caller: origin.caller, height, timeMs, transactionId: origin.transactionId };
  const request: RunRequest = { entry: run.entry, method: run.method, args: run.args, context };
  const result = machine.vm.run(run.image, request, host, block.maxGasPerCall);
  if (result.status === 'failed') return failedCall(result.code, result.gasUsed);
  if (result.status === 'refused') {
    if (result.keepAudit) keepAudit(overlay, block.state, run.contract);
    return boundedRefusal(result.reason, result.detail, result.gasUsed);
  }
  const outcome: Outcome = { kind: 'ok', result: result.result };
  if (!outcomeFits(outcome)) return failedCall('RESULT_TOO_LARGE', result.gasUsed);
  const texts = host.messages.map((message) => (message.outcome.kind === 'message' ? message.outcome.json : ''));
  if (!block.outputBudget.take([result.result, ...texts])) return failedCall('BLOCK_OUTPUTS_FULL', result.gasUsed);
  overlay.commitInto(block.state);
  return { outcome, gasUsed: result.gasUsed, messages: host.messages, claims: host.claims };
}

/** A refusal whose words fit into a sealed outcome; otherwise a failure that says so. */
function boundedRefusal(reason: string, detail: string | undefined, gasUsed: number): CallResult {
  const refused = refusedCall(reason, detail, gasUsed);
  return outcomeFits(refused.outcome) ? refused : failedCall('RESULT_TOO_LARGE', gasUsed);
}
