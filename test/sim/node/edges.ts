/**
 * Stand-ins for the edges of a node's process that a simulation does without: HTTP servers, metrics, the files of
 * simulated processors, the measurement of the enclave's bundle, operating-system locks and peer ids of libp2p.
 */
import { toHex } from '../../../protocol/hex.ts';
import type { PeerName } from '../../../node/network/types.ts';

class Server implements AsyncDisposable {
  static start = async (): Promise<Server> => new Server();
  readonly port = 0;
  async [Symbol.asyncDispose](): Promise<void> {}
}

/** For `node/api/server.ts`. */
export const ApiServer = Server;
/** For `node/api/operations.ts`. */
export const OperationsServer = Server;

const cell = { add: () => undefined, set: () => undefined, observe: () => undefined };
const instrument = { with: () => cell };

/** For `node/metrics.ts`. */
export class MetricsRegistry {
  registerProcessMetrics(): void {}
  register(): object {
    return new Proxy({}, { get: () => instrument });
  }
}

/** For `node/enclave-measurement.ts`. */
export const checkMeasurement = async (): Promise<void> => undefined;

/** For `node/simulated-processor.ts`. */
export const readProcessor = async () => ({ secret: new Uint8Array(32), certificate: new Uint8Array(1) });

/** For `enclave/host/launch.ts`. */
export const namespacesAvailable = async (): Promise<boolean> => false;

/** For `node/network/identity.ts`: the machine's number is the first byte of its secret. */
export const peerIdFromSecret = async (secret: Uint8Array): Promise<PeerName> =>
  `peer-${Number.parseInt(toHex(secret.subarray(0, 1)), 16)}` as PeerName;

/** For `node:net`: the lock of a key on one machine. */
export const createServer = () => ({
  once: () => undefined,
  listen: (_name: string, done: () => void) => done(),
  unref: () => undefined,
  close: (done: () => void) => done(),
});

/** For `node/metrics.ts`: declarations as they are. */
export const defineMetrics = <T>(group: T): T => group;
