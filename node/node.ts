/**
 * The composition root: the only place that constructs the node's parts and connects them, in dependency order; they
 * are disposed in reverse.
 */
import type { BlockHash, Height } from '../protocol/brand.ts';
import { encode } from '../protocol/codec.ts';
import { accusedBy, placeOf, ruleOf } from '../protocol/consensus/evidence.ts';
import { blockId } from '../protocol/consensus/header.ts';
import { systemTransactionsOf } from '../protocol/consensus/system.ts';
import { verifyEd25519 } from '../protocol/finality.ts';
import { chainIdOf, type Genesis } from '../protocol/genesis.ts';
import { provenHeight } from '../consensus/query.ts';
import { restore } from '../consensus/restart.ts';
import { contactsOf, listenAddress } from './addresses.ts';
import { ApiServer } from './api/server.ts';
import { OperationsServer } from './api/operations.ts';
import { NodeService } from './api-service.ts';
import { BodyStore } from './body-store.ts';
import { CertifiedResults } from './certified-results.ts';
import { CommitTracker } from './commit-tracker.ts';
import type { NodeConfig } from './config.ts';
import { ConsensusDriver } from './consensus-driver.ts';
import { ConsensusInbox } from './consensus-inbox.ts';
import { ConsensusRequests } from './consensus-requests.ts';
import { generationOf, refuseForEver } from './custody.ts';
import { divergenceHandler } from './divergence.ts';
import { EpochKeyCollection, enclaveRelay } from './enclave-messages.ts';
import { checkMeasurement } from './enclave-measurement.ts';
import { EnclaveSupervisor } from './enclave-supervisor.ts';
import { Epochs } from './epochs.ts';
import { Execution } from './execution.ts';
import { EvidenceWriter, readRecorded } from './evidence-files.ts';
import { FinalBlocks } from './final-blocks.ts';
import { afterRotation, type NodeKeystore, validatorKeyOf } from './keystore.ts';
import { type Logger, roomLogger } from './logger.ts';
import { Mempool } from './mempool.ts';
import { sampleMetrics } from './metrics-sample.ts';
import { MetricsRegistry } from './metrics.ts';
import { peerIdFromSecret } from './network/identity.ts';
import { PeerNetwork } from './network/network.ts';
import type { PeerName } from './network/types.ts';
import { nodeMetrics } from './node-metrics.ts';
import { bulkMessageCodec } from './peer-messages.ts';
import { Patience } from './patience.ts';
import { servePeers } from './peer-service.ts';
import { PresenceBook } from './presence.ts';
import { ResultCollector } from './results.ts';
import { ResultImport } from './result-import.ts';
import { ResultsExchange } from './results-exchange.ts';
import { finalPointOf, openToSign, recentBlocks } from './storage.ts';
import { measureRoundTrips, RoundTrips } from './round-trips.ts';
import { meterSync, SyncMeter, type SyncProgress } from './sync-progress.ts';
import { SystemPool } from './system-pool.ts';
import type { RunningNode } from './running-node.ts';
import { Transactions } from './transactions.ts';

/** What a node is made with. */
export interface NodeOptions {
  readonly home: string;
  readonly version: string;
  readonly genesis: Genesis;
  readonly config: NodeConfig;
  /** Secrets, and what the keystore says of their custody. */
  readonly keystore: NodeKeystore;
  /** Replaces the keystore durably. */
  readonly keepKeystore: (keystore: NodeKeystore) => Promise<void>;
  readonly logger: Logger;
  /** The node cannot go on: the process should end with this error. */
  readonly onFatal: (error: unknown) => void;
  /** Called every second while the node is behind. */
  readonly onProgress: (progress: SyncProgress) => void;
}

/** Heights for which results of peers are kept before we executed them. */
const RESULT_WINDOW_BLOCKS = 256;
/** Heights below the last certified one for which late results are still told apart from new ones. */
const RESULTS_KEPT_BLOCKS = 64;
/** Views of the log that are kept below the executed block. */
const LOG_MARGIN_VIEWS = 64;
const PRUNE_EVERY_BLOCKS = 64;
const EXPIRE_EVERY_BLOCKS = 8;

/** Starts every part of the node; a failed start disposes what had started, then rejects. */
export const startNode = async (options: NodeOptions): Promise<RunningNode> => {
  await using stack = new AsyncDisposableStack();
  const { home, genesis, config, keystore, keepKeystore, logger, onFatal, onProgress } = options;
  const { secrets } = keystore;
  const chainId = chainIdOf(genesis);
  const peer = await peerIdFromSecret(secrets.network);
  const metrics = new MetricsRegistry();
  metrics.registerProcessMetrics();
  const instruments = metrics.register(nodeMetrics);

  const votes = config['node.profile'] === 'validator';
  if (votes) await checkMeasurement(config['enclave.bundle'], genesis.measurement);
  const signing = stack.use(await openToSign({ home, chainId, ...keystore, keepKeystore }));
  const { ledger, wal, records, validatorSecrets } = signing;

  const bodies = new BodyStore();
  const mempool = new Mempool({
    maxBytes: config['mempool.bytes'],
    maxTransactions: config['mempool.transactions'],
    share: config['mempool.share'] / 100,
  });
  const epochs = new Epochs({ genesis, ledger, validatorSecrets: votes ? validatorSecrets : [], peer });
  const settled = afterRotation(keystore, epochs.current.validatorKeys);
  if (settled !== keystore) await keepKeystore({ ...settled, custody: { ...settled.custody, state: 'used' } });
  for (const record of records) {
    if (record.kind === 'block' && record.body !== undefined)
      bodies.offer(blockId(record.header), record.header, record.body);
  }
  const { current: anchor, governance } = epochs;
  const core = restore(
    { anchor, self: epochs.selfIn(anchor), governance, verifySignature: verifyEd25519 },
    finalPointOf(ledger, anchor),
    records,
    recentBlocks(ledger),
  );
  const contacts = () =>
    contactsOf({
      present: epochs.current.configuration,
      before: epochs.at(epochs.current.epoch - 1)?.configuration,
      joiners: system.joiners(),
      settings: config['network.peers'],
    });
  const evidenceWriter = stack.use(new EvidenceWriter(home, onFatal));
  let delivered: { readonly height: Height; readonly id: BlockHash } = core.finalized;
  const system: SystemPool = stack.use(
    new SystemPool({
      governance,
      anchor: () => epochs.current,
      delivered: () => delivered,
      secretOf: (key) => epochs.secretOf(key),
      recorded: await readRecorded(home),
      onRecorded: (recorded) => evidenceWriter.note(recorded),
      passOn: (transaction) => network.broadcast('bulk', encode(bulkMessageCodec, { kind: 'governance', transaction })),
      onChange: () => {
        void network.setContacts(contacts()).catch(onFatal);
        driver.tellMempool();
      },
    }),
  );

  const network: PeerNetwork = stack.use(
    await PeerNetwork.start({
      identity: secrets.network,
      listen: listenAddress(config['network.listen']),
      contacts: contacts(),
      chainId,
      logger: roomLogger(logger, 'network'),
      metrics,
    }),
  );
  const enclave = votes
    ? stack.use(
        EnclaveSupervisor.start({
          home,
          bundlePath: config['enclave.bundle'],
          maxHeapMiB: config['enclave.heap_megabytes'],
          genesis,
          epochs,
          ledger,
          relay: enclaveRelay(network),
          logger: roomLogger(logger, 'enclave'),
          onFatal,
        }),
      )
    : undefined;
  const epochKeys = stack.use(new EpochKeyCollection({ network, enclave, epochs }));
  network.events.on('peerConnected', (connected) => {
    enclave?.poke();
    for (const { transaction } of system.pending())
      network.send(connected, 'bulk', encode(bulkMessageCodec, { kind: 'governance', transaction }));
  });

  const tracker = new CommitTracker();
  const blocks = new FinalBlocks(ledger, bodies, onFatal);
  const certified = new CertifiedResults(ledger, tracker, roomLogger(logger, 'results'));
  const onDivergence = divergenceHandler({
    home,
    epochs,
    logger,
    describe: (found) => exchange.describe(found),
    onFatal,
  });
  const collector = new ResultCollector({
    signersOf: (epoch) => epochs.resultSigners(epoch),
    self: peer,
    windowBlocks: RESULT_WINDOW_BLOCKS,
    onDivergence,
    onCertificate: (certificate) => {
      certified.certified(certificate);
      collector.prune(certificate.statement.height - RESULTS_KEPT_BLOCKS);
      exchange.tellCore(certificate);
    },
  });
  const execution = stack.use(
    new Execution({
      ledger,
      enclave,
      epochs,
      blocks,
      imports: new ResultImport({ genesis, epochs, network, logger: roomLogger(logger, 'import') }),
      results: collector,
      certified,
      tracker,
      logger: roomLogger(logger, 'execution'),
      onResult: (result) => exchange.push(result),
      onDurableResult: (statement) => exchange.compareOwn(statement),
      onExecuted: ({ header, transactions: count }) => {
        instruments.executedBlocks.with({}).add(1);
        instruments.executedTransactions.with({}).add(count);
        logger.info({ height: header.height, view: header.view, transactions: count }, 'block executed');
        service.announceHead();
        driver.tellExecuted();
        if (header.height % EXPIRE_EVERY_BLOCKS === 0) mempool.expire(header.height);
        if (header.height % PRUNE_EVERY_BLOCKS === 0)
          void wal.prune(header.epoch, header.view - LOG_MARGIN_VIEWS).catch(onFatal);
      },
      onFatal,
    }),
  );
  let halted = false;
  const driver: ConsensusDriver = stack.use(
    new ConsensusDriver({
      core,
      wal,
      epochs,
      network,
      bodies,
      mempool,
      system,
      blocks,
      certified,
      logger: roomLogger(logger, 'consensus'),
      onHalt: (code, vote) => {
        halted = true;
        if (code !== 'KEY_USED_TWICE') return;
        const generation = generationOf(keystore.custody, signing.custody);
        void refuseForEver(wal, epochs.ownKey ?? validatorKeyOf(secrets), generation, vote).then(onFatal, onFatal);
      },
      onFatal,
      onDelivered: ({ blocks: final }, ids) => {
        mempool.finalize(ids);
        for (const { id, header, system: section } of final) {
          delivered = { height: header.height, id };
          for (const transaction of systemTransactionsOf(section) ?? [])
            if (transaction.kind === 'evidence') system.recorded(transaction.evidence, header.height);
        }
        system.advance();
        driver.tellMempool();
      },
      onEpoch: ({ epoch, configuration }) => {
        const { validators, observers } = configuration;
        const role = epochs.selfIn(epochs.current) === undefined ? 'observer' : 'validator';
        logger.info({ epoch, validators: validators.length, observers: observers.length, role }, 'epoch entered');
        void network.setContacts(contacts()).catch(onFatal);
        system.advance();
        enclave?.epochEntered();
        for (const other of network.connectedPeers()) presence.greet(other);
        collector.recount();
      },
      onEvidence: (evidence) => {
        const rule = ruleOf(evidence);
        instruments.evidence.with({ rule }).add(1);
        logger.warn({ rule, validator: accusedBy(evidence), ...placeOf(evidence) }, 'evidence against a validator');
        system.offerEvidence(evidence);
        evidenceWriter.keep(genesis, epochs, evidence);
      },
    }),
  );
  const exchange = stack.use(
    new ResultsExchange({
      epochs,
      network,
      ledger,
      collector,
      certified,
      driver,
      logger: roomLogger(logger, 'results'),
      onDivergence,
    }),
  );
  const takeCertificate = (encoded: Uint8Array, from: PeerName): void => {
    if (!exchange.takeCertificate(encoded)) network.penalise(from, 'invalid-signature');
  };
  const presence = new PresenceBook({
    chainId,
    validatorSecrets,
    keyInUse: () => epochs.ownKey,
    run: signing.runs.last,
    network,
    keyOf: (other) => epochs.validatorKeyOf(other),
    onTwin: () => driver.push({ kind: 'twin' }),
  });
  const inbox = new ConsensusInbox({
    driver,
    epochs,
    presence,
    network,
    bodies,
    mempool,
    onResultCertificate: takeCertificate,
    onMissingTransactions: (proposal, indexes, from) => requests.askTransactions(proposal, indexes, from),
    onBehind: (epoch, behind) => requests.tellClosing(epoch, behind),
    onAhead: (ahead) => requests.askClosing(ahead),
  });
  const roundTrips = new RoundTrips();
  const requests = new ConsensusRequests({
    driver,
    inbox,
    epochs,
    network,
    bodies,
    ledger,
    blocks,
    certified,
    patience: new Patience(roundTrips),
    logger: roomLogger(logger, 'requests'),
    onResultCertificate: takeCertificate,
  });
  const transactions = new Transactions({ chainId, mempool, driver, requests, enclave, ledger, tracker, network });
  const sync = new SyncMeter();
  const service = new NodeService({
    version: options.version,
    genesis,
    chainId,
    epochs,
    ledger,
    driver,
    certified,
    enclave,
    epochKeys,
    mempool,
    network,
    transactions,
    system,
    sync,
    halted: () => halted,
  });

  servePeers({ network, ledger, inbox, transactions, exchange, system, enclave });
  stack.use(
    measureRoundTrips({
      known: roundTrips,
      network,
      epochs,
      onMeasured: (roundTripMs) => driver.push({ kind: 'roundTrip', roundTripMs }),
    }),
  );
  // An enclave that is coming up takes the whole ledger over first.
  const heights = () => ({
    height: enclave?.restoringAt ?? ledger.head().height,
    target: Math.max(ledger.head().height, provenHeight(driver.core)),
  });
  stack.use(meterSync(sync, heights, roomLogger(logger, 'sync'), onProgress));
  const greet = (other: PeerName): void => {
    presence.greet(other);
    driver.greet(other);
  };
  network.events.on('peerConnected', greet);
  for (const other of network.connectedPeers()) greet(other);
  // Also with an empty log: whoever lost all data must hear its own earlier votes before it casts new ones.
  driver.start(requests, 3 * anchor.configuration.parameters.baseTimeoutMs);
  execution.start();
  for (const evidence of core.evidence.values()) system.offerEvidence(evidence);
  const api = stack.use(
    await ApiServer.start({
      service,
      log: roomLogger(logger, 'api'),
      host: config['api.host'],
      port: config['api.port'],
    }),
  );
  const operations = stack.use(
    await OperationsServer.start({
      host: config['operations.host'],
      port: config['operations.port'],
      log: roomLogger(logger, 'operations'),
      ready: () => service.ready(),
      metrics: async () => {
        sampleMetrics(instruments, { service, mempool, blocks, enclave });
        return { contentType: metrics.contentType, text: await metrics.text() };
      },
    }),
  );
  const owned = stack.move();
  return {
    chainId,
    name: epochs.name,
    service,
    addresses: {
      api: `http://${config['api.host']}:${api.port}`,
      operations: `http://${config['operations.host']}:${operations.port}`,
      p2p: network.addresses()[0] ?? config['network.listen'],
    },
    enclavePid: () => enclave?.pid,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
};
