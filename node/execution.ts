/**
 * Execution: final blocks go through the enclave into the ledger, one by one, and their results to the other validators.
 *
 * Blocks are executed strictly in height order, each committed in one synced batch; the next block is already inside
 * the enclave while the last one is written. Agreement never waits for this. When execution falls behind, final blocks
 * are moved to the ledger so that memory stays bounded. After a restart of the enclave it continues where the enclave
 * was restored to; executing a height again gives the identical record.
 */
import { type BlockHash, type Hash, type Height, height as asHeight } from '../protocol/brand.ts';
import { decode, encode } from '../protocol/codec.ts';
import type { Header, StateReference } from '../protocol/consensus/header.ts';
import { isCloisterError } from '../protocol/errors.ts';
import {
  type ResultCertificate,
  resultCertificateCodec,
  resultStatementCodec,
  resultStatementHash,
} from '../protocol/result.ts';
import type { ReplyOf } from '../enclave/boundary/messages.ts';
import type { EnclaveClient } from '../enclave/host/enclave-client.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { BodyStore } from './body-store.ts';
import type { CommitTracker, ExecutedTransaction } from './commit-tracker.ts';
import type { Delivery } from './consensus-driver.ts';
import type { EnclaveSupervisor } from './enclave-supervisor.ts';
import type { Epochs } from './epochs.ts';
import type { Logger } from './logger.ts';
import type { OwnResult, ResultCollector } from './results.ts';
import { Signal } from './signal.ts';
import { blockRecords, newestCertified, type ProvenBlock, readProvenBlock } from './stored-blocks.ts';

/** What execution is made with. */
export interface ExecutionOptions {
  readonly ledger: Ledger;
  readonly enclave: EnclaveSupervisor;
  readonly epochs: Epochs;
  readonly bodies: BodyStore;
  readonly results: ResultCollector;
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
  readonly onFatal: (error: unknown) => void;
}

interface RememberedCertificate {
  readonly reference: StateReference;
  readonly encoded: Uint8Array;
  readonly certificate: ResultCertificate;
}

/** Final blocks that may wait in memory; more go to the ledger first. */
const MAX_WAITING_IN_MEMORY = 32;
const PAUSE_MS = 200;
const MAX_REMEMBERED_CERTIFICATES = 64;

/** See the module comment. */
export class Execution implements AsyncDisposable {
  readonly #options: ExecutionOptions;
  readonly #waiting = new Map<number, ProvenBlock>();
  readonly #certificates = new Map<Hash, RememberedCertificate>();
  readonly #arrived = new Signal();
  readonly #stopping = new AbortController();
  #running: Promise<void> = Promise.resolve();
  #storing: Promise<void> = Promise.resolve();
  /** The last certificate is being written; settles after the waiting requests were told of it. */
  #saving: Promise<void> = Promise.resolve();
  /** Heights whose certificate was formed here and came from a peer as well are told once. */
  readonly #told = new Set<number>();
  #newest: StateReference | undefined;
  #certifiedHeight = 0;
  /** Every height up to this one has its certificate in the ledger. */
  #certifiedUpTo = 0;

  constructor(options: ExecutionOptions) {
    this.#options = options;
    this.#certifiedHeight = newestCertified(options.ledger);
  }

  /** Begins to execute what is final. */
  start(): void {
    this.#running = this.#runForEver();
  }

  /** Newest height with a result certificate that this node holds. */
  get certifiedHeight(): number {
    return this.#certifiedHeight;
  }

  /** Final blocks that wait in memory. */
  get backlog(): number {
    return this.#waiting.size;
  }

  /** A final block that waits for its execution in memory. */
  waitingBlock(block: BlockHash): ProvenBlock | undefined {
    for (const waiting of this.#waiting.values()) if (waiting.id === block) return waiting;
    return undefined;
  }

  /** Takes over final blocks from agreement, in height order. */
  deliver({ blocks, following: tails, finalization }: Delivery): void {
    const { bodies, ledger, onFatal } = this.#options;
    const executedHeight = ledger.head().height;
    const fresh = blocks.filter(({ header }) => header.height > executedHeight);
    const ready = fresh.map((block): ProvenBlock => {
      const resolved = bodies.get(block.id, block.header);
      if (resolved === undefined) throw new TypeError('agreement delivered a block without body');
      const between = blocks.slice(blocks.indexOf(block) + 1).map(({ header }) => header);
      return { ...block, body: resolved.body, following: [...between, ...tails], finalization };
    });
    if (this.#waiting.size + ready.length > MAX_WAITING_IN_MEMORY) {
      const stored = [...this.#waiting.values(), ...ready].map(blockRecords);
      this.#storing = this.#storing.then(() => ledger.storeFinalised(...stored)).then(() => this.#arrived.fire());
      this.#storing.catch(onFatal);
    } else {
      for (const block of ready) this.#waiting.set(block.header.height, block);
    }
    for (const block of blocks) bodies.forget(block.id);
    this.#arrived.fire();
  }

  /** A valid certificate of a height that was not executed here yet: headers may name it. */
  remember(certificate: ResultCertificate): Uint8Array {
    const { statement } = certificate;
    const encoded = encode(resultCertificateCodec, certificate);
    const reference = { height: statement.height, root: statement.stateRoot, certHash: resultStatementHash(statement) };
    this.#certificates.set(reference.certHash, { reference, encoded, certificate });
    for (const [hash, known] of this.#certificates) {
      if (this.#certificates.size <= MAX_REMEMBERED_CERTIFICATES) break;
      if (known.reference.height < statement.height) this.#certificates.delete(hash);
    }
    if (statement.height > (this.#newest?.height ?? 0)) this.#newest = reference;
    return encoded;
  }

  /** Lowest executed height without certificate; one above the executed head when there is none. */
  firstUncertified(): number {
    const { ledger } = this.#options;
    const executed = ledger.head().height;
    while (
      this.#certifiedUpTo < executed &&
      ledger.readResultCertificate(asHeight(this.#certifiedUpTo + 1)) !== undefined
    ) {
      this.#certifiedUpTo += 1;
    }
    return this.#certifiedUpTo + 1;
  }

  /** The result certificate of an executed height was formed here, or verified and found equal to our own result. */
  certified(certificate: ResultCertificate): void {
    const { ledger, tracker, results, logger } = this.#options;
    const { statement } = certificate;
    const encoded = this.remember(certificate);
    if (this.#told.has(statement.height)) {
      void this.#saving.then(() => tracker.certified(statement.height, encoded, () => []));
      return;
    }
    this.#told.add(statement.height);
    for (const oldest of this.#told) {
      if (this.#told.size <= MAX_REMEMBERED_CERTIFICATES) break;
      this.#told.delete(oldest);
    }
    this.#certifiedHeight = Math.max(this.#certifiedHeight, statement.height);
    results.prune(statement.height - MAX_REMEMBERED_CERTIFICATES);
    const saved = ledger.saveResultCertificate(statement.height, encoded);
    saved
      .then(() => tracker.certified(statement.height, encoded, () => this.#storedCalls(statement.height)))
      .catch((error: unknown) =>
        logger.error({ err: error, height: statement.height }, 'result certificate not stored'),
      );
    this.#saving = saved.catch(() => undefined);
  }

  /** Newest certified result of a height up to `maxHeight`, as headers name it. */
  stateReference(maxHeight: number): StateReference | undefined {
    if (this.#newest !== undefined && this.#newest.height <= maxHeight) return this.#newest;
    let best: StateReference | undefined;
    for (const { reference } of this.#certificates.values()) {
      if (reference.height <= maxHeight && reference.height > (best?.height ?? 0)) best = reference;
    }
    return best;
  }

  /** A certificate of a height that came before this node executed it. */
  rememberedAt(height: Height): ResultCertificate | undefined {
    for (const { reference, certificate } of this.#certificates.values())
      if (reference.height === height) return certificate;
    return undefined;
  }

  /** A recent certificate by the hash of its statement. */
  resultCertificate(certHash: Hash): Uint8Array | undefined {
    return this.#certificates.get(certHash)?.encoded;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping.abort();
    this.#arrived.fire();
    await this.#running;
    await this.#storing.catch(() => undefined);
  }

  async #runForEver(): Promise<void> {
    const { enclave, logger, onFatal } = this.#options;
    while (!this.#stopping.signal.aborted) {
      try {
        const { client, restoredHeight } = await enclave.ready(this.#stopping.signal);
        await this.#runWith(client, restoredHeight);
      } catch (error) {
        if (this.#stopping.signal.aborted) return;
        if (!isCloisterError(error, 'ENCLAVE_GONE')) {
          onFatal(error);
          return;
        }
        logger.warn('execution waits for the enclave');
        await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
      }
    }
  }

  async #runWith(client: EnclaveClient, restoredHeight: number): Promise<void> {
    let next = restoredHeight + 1;
    let current = this.#execute(client, await this.#block(next));
    while (true) {
      const executed = await current;
      if (executed === undefined) return;
      next += 1;
      const following = this.#available(next);
      // Give the enclave its next block before this one is written.
      const early = following === undefined ? undefined : this.#execute(client, following);
      early?.catch(() => undefined);
      await this.#commit(executed.block, executed.reply);
      current = early ?? this.#execute(client, await this.#block(next));
    }
  }

  async #execute(
    client: EnclaveClient,
    block: ProvenBlock | undefined,
  ): Promise<{ readonly block: ProvenBlock; readonly reply: ReplyOf<'execute'> } | undefined> {
    if (block === undefined) return undefined;
    const { header, following, finalization, body } = block;
    await this.#options.enclave.proveEpochs(client, header.epoch);
    return { block, reply: await client.call('execute', { headers: [header, ...following], finalization, body }) };
  }

  /** The block of a height; waits until it is final. Undefined when the node stops. */
  async #block(height: number): Promise<ProvenBlock | undefined> {
    while (!this.#stopping.signal.aborted) {
      const block = this.#available(height);
      if (block !== undefined) return block;
      await this.#arrived.next(this.#stopping.signal).catch(() => undefined);
    }
    return undefined;
  }

  #available(height: number): ProvenBlock | undefined {
    return this.#waiting.get(height) ?? readProvenBlock(this.#options.ledger, height);
  }

  /** Calls of an executed height; one that an earlier block included as well has its outputs there. */
  #storedCalls(height: Height): readonly ExecutedTransaction[] {
    const { ledger } = this.#options;
    return (ledger.readReceipts(height) ?? []).map((receipt) => {
      const located = ledger.readReceipt(receipt.transactionId);
      return { ...receipt, outputs: located?.height === height ? located.outputs : [] };
    });
  }

  async #commit(block: ProvenBlock, reply: ReplyOf<'execute'>): Promise<void> {
    const { ledger, epochs, tracker, results, onResult, onExecuted } = this.#options;
    const { header, id } = block;
    await ledger.commitBlock({
      ...blockRecords(block),
      writeSet: reply.sealedWriteSet,
      receipts: reply.calls,
      statement: reply.statement,
      enclaveSignature: reply.signature,
    });
    this.#waiting.delete(header.height);
    const statement = decode(resultStatementCodec, reply.statement, reply.statement.length);
    const result = epochs.ownResult(statement, reply.signature);
    tracker.executed(header.height as Height, reply.calls);
    onResult(result);
    results.addOwn(result);
    onExecuted({ header, id, transactions: block.body.length });
  }
}
