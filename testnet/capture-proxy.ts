/**
 * A TCP proxy that records what passes, each direction of each connection on its own: what an observer of a link sees.
 *
 * Bytes are passed on unchanged and in order. Recording ends with `stopRecording`; disposing closes every connection.
 */
import { createServer, connect, type AddressInfo, type Server, type Socket } from 'node:net';

/** One direction of one recorded connection. */
export interface Recording {
  readonly connection: number;
  readonly direction: 'there' | 'back';
  readonly bytes: Uint8Array;
}

interface Tape {
  readonly connection: number;
  readonly direction: Recording['direction'];
  readonly parts: Uint8Array[];
}

/** See the module comment. */
export class CaptureProxy implements AsyncDisposable {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #tapes: Tape[] = [];
  #connections = 0;
  #isRecording = true;

  private constructor(host: string, port: number) {
    this.#server = createServer({ noDelay: true }, (client) =>
      this.#join(client, connect({ host, port, noDelay: true })),
    );
  }

  /** Listens on a free loopback port and passes every connection on to the target. */
  static async start(target: { readonly host: string; readonly port: number }): Promise<CaptureProxy> {
    const proxy = new CaptureProxy(target.host, target.port);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    proxy.#server.once('error', reject);
    proxy.#server.listen(0, '127.0.0.1', resolve);
    await promise;
    return proxy;
  }

  /** Port on which the proxy listens. */
  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Everything recorded so far. */
  recordings(): Recording[] {
    return this.#tapes.map(({ connection, direction, parts }) => ({
      connection,
      direction,
      bytes: Buffer.concat(parts),
    }));
  }

  /** Goes on passing bytes, and forgets those that were recorded. */
  stopRecording(): void {
    this.#isRecording = false;
    this.#tapes.splice(0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#server.close(() => resolve());
    for (const socket of this.#sockets) socket.destroy();
    await promise;
  }

  #join(client: Socket, target: Socket): void {
    const connection = this.#connections++;
    this.#pass(client, target, { connection, direction: 'there', parts: [] });
    this.#pass(target, client, { connection, direction: 'back', parts: [] });
  }

  #pass(from: Socket, to: Socket, tape: Tape): void {
    this.#sockets.add(from);
    if (this.#isRecording) this.#tapes.push(tape);
    from.on('data', (bytes: Uint8Array) => {
      if (this.#isRecording) tape.parts.push(bytes);
    });
    from.pipe(to);
    // Either end may break at any time; the other then learns it the same way.
    from.on('error', () => to.destroy());
    from.on('close', () => {
      this.#sockets.delete(from);
      to.destroy();
    });
  }
}
