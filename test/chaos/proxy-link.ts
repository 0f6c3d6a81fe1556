/**
 * One direction in which a validator dials another: a proxy on loopback that can be cut, stalled or slow. Bytes are
 * delayed, never lost or changed: the transport is TCP, where loss shows as delay.
 */
import { connect, createServer, type Server, type Socket } from 'node:net';
import type { Link, LinkState } from './ground.ts';

const OPEN: LinkState = { kind: 'open' };

interface Passage {
  readonly from: Socket;
  readonly to: Socket;
}

/** See the module comment. */
export class ProxyLink implements Link, AsyncDisposable {
  readonly from: number;
  readonly to: number;
  readonly #server: Server;
  readonly #passages = new Set<Passage>();
  #state: LinkState = OPEN;

  private constructor(from: number, to: number, server: Server) {
    this.from = from;
    this.to = to;
    this.#server = server;
  }

  /** Opens a link to a port of this machine. */
  static async open(from: number, to: number, port: number): Promise<ProxyLink> {
    const server = createServer({ pauseOnConnect: true });
    const link = new ProxyLink(from, to, server);
    server.on('connection', (accepted) => link.#accept(accepted, port));
    await new Promise<void>((resolve) => server.listen({ host: '127.0.0.1', port: 0 }, resolve));
    return link;
  }

  /** Port at which it is dialled. */
  get port(): number {
    const address = this.#server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  }

  /** Changes what happens from now on. */
  set(state: LinkState): void {
    this.#state = state;
    for (const { from, to } of this.#passages) {
      if (state.kind === 'cut') {
        from.destroy();
        to.destroy();
      } else if (state.kind === 'stalled') from.pause();
      else from.resume();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.set({ kind: 'cut' });
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #accept(accepted: Socket, port: number): void {
    if (this.#state.kind === 'cut') {
      accepted.destroy();
      return;
    }
    const dialled = connect({ host: '127.0.0.1', port });
    this.#pass({ from: accepted, to: dialled });
    this.#pass({ from: dialled, to: accepted });
  }

  #pass(passage: Passage): void {
    const { from, to } = passage;
    this.#passages.add(passage);
    from.on('data', (bytes: Buffer) => {
      const state = this.#state;
      if (state.kind === 'slow') setTimeout(() => to.write(bytes), state.delayMs);
      else to.write(bytes);
    });
    from.on('error', () => to.destroy());
    from.on('close', () => {
      this.#passages.delete(passage);
      to.destroy();
    });
    if (this.#state.kind !== 'stalled') from.resume();
  }
}
