/**
 * The enclave as a state machine over its seven requests: new -> greeted -> bound -> ready, and failed for good.
 *
 * Invariants: a refused request changes nothing but the memory of what is proven; output leaves only for blocks whose
 * finality was checked here; after a broken invariant nothing leaves but the status. The host is asked for nothing.
 */
import type { ChainId, Measurement } from '../../protocol/brand.ts';
import { epoch, height } from '../../protocol/brand.ts';
import { decodeSimCertificate, makeSimEvidence, reportDataOf } from '../../protocol/attestation.ts';
import { encode } from '../../protocol/codec.ts';
import { genesisAnchor } from '../../protocol/consensus/configuration.ts';
import { isCloisterError } from '../../protocol/errors.ts';
import { signEpochKeys } from '../../protocol/epoch-key.ts';
import { concatBytes, fromHex, u64Bytes } from '../../protocol/hex.ts';
import { HPKE_SUITES } from '../../protocol/hpke.ts';
import { resultStatementCodec, signResultStatement } from '../../protocol/result.ts';
import { enclaveErrors, type EnclaveErrorCode } from '../boundary/errors.ts';
import type { ReplyOf, RequestKind, RequestOf } from '../boundary/messages.ts';
import { admit } from './admit.ts';
import { EpochDirectory } from './epoch-directory.ts';
import { epochKeysOf } from './epoch-keys.ts';
import { executeBlock } from './execute-block.ts';
import { claimHeight, Freshness } from './freshness.ts';
import { type Identity, loadIdentity, type PlatformSealer, type RandomSource, simulatedSealer } from './identity.ts';
import { LightClient } from './light-client.ts';
import { bindToNetwork, type NetworkBinding, SIMULATED_PLATFORM } from './network-binding.ts';
import { Provisioning } from './provisioning.ts';
import { answerQuery } from './query.ts';
import { newReplica, type Replica } from './replica.ts';
import { restoreBlocks } from './restore.ts';
import type { ContractVm } from './vm/contract-vm.ts';

/** The one key epoch so far: keys outlive changes of validators. */
const KEY_EPOCH = epoch(1);
const EMPTY_ROOT = '00'.repeat(32) as ReplyOf<'status'>['stateRoot'];
const GENESIS_NONCE_BYTES = 32;

/** What an enclave is made of. */
export interface EnclaveParts {
  /** SHA-384 of the bundle that runs. */
  readonly measurement: Measurement;
  readonly vm: ContractVm;
  readonly random: RandomSource;
  /** Bytes of heap in use, for the status. */
  heapBytes(): number;
}

interface Greeted {
  readonly identity: Identity;
  readonly sealer: PlatformSealer;
}

interface Bound {
  readonly network: NetworkBinding;
  readonly epochs: EpochDirectory;
  readonly provisioning: Provisioning;
}

interface Ready {
  readonly replica: Replica;
  readonly lightClient: LightClient;
  readonly freshness: Freshness;
}

/** Codes after which nothing may leave any more. */
const FATAL: ReadonlySet<string> = new Set<EnclaveErrorCode>(['FAIL_STOP', 'CHAIN_CONFLICT', 'STATE_DIVERGED']);

/** One enclave. */
export class Enclave {
  readonly #parts: EnclaveParts;
  #greeted: Greeted | undefined;
  #bound: Bound | undefined;
  #ready: Ready | undefined;
  #failed = false;

  constructor(parts: EnclaveParts) {
    this.#parts = parts;
  }

  /** Serves one request. Throws a CloisterError of the enclave's table: the refusal to send. */
  handle<K extends RequestKind>(kind: K, request: RequestOf<K>): ReplyOf<K> {
    if (this.#failed && kind !== 'status') throw enclaveErrors.error('FAIL_STOP');
    try {
      return this.#serve(kind, request) as ReplyOf<K>;
    } catch (error) {
      if (isCloisterError(error) && error.code in enclaveErrors.table) {
        this.#failed ||= FATAL.has(error.code);
        throw error;
      }
      this.#failed = true;
      throw enclaveErrors.error('FAIL_STOP', {}, error);
    }
  }

  #serve(kind: RequestKind, request: RequestOf<RequestKind>): ReplyOf<RequestKind> {
    switch (kind) {
      case 'hello':
        return this.#hello(request as RequestOf<'hello'>);
      case 'provision':
        return this.#provision(request as RequestOf<'provision'>);
      case 'admit':
        return this.#admit(request as RequestOf<'admit'>);
      case 'execute':
        return this.#execute(request as RequestOf<'execute'>);
      case 'query':
        return this.#query(request as RequestOf<'query'>);
      case 'restore':
        return this.#restore(request as RequestOf<'restore'>);
      case 'status':
        return this.#status();
    }
  }

  #hello(request: RequestOf<'hello'>): ReplyOf<'hello'> {
    if (this.#greeted !== undefined) throw enclaveErrors.error('REQUEST_OUT_OF_PLACE');
    const { measurement, random } = this.#parts;
    const certificate = decodeSimCertificate(request.processorCertificate);
    if (certificate === undefined) throw enclaveErrors.error('PLATFORM_REFUSED');
    const sealer = simulatedSealer(request.processorSecret, measurement, random);
    const { identity, sealedIdentity } = loadIdentity(request.sealedIdentity, sealer, random);
    const { enclaveKey, kem, commitment } = identity;
    const enclaveKem = kem.publicKey;
    const nonce = new Uint8Array(GENESIS_NONCE_BYTES);
    const reportData = reportDataOf({ platform: SIMULATED_PLATFORM, enclaveKey, enclaveKem, nonce });
    const evidence = makeSimEvidence(request.processorSecret, certificate, { measurement, debug: false, reportData });
    this.#greeted = { identity, sealer };
    return {
      measurement,
      platform: SIMULATED_PLATFORM,
      enclaveKey,
      enclaveKem,
      evidence,
      contribution: commitment,
      sealedIdentity,
    };
  }

  #provision(request: RequestOf<'provision'>): ReplyOf<'provision'> {
    const greeted = this.#greeted;
    if (greeted === undefined) throw enclaveErrors.error('REQUEST_OUT_OF_PLACE');
    const { identity, sealer } = greeted;
    const bound = this.#bind(request.genesis, identity);
    const { network, epochs, provisioning } = bound;
    const sealContext = concatBytes(fromHex(network.chainId), u64Bytes(KEY_EPOCH));
    for (const proof of request.epochs) epochs.take(proof);
    const { configuration } = epochs.newest;
    for (const message of request.contributions) provisioning.receive(message, configuration);
    let secret = this.#ready?.replica.keys.secret ?? provisioning.secret(configuration);
    if (secret === undefined && request.sealedEpoch !== undefined) {
      secret = sealer.open('sealedEpoch', sealContext, request.sealedEpoch);
      if (secret === undefined) throw enclaveErrors.error('SEALED_STATE_REFUSED');
    }
    this.#bound = bound;
    if (secret !== undefined) this.#ready ??= this.#becomeReady(bound, identity, secret);
    const ready = this.#ready;
    return {
      chainId: network.chainId,
      epoch: configuration.epoch,
      ready: ready !== undefined,
      outgoing: provisioning.outgoing(configuration, secret, this.#parts.random),
      epochKey: ready && this.#epochKey(network.chainId, ready.replica, identity),
      sealedEpoch: ready && sealer.seal('sealedEpoch', sealContext, ready.replica.keys.secret),
    };
  }

  #bind(encoded: Uint8Array, identity: Identity): Bound {
    const network = bindToNetwork(encoded, identity, this.#parts.measurement);
    if (this.#bound !== undefined) {
      if (this.#bound.network.chainId !== network.chainId) throw enclaveErrors.error('WRONG_CHAIN');
      return this.#bound;
    }
    const { genesis, chainId } = network;
    return {
      network,
      epochs: new EpochDirectory(genesis),
      provisioning: new Provisioning({ genesis, chainId, keyEpoch: KEY_EPOCH, identity }),
    };
  }

  #becomeReady({ network, epochs }: Bound, identity: Identity, secret: Uint8Array): Ready {
    const { genesis, chainId } = network;
    return {
      replica: newReplica(chainId, genesis, epochKeysOf(chainId, KEY_EPOCH, secret), this.#parts.vm),
      lightClient: new LightClient(epochs, genesisAnchor(genesis)),
      freshness: new Freshness(chainId, identity.enclaveKey),
    };
  }

  #epochKey(chainId: ChainId, replica: Replica, identity: Identity): ReplyOf<'provision'>['epochKey'] {
    const suites = ['x25519', 'x-wing'] as const;
    const keys = suites.map((suite) => ({
      suite: HPKE_SUITES[suite].kemId,
      publicKey: replica.keys.envelopeKem[suite].publicKey,
    }));
    return signEpochKeys({ chainId, epoch: replica.keys.epoch, keys }, identity.signingSecret);
  }

  #running(): Ready & Greeted & Bound {
    const greeted = this.#greeted;
    const bound = this.#bound;
    const ready = this.#ready;
    if (greeted === undefined || bound === undefined || ready === undefined)
      throw enclaveErrors.error('REQUEST_OUT_OF_PLACE');
    return { ...greeted, ...bound, ...ready };
  }

  #admit({ envelopes }: RequestOf<'admit'>): ReplyOf<'admit'> {
    const { replica, lightClient } = this.#running();
    return { verdicts: admit(replica, envelopes, lightClient.position.height + 1) };
  }

  #execute(request: RequestOf<'execute'>): ReplyOf<'execute'> {
    const { replica, lightClient, identity } = this.#running();
    const checked = lightClient.check(request);
    const { statement, calls, sealedWriteSet } = executeBlock(replica, { ...checked, body: request.body });
    lightClient.advance([checked.placed]);
    return {
      height: checked.point.height,
      statement: encode(resultStatementCodec, statement),
      signature: signResultStatement(statement, identity.signingSecret),
      calls,
      sealedWriteSet,
      stateRoot: statement.stateRoot,
      receiptsRoot: statement.receiptsRoot,
    };
  }

  #query({ sealedQuery }: RequestOf<'query'>): ReplyOf<'query'> {
    const { replica, lightClient, freshness } = this.#running();
    const point = lightClient.position;
    if (!freshness.isFresh(point.height)) throw enclaveErrors.error('NOT_FRESH', { height: point.height });
    return { height: point.height, sealedAnswer: answerQuery(replica, point, sealedQuery) };
  }

  #restore(request: RequestOf<'restore'>): ReplyOf<'restore'> {
    const { replica, epochs, lightClient, freshness, identity, network } = this.#running();
    let challenge: Uint8Array | undefined;
    let answer: ReplyOf<'restore'>['answer'];
    if (request.kind === 'blocks') restoreBlocks(replica, epochs, lightClient, request.blocks, request.certificate);
    const { height: executed } = lightClient.position;
    if (request.kind === 'challenge') challenge = freshness.newChallenge(this.#parts.random);
    if (request.kind === 'answers' && !freshness.accept(request.answers, executed, epochs.newest.configuration))
      throw enclaveErrors.error('NOT_FRESH');
    if (request.kind === 'answer') {
      const signature = claimHeight(network.chainId, request.challenge, executed, identity.signingSecret);
      answer = { enclaveKey: identity.enclaveKey, height: executed, signature };
    }
    return { height: executed, stateRoot: replica.state.root(), fresh: freshness.isFresh(executed), challenge, answer };
  }

  #status(): ReplyOf<'status'> {
    const ready = this.#ready;
    const point = ready?.lightClient.position;
    const state = ready?.replica.state;
    return {
      state: this.#stateName(),
      platform: SIMULATED_PLATFORM,
      measurement: this.#parts.measurement,
      chainId: this.#bound?.network.chainId,
      epoch: ready?.replica.keys.epoch ?? epoch(0),
      height: point?.height ?? height(0),
      blockHash: point?.id,
      stateRoot: state?.root() ?? EMPTY_ROOT,
      fresh: ready?.freshness.isFresh(ready.lightClient.position.height) ?? false,
      stateEntries: state?.size ?? 0,
      stateBytes: state?.bytes ?? 0,
      maxStateBytes: ready?.replica.parameters.maxStateBytes ?? 0,
      sessions: ready === undefined ? 0 : ready.replica.sessions.count(ready.replica.state),
      cachedCalls: ready?.replica.openedCalls.size ?? 0,
      heapBytes: this.#parts.heapBytes(),
    };
  }

  #stateName(): 'new' | 'greeted' | 'bound' | 'ready' | 'failed' {
    if (this.#failed) return 'failed';
    if (this.#ready !== undefined) return 'ready';
    if (this.#bound !== undefined) return 'bound';
    return this.#greeted === undefined ? 'new' : 'greeted';
  }
}
