/**
 * Error codes of the ledger room.
 *
 * `data` names exactly what is wrong: `record` (kind), `height`, `segment`, `offset`, `reason`; never content or keys.
 */
import { defineErrors } from '../protocol/errors.ts';

/** Codes of the ledger and of the write-ahead log. */
export const ledgerErrors = defineErrors({
  LEDGER_LOCKED: {
    message: 'Another process has this ledger open.',
    hint: 'Stop the other node, or point this one at its own data directory.',
    retryable: true,
  },
  LEDGER_LAYOUT_UNSUPPORTED: {
    message: 'The ledger on disk has a layout that this version does not read.',
    hint: 'Run the version that wrote it, or let the node fetch the chain again into an empty directory.',
    retryable: false,
  },
  LEDGER_WRONG_CHAIN: {
    message: 'The ledger on disk belongs to another network.',
    hint: 'Check the genesis file and the data directory.',
    retryable: false,
  },
  LEDGER_WRONG_KEY: {
    message: 'The ledger on disk was written under another replica key.',
    hint: 'Restore the keystore that belongs to this data directory.',
    retryable: false,
  },
  LEDGER_CORRUPT: {
    message: 'A record of the ledger is missing, altered or in the wrong place.',
    hint: 'Run `cloister ledger verify` on the directory, then let the node fetch the chain again from its peers.',
    retryable: false,
  },
  LEDGER_TRUNCATED: {
    message: 'The ledger on disk ends before a height that was already made durable.',
    hint: 'Restore the missing files, or let the node fetch the chain again from its peers.',
    retryable: false,
  },
  LEDGER_GAP: {
    message: 'The height does not follow the one stored last.',
    hint: 'Store the missing heights first.',
    retryable: false,
  },
  LEDGER_CONFLICT: {
    message: 'The height is stored already with other content.',
    hint: 'Stop the node and keep both versions: two results for one height mean divergence.',
    retryable: false,
  },
  LEDGER_WRITE_FAILED: {
    message: 'Writing to the ledger failed.',
    hint: 'Check free space and health of the disk, then start the node again.',
    retryable: false,
  },
  LEDGER_CLOSED: {
    message: 'The ledger is closed.',
    hint: 'Open it again before use.',
    retryable: false,
  },
  LEDGER_INPUT_INVALID: {
    message: 'The block to store is outside the bounds of the ledger.',
    hint: 'Report it: the caller must check these bounds before it stores.',
    retryable: false,
  },
  WAL_CORRUPT: {
    message: 'The write-ahead log is damaged, so this key must not sign.',
    hint: 'Restore the log from the same disk, or run as an observer until the validator set changes.',
    retryable: false,
  },
  WAL_MISSING: {
    message: 'The write-ahead log existed and is gone, so this key must not sign.',
    hint: 'Restore the log from the same disk, or run as an observer until the validator set changes.',
    retryable: false,
  },
  WAL_WRONG_CHAIN: {
    message: 'The write-ahead log belongs to another network.',
    hint: 'Check the genesis file and the data directory.',
    retryable: false,
  },
  WAL_WRITE_FAILED: {
    message: 'Writing to the write-ahead log failed; nothing after the last completed sync is durable.',
    hint: 'Check free space and health of the disk, then start the node again.',
    retryable: false,
  },
  WAL_CLOSED: {
    message: 'The write-ahead log is closed.',
    hint: 'Open it again before use.',
    retryable: false,
  },
  KEY_IN_USE: {
    message: 'Another running process uses this validator key or its data directory.',
    hint: 'Stop the other process: two processes with one key would sign twice.',
    retryable: true,
  },
});
