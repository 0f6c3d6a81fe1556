/**
 * A network of enclaves inside the test process: real provisioning, real certificates by a small validator set, no
 * consensus and no sockets. Blocks are made by hand and executed by every enclave unless a test says otherwise.
 */
import { ed25519PublicKey, ed25519Sign } from '#primitives';
import { Enclave } from '../../enclave/runtime/enclave.ts';
import { ContractVm } from '../../enclave/runtime/vm/contract-vm.ts';
import type { ReplyOf, RequestOf } from '../../enclave/boundary/messages.ts';
import { certifySimProcessor, encodeSimCertificate } from '../../protocol/attestation.ts';
import type { ChainId, Epoch, Hash, Height, Measurement, PublicKey } from '../../protocol/brand.ts';
import { epoch, height, validatorIndex, view } from '../../protocol/brand.ts';
import type { Signer } from '../../protocol/call.ts';
import { decode, encode } from '../../protocol/codec.ts';
import { summarize } from '../../protocol/consensus/body.ts';
import { type Certificate, certificateOf } from '../../protocol/consensus/certificate.ts';
import { type ChainPoint, epochAnchorOf } from '../../protocol/consensus/configuration.ts';
import { blockId, type Header } from '../../protocol/consensus/header.ts';
import { type Vote, voteBytes, ZERO_HASH } from '../../protocol/consensus/vote.ts';
import type { SealingTarget } from '../../protocol/envelope-seal.ts';
import { epochKeyOf, epochKeyStatementCodec } from '../../protocol/epoch-key.ts';
import {
  chainIdOf,
  defaultParameters,
  faultBound,
  type Genesis,
  genesisCodec,
  type Parameters,
} from '../../protocol/genesis.ts';
import { toHex } from '../../protocol/hex.ts';
import {
  type ResultCertificate,
  resultCertificateOf,
  resultStatementCodec,
  signResultStatement,
} from '../../protocol/result.ts';
import { transactionId } from '../../protocol/transaction-id.ts';
import { buildVm } from '../../scripts/build-vm.ts';
import { seededRandom } from './seeded-random.ts';

/** Seeded bytes, for keys of tests. */
export function seededBytes(seed: number): (lengthBytes: number) => Uint8Array {
  const random = seededRandom(seed);
  return (lengthBytes) => Uint8Array.from({ length: lengthBytes }, () => random.integer(256));
}

/** A signer with a key of its own. */
export function testSigner(seed: number): Signer {
  const secret = seededBytes(seed)(32);
  return { publicKey: toHex(ed25519PublicKey(secret)) as PublicKey, sign: (message) => ed25519Sign(message, secret) };
}

/** Measurement that in-process enclaves claim. */
export const TEST_MEASUREMENT = '5a'.repeat(48) as Measurement;

/** One validator of the test network. */
export interface TestValidator {
  readonly secret: Uint8Array;
  readonly processorSecret: Uint8Array;
  readonly processorCertificate: Uint8Array;
  enclave: Enclave;
  readonly hello: ReplyOf<'hello'>;
}

/** A block and what proves it. */
export type TestBlock = RequestOf<'execute'>;

/** What a network of tests is made of. */
export interface NetworkOptions {
  readonly validators?: number;
  readonly members?: readonly Signer[];
  readonly threshold?: number;
  readonly parameters?: Partial<Parameters>;
  readonly seed?: number;
  readonly policyClass?: string;
}

/** The network. */
export class EnclaveNetwork {
  readonly genesis: Genesis;
  readonly chainId: ChainId;
  readonly validators: readonly TestValidator[];
  readonly members: readonly Signer[];
  /** Executed heights as a ledger would keep them. */
  readonly executed: { header: Header; certificate: ResultCertificate; sealedWriteSet: Uint8Array }[] = [];
  epochKeys: NonNullable<ReplyOf<'provision'>['epochKey']> | undefined;
  readonly sealedEpochs: Uint8Array[] = [];
  position: ChainPoint;
  readonly #vmBytes: Uint8Array;
  readonly #seed: number;

  static async create(options: NetworkOptions = {}): Promise<EnclaveNetwork> {
    return new EnclaveNetwork(await buildVm(), options);
  }

  private constructor(vmBytes: Uint8Array, options: NetworkOptions) {
    this.#vmBytes = vmBytes;
    this.#seed = options.seed ?? 1;
    this.members = options.members ?? [testSigner(9001)];
    const root = seededBytes(this.#seed + 700)(32);
    const count = options.validators ?? 4;
    this.validators = Array.from({ length: count }, (_, index) => this.#newValidator(root, index));
    this.genesis = this.#makeGenesis(root, options);
    this.chainId = chainIdOf(this.genesis);
    this.position = epochAnchorOf(this.genesis).base;
  }

  /** A vm of its own, as each enclave process has. */
  newVm(): ContractVm {
    return ContractVm.load(this.#vmBytes);
  }

  newEnclave(seed: number): Enclave {
    return new Enclave({
      measurement: TEST_MEASUREMENT,
      vm: this.newVm(),
      random: seededBytes(seed),
      heapBytes: () => 0,
    });
  }

  #newValidator(root: Uint8Array, index: number): TestValidator {
    const bytes = seededBytes(this.#seed * 1000 + index);
    const processorSecret = bytes(32);
    const key = toHex(ed25519PublicKey(processorSecret)) as PublicKey;
    const processorCertificate = encodeSimCertificate(certifySimProcessor(root, bytes(16), key));
    const enclave = this.newEnclave(this.#seed * 2000 + index);
    const hello = enclave.handle('hello', { processorSecret, processorCertificate, sealedIdentity: undefined });
    return { secret: bytes(32), processorSecret, processorCertificate, enclave, hello };
  }

  #makeGenesis(root: Uint8Array, options: NetworkOptions): Genesis {
    const contributors = faultBound(this.validators.length) + 1;
    return {
      version: 1,
      network: 'test',
      timeMs: 1_700_000_000_000,
      policyClass: options.policyClass ?? 'testnet',
      platform: 'sim',
      measurement: TEST_MEASUREMENT,
      simRoot: toHex(ed25519PublicKey(root)) as PublicKey,
      parameters: { ...defaultParameters, ...options.parameters },
      members: this.members.map(({ publicKey }, index) => ({ name: `member ${index}`, key: publicKey })),
      threshold: options.threshold ?? 1,
      validators: this.validators.map(({ secret, hello }, index) => ({
        name: `validator ${index}`,
        validatorKey: toHex(ed25519PublicKey(secret)) as PublicKey,
        peerId: `peer ${index}`,
        enclaveKey: hello.enclaveKey,
        enclaveKem: toHex(hello.enclaveKem),
        evidence: toHex(hello.evidence),
        contribution: index < contributors ? hello.contribution : undefined,
      })),
    };
  }

  get genesisBytes(): Uint8Array {
    return encode(genesisCodec, this.genesis);
  }

  /** Brings the epoch secret into every enclave and proves their freshness. */
  provision(): this {
    const inboxes: RequestOf<'provision'>['contributions'][number][][] = this.validators.map(() => []);
    this.validators.forEach(({ enclave }, sender) => {
      const { outgoing } = enclave.handle('provision', {
        genesis: this.genesisBytes,
        sealedEpoch: undefined,
        contributions: [],
      });
      for (const { validator, message } of outgoing) inboxes[validator]?.push({ validator: sender, message });
    });
    this.validators.forEach(({ enclave }, index) => {
      const reply = enclave.handle('provision', {
        genesis: this.genesisBytes,
        sealedEpoch: undefined,
        contributions: inboxes[index] ?? [],
      });
      this.epochKeys = reply.epochKey;
      if (reply.sealedEpoch !== undefined) this.sealedEpochs[index] = reply.sealedEpoch;
    });
    for (const { enclave } of this.validators) this.proveFresh(enclave);
    return this;
  }

  /** Lets all other enclaves answer one's challenge. */
  proveFresh(enclave: Enclave): ReplyOf<'restore'> {
    const { challenge } = enclave.handle('restore', { kind: 'challenge' });
    const answers = this.validators.flatMap((peer) => {
      if (peer.enclave === enclave || challenge === undefined) return [];
      const { answer } = peer.enclave.handle('restore', { kind: 'answer', challenge });
      return answer === undefined ? [] : [answer];
    });
    return enclave.handle('restore', { kind: 'answers', answers });
  }

  /** Where wallets of this network seal to. */
  get target(): SealingTarget {
    const statement = decode(epochKeyStatementCodec, this.epochKeys?.statement ?? new Uint8Array(0), 4096);
    const suite = 'x-wing';
    return {
      chainId: this.chainId,
      keyEpoch: epoch(1),
      suite,
      epochPublicKey: epochKeyOf(statement, suite) ?? new Uint8Array(0),
    };
  }

  /** The header of a next block, with fields to overwrite. */
  header(body: readonly Uint8Array[], parent: ChainPoint = this.position, changes: Partial<Header> = {}): Header {
    const anchor = epochAnchorOf(this.genesis);
    return {
      version: 1,
      chainId: this.chainId,
      epoch: anchor.epoch,
      view: view(parent.view + 1),
      height: height(parent.height + 1),
      kind: body.length === 0 ? 'empty' : 'normal',
      timeMs: parent.timeMs + 100,
      proposer: validatorIndex(0),
      parentView: parent.view,
      parentHash: parent.id,
      justRoot: ZERO_HASH as Hash,
      ...summarize(body, body.map(transactionId)),
      sysRoot: ZERO_HASH as Hash,
      configHash: anchor.configHash,
      nextConfigHash: ZERO_HASH as Hash,
      stateCert: undefined,
      ...changes,
    };
  }

  /** A finalization of a header by `signers` (a quorum unless given). */
  finalize(
    header: Header,
    signers: readonly number[] = [0, 1, 2],
    secrets: readonly Uint8Array[] = this.validators.map((v) => v.secret),
  ): Certificate {
    const statement = { kind: 'finalize', epoch: header.epoch, view: header.view, hash: blockId(header) } as const;
    const votes = signers.map((signer): Vote => {
      const secret = secrets[signer] ?? new Uint8Array(32);
      return {
        ...statement,
        signer: validatorIndex(signer),
        signature: ed25519Sign(voteBytes(header.chainId, statement), secret),
      };
    });
    return certificateOf(votes, this.validators.length);
  }

  /** A final block with these envelopes. */
  block(body: readonly Uint8Array[]): TestBlock {
    const header = this.header(body);
    return { headers: [header], finalization: this.finalize(header), body };
  }

  /** Executes a block everywhere, checks that all agree, and returns the first enclave's reply. */
  execute(block: TestBlock, enclaves: readonly Enclave[] = this.validators.map((v) => v.enclave)): ReplyOf<'execute'> {
    const replies = enclaves.map((enclave) => enclave.handle('execute', block));
    const [first] = replies;
    const [header] = block.headers;
    if (first === undefined || header === undefined) throw new TypeError('nothing to execute');
    for (const reply of replies) {
      const same =
        toHex(reply.statement) === toHex(first.statement) &&
        toHex(reply.sealedWriteSet) === toHex(first.sealedWriteSet);
      if (!same) throw new TypeError('replicas disagree');
    }
    const statement = decode(resultStatementCodec, first.statement, 1024);
    const pairs = replies.map((reply, validator) => ({
      validator,
      enclaveSignature: reply.signature,
      validatorSignature: signResultStatement(statement, this.validators[validator]?.secret ?? new Uint8Array(32)),
    }));
    const certificate = resultCertificateOf(statement, pairs, this.validators.length);
    this.executed.push({ header, certificate, sealedWriteSet: first.sealedWriteSet });
    this.position = { id: blockId(header), height: header.height, view: header.view, timeMs: header.timeMs };
    return first;
  }

  /** A started-again enclave of a validator: same processor, same sealed blobs, empty state. */
  restart(index: number): Enclave {
    const validator = this.validators[index];
    if (validator === undefined) throw new RangeError('no such validator');
    const enclave = this.newEnclave(this.#seed * 3000 + index);
    const { processorSecret, processorCertificate, hello } = validator;
    enclave.handle('hello', { processorSecret, processorCertificate, sealedIdentity: hello.sealedIdentity });
    enclave.handle('provision', {
      genesis: this.genesisBytes,
      sealedEpoch: this.sealedEpochs[index],
      contributions: [],
    });
    validator.enclave = enclave;
    return enclave;
  }

  /** An expiry a little ahead. */
  get soon(): Height {
    return height(this.position.height + 100);
  }

  get keyEpoch(): Epoch {
    return epoch(1);
  }
}
