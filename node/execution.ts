/**
 * Execution: final blocks go through the enclave into the ledger, one by one, and their results to the other validators.
 *
 * Blocks are executed strictly in height order, each committed in one synced batch; the next block is already inside
 * the enclave, and the own result on its way to the others, while the last one is written. Agreement never waits for this.
 * A node that is far behind imports what the others have executed and certified, and restores its enclave from it; an
 * observer, which has no enclave, only imports. After a restart of the enclave it continues where the enclave was
 * restored to; executing a height again gives the identical record.
 */
import type { BlockHash } from '../protocol/brand.ts';
import { decode, encode } from '../protocol/codec.ts';
import type { Header } from '../protocol/consensus/header.ts';
import { isCloisterError } from '../protocol/errors.ts';
import { resultCertificateCodec, type ResultStatement, resultStatementCodec } from '../protocol/result.ts';
import type { ReplyOf } from '../enclave/boundary/messages.ts';
import type { EnclaveClient } from '../enclave/host/enclave-client.ts';
import type { ExecutedBlock } from '../ledger/blocks.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { CertifiedResults } from './certified-results.ts';
import type { CommitTracker } from './commit-tracker.ts';
import type { EnclaveSupervisor } from './enclave-supervisor.ts';
import type { Epochs } from './epochs.ts';
import type { ExecutedHeight } from './executed-height.ts';
import type { FinalBlocks } from './final-blocks.ts';
import type { Logger } from './logger.ts';
import type { ResultImport } from './result-import.ts';
import type { OwnResult, ResultCollector } from './results.ts';
import { blockRecords, type ProvenBlock, type StoredBlock } from './stored-blocks.ts';

/** What execution is made with. */
export interface ExecutionOptions {
  readonly ledger: Ledger;
  /** Undefined for an observer. */
  readonly enclave: EnclaveSupervisor | undefined;
  readonly epochs: Epochs;
  readonly blocks: FinalBlocks;
  readonly imports: ResultImport;
  readonly results: ResultCollector;
  readonly certified: CertifiedResults;
  readonly tracker: CommitTracker;
  readonly logger: Logger;
  /** Own result of a height: to be sent to the other validators. */
  readonly onResult: (result: OwnResult) => void;
  /** A height is executed and durable. */
  readonly onExecuted: (block: {
    readonly header: Header;
    readonly id: BlockHash;
    readonly transactions: number;
  }) => void;
  /** Own result of a height, once it is durable: to be compared. */
  readonly onDurableResult: (statement: ResultStatement) => void;
  readonly onFatal: (error: unknown) => void;
}

const PAUSE_MS = 200;
/** Blocks by which execution must be behind before it imports: fewer are executed sooner than fetched. */
const IMPORT_FROM_BLOCKS = 32;
/** Blocks that are imported with one question. */
const IMPORT_BATCH = 64;
/** How long an observer waits before it asks again for a result that nobody had. */
const FIRST_RETRY_MS = 50;
const LAST_RETRY_MS = 2_000;

interface Executed {
  readonly block: ProvenBlock;
  readonly reply: ReplyOf<'execute'>;
}

/** Final blocks with what others have certified of them. */
type Imported = readonly (readonly [StoredBlock, ExecutedHeight])[];

/** See the module comment. */
export class Execution implements AsyncDisposable {
  readonly #options: ExecutionOptions;
  readonly #stopping = new AbortController();
  #running: Promise<void> = Promise.resolve();

  constructor(options: ExecutionOptions) {
    this.#options = options;
  }

  /** Begins to execute what is final. */
  start(): void {
    const { enclave, onFatal } = this.#options;
    this.#running = (enclave === undefined ? this.#follow() : this.#executeForEver(enclave)).catch((error: unknown) => {
      if (!this.#stopping.signal.aborted) onFatal(error);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping.abort();
    await this.#running;
    await this.#options.blocks.settled();
  }

  async #executeForEver(enclave: EnclaveSupervisor): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      try {
        const { client, restoredHeight } = await enclave.ready(signal);
        await this.#runWith(enclave, client, restoredHeight);
      } catch (error) {
        if (signal.aborted) return;
        if (!isCloisterError(error, 'ENCLAVE_GONE')) throw error;
        this.#options.logger.warn('execution waits for the enclave');
        await this.#pause(PAUSE_MS);
      }
    }
  }

  async #runWith(enclave: EnclaveSupervisor, client: EnclaveClient, restoredHeight: number): Promise<void> {
    const { blocks } = this.#options;
    let next = restoredHeight + 1;
    let current: Promise<Executed> | undefined;
    while (!this.#stopping.signal.aborted) {
      if (current === undefined) {
        next = await this.#importWhileBehind(enclave, client, next);
        const block = await this.#block(next);
        if (block === undefined) return;
        current = this.#execute(enclave, client, block);
      }
      const executed = await current;
      next += 1;
      const following = this.#isFarBehind(next) ? undefined : blocks.at(next);
      // Give the enclave its next block before this one is written.
      const early = following === undefined ? undefined : this.#execute(enclave, client, following);
      early?.catch(() => undefined);
      await this.#commit(executed);
      current = early;
    }
  }

  async #execute(enclave: EnclaveSupervisor, client: EnclaveClient, block: ProvenBlock): Promise<Executed> {
    const { header, body } = block;
    const { following, finalization } = block.proof;
    await enclave.proveEpochs(client, header.epoch);
    return { block, reply: await client.call('execute', { headers: [header, ...following], finalization, body }) };
  }

  /** Imports and restores what others have certified, until few blocks are missing; gives the next height. */
  async #importWhileBehind(enclave: EnclaveSupervisor, client: EnclaveClient, from: number): Promise<number> {
    const { ledger } = this.#options;
    let next = from;
    let restoring: Promise<void> = Promise.resolve();
    // Heights that the ledger holds already were executed here: their record is our own.
    while (this.#isFarBehind(next) && next > ledger.head().height) {
      const imported = await this.#importFrom(next);
      if (imported.length === 0) break;
      next += imported.length;
      // The enclave takes over what is stored while the next heights are fetched.
      await restoring;
      restoring = this.#restore(enclave, client, imported);
      restoring.catch(() => undefined);
    }
    await restoring;
    return next;
  }

  async #restore(enclave: EnclaveSupervisor, client: EnclaveClient, imported: Imported): Promise<void> {
    const [block, executed] = imported.at(-1) ?? [];
    if (block === undefined || executed === undefined) return;
    const { certificate } = executed;
    await enclave.proveEpochs(client, Math.max(block.header.epoch, certificate.signerEpoch));
    const blocks = imported.map(([{ header }, { writeSet }]) => ({ header, sealedWriteSet: writeSet }));
    await client.call('restore', { kind: 'blocks', blocks, certificate });
  }

  /** An observer's whole work: it takes over results as they are certified. */
  async #follow(): Promise<void> {
    const { signal } = this.#stopping;
    let retryMs = FIRST_RETRY_MS;
    while (!signal.aborted) {
      const next = this.#options.ledger.head().height + 1;
      if ((await this.#block(next)) === undefined) return;
      const imported = await this.#importFrom(next);
      if (imported.length === 0) await this.#pause(retryMs);
      retryMs = imported.length === 0 ? Math.min(2 * retryMs, LAST_RETRY_MS) : FIRST_RETRY_MS;
    }
  }

  /** Fetches certified results from a height on and stores those that hold. */
  async #importFrom(height: number): Promise<Imported> {
    const { blocks, imports } = this.#options;
    const wanted = blocks.from(height, IMPORT_BATCH);
    const found = await imports.fetch(wanted);
    const imported = found.flatMap((executed, index) => {
      const block = wanted[index];
      return block === undefined ? [] : [[block, executed] as const];
    });
    await this.#commitImported(imported);
    return imported;
  }

  #isFarBehind(height: number): boolean {
    return this.#options.blocks.finalHeight - height > IMPORT_FROM_BLOCKS;
  }

  /** The block of a height; waits until it is final. Undefined when the node stops. */
  async #block(height: number): Promise<ProvenBlock | undefined> {
    const { blocks } = this.#options;
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      const block = blocks.at(height);
      if (block !== undefined) return block;
      await blocks.arrival(signal).catch(() => undefined);
    }
    return undefined;
  }

  async #commit({ block, reply }: Executed): Promise<void> {
    const { ledger, epochs, blocks, tracker, results, onResult, onDurableResult, onExecuted } = this.#options;
    const { header, id } = block;
    const statement = decode(resultStatementCodec, reply.statement, reply.statement.length);
    const result = epochs.ownResult(statement, reply.signature);
    // While it is written: whoever executes this height again, after a crash too, signs the same.
    onResult(result);
    await ledger.commitBlocks({
      ...blockRecords(block),
      writeSet: reply.sealedWriteSet,
      receipts: reply.calls,
      statement: reply.statement,
      enclaveSignature: reply.signature,
    });
    blocks.done(header.height);
    tracker.executed(header.height, reply.calls);
    onDurableResult(statement);
    results.addOwn(result);
    onExecuted({ header, id, transactions: block.body.length });
  }

  /** Heights that others executed: one write for all of them. */
  async #commitImported(imported: Imported): Promise<void> {
    const { ledger, blocks, tracker, certified, results, onExecuted } = this.#options;
    await ledger.commitBlocks(...imported.map(([block, executed]) => importedRecords(block, executed)));
    for (const [{ header, id, body }, { certificate, calls }] of imported) {
      blocks.done(header.height);
      tracker.executed(header.height, calls);
      results.prune(header.height);
      certified.certified(certificate);
      onExecuted({ header, id, transactions: body.length });
    }
  }

  async #pause(ms: number): Promise<void> {
    const { signal } = this.#stopping;
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, ms);
    signal.addEventListener('abort', () => resolve(), { once: true });
    await promise;
    clearTimeout(timer);
  }
}

const importedRecords = (block: StoredBlock, { certificate, writeSet, calls }: ExecutedHeight): ExecutedBlock => ({
  ...blockRecords(block),
  writeSet,
  receipts: calls,
  statement: encode(resultStatementCodec, certificate.statement),
  // That of the first signer: any of them stands for the certificate beside it.
  enclaveSignature: certificate.enclaveSignatures.slice(0, 64),
  resultCertificate: encode(resultCertificateCodec, certificate),
});
