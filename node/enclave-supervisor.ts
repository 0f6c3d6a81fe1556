/**
 * Keeps one enclave running for this node: start, identity, key provisioning, restoring, freshness, restart.
 *
 * The supervisor only relays: shares and freshness answers are made and checked by enclaves. While no enclave is ready
 * `ready()` waits; when the process ends it is started again with a growing pause and restores itself from the ledger.
 */
import type { PublicKey } from '../protocol/brand.ts';
import { MAX_EPOCHS_PER_REQUEST, type ReplyOf, type RequestOf } from '../enclave/boundary/messages.ts';
import { EnclaveClient } from '../enclave/host/enclave-client.ts';
import { namespacesAvailable } from '../enclave/host/launch.ts';
import { encode } from '../protocol/codec.ts';
import { type Genesis, genesisCodec, quorumOf } from '../protocol/genesis.ts';
import { isCloisterError } from '../protocol/errors.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { SignedEpochKey } from './api/service.ts';
import { certifiedHistory } from './certified-history.ts';
import type { Epochs } from './epochs.ts';
import { nodeErrors } from './errors.ts';
import { homePaths, readOptional, writeFileDurably } from './home.ts';
import type { Logger } from './logger.ts';
import type { PeerName } from './network/types.ts';
import { readProcessor } from './simulated-processor.ts';
import { Signal } from './signal.ts';

type Provisioned = ReplyOf<'provision'>;
type Contribution = RequestOf<'provision'>['contributions'][number];
type HeightClaim = NonNullable<ReplyOf<'restore'>['answer']>;

/** How the supervisor reaches the enclaves of other validators; an undefined answer means "not yet". */
export interface EnclaveRelay {
  /** Machines that can be asked now. */
  peers(): readonly PeerName[];
  /** What the asked machine's enclave has sealed for the enclave of a key. */
  contribution(from: PeerName, enclaveKey: PublicKey): Promise<Contribution | undefined>;
  freshness(from: PeerName, challenge: Uint8Array): Promise<HeightClaim | undefined>;
}

/** What the supervisor is made with. */
export interface EnclaveSupervisorOptions {
  readonly home: string;
  readonly bundlePath: string;
  readonly maxHeapMiB: number;
  readonly genesis: Genesis;
  readonly epochs: Epochs;
  readonly ledger: Ledger;
  readonly relay: EnclaveRelay;
  readonly logger: Logger;
  /** The ledger cannot be read: no enclave will come up from it. */
  readonly onFatal: (error: unknown) => void;
}

const MAX_IN_FLIGHT = 64;
const POLL_MS = 250;
const FRESHNESS_MS = 500;
const FIRST_RESTART_MS = 200;
const LONGEST_RESTART_MS = 10_000;
const STABLE_MS = 60_000;

/** See the module comment. */
export class EnclaveSupervisor implements AsyncDisposable {
  readonly #options: EnclaveSupervisorOptions;
  readonly #genesis: Uint8Array;
  readonly #stopping = new AbortController();
  /** Fires whenever `#client` changes or something that a wait depends on may have changed. */
  readonly #changed = new Signal();
  #starting: EnclaveClient | undefined;
  #client: EnclaveClient | undefined;
  #enclaveKey: PublicKey | undefined;
  #provisioned: Provisioned | undefined;
  #executedHeight = 0;
  #fresh = false;
  #restarts = 0;
  #running: Promise<void> = Promise.resolve();

  private constructor(options: EnclaveSupervisorOptions) {
    this.#options = options;
    this.#genesis = encode(genesisCodec, options.genesis);
  }

  /** Starts supervising; the first enclave is usually not ready when this returns. */
  static start(options: EnclaveSupervisorOptions): EnclaveSupervisor {
    const supervisor = new EnclaveSupervisor(options);
    supervisor.#running = supervisor.#superviseForEver();
    return supervisor;
  }

  /** Process id of the enclave, while there is one. */
  get pid(): number | undefined {
    return (this.#client ?? this.#starting)?.pid;
  }

  /** Whether the enclave executes. */
  get isReady(): boolean {
    return this.#client !== undefined;
  }

  /** Height up to which the enclave that is coming up has been restored; undefined when it is up. */
  get restoringAt(): number | undefined {
    return this.isReady ? undefined : this.#executedHeight;
  }

  /** Whether the enclave answers queries: its state is proven recent. */
  get isFresh(): boolean {
    return this.isReady && this.#fresh;
  }

  /** Times that the enclave was started again. */
  get restarts(): number {
    return this.#restarts;
  }

  /** This enclave's signed statement of the epoch key, once it has the epoch secret. */
  get epochKey(): SignedEpochKey | undefined {
    const signed = this.#provisioned?.epochKey;
    return signed === undefined || this.#enclaveKey === undefined
      ? undefined
      : { enclaveKey: this.#enclaveKey, ...signed };
  }

  /** What this enclave has sealed for another one, once it is provisioned. */
  contributionFor(enclaveKey: PublicKey): Contribution | undefined {
    const message = this.#provisioned?.outgoing.find((sealed) => sealed.enclaveKey === enclaveKey)?.message;
    return message === undefined || this.#enclaveKey === undefined
      ? undefined
      : { enclaveKey: this.#enclaveKey, message };
  }

  /** The node entered another epoch: the enclave learns of it, and seals for those who joined. */
  epochEntered(): void {
    const client = this.#client;
    if (client === undefined) return;
    this.proveEpochs(client, this.#options.epochs.current.epoch).catch((error: unknown) =>
      this.#options.logger.warn({ err: error }, 'the enclave was not told of the new epoch'),
    );
  }

  /** Proves to the enclave every change of epoch up to `epoch`; it executes no block of an epoch that it does not know. */
  async proveEpochs(client: EnclaveClient, epoch: number): Promise<void> {
    while ((this.#provisioned?.epoch ?? 0) < epoch) {
      const before = this.#provisioned?.epoch;
      await this.#callProvision(client, undefined, []);
      if (this.#provisioned?.epoch === before) throw nodeErrors.error('LEDGER_EPOCHS_UNPROVEN', { epoch });
    }
  }

  /**
   * The running enclave and the height up to which it was restored; waits until there is one. Rejects when whoever waits
   * gives up: it may have to end before the supervisor does.
   */
  async ready(signal: AbortSignal): Promise<{ readonly client: EnclaveClient; readonly restoredHeight: number }> {
    const ending = AbortSignal.any([signal, this.#stopping.signal]);
    while (this.#client === undefined) await this.#changed.next(ending);
    return { client: this.#client, restoredHeight: this.#executedHeight };
  }

  /** The running enclave, or NOT_READY. */
  current(): EnclaveClient {
    if (this.#client === undefined) throw nodeErrors.error('NOT_READY', { waitingFor: 'enclave' });
    return this.#client;
  }

  /** Signed height of this enclave for the challenge of another one. */
  async answerFreshness(challenge: Uint8Array): Promise<HeightClaim | undefined> {
    const client = this.#client;
    if (client === undefined) return undefined;
    return (await client.call('restore', { kind: 'answer', challenge })).answer;
  }

  /** Something changed that waiting steps may depend on: a peer connected, or a block was executed. */
  poke(): void {
    this.#changed.fire();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping.abort();
    await this.#running;
  }

  async #superviseForEver(): Promise<void> {
    let pauseMs = FIRST_RESTART_MS;
    while (!this.#stopping.signal.aborted) {
      const startedAt = performance.now();
      await this.#runOnce();
      if (this.#stopping.signal.aborted) return;
      this.#restarts += 1;
      pauseMs =
        performance.now() - startedAt > STABLE_MS ? FIRST_RESTART_MS : Math.min(pauseMs * 2, LONGEST_RESTART_MS);
      await this.#pause(pauseMs);
    }
  }

  async #runOnce(): Promise<void> {
    const { bundlePath, maxHeapMiB, logger } = this.#options;
    let client: EnclaveClient | undefined;
    try {
      client = await EnclaveClient.start({
        bundlePath,
        maxHeapMiB,
        maxInFlight: MAX_IN_FLIGHT,
        namespaces: await namespacesAvailable(),
      });
      this.#starting = client;
      await Promise.race([this.#bringUp(client), client.exited]);
      const exit = await Promise.race([client.exited, aborted(this.#stopping.signal)]);
      if (exit !== undefined)
        logger.error({ exitCode: exit.code, signal: exit.signal, outputBytes: exit.outputBytes }, 'enclave ended');
    } catch (error) {
      if (!this.#stopping.signal.aborted) {
        logger.error({ err: error }, 'enclave did not come up');
        if (isCloisterError(error) && error.code.startsWith('LEDGER_')) this.#options.onFatal(error);
      }
    } finally {
      this.#starting = undefined;
      this.#client = undefined;
      this.#fresh = false;
      this.#changed.fire();
      await client?.dispose();
    }
  }

  async #bringUp(client: EnclaveClient): Promise<void> {
    const { logger } = this.#options;
    const startedAt = performance.now();
    await this.#greet(client);
    await this.#provision(client);
    await this.#restore(client);
    this.#client = client;
    this.#starting = undefined;
    this.#changed.fire();
    logger.info(
      { height: this.#executedHeight, durationMs: Math.round(performance.now() - startedAt) },
      'enclave ready',
    );
    await this.#proveFreshness(client);
    logger.info('enclave state proven recent');
  }

  async #greet(client: EnclaveClient): Promise<void> {
    const { home, genesis } = this.#options;
    const paths = homePaths(home);
    const processor = await readProcessor(paths.processor);
    const greeting = await client.call('hello', {
      processorSecret: processor.secret,
      processorCertificate: processor.certificate,
      sealedIdentity: await readOptional(paths.sealedIdentity),
    });
    if (greeting.measurement !== genesis.measurement) {
      throw nodeErrors.error('MEASUREMENT_MISMATCH', { expected: genesis.measurement, found: greeting.measurement });
    }
    this.#enclaveKey = greeting.enclaveKey;
    this.#provisioned = undefined;
    this.#executedHeight = 0;
  }

  /** Collects what other enclaves have sealed for this one until the epoch secret is complete; peers may come up later. */
  async #provision(client: EnclaveClient): Promise<void> {
    const { home, epochs, relay, logger } = this.#options;
    const sealedPath = homePaths(home).sealedEpoch;
    let sealedEpoch = await readOptional(sealedPath);
    let received: readonly Contribution[] = [];
    while (true) {
      const reply = await this.#callProvision(client, sealedEpoch, received);
      if (reply.epoch < epochs.current.epoch) continue;
      if (reply.ready) {
        if (reply.sealedEpoch !== undefined) await writeFileDurably(sealedPath, reply.sealedEpoch);
        return;
      }
      sealedEpoch = undefined;
      const before = received.length;
      received = await this.#askContributions(relay.peers());
      this.#stopping.signal.throwIfAborted();
      if (received.length <= before) await this.#pause(POLL_MS);
      logger.debug({ received: received.length }, 'collecting what makes the epoch secret');
    }
  }

  async #askContributions(peers: readonly PeerName[]): Promise<Contribution[]> {
    const { relay } = this.#options;
    const enclaveKey = this.#enclaveKey;
    if (enclaveKey === undefined) return [];
    const answers = await Promise.all(peers.map((peer) => relay.contribution(peer, enclaveKey).catch(() => undefined)));
    return answers.flatMap((answer) => answer ?? []);
  }

  /** One request; a message that the enclave refuses must not keep the others out. */
  async #callProvision(
    client: EnclaveClient,
    sealedEpoch: Uint8Array | undefined,
    contributions: readonly Contribution[],
  ): Promise<Provisioned> {
    const { epochs, logger } = this.#options;
    const proofs = epochs.proofs(this.#provisioned?.epoch ?? 1, MAX_EPOCHS_PER_REQUEST);
    const request = { genesis: this.#genesis, epochs: proofs, sealedEpoch };
    let reply = await client.call('provision', { ...request, contributions: [] });
    for (const contribution of contributions) {
      if (reply.ready) break;
      try {
        reply = await client.call('provision', { ...request, epochs: [], contributions: [contribution] });
      } catch (error) {
        if (!isCloisterError(error, 'CONTRIBUTION_REFUSED')) throw error;
        logger.debug({ err: error }, 'a key contribution was refused');
      }
    }
    this.#provisioned = reply;
    this.#changed.fire();
    return reply;
  }

  /** Replays executed heights into the enclave, up to the last certified one; later ones are executed again. */
  async #restore(client: EnclaveClient): Promise<void> {
    let restoring: Promise<unknown> = Promise.resolve();
    for await (const piece of certifiedHistory(this.#options.ledger)) {
      // While the enclave takes over one piece, the next one is read.
      await restoring;
      restoring = client.call('restore', piece);
      restoring.catch(() => undefined);
      this.#executedHeight = piece.certificate.statement.height;
      this.#stopping.signal.throwIfAborted();
    }
    await restoring;
  }

  /** Has other enclaves answer this enclave's challenge until it accepts that its state is recent. */
  async #proveFreshness(client: EnclaveClient): Promise<void> {
    const { relay, epochs } = this.#options;
    while (!this.#stopping.signal.aborted) {
      const { challenge, fresh } = await client.call('restore', { kind: 'challenge' });
      if (fresh || challenge === undefined) break;
      const answers = await Promise.all(
        relay.peers().map((peer) => relay.freshness(peer, challenge).catch(() => undefined)),
      );
      const known = answers.flatMap((answer) => answer ?? []);
      const needed = quorumOf(epochs.current.configuration.validators.length) - 1;
      if (known.length >= needed && (await this.#handIn(client, known))) break;
      await this.#pause(FRESHNESS_MS);
    }
    this.#fresh = true;
  }

  async #handIn(client: EnclaveClient, answers: readonly HeightClaim[]): Promise<boolean> {
    try {
      return (await client.call('restore', { kind: 'answers', answers })).fresh;
    } catch (error) {
      if (isCloisterError(error, 'ENCLAVE_GONE')) throw error;
      this.#options.logger.debug({ err: error }, 'freshness not yet proven');
      return false;
    }
  }

  /** Waits for a poke, but not longer than `ms`. */
  async #pause(ms: number): Promise<void> {
    const timeout = AbortSignal.any([AbortSignal.timeout(ms), this.#stopping.signal]);
    await this.#changed.next(timeout).catch(() => undefined);
  }
}

const aborted = (signal: AbortSignal): Promise<undefined> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve(undefined);
    else signal.addEventListener('abort', () => resolve(undefined), { once: true });
  });
