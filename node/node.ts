/**
 * The composition root: the only place that constructs the node's parts and connects them, in dependency order; they
 * are disposed in reverse.
 */
import type { ChainId, ValidatorIndex } from '../protocol/brand.ts';
import { decode, encode, type Infer } from '../protocol/codec.ts';
import { epochAnchorOf } from '../protocol/consensus/configuration.ts';
import { blockId } from '../protocol/consensus/header.ts';
import { chainIdOf, type Genesis, validatorSetOf } from '../protocol/genesis.ts';
import { restore } from '../consensus/restart.ts';
import type { CoreConfig } from '../consensus/state.ts';
import { contactsOf, listenAddress } from './addresses.ts';
import { ApiServer } from './api/server.ts';
import { OperationsServer } from './api/operations.ts';
import { NodeService } from './api-service.ts';
import { BodyStore } from './body-store.ts';
import { CommitTracker } from './commit-tracker.ts';
import type { NodeConfig } from './config.ts';
import { ConsensusDriver } from './consensus-driver.ts';
import { ConsensusInbox } from './consensus-inbox.ts';
import { ConsensusRequests } from './consensus-requests.ts';
import { generationOf, type KeyCustody, refuseForEver } from './custody.ts';
import { EpochKeyCollection, enclaveRelay } from './enclave-messages.ts';
import { checkMeasurement } from './enclave-measurement.ts';
import { EnclaveSupervisor } from './enclave-supervisor.ts';
import { nodeErrors } from './errors.ts';
import { Execution } from './execution.ts';
import { keepEvidence } from './evidence-file.ts';
import { writeFileDurably } from './home.ts';
import { type NodeKeystore, type NodeSecrets, validatorKeyOf } from './keystore.ts';
import { type Logger, roomLogger } from './logger.ts';
import { Mempool } from './mempool.ts';
import { sampleMetrics } from './metrics-sample.ts';
import { MetricsRegistry } from './metrics.ts';
import { PeerNetwork } from './network/network.ts';
import { nodeMetrics } from './node-metrics.ts';
import {
  bulkMessageCodec,
  MAX_BULK_MESSAGE_BYTES,
  type PeerResponse,
  peerRequestCodec,
  peerResponseCodec,
} from './peer-messages.ts';
import { PresenceBook } from './presence.ts';
import { type Divergence, ResultCollector } from './results.ts';
import { PEER_METHOD, ResultsExchange } from './results-exchange.ts';
import { finalPointOf, openToSign } from './storage.ts';
import { Transactions } from './transactions.ts';

/** What a node is made with. */
export interface NodeOptions {
  readonly home: string;
  readonly version: string;
  readonly genesis: Genesis;
  readonly config: NodeConfig;
  /** Secrets, and what the keystore says of their custody. */
  readonly keystore: NodeKeystore;
  /** Makes another custody part of the keystore, durably. */
  readonly keepCustody: (custody: KeyCustody) => Promise<void>;
  readonly logger: Logger;
  /** The node cannot go on: the process should end with this error. */
  readonly onFatal: (error: unknown) => void;
}

/** Where a running node is reached. */
export interface NodeAddresses {
  readonly api: string;
  readonly operations: string;
  readonly p2p: string;
}

const MAX_PEER_REQUEST_BYTES = 64 * 1024;
/** Heights for which results of peers are kept before we executed them. */
const RESULT_WINDOW_BLOCKS = 256;
/** Views of the log that are kept below the executed block. */
const LOG_MARGIN_VIEWS = 64;
const PRUNE_EVERY_BLOCKS = 64;
const EXPIRE_EVERY_BLOCKS = 8;

/** A running validator node. */
export interface RunningNode extends AsyncDisposable {
  readonly chainId: ChainId;
  readonly self: ValidatorIndex;
  readonly addresses: NodeAddresses;
  readonly service: NodeService;
  /** Process id of the enclave, while it runs. */
  enclavePid(): number | undefined;
}

/** Starts every part of the node; a failed start disposes what had started, then rejects. */
export const startNode = async (options: NodeOptions): Promise<RunningNode> => {
  await using stack = new AsyncDisposableStack();
  const { home, genesis, config, keystore, keepCustody, logger, onFatal } = options;
  const { secrets } = keystore;
  const chainId = chainIdOf(genesis);
  const self = ownIndex(genesis, secrets);
  const metrics = new MetricsRegistry();
  metrics.registerProcessMetrics();
  const instruments = metrics.register(nodeMetrics);

  await checkMeasurement(config['enclave.bundle'], genesis.measurement);
  const signing = stack.use(await openToSign({ home, chainId, ...keystore, keepCustody }));
  const { ledger, wal, records } = signing;

  const bodies = new BodyStore();
  const mempool = new Mempool({
    maxBytes: config['mempool.bytes'],
    maxTransactions: config['mempool.transactions'],
    share: config['mempool.share'] / 100,
  });
  const coreConfig: CoreConfig = { anchor: epochAnchorOf(genesis), self, parameters: genesis.parameters };
  for (const record of records) {
    if (record.kind === 'block' && record.body !== undefined)
      bodies.offer(blockId(record.header), record.header, record.body);
  }
  const core = restore(coreConfig, finalPointOf(ledger, coreConfig), records);

  const network = stack.use(
    await PeerNetwork.start({
      identity: secrets.network,
      listen: listenAddress(config['network.listen']),
      validators: contactsOf(genesis, config['network.peers']),
      self,
      chainId,
      logger: roomLogger(logger, 'network'),
      metrics,
    }),
  );
  const enclave = stack.use(
    EnclaveSupervisor.start({
      home,
      bundlePath: config['enclave.bundle'],
      maxHeapMiB: config['enclave.heap_megabytes'],
      genesis,
      ledger,
      relay: enclaveRelay(network, self),
      logger: roomLogger(logger, 'enclave'),
      onFatal,
    }),
  );
  const epochKeys = stack.use(new EpochKeyCollection({ network, enclave, self, genesis }));
  network.events.on('peerConnected', () => enclave.poke());

  const tracker = new CommitTracker();
  const onDivergence = (divergence: Divergence): void => {
    const { height, validator, fatal } = divergence;
    logger.error({ height, validator, fatal }, 'another validator signed a different result');
    if (!fatal) return;
    void exchange
      .describe(divergence)
      .then((report) => writeFileDurably(`${home}/divergence-${height}.json`, `${JSON.stringify(report, null, 2)}\n`))
      .finally(() => onFatal(nodeErrors.error('DIVERGED', { height, validator })));
  };
  const collector = new ResultCollector({
    set: validatorSetOf(genesis),
    self,
    windowBlocks: RESULT_WINDOW_BLOCKS,
    onDivergence,
    onCertificate: (certificate) => {
      execution.certified(certificate);
      exchange.tellCore(certificate);
    },
  });
  const execution = stack.use(
    new Execution({
      ledger,
      enclave,
      bodies,
      results: collector,
      tracker,
      validatorSecret: secrets.validator,
      logger: roomLogger(logger, 'execution'),
      onResult: (result) => exchange.push(result),
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
  const driver = stack.use(
    new ConsensusDriver({
      core,
      wal,
      validatorSecret: secrets.validator,
      network,
      bodies,
      mempool,
      execution: {
        deliver: (blocks, finalization) => {
          const ids = blocks.flatMap(({ id }) => bodies.ids(id));
          execution.deliver(blocks, finalization);
          mempool.finalize(ids);
          driver.tellMempool();
        },
        backlog: () => execution.backlog,
        stateReference: (maxHeight) => execution.stateReference(maxHeight),
        resultCertificate: (certHash) => execution.resultCertificate(certHash),
      },
      logger: roomLogger(logger, 'consensus'),
      onHalt: (code, vote) => {
        halted = true;
        if (code !== 'KEY_USED_TWICE') return;
        const generation = generationOf(keystore.custody, signing.custody);
        void refuseForEver(wal, validatorKeyOf(secrets), generation, vote).then(onFatal, onFatal);
      },
      onFatal,
      onEvidence: (evidence) => {
        instruments.evidence.with({ rule: evidence.rule }).add(1);
        logger.warn(
          { rule: evidence.rule, validator: evidence.first.signer, view: evidence.first.view },
          'evidence against a validator',
        );
        void keepEvidence(home, evidence).catch(onFatal);
      },
    }),
  );
  const exchange = stack.use(
    new ResultsExchange({
      genesis,
      network,
      ledger,
      collector,
      execution,
      driver,
      validatorSecret: secrets.validator,
      logger: roomLogger(logger, 'results'),
      onDivergence,
    }),
  );
  const takeCertificate = (encoded: Uint8Array, from: ValidatorIndex): void => {
    if (!exchange.takeCertificate(encoded)) network.penalise(from, 'invalid-signature');
  };
  const presence = new PresenceBook({
    chainId,
    validatorSecret: secrets.validator,
    run: signing.runs.last,
    network,
    keyOf: (peer) => coreConfig.anchor.validatorKeys[peer],
    onTwin: () => driver.push({ kind: 'twin' }),
  });
  const inbox = new ConsensusInbox({
    driver,
    presence,
    network,
    bodies,
    mempool,
    onResultCertificate: takeCertificate,
    onMissingTransactions: (proposal, indexes, from) => requests.askTransactions(proposal, indexes, from),
  });
  const requests = new ConsensusRequests({
    driver,
    inbox,
    network,
    bodies,
    ledger,
    execution,
    logger: roomLogger(logger, 'requests'),
    onResultCertificate: takeCertificate,
  });
  const transactions = new Transactions({ chainId, mempool, driver, requests, enclave, ledger, tracker, network });
  const service = new NodeService({
    version: options.version,
    genesis,
    chainId,
    self,
    ledger,
    driver,
    execution,
    enclave,
    epochKeys,
    mempool,
    network,
    transactions,
    halted: () => halted,
  });

  network.onMessage((peer, channel, bytes) => {
    if (channel === 'consensus') return inbox.receive(peer, bytes);
    const message = decodeBulk(bytes);
    if (message === undefined) return network.penalise(peer, 'malformed-message');
    const sound =
      message.kind === 'envelopes'
        ? transactions.receive(peer, message.envelopes)
        : exchange.receive(peer, message.result);
    if (!sound) network.penalise(peer, message.kind === 'envelopes' ? 'invalid-message' : 'invalid-signature');
  });
  network.onGossip('certificates', (_from, bytes) => inbox.gossip(bytes));
  network.handleRequest(PEER_METHOD, async (peer, bytes) => encode(peerResponseCodec, await answerPeer(peer, bytes)));
  const answerPeer = async (peer: ValidatorIndex, bytes: Uint8Array): Promise<PeerResponse> => {
    const request = decode(peerRequestCodec, bytes, MAX_PEER_REQUEST_BYTES);
    switch (request.kind) {
      case 'results':
        return exchange.answer(request.from, request.to);
      case 'receipts':
        return exchange.receipts(request.height);
      case 'contribution':
        return {
          kind: 'contribution',
          message: request.validator === peer ? enclave.contributionFor(peer) : undefined,
        };
      case 'epochKey':
        return { kind: 'epochKey', statement: enclave.epochKey };
      case 'freshness':
        return { kind: 'freshness', answer: await enclave.answerFreshness(request.challenge) };
    }
  };

  const greet = (peer: ValidatorIndex): void => {
    presence.greet(peer);
    driver.greet(peer);
  };
  network.events.on('peerConnected', greet);
  for (const peer of network.connectedPeers()) greet(peer);
  // Also with an empty log: whoever lost all data must hear its own earlier votes before it casts new ones.
  driver.start(requests, 3 * genesis.parameters.baseTimeoutMs);
  execution.start();
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
        sampleMetrics(instruments, { service, mempool, execution, enclave });
        return { contentType: metrics.contentType, text: await metrics.text() };
      },
    }),
  );
  const owned = stack.move();
  return {
    chainId,
    self,
    service,
    addresses: {
      api: `http://${config['api.host']}:${api.port}`,
      operations: `http://${config['operations.host']}:${operations.port}`,
      p2p: network.addresses()[0] ?? config['network.listen'],
    },
    enclavePid: () => enclave.pid,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
};

const decodeBulk = (bytes: Uint8Array): Infer<typeof bulkMessageCodec> | undefined => {
  try {
    return decode(bulkMessageCodec, bytes, MAX_BULK_MESSAGE_BYTES);
  } catch {
    return undefined;
  }
};

const ownIndex = (genesis: Genesis, secrets: NodeSecrets): ValidatorIndex => {
  const key = validatorKeyOf(secrets);
  const index = genesis.validators.findIndex((validator) => validator.validatorKey === key);
  if (index < 0) throw nodeErrors.error('NOT_A_VALIDATOR');
  return index as ValidatorIndex;
};
