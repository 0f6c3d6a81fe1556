/**
 * One enclave's replica of the network: keys, committed state and what is derived from it.
 *
 * Everything that execution, admission, queries and restoring share. State changes only through `apply`, by an executed
 * block or a restored write set, one height at a time; parameters change with the epoch of the next block.
 */
import type { ChainId, Epoch } from '../../protocol/brand.ts';
import type { EnvelopeKeys } from '../../protocol/envelope-open.ts';
import type { Genesis, Parameters } from '../../protocol/genesis.ts';
import type { HpkeSuite } from '../../protocol/hpke.ts';
import { ImageCache } from './contract-registry.ts';
import type { EpochKeys } from './epoch-keys.ts';
import { OpenedCalls } from './opened-calls.ts';
import type { CallMachine } from './run-contract.ts';
import { SessionTable } from './sessions.ts';
import { CommittedState } from './state/committed-state.ts';
import type { StateReader } from './state/reader.ts';
import type { ContractVm } from './vm/contract-vm.ts';

const MAX_OPENED_CALLS = 16_384;
const MAX_OPENED_BYTES = 64 * 1024 * 1024;

/** The replica. */
export interface Replica {
  readonly chainId: ChainId;
  readonly genesis: Genesis;
  readonly keys: EpochKeys;
  /** Those of the epoch of the last block, and of the next one while that is not known. */
  parameters: Parameters;
  readonly state: CommittedState;
  readonly sessions: SessionTable;
  readonly openedCalls: OpenedCalls;
  readonly machine: CallMachine;
}

/** An empty replica at genesis. */
export function newReplica(chainId: ChainId, genesis: Genesis, keys: EpochKeys, vm: ContractVm): Replica {
  return {
    chainId,
    genesis,
    keys,
    parameters: genesis.parameters,
    state: new CommittedState(keys.stateDigestKey),
    sessions: new SessionTable(),
    openedCalls: new OpenedCalls(MAX_OPENED_CALLS, MAX_OPENED_BYTES),
    machine: {
      vm,
      images: new ImageCache(vm),
      keys,
      governance: { members: new Set(genesis.members.map((member) => member.key)), threshold: genesis.threshold },
    },
  };
}

/** The keys with which envelopes and queries are opened against a layer of state at a height. */
export function openingKeys(replica: Replica, state: StateReader, height: number): EnvelopeKeys {
  return {
    chainId: replica.chainId,
    epochKey: (keyEpoch: Epoch, suite: HpkeSuite) =>
      keyEpoch === replica.keys.epoch ? replica.keys.envelopeKem[suite] : undefined,
    session: (id) => replica.sessions.find(state, id, height),
  };
}
