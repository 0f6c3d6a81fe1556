/**
 * What a validator finds on its disk at start: the log of its votes, its ledger, and whether its key may sign.
 *
 * The key's lock is taken first, so that nothing is even read while another process uses the key. A ledger is never
 * ahead of its log (see the driver), so a log that was put back to an earlier moment is noticed here.
 */
import { type BlockHash, type ChainId, height as asHeight, type PublicKey } from '../protocol/brand.ts';
import { decode } from '../protocol/codec.ts';
import type { EpochAnchor } from '../protocol/consensus/configuration.ts';
import { recordEpoch, recordView, type WalRecord, walRecordCodec } from '../protocol/consensus/wal-record.ts';
import { isCloisterError } from '../protocol/errors.ts';
import { MAX_READINESS_AGE_BLOCKS } from '../protocol/limits.ts';
import { basePoint, type FinalPoint } from '../consensus/state.ts';
import { KeyLock } from '../ledger/key-lock.ts';
import { Ledger } from '../ledger/ledger.ts';
import { WriteAheadLog } from '../ledger/wal.ts';
import { custodyFault, FRESH_CUSTODY, type LogCustody, readCustodyRecord } from './custody.ts';
import { nodeErrors } from './errors.ts';
import { homePaths } from './home.ts';
import { type NodeKeystore, validatorKeysOf, validatorSecretsOf } from './keystore.ts';
import { RunCounter } from './run-counter.ts';
import { readHeaderRecord, readStoredBlock } from './stored-blocks.ts';

/** Log and ledger of a home, opened under the lock of its key. Disposing closes both. */
export interface SigningState extends AsyncDisposable {
  readonly ledger: Ledger;
  readonly wal: WriteAheadLog;
  readonly records: readonly WalRecord[];
  /** Counter of the starts of this home. */
  readonly runs: RunCounter;
  /** What the log says last of the key, and of the one that is to follow it. */
  readonly custody: LogCustody | undefined;
  readonly nextCustody: LogCustody | undefined;
}

/** A home to open. */
export interface SigningHome extends NodeKeystore {
  readonly home: string;
  readonly chainId: ChainId;
  /** Lock of the key and this home, where the caller holds it; released with what is opened. */
  readonly lock?: KeyLock;
}

/** Whether the log knows that a view, or a later one, is final. */
const knowsFinal = (records: readonly WalRecord[], epoch: number, view: number): boolean =>
  records.some((record) => {
    if (record.kind !== 'finalized' && record.kind !== 'closing') return false;
    const known = recordEpoch(record);
    return known > epoch || (known === epoch && recordView(record) >= view);
  });

const checkAge = (ledger: Ledger, records: readonly WalRecord[]): void => {
  const head = ledger.head().finalisedHeight;
  const header = head === 0 ? undefined : readHeaderRecord(ledger, head)?.header;
  if (header === undefined || knowsFinal(records, header.epoch, header.view)) return;
  throw nodeErrors.error('UNSAFE_TO_SIGN', {
    reason: 'the log of votes is older than the ledger',
    height: head,
    view: header.view,
  });
};

/**
 * Opens log and ledger; the key may still be one that must not sign. Throws KEY_IN_USE, codes of the log and of the
 * ledger, or UNSAFE_TO_SIGN.
 */
export const openSigningState = async (options: SigningHome): Promise<SigningState> => {
  const { home, chainId, secrets, custody: held } = options;
  const paths = homePaths(home);
  await using stack = new AsyncDisposableStack();
  const lock = options.lock ?? (await KeyLock.acquire(paths.votes, ...validatorSecretsOf(secrets)));
  let ledger: Ledger;
  try {
    ledger = stack.use(await Ledger.open(paths.ledger, { replicaKey: secrets.replica, chainId }));
  } catch (failure) {
    await lock.release();
    throw failure;
  }
  const records: WalRecord[] = [];
  const custodies = new Map<PublicKey, LogCustody>();
  const [key, nextKey] = validatorKeysOf(secrets);
  const { log } = await WriteAheadLog.open(paths.votes, {
    replicaKey: secrets.replica,
    lock,
    chainId,
    mustExist: held.state === 'used' || held.state === 'exported' || ledger.head().finalisedHeight > 0,
    onRecord: (record) => {
      const stated = readCustodyRecord(record);
      if (stated === undefined) records.push(decode(walRecordCodec, record.payload, record.payload.length));
      else custodies.set(stated.validatorKey, stated);
    },
  });
  const wal = stack.use(log);
  checkAge(ledger, records);
  const runs = RunCounter.open(paths.votes, secrets.replica);
  stack.defer(() => runs.close());
  const owned = stack.move();
  const custodyOf = (of: PublicKey | undefined) => (of === undefined ? undefined : custodies.get(of));
  return {
    ledger,
    wal,
    records,
    runs,
    custody: custodyOf(key),
    nextCustody: custodyOf(nextKey),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
};

/** What a home may sign with. */
export interface SigningHomeState extends SigningState {
  readonly validatorSecrets: readonly Uint8Array[];
}

/**
 * Opens the home of a validator that shall sign. From then on its keystore says that the key has a log, so that a home
 * whose `votes/` and `ledger/` were both deleted is not taken for a new one. A key that was used elsewhere is left out
 * where another one is to follow it: a new key is the way on. Throws why the home must not sign.
 */
export const openToSign = async (
  options: SigningHome & { readonly keepKeystore: (keystore: NodeKeystore) => Promise<void> },
): Promise<SigningHomeState> => {
  await using stack = new AsyncDisposableStack();
  const state = stack.use(await openSigningState(options));
  const { custody, secrets, keepKeystore } = options;
  const { next } = secrets;
  const fault = custodyFault(custody, state.custody);
  const replaced = fault !== undefined && next !== undefined && isCloisterError(fault, 'KEY_USED_TWICE');
  if (fault !== undefined && !replaced) throw fault;
  const nextFault = next === undefined ? undefined : custodyFault(FRESH_CUSTODY, state.nextCustody);
  if (nextFault !== undefined) throw nextFault;
  if (custody.state === 'fresh')
    await keepKeystore({ secrets, custody: { ...custody, state: 'used', timeMs: Date.now() } });
  state.runs.advance();
  stack.move();
  const validatorSecrets = validatorSecretsOf(secrets).slice(replaced ? 1 : 0);
  return { ...state, validatorSecrets };
};

/** Newest block of an epoch in the ledger whose finalization is its own; agreement delivers what lies above it again. */
export const finalPointOf = (ledger: Ledger, anchor: EpochAnchor): FinalPoint => {
  const { base } = anchor;
  for (let number: number = ledger.head().finalisedHeight; number > base.height; number -= 1) {
    const block = readStoredBlock(ledger, number);
    if (block?.proof === undefined || block.proof.following.length > 0) continue;
    const { view, timeMs, stateCert } = block.header;
    const { finalization } = block.proof;
    return { id: block.id, height: asHeight(number), view, timeMs, stateCert, finalization };
  }
  const closing = base.height === 0 ? undefined : readHeaderRecord(ledger, base.height);
  return basePoint(anchor, closing?.header.stateCert);
};

/** Ids of the newest final blocks of the ledger, by height: joiners may vouch for them. */
export const recentBlocks = (ledger: Ledger): ReadonlyMap<number, BlockHash> => {
  const newest = ledger.head().finalisedHeight;
  const recent = new Map<number, BlockHash>();
  for (let number = Math.max(1, newest - 2 * MAX_READINESS_AGE_BLOCKS); number <= newest; number += 1) {
    const id = ledger.readBlockHash(asHeight(number));
    if (id !== undefined) recent.set(number, id);
  }
  return recent;
};
