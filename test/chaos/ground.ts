/** The ground that a network under chaos stands on: how validators reach one another, and what can be done to that. */
import type { LocalNetworkOptions } from '../../testnet/local-network.ts';

/** What a link does with what one validator sends to another. */
export type LinkState =
  | { readonly kind: 'open' }
  /** Nothing arrives; on loopback connections also end, and new ones are refused. */
  | { readonly kind: 'cut' }
  /** Connections stay, and nothing arrives. */
  | { readonly kind: 'stalled' }
  | { readonly kind: 'slow'; readonly delayMs: number }
  /** Every eighth packet is lost. */
  | { readonly kind: 'lossy' }
  /** So little passes that packets queue and are dropped. */
  | { readonly kind: 'thin' };

/** What validator `from` sends to validator `to`, by index. */
export interface Link {
  readonly from: number;
  readonly to: number;
  set(state: LinkState): void | Promise<void>;
}

/** A disk of bounded size under the home of one validator. */
export interface Disk {
  /** Leaves no byte free. */
  fill(): Promise<void>;
  free(): Promise<void>;
}

/** See the module comment. */
export interface Ground extends AsyncDisposable {
  readonly kind: 'loopback' | 'namespaces';
  /** States of links that this ground has beside open and cut, as faults of every link. */
  readonly bad: readonly Exclude<LinkState, { readonly kind: 'open' | 'cut' }>[];
  /** Links known so far: on loopback one is made when it is first dialled. */
  readonly links: readonly Link[];
  readonly wiring: Pick<LocalNetworkOptions, 'addressOf' | 'machineOf'>;
  /** Bounds the disk of a founded home; undefined where this ground cannot. */
  readonly boundDisk: ((home: string) => Promise<Disk>) | undefined;
}

const CLOCK = new URL('shifted-clock.ts', import.meta.url).href;

/** Node with a wall clock that the file of a validator shifts. */
export const nodeWithClock = (clockFile: string): string[] => [
  process.execPath,
  '--import',
  `${CLOCK}?${new URLSearchParams({ file: clockFile })}`,
];
