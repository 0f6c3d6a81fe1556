/** What a started node is to whoever started it. */
import type { ChainId } from '../protocol/brand.ts';
import type { NodeService } from './api-service.ts';

/** Where a running node is reached. */
export interface NodeAddresses {
  readonly api: string;
  readonly operations: string;
  readonly p2p: string;
}

/** A running node. */
export interface RunningNode extends AsyncDisposable {
  readonly chainId: ChainId;
  /** Own name in the present configuration. */
  readonly name: string | undefined;
  readonly addresses: NodeAddresses;
  readonly service: NodeService;
  /** Process id of the enclave, while it runs. */
  enclavePid(): number | undefined;
}
