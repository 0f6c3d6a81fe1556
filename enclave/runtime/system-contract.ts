/**
 * The built-in contract `system`: governed deployment of code, and what is deployed.
 *
 * A member proposes code with `deploy({ name, code, init })`, which counts as its own approval; members approve the
 * exact code hash with `approve({ name, codeHash })`; at the threshold of the genesis the code becomes the next version
 * under that name and its `init` runs once. If `init` does not succeed, the approving call is refused and nothing
 * changed. Prices are flat: this code is trusted and bounded by the size of its arguments.
 */
import type { Hash } from '../../protocol/brand.ts';
import type { Call } from '../../protocol/call.ts';
import { type CallResult, failedCall, refusedCall } from './call-result.ts';
import {
  activate,
  codeHashOf,
  type Deployment,
  deploymentOf,
  deployments,
  isContractName,
  SYSTEM_CONTRACT,
} from './contract-registry.ts';
import { type BlockState, type CallMachine, type CallOrigin, runContract } from './run-contract.ts';
import { Overlay } from './state/overlay.ts';
import type { StateReader } from './state/reader.ts';
import { systemKeys } from './system-keys.ts';

const SYSTEM_GAS = 100_000;

interface Proposal {
  readonly proposer: string;
  /** JSON text of the parameters that `init` gets. */
  readonly init: string;
  readonly approvals: readonly string[];
}

const refused = (reason: string, detail?: string): CallResult => refusedCall(reason, detail, SYSTEM_GAS);

const answer = (value: unknown, gasUsed = SYSTEM_GAS): CallResult => ({
  outcome: { kind: 'ok', result: JSON.stringify(value) },
  gasUsed,
  messages: [],
  claims: '',
});

/** The named text fields of JSON arguments; undefined when they are anything else. */
function textFields(args: string, names: readonly string[]): Record<string, string> | undefined {
  let parsed: unknown;
  try {
    parsed = JSON.parse(args);
  } catch {
    return undefined;
  }
  if (typeof parsed !== 'object' || parsed === null) return undefined;
  const fields: Record<string, string> = {};
  for (const name of names) {
    const value: unknown = Object.getOwnPropertyDescriptor(parsed, name)?.value;
    if (typeof value !== 'string' || !value.isWellFormed()) return undefined;
    fields[name] = value;
  }
  return fields;
}

function initText(args: string): string {
  const parsed = JSON.parse(args) as { readonly init?: unknown };
  return JSON.stringify(parsed.init ?? null);
}

function deploy(machine: CallMachine, args: string, origin: CallOrigin, block: BlockState): CallResult {
  const fields = textFields(args, ['name', 'code']);
  if (fields === undefined) return refused('invalid_arguments');
  const { name = '', code = '' } = fields;
  if (!isContractName(name)) return refused('invalid_name');
  const codeHash = codeHashOf(code);
  const proposalKey = systemKeys.proposal(name, codeHash);
  if (block.state.get(proposalKey) !== undefined) return refused('already_proposed', JSON.stringify({ codeHash }));
  const overlay = new Overlay(block.state);
  overlay.set(systemKeys.code(codeHash), code);
  const proposal: Proposal = { proposer: origin.caller, init: initText(args), approvals: [origin.caller] };
  return settle(machine, { name, codeHash, proposal }, origin, { ...block, state: overlay }, block.state);
}

function approve(machine: CallMachine, args: string, origin: CallOrigin, block: BlockState): CallResult {
  const fields = textFields(args, ['name', 'codeHash']);
  if (fields === undefined) return refused('invalid_arguments');
  const { name = '', codeHash = '' } = fields;
  const text = block.state.get(systemKeys.proposal(name, codeHash));
  if (text === undefined) return refused('unknown_proposal');
  const proposal = JSON.parse(text) as Proposal;
  if (proposal.approvals.includes(origin.caller)) return refused('already_approved');
  const approved = { ...proposal, approvals: [...proposal.approvals, origin.caller] };
  const overlay = new Overlay(block.state);
  return settle(
    machine,
    { name, codeHash: codeHash as Hash, proposal: approved },
    origin,
    { ...block, state: overlay },
    block.state,
  );
}

/** Records an approval, and activates the code when it was the last one needed; commits into `target` on success. */
function settle(
  machine: CallMachine,
  { name, codeHash, proposal }: { readonly name: string; readonly codeHash: Hash; readonly proposal: Proposal },
  origin: CallOrigin,
  block: BlockState,
  target: Overlay,
): CallResult {
  const { threshold } = machine.governance;
  const approvals = proposal.approvals.length;
  const image = machine.images.image(block.state, codeHash);
  if (image === undefined) return refused('code_unusable');
  let gasUsed = SYSTEM_GAS;
  const previous = deploymentOf(block.state, name);
  const deployment: Deployment = {
    name,
    codeHash,
    version: (previous?.version ?? 0) + 1,
    activatedHeight: block.context.height,
  };
  if (approvals < threshold) {
    block.state.set(systemKeys.proposal(name, codeHash), JSON.stringify(proposal));
  } else {
    block.state.remove(systemKeys.proposal(name, codeHash));
    activate(block.state, deployment);
    const run = { contract: name, image, entry: 'init', method: 'init', args: proposal.init } as const;
    const result = runContract(machine, run, origin, {
      ...block,
      freeStateBytes: block.freeStateBytes - target.bytesDelta,
    });
    gasUsed += result.gasUsed;
    if (result.outcome.kind !== 'ok') return refusedCall('init_failed', JSON.stringify(result.outcome), gasUsed);
  }
  if (target.bytesDelta + block.state.bytesDelta > block.freeStateBytes) return failedCall('STATE_FULL', gasUsed);
  block.state.commitInto(target);
  const active = approvals >= threshold;
  return answer(
    { codeHash, approvals, threshold, active, ...(active ? { version: deployment.version } : {}) },
    gasUsed,
  );
}

/** Executes a call of the system contract. */
export function runSystemCall(machine: CallMachine, call: Call, origin: CallOrigin, block: BlockState): CallResult {
  if (call.method !== 'deploy' && call.method !== 'approve') return failedCall('UNKNOWN_METHOD', SYSTEM_GAS);
  if (!machine.governance.members.has(origin.caller)) return refused('forbidden');
  return call.method === 'deploy'
    ? deploy(machine, call.args, origin, block)
    : approve(machine, call.args, origin, block);
}

/** Answers a query of the system contract: `contracts` lists what is active. */
export function runSystemQuery(call: Call, state: StateReader): CallResult {
  if (call.contract !== SYSTEM_CONTRACT || call.method !== 'contracts') return failedCall('UNKNOWN_METHOD', SYSTEM_GAS);
  return answer(deployments(state));
}
