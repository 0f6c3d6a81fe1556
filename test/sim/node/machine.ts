/** A simulated machine: a disk that stays, and runs of the real node that come and go. */
import type { Genesis } from '../../../protocol/genesis.ts';
import { resolveConfig } from '../../../node/config.ts';
import { FRESH_CUSTODY, type KeyCustody } from '../../../node/custody.ts';
import { silentLogger } from '../../../node/logger.ts';
import { startNode } from '../../../node/node.ts';
import type { RunningNode } from '../../../node/running-node.ts';
import { secretOf } from '../../support/tiny-genesis.ts';
import { Disk } from './disk.ts';
import type { Host, SimProcess } from './host.ts';
import type { Links } from './links.ts';
import { NETWORK, partyOf } from './parties.ts';

/** What a machine is made with. */
export interface MachineOptions {
  readonly host: Host;
  readonly links: Links;
  readonly genesis: Genesis;
  readonly number: number;
  readonly skewMs: () => number;
  /** The node ended by itself. */
  readonly onEnd: (error: unknown) => void;
  /** A crash lost something. */
  readonly onLost: (what: string) => void;
}

const logger = silentLogger();

/** See the module comment. */
export class Machine {
  readonly disk = new Disk();
  readonly #options: MachineOptions;
  #custody: KeyCustody = FRESH_CUSTODY;
  #process: SimProcess | undefined;
  #node: RunningNode | undefined;

  constructor(options: MachineOptions) {
    this.#options = options;
  }

  get number(): number {
    return this.#options.number;
  }

  /** Does something with the node, where it has started: next, as an event of its own. */
  use(action: (node: RunningNode) => void): void {
    const { host } = this.#options;
    const node = this.#node;
    if (this.#process !== undefined && node !== undefined)
      host.later(this.#process, host.agenda.nowMs, () => action(node));
  }

  /** Starts the node unless it runs. */
  boot(): void {
    this.crashAfter(undefined);
    if (this.#process !== undefined || this.disk.isFull) return;
    const { host, number, skewMs } = this.#options;
    const process: SimProcess = {
      machine: number,
      disk: this.disk,
      startedMs: host.agenda.nowMs,
      skewMs,
      alive: true,
      fuse: undefined,
      kill: () => this.crash(),
    };
    this.#process = process;
    host.later(process, host.agenda.nowMs, () => this.#start(process));
  }

  /** Crashes after some more effects on disk and network, or not at all. */
  crashAfter(effects: number | undefined): void {
    if (this.#process !== undefined) this.#process.fuse = effects;
  }

  /** Kills the node and takes the power away. */
  crash(): void {
    const { host, links, onLost } = this.#options;
    const process = this.#process;
    if (process === undefined) return;
    process.alive = false;
    this.#process = undefined;
    this.#node = undefined;
    links.detach(process);
    for (const what of this.disk.crash(host.random)) onLost(what);
  }

  #start(process: SimProcess): void {
    const { genesis, number } = this.#options;
    const end = (error: unknown): void => {
      if (!process.alive) return;
      this.crash();
      this.#options.onEnd(error);
    };
    startNode({
      home: `/machine-${number}`,
      version: 'simulated',
      genesis,
      config: resolveConfig({}),
      keystore: {
        secrets: {
          validator: partyOf(number).validatorSecret,
          network: new Uint8Array(32).fill(number),
          replica: secretOf(`${NETWORK}/replica/${number}`),
          next: undefined,
        },
        custody: this.#custody,
      },
      keepKeystore: async ({ custody }) => {
        if (process.alive) this.#custody = custody;
      },
      logger,
      onFatal: end,
      onProgress: () => undefined,
    }).then((node) => {
      if (process.alive) this.#node = node;
    }, end);
  }
}
