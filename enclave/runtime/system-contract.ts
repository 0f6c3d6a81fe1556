/**
 * The built-in contract `system`: governed deployment of code, and what is deployed.
 *
 * A member proposes code with `deploy({ name, code, init })`, which counts as its own approval; members approve exactly
 * that code with exactly those parameters by `approve({ name, codeHash, init })`; at the threshold of the genesis the code
 * becomes the next version under that name and its `init` runs once. One code may be proposed with several `init`s. If `init` does not succeed, the approving call is refused and nothing
 * changed. Prices are flat: this code is trusted and bounded by the size of its arguments.
 */
import type { Hash } from '../../protocol/brand.ts';
import type { Call } from '../../protocol/call.ts';
import { domainHash, utf8 } from '../../protocol/hash.ts';
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
import { scan, type StateReader } from './state/reader.ts';
import { systemKeys } from './system-keys.ts';

const SYSTEM_GAS = 100_000;

/** What members consent to. */
interface Terms {
  readonly name: string;
  readonly codeHash: Hash;
  /** JSON text of the parameters that `init` gets. */
  readonly init: string;
}

interface Proposal {
  readonly proposer: string;
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

function proposalKey({ name, codeHash, init }: Terms): string {
  return systemKeys.proposal(name, codeHash, domainHash('cloister/contract-init', utf8(init)));
}

function deploy(machine: CallMachine, args: string, origin: CallOrigin, block: BlockState): CallResult {
  const fields = textFields(args, ['name', 'code']);
  if (fields === undefined) return refused('invalid_arguments');
  const { name = '', code = '' } = fields;
  if (!isContractName(name)) return refused('invalid_name');
  const codeHash = codeHashOf(code);
  const terms: Terms = { name, codeHash, init: initText(args) };
  if (block.state.get(proposalKey(terms)) !== undefined)
    return refused('already_proposed', JSON.stringify({ codeHash }));
  const overlay = new Overlay(block.state);
  overlay.set(systemKeys.code(codeHash), code);
  const proposal: Proposal = { proposer: origin.caller, approvals: [origin.caller] };
  return settle(machine, { terms, proposal }, origin, { ...block, state: overlay }, block.state);
}

function approve(machine: CallMachine, args: string, origin: CallOrigin, block: BlockState): CallResult {
  const fields = textFields(args, ['name', 'codeHash']);
  if (fields === undefined) return refused('invalid_arguments');
  const { name = '', codeHash = '' } = fields;
  const terms: Terms = { name, codeHash: codeHash as Hash, init: initText(args) };
  const text = block.state.get(proposalKey(terms));
  if (text === undefined) return refused(isProposed(block.state, terms) ? 'other_init' : 'unknown_proposal');
  const proposal = JSON.parse(text) as Proposal;
  if (proposal.approvals.includes(origin.caller)) return refused('already_approved');
  const approved = { ...proposal, approvals: [...proposal.approvals, origin.caller] };
  const overlay = new Overlay(block.state);
  return settle(machine, { terms, proposal: approved }, origin, { ...block, state: overlay }, block.state);
}

/** Whether the code is proposed under the name with any parameters. */
function isProposed(state: StateReader, { name, codeHash }: Terms): boolean {
  const range = {
    from: systemKeys.proposal(name, codeHash, ''),
    to: systemKeys.proposal(name, codeHash, '\uffff'),
    reverse: false,
  };
  return scan(state, range, 1).length > 0;
}

/** Records an approval, and activates the code when it was the last one needed; commits into `target` on success. */
function settle(
  machine: CallMachine,
  { terms, proposal }: { readonly terms: Terms; readonly proposal: Proposal },
  origin: CallOrigin,
  block: BlockState,
  target: Overlay,
): CallResult {
  const { name, codeHash, init } = terms;
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
    block.state.set(proposalKey(terms), JSON.stringify(proposal));
  } else {
    block.state.remove(proposalKey(terms));
    activate(block.state, deployment);
    const run = { contract: name, image, entry: 'init', method: 'init', args: init } as const;
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
