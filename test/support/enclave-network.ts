/**
 * A network of enclaves inside the test process: real provisioning, real certificates by a small validator set, no
 * consensus and no sockets. Blocks are made by hand and executed by every enclave unless a test says otherwise.
 */
import { ed25519PublicKey } from '#primitives';
import { Enclave } from '../../enclave/runtime/enclave.ts';
import { ContractVm } from '../../enclave/runtime/vm/contract-vm.ts';
import type { ReplyOf, RequestOf } from '../../enclave/boundary/messages.ts';
import { certifySimProcessor, encodeSimCertificate } from '../../protocol/attestation.ts';
import type { ChainId, Height, Measurement, PublicKey } from '../../protocol/brand.ts';
import { epoch, height } from '../../protocol/brand.ts';
import type { Signer } from '../../protocol/call.ts';
import { decode, encode } from '../../protocol/codec.ts';
import { governanceOf } from '../../protocol/consensus/admission.ts';
import type { Certificate } from '../../protocol/consensus/certificate.ts';
import {
  type ChainPoint,
  type EpochAnchor,
  genesisAnchor,
  validatorSetOf,
} from '../../protocol/consensus/configuration.ts';
import type { EpochProof } from '../../protocol/consensus/epoch-proof.ts';
import type { Change } from '../../protocol/consensus/governance.ts';
import type { Header } from '../../protocol/consensus/header.ts';
import type { SealingTarget } from '../../protocol/envelope-seal.ts';
import { epochKeyOf, epochKeyStatementCodec } from '../../protocol/epoch-key.ts';
import {
  chainIdOf,
  defaultParameters,
  faultBound,
  type Genesis,
  genesisCodec,
  type Parameters,
  type Validator,
} from '../../protocol/genesis.ts';
import { toHex } from '../../protocol/hex.ts';
import {
  type ResultCertificate,
  resultCertificateOf,
  type ResultStatement,
  resultStatementBytes,
  resultStatementCodec,
} from '../../protocol/result.ts';
import { buildVm } from '../../scripts/build-vm.ts';
import { certificateOn, endEpoch, type EpochEnd, headerOn, KeyRing, pointOf, signerOf } from './real-chain.ts';
import { seededRandom } from './seeded-random.ts';

/** Seeded bytes, for keys of tests. */
export function seededBytes(seed: number): (lengthBytes: number) => Uint8Array {
  const random = seededRandom(seed);
  return (lengthBytes) => Uint8Array.from({ length: lengthBytes }, () => random.integer(256));
}

/** A signer with a key of its own. */
export function testSigner(seed: number): Signer {
  return signerOf(seededBytes(seed)(32));
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
  /** Epoch secret as its enclave has sealed it to itself. */
  sealedEpoch: Uint8Array | undefined;
}

/** A message between enclaves, as their nodes relay it. */
export type Relayed = RequestOf<'provision'>['contributions'][number];

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

/** One executed height as a ledger would keep it. */
export interface ExecutedHeight {
  readonly header: Header;
  readonly certificate: ResultCertificate;
  readonly sealedWriteSet: Uint8Array;
}

/** The request that has an enclave take over consecutive executed heights. */
export const restoring = (...executed: readonly ExecutedHeight[]): RequestOf<'restore'> => {
  const last = executed.at(-1);
  if (last === undefined) throw new RangeError('nothing to restore');
  const blocks = executed.map(({ header, sealedWriteSet }) => ({ header, sealedWriteSet }));
  return { kind: 'blocks', blocks, certificate: last.certificate };
};

/** An end of an epoch, with the closing block as it is executed. */
export interface TestEnd extends EpochEnd {
  readonly last: TestBlock;
}

/** The network. */
export class EnclaveNetwork {
  readonly genesis: Genesis;
  readonly chainId: ChainId;
  readonly members: readonly Signer[];
  readonly keys: KeyRing;
  /** Validators of the present epoch, in order. */
  validators: readonly TestValidator[];
  /** The present epoch. */
  anchor: EpochAnchor;
  /** Proofs of the changes of epoch so far. */
  readonly proofs: EpochProof[] = [];
  readonly blocks: TestBlock[] = [];
  readonly executed: ExecutedHeight[] = [];
  epochKeys: NonNullable<ReplyOf<'provision'>['epochKey']> | undefined;
  position: ChainPoint;
  readonly #vmBytes: Uint8Array;
  readonly #seed: number;
  readonly #machines: TestValidator[] = [];
  /** Statement of each executed height, and the signatures of the enclaves that executed it. */
  readonly #results: { statement: ResultStatement; signatures: Map<PublicKey, Uint8Array> }[] = [];

  static async create(options: NetworkOptions = {}): Promise<EnclaveNetwork> {
    return new EnclaveNetwork(await buildVm(), options);
  }

  private constructor(vmBytes: Uint8Array, options: NetworkOptions) {
    this.#vmBytes = vmBytes;
    this.#seed = options.seed ?? 1;
    this.members = options.members ?? [testSigner(9001)];
    this.keys = new KeyRing(...this.members);
    this.validators = Array.from({ length: options.validators ?? 4 }, () => this.#newMachine());
    this.genesis = this.#makeGenesis(options);
    this.chainId = chainIdOf(this.genesis);
    this.anchor = genesisAnchor(this.genesis);
    this.position = this.anchor.base;
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

  get #root(): Uint8Array {
    return seededBytes(this.#seed + 700)(32);
  }

  #newMachine(): TestValidator {
    const index = this.#machines.length;
    const bytes = seededBytes(this.#seed * 1000 + index);
    const processorSecret = bytes(32);
    const key = toHex(ed25519PublicKey(processorSecret)) as PublicKey;
    const processorCertificate = encodeSimCertificate(certifySimProcessor(this.#root, bytes(16), key));
    const enclave = this.newEnclave(this.#seed * 2000 + index);
    const hello = enclave.handle('hello', { processorSecret, processorCertificate, sealedIdentity: undefined });
    const secret = bytes(32);
    const machine = { secret, processorSecret, processorCertificate, enclave, hello, sealedEpoch: undefined };
    this.keys.add(signerOf(secret));
    this.#machines.push(machine);
    return machine;
  }

  #entryOf({ secret, hello }: TestValidator, index: number, contributes: boolean): Validator {
    return {
      name: `validator ${index}`,
      validatorKey: signerOf(secret).publicKey,
      peerId: `peer ${index}`,
      enclaveKey: hello.enclaveKey,
      enclaveKem: toHex(hello.enclaveKem),
      evidence: toHex(hello.evidence),
      contribution: contributes ? hello.contribution : undefined,
      address: undefined,
    };
  }

  #makeGenesis(options: NetworkOptions): Genesis {
    const contributors = faultBound(this.validators.length) + 1;
    return {
      version: 1,
      network: 'test',
      timeMs: 1_700_000_000_000,
      policyClass: options.policyClass ?? 'testnet',
      platform: 'sim',
      measurement: TEST_MEASUREMENT,
      simRoot: signerOf(this.#root).publicKey,
      parameters: { ...defaultParameters, ...options.parameters },
      members: this.members.map(({ publicKey }, index) => ({ name: `member ${index}`, key: publicKey })),
      threshold: options.threshold ?? 1,
      validators: this.validators.map((machine, index) => this.#entryOf(machine, index, index < contributors)),
    };
  }

  get genesisBytes(): Uint8Array {
    return encode(genesisCodec, this.genesis);
  }

  /** A request that hands in these parts and nothing else. */
  provisioning(parts: Partial<RequestOf<'provision'>> = {}): RequestOf<'provision'> {
    return { genesis: this.genesisBytes, epochs: [], sealedEpoch: undefined, contributions: [], ...parts };
  }

  /** Brings the epoch secret into every enclave and proves their freshness. */
  provision(): this {
    const sealed = this.validators.map((sender) => this.outgoingOf(sender));
    for (const machine of this.validators) {
      const { enclaveKey } = machine.hello;
      const contributions = sealed.flatMap((messages) => messages.get(enclaveKey) ?? []);
      const reply = machine.enclave.handle('provision', this.provisioning({ contributions }));
      this.epochKeys = reply.epochKey;
      machine.sealedEpoch = reply.sealedEpoch;
    }
    for (const { enclave } of this.validators) this.proveFresh(enclave);
    return this;
  }

  /** What an enclave has sealed for others, by recipient, as its node relays it. */
  outgoingOf({ enclave, hello }: TestValidator): ReadonlyMap<PublicKey, Relayed> {
    const { outgoing } = enclave.handle('provision', this.provisioning());
    return new Map(
      outgoing.map(({ enclaveKey, message }) => [enclaveKey, { enclaveKey: hello.enclaveKey, message }] as const),
    );
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
    return headerOn(this.anchor, parent, body, changes);
  }

  /** A finalization of a header by `signers` (a quorum unless given); `secrets` replaces their keys. */
  finalize(header: Header, signers?: readonly number[], secrets?: readonly Uint8Array[]): Certificate {
    const { anchor } = this;
    const forged = (secrets ?? []).map((secret, index) => {
      const publicKey = anchor.validatorKeys[index] as PublicKey;
      return { publicKey, sign: (message: Uint8Array) => signerOf(secret).sign(message) };
    });
    const keys = secrets === undefined ? this.keys : new KeyRing(...forged);
    return certificateOn({ ...anchor, chainId: header.chainId }, keys, 'finalize', header, signers);
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
    const signatures = new Map(
      replies.map((reply, index) => [this.validators[index]?.hello.enclaveKey as PublicKey, reply.signature]),
    );
    this.#results.push({ statement, signatures });
    this.blocks.push(block);
    this.position = pointOf(header);
    const certificate = this.certificateBy(this.anchor, header.height);
    this.executed.push({ header, certificate, sealedWriteSet: first.sealedWriteSet });
    return first;
  }

  /** The certificate of an executed height by those validators of an epoch whose enclaves executed it here. */
  certificateBy(anchor: EpochAnchor, at: number): ResultCertificate {
    const result = this.#results[at - 1];
    if (result === undefined) throw new RangeError('nothing was executed there');
    const { statement, signatures } = result;
    const pairs = anchor.configuration.validators.flatMap(({ enclaveKey, validatorKey }, validator) => {
      const enclaveSignature = signatures.get(enclaveKey);
      if (enclaveSignature === undefined) return [];
      const validatorSignature = this.keys.sign(validatorKey, resultStatementBytes(statement));
      return [{ validator, enclaveSignature, validatorSignature }];
    });
    return resultCertificateOf(statement, pairs, validatorSetOf(anchor.configuration));
  }

  /** A machine with a fresh enclave of this network, and its entry in a configuration. */
  newcomer(): { readonly machine: TestValidator; readonly validator: Validator } {
    const machine = this.#newMachine();
    return { machine, validator: this.#entryOf(machine, this.#machines.length - 1, false) };
  }

  /** An end of the present epoch by a next block, with fields to overwrite; nothing learns of it yet. */
  ending(changes: readonly Change[], header: Partial<Header> = {}): TestEnd {
    const before = this.executed.at(-1)?.header;
    const parent = before?.epoch === this.anchor.epoch ? { parent: before } : {};
    const end = endEpoch(this.anchor, governanceOf(this.genesis), this.keys, { changes, header, ...parent });
    const { proof } = end;
    return { ...end, last: { headers: [proof.header], finalization: proof.finalization, body: [] } };
  }

  /** Goes on in the next epoch, with its validators; their enclaves are not told by this. */
  enter({ proof, next }: EpochEnd): void {
    this.proofs.push(proof);
    this.anchor = next;
    this.validators = next.configuration.validators.map(({ enclaveKey }) => {
      const machine = this.#machines.find(({ hello }) => hello.enclaveKey === enclaveKey);
      if (machine === undefined) throw new RangeError('a validator without a machine');
      return machine;
    });
  }

  /** A machine that holds the epoch secret executes everything that it has missed. */
  catchUp({ enclave, hello }: TestValidator): void {
    const { height: executed } = enclave.handle('status', {});
    for (const [index, block] of this.blocks.entries()) {
      if (index < executed) continue;
      this.#results[index]?.signatures.set(hello.enclaveKey, enclave.handle('execute', block).signature);
    }
  }

  /** A started-again enclave of a validator: same processor, same sealed blobs, told of every epoch, empty state. */
  restart(index: number): Enclave {
    const machine = this.validators[index];
    if (machine === undefined) throw new RangeError('no such validator');
    const enclave = this.newEnclave(this.#seed * 3000 + index);
    const { processorSecret, processorCertificate, hello, sealedEpoch } = machine;
    enclave.handle('hello', { processorSecret, processorCertificate, sealedIdentity: hello.sealedIdentity });
    enclave.handle('provision', this.provisioning({ sealedEpoch, epochs: this.proofs }));
    machine.enclave = enclave;
    return enclave;
  }

  /** An expiry a little ahead. */
  get soon(): Height {
    return height(this.position.height + 100);
  }
}
