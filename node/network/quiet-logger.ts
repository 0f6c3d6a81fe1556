/**
 * Silences libp2p: its log lines may carry foreign text, and what matters about peers is logged by our own room.
 */
import type { ComponentLogger, Logger } from '@libp2p/interface';

const nothing = (): void => undefined;

const quiet: Logger = Object.assign(nothing, {
  enabled: false,
  error: nothing,
  trace: nothing,
  newScope: (): Logger => quiet,
});

/** A libp2p logger that writes nothing. */
export const quietLogger: ComponentLogger = { forComponent: () => quiet };
