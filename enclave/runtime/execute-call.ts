/** Executes one call: of the system contract, or of a deployed one. */
import type { Call } from '../../protocol/call.ts';
import { type CallResult, failedCall } from './call-result.ts';
import { deploymentOf, SYSTEM_CONTRACT } from './contract-registry.ts';
import { type BlockState, type CallMachine, type CallOrigin, runContract } from './run-contract.ts';
import { runSystemCall } from './system-contract.ts';

/** Executes one call on the state of the block; its writes are in there afterwards when they count. */
export function executeCall(machine: CallMachine, call: Call, origin: CallOrigin, block: BlockState): CallResult {
  if (call.contract === SYSTEM_CONTRACT) return runSystemCall(machine, call, origin, block);
  const deployment = deploymentOf(block.state, call.contract);
  const image = deployment && machine.images.image(block.state, deployment.codeHash);
  if (image === undefined) return failedCall('UNKNOWN_CONTRACT');
  return runContract(
    machine,
    { contract: call.contract, image, entry: 'call', method: call.method, args: call.args },
    origin,
    block,
  );
}
