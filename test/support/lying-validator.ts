/**
 * A validator of a genesis that lies: the real peer network under a real identity and real keys, with nothing honest
 * behind it. Its home is that of a stopped validator.
 */
import { ed25519Sign, randomBytes } from '#primitives';
import { loadIdentity, simulatedSealer } from '../../enclave/runtime/identity.ts';
import { contactsOf } from '../../node/addresses.ts';
import { CONSENSUS_METHOD } from '../../node/consensus-requests.ts';
import { homePaths, readOptional, readPassphrase, readSecrets } from '../../node/home.ts';
import type { NodeSecrets } from '../../node/keystore.ts';
import { silentLogger } from '../../node/logger.ts';
import { MetricsRegistry } from '../../node/metrics.ts';
import { DEFAULT_NETWORK_LIMITS } from '../../node/network/limits.ts';
import { PeerNetwork } from '../../node/network/network.ts';
import type { PeerName } from '../../node/network/types.ts';
import { bulkMessageCodec, peerRequestCodec, type PeerResponse, peerResponseCodec } from '../../node/peer-messages.ts';
import type { ResultMessage } from '../../node/results.ts';
import { PEER_METHOD } from '../../node/peer-messages.ts';
import { readProcessor } from '../../node/simulated-processor.ts';
import {
  type BlockHash,
  type ChainId,
  epoch,
  type Hash,
  height as asHeight,
  type PublicKey,
  type StateRoot,
  type ValidatorIndex,
  validatorIndex,
  view as asView,
} from '../../protocol/brand.ts';
import { decode, encode } from '../../protocol/codec.ts';
import type { Proposal } from '../../protocol/consensus/block.ts';
import { leaderAt } from '../../protocol/consensus/block-rules.ts';
import { firstConfiguration, genesisAnchor } from '../../protocol/consensus/configuration.ts';
import type { Closing } from '../../protocol/consensus/closing.ts';
import { blockId, type Header, HEADER_VERSION } from '../../protocol/consensus/header.ts';
import { justificationRoot } from '../../protocol/consensus/justification.ts';
import { type ConsensusMessage, consensusMessageCodec } from '../../protocol/consensus/message.ts';
import {
  type ConsensusResponse,
  consensusRequestCodec,
  consensusResponseCodec,
} from '../../protocol/consensus/request.ts';
import { type Vote, voteBytes, type VoteStatement, ZERO_HASH } from '../../protocol/consensus/vote.ts';
import { chainIdOf, type Genesis } from '../../protocol/genesis.ts';
import { toHex } from '../../protocol/hex.ts';
import { type ResultStatement, signResultStatement } from '../../protocol/result.ts';

const MAX_ANSWER_BYTES = 8 * 1024 * 1024;

/** A random hash. */
export const someHash = (): BlockHash => toHex(randomBytes(32)) as BlockHash;

/** See the module comment. */
export class LyingValidator implements AsyncDisposable {
  readonly network: PeerNetwork;
  readonly index: ValidatorIndex;
  readonly genesis: Genesis;
  readonly chainId: ChainId;
  readonly #secrets: NodeSecrets;
  readonly #enclaveSecret: Uint8Array;
  /** Requests that it answered with lies. */
  liesTold = 0;

  private constructor(
    network: PeerNetwork,
    index: ValidatorIndex,
    genesis: Genesis,
    secrets: NodeSecrets,
    enclaveSecret: Uint8Array,
  ) {
    this.network = network;
    this.index = index;
    this.genesis = genesis;
    this.chainId = chainIdOf(genesis);
    this.#secrets = secrets;
    this.#enclaveSecret = enclaveSecret;
  }

  /** Takes the place of the stopped validator of a home; `chainId` differs when it belongs to another network. */
  static async start(options: {
    readonly home: string;
    readonly genesis: Genesis;
    readonly index: number;
    readonly port: number;
    /** `name@multiaddr` of the others. */
    readonly peers: readonly string[];
    readonly chainId?: ChainId;
  }): Promise<LyingValidator> {
    const { home, genesis, port } = options;
    const paths = homePaths(home);
    const secrets = await readSecrets(home, await readPassphrase(home, {}));
    const { secret } = await readProcessor(paths.processor);
    const sealer = simulatedSealer(secret, genesis.measurement, randomBytes);
    const { identity } = loadIdentity(await readOptional(paths.sealedIdentity), sealer, randomBytes);
    const index = validatorIndex(options.index);
    const { channels } = DEFAULT_NETWORK_LIMITS;
    const present = firstConfiguration(genesis);
    const network = await PeerNetwork.start({
      identity: secrets.network,
      listen: { host: '127.0.0.1', port },
      contacts: contactsOf({ present, before: undefined, joiners: [], settings: options.peers }),
      chainId: options.chainId ?? chainIdOf(genesis),
      logger: silentLogger(),
      metrics: new MetricsRegistry(),
      // It sends what no honest node would.
      limits: {
        ...DEFAULT_NETWORK_LIMITS,
        channels: { ...channels, bulk: { ...channels.bulk, maxMessageBytes: 64 * 1024 * 1024 } },
      },
    });
    return new LyingValidator(network, index, genesis, secrets, identity.signingSecret);
  }

  /** A genuinely signed vote of this validator, for this chain or another one. */
  vote(statement: Omit<VoteStatement, 'epoch' | 'view'> & { readonly view: number }, chainId = this.chainId): Vote {
    const full: VoteStatement = { ...statement, epoch: epoch(1), view: asView(statement.view) };
    return { ...full, signer: this.index, signature: ed25519Sign(voteBytes(chainId, full), this.#secrets.validator) };
  }

  /** The next view from `from` on that this validator leads. */
  nextLed(from: number): number {
    const anchor = genesisAnchor(this.genesis);
    let view = from;
    while (leaderAt(anchor, view) !== this.index) view += 1;
    return view;
  }

  /** A signed proposal of a block that fits no chain; two calls give two blocks. */
  proposal(view: number): Proposal {
    const justification = { parent: undefined, nullifications: [] };
    const header: Header = {
      version: HEADER_VERSION,
      chainId: this.chainId,
      epoch: epoch(1),
      view: asView(view),
      height: asHeight(1),
      kind: 'normal',
      timeMs: Date.now(),
      proposer: this.index,
      parentView: asView(0),
      parentHash: someHash(),
      justRoot: justificationRoot(justification),
      txRoot: ZERO_HASH as string as Hash,
      txCount: 0,
      bodyBytes: 0,
      sysRoot: ZERO_HASH as string as Hash,
      configHash: someHash() as string as Hash,
      nextConfigHash: ZERO_HASH as string as Hash,
      stateCert: undefined,
    };
    const { signature } = this.vote({ kind: 'notarize', view, hash: blockId(header) });
    const body = { kind: 'inline', envelopes: [] } as const;
    return { header, justification, system: [], signature, body, resultCertificate: undefined };
  }

  /** A result that this validator made up, under both of its signatures. */
  falseResult(height: number): ResultMessage {
    const statement: ResultStatement = {
      chainId: this.chainId,
      epoch: epoch(1),
      height: asHeight(height),
      blockHash: someHash(),
      timeMs: 1,
      stateRoot: someHash() as string as StateRoot,
      receiptsRoot: someHash() as string as Hash,
      writeSetHash: someHash() as string as Hash,
      measurement: this.genesis.measurement,
      platform: this.genesis.platform,
    };
    return {
      statement,
      enclaveSignature: signResultStatement(statement, this.#enclaveSecret),
      validatorSignature: signResultStatement(statement, this.#secrets.validator),
    };
  }

  /** The machine of a validator of the genesis. */
  peerOf(validator: number): PeerName {
    return this.genesis.validators[validator]?.peerId as PeerName;
  }

  /** Whether a validator has let it in. */
  isConnectedTo(validator: number): boolean {
    return this.network.connectedPeers().includes(this.peerOf(validator));
  }

  /** Sends a message of agreement. */
  say(to: number, message: ConsensusMessage): void {
    this.network.send(this.peerOf(to), 'consensus', encode(consensusMessageCodec, message));
  }

  /** Sends a result. */
  sayResult(to: number, result: ResultMessage): void {
    this.network.send(this.peerOf(to), 'bulk', encode(bulkMessageCodec, { kind: 'result', result }));
  }

  /** Answers every request from now on with well-formed lies, every fourth with noise. */
  answerWithLies(): void {
    const answer = (lie: () => Uint8Array): Uint8Array => {
      this.liesTold += 1;
      return this.liesTold % 4 === 0 ? randomBytes(200) : lie();
    };
    this.network.handleRequest(CONSENSUS_METHOD, async (_peer, bytes) =>
      answer(() =>
        encode(consensusResponseCodec, this.#consensusLie(decode(consensusRequestCodec, bytes, MAX_ANSWER_BYTES).kind)),
      ),
    );
    this.network.handleRequest(PEER_METHOD, async (_peer, bytes) =>
      answer(() => encode(peerResponseCodec, this.#peerLie(decode(peerRequestCodec, bytes, MAX_ANSWER_BYTES).kind))),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.network[Symbol.asyncDispose]();
  }

  #consensusLie(kind: string): ConsensusResponse {
    const { header, justification, system } = this.proposal(1);
    switch (kind) {
      case 'getTransactions':
        return { kind: 'transactions', envelopes: [randomBytes(600)] };
      case 'getBody':
        return { kind: 'body', body: [randomBytes(600)] };
      case 'getResultCertificate':
        return { kind: 'resultCertificate', certificate: randomBytes(300) };
      case 'getCertificates':
        return { kind: 'certificates', certificates: [] };
      case 'getHeader':
        return { kind: 'header', block: { header, justification, system, body: undefined } };
      case 'getClosing':
        return { kind: 'closing', closing: this.#closingLie() };
      default: {
        const blocks = [{ header, justification, system, body: [] }];
        return { kind: 'blocks', blocks, following: [], finalization: undefined };
      }
    }
  }

  /** An end of the present epoch that nobody has signed. */
  #closingLie(): Closing {
    const { header, justification, system } = this.proposal(1);
    const closing = { ...header, nextConfigHash: someHash() as string as Hash };
    const statement = { kind: 'finalize', epoch: closing.epoch, view: closing.view, hash: blockId(closing) } as const;
    return {
      block: { header: closing, justification, system, body: [] },
      following: [],
      finalization: { ...statement, bitmap: Uint8Array.of(7), signatures: randomBytes(3 * 64) },
    };
  }

  #peerLie(kind: string): PeerResponse {
    const enclaveKey = this.genesis.validators[this.index]?.enclaveKey ?? ('' as PublicKey);
    switch (kind) {
      case 'contribution':
        return { kind: 'contribution', contribution: { enclaveKey, message: randomBytes(900) } };
      case 'epochKey':
        return { kind: 'epochKey', statement: { enclaveKey, statement: randomBytes(400), signature: randomBytes(64) } };
      case 'freshness':
        return { kind: 'freshness', answer: { enclaveKey, height: asHeight(999_999), signature: randomBytes(64) } };
      case 'receipts':
        return { kind: 'receipts', receipts: [randomBytes(80)] };
      default:
        return { kind: 'results', certificates: [randomBytes(400)], results: [this.falseResult(1)] };
    }
  }
}
