/**
 * Stands in for `enclave/host/enclave-client.ts`: an enclave in the node's own process. Requests and replies go through
 * the real encoding of the boundary, finality through the real light client (P14); execution itself is replaced by a hash
 * over the chain, since contracts and their encryption have tests of their own.
 */
import { ed25519PublicKey, ed25519Sign } from '#primitives';
import { type Height, height as asHeight, type StateRoot } from '../../../protocol/brand.ts';
import { decode, encode } from '../../../protocol/codec.ts';
import { governanceOf } from '../../../protocol/consensus/admission.ts';
import {
  type ChainPoint,
  type EpochAnchor,
  genesisAnchor,
  validatorSetOf,
} from '../../../protocol/consensus/configuration.ts';
import { verifyEpochProof } from '../../../protocol/consensus/epoch-proof.ts';
import { blockId, type Header } from '../../../protocol/consensus/header.ts';
import { verifyFinality } from '../../../protocol/finality.ts';
import { type Genesis, genesisCodec } from '../../../protocol/genesis.ts';
import { domainHash, fromHex, toHex } from '../../../protocol/hash.ts';
import { merkleRoot } from '../../../protocol/merkle.ts';
import { encodeReceipt } from '../../../protocol/receipt.ts';
import {
  resultCertificateFault,
  resultStatementBytes,
  type ResultStatement,
  resultStatementCodec,
  writeSetHash,
} from '../../../protocol/result.ts';
import { transactionId } from '../../../protocol/transaction-id.ts';
import {
  decodeReply,
  decodeRequest,
  encodeReply,
  encodeRequest,
  MAX_GENESIS_BYTES,
  type ReplyOf,
  type RequestKind,
  type RequestOf,
} from '../../../enclave/boundary/messages.ts';
import type { PublicKey } from '../../../protocol/brand.ts';
import { host, type SimProcess } from './host.ts';
import { partyOf } from './parties.ts';

const FASTEST_MS = 0.2;
const SLOWEST_MS = 8;

/** What a simulation wants to know of enclaves. */
export interface Witness {
  onExecuted(machine: number, statement: ResultStatement, header: Header): void;
  onRefused(machine: number, reason: string): void;
  onEpoch(machine: number, anchor: EpochAnchor): void;
}

let witness: Witness | undefined;

/** Tells a witness of everything that enclaves execute from now on. */
export const useWitness = (next: Witness): void => {
  witness = next;
};

const geneses = new Map<string, Genesis>();

/** The genesis of a network, which all its enclaves are given in the same bytes. */
const genesisOf = (encoded: Uint8Array): Genesis => {
  const id = domainHash('sim/genesis', encoded);
  const genesis = geneses.get(id) ?? decode(genesisCodec, encoded, MAX_GENESIS_BYTES);
  geneses.set(id, genesis);
  return genesis;
};

/** One enclave. */
export class EnclaveClient {
  readonly pid = undefined;
  readonly exited = new Promise<never>(() => undefined);
  readonly #process: SimProcess;
  readonly #secret: Uint8Array;
  #anchors: EpochAnchor[] = [];
  #genesis: Genesis | undefined;
  #point: ChainPoint | undefined;
  #root = '0'.repeat(64) as StateRoot;

  private constructor(process: SimProcess) {
    this.#process = process;
    this.#secret = partyOf(process.machine).enclaveSecret;
  }

  static async start(): Promise<EnclaveClient> {
    return new EnclaveClient(host().current);
  }

  call<K extends RequestKind>(kind: K, request: RequestOf<K>): Promise<ReplyOf<K>> {
    const { agenda, random } = host();
    const frame = encodeRequest(1, kind, request);
    return new Promise((resolve, reject) => {
      host().later(this.#process, agenda.nowMs + random.between(FASTEST_MS, SLOWEST_MS), () => {
        try {
          resolve(decodeReply(kind, this.#serve(frame)));
        } catch (error) {
          reject(error);
        }
      });
    });
  }

  async dispose(): Promise<void> {}

  #serve(frame: Uint8Array): Uint8Array {
    const asked = decodeRequest(frame);
    switch (asked.kind) {
      case 'hello':
        return encodeReply(asked.id, 'hello', this.#hello());
      case 'provision':
        return encodeReply(asked.id, 'provision', this.#provision(asked.request));
      case 'admit':
        return encodeReply(asked.id, 'admit', {
          verdicts: asked.request.envelopes.map(() => ({ admitted: true, code: '' })),
        });
      case 'execute':
        return encodeReply(asked.id, 'execute', this.#execute(asked.request));
      case 'restore':
        return encodeReply(asked.id, 'restore', this.#restore(asked.request));
      default:
        throw new TypeError(`the simulated enclave has no ${asked.kind}`);
    }
  }

  get #enclaveKey(): PublicKey {
    return toHex(ed25519PublicKey(this.#secret)) as PublicKey;
  }

  #hello(): ReplyOf<'hello'> {
    return {
      measurement: 'ab'.repeat(48) as ReplyOf<'hello'>['measurement'],
      platform: 'sim',
      enclaveKey: this.#enclaveKey,
      enclaveKem: new Uint8Array(1),
      evidence: new Uint8Array(1),
      contribution: '0'.repeat(64) as ReplyOf<'hello'>['contribution'],
      sealedIdentity: new Uint8Array(1),
    };
  }

  #provision({ genesis, epochs }: RequestOf<'provision'>): ReplyOf<'provision'> {
    this.#genesis ??= genesisOf(genesis);
    if (this.#anchors.length === 0) this.#anchors = [genesisAnchor(this.#genesis)];
    for (const proof of epochs) {
      const last = this.#anchors.at(-1) as EpochAnchor;
      if (proof.header.epoch !== last.epoch) continue;
      const next = verifyEpochProof(last, governanceOf(this.#genesis), proof);
      if (next.verdict === 'invalid') this.#refuse(`an epoch that is not proven: ${next.code}`);
      else {
        this.#anchors.push(next.anchor);
        witness?.onEpoch(this.#process.machine, next.anchor);
      }
    }
    const newest = this.#anchors.at(-1) as EpochAnchor;
    return {
      chainId: newest.chainId,
      epoch: newest.epoch,
      ready: true,
      outgoing: [],
      epochKey: undefined,
      sealedEpoch: undefined,
    };
  }

  #refuse(reason: string): never {
    witness?.onRefused(this.#process.machine, reason);
    throw new TypeError(reason);
  }

  #anchorOf({ epoch }: Header): EpochAnchor {
    return this.#anchors[epoch - 1] ?? this.#refuse(`a block of epoch ${epoch}, which was not proven`);
  }

  #execute({ headers, finalization, body }: RequestOf<'execute'>): ReplyOf<'execute'> {
    const header = headers[0] as Header;
    const anchor = this.#anchorOf(header);
    const previous = this.#point === undefined || this.#point.height === anchor.base.height ? anchor.base : this.#point;
    const verdict = verifyFinality(anchor, previous, headers, finalization);
    if (verdict.verdict === 'invalid') return this.#refuse(`a block that is not proven final: ${verdict.code}`);
    const calls = body.map((envelope, index) => {
      const id = transactionId(envelope);
      const receipt = { transactionId: id, index, succeeded: true, gasUsed: 1, outputs: [], claims: '' };
      return { transactionId: id, receipt: encodeReceipt(receipt), outputs: [] };
    });
    const sealedWriteSet = fromHex(domainHash('sim/write-set', fromHex(this.#root), fromHex(blockId(header))));
    const receiptsRoot = merkleRoot(calls.map(({ receipt }) => receipt));
    this.#advance(header, domainHash('sim/state', sealedWriteSet) as string as StateRoot);
    const statement: ResultStatement = {
      chainId: anchor.chainId,
      epoch: header.epoch,
      height: header.height,
      blockHash: blockId(header),
      timeMs: header.timeMs,
      stateRoot: this.#root,
      receiptsRoot,
      writeSetHash: writeSetHash(sealedWriteSet),
      measurement: this.#hello().measurement,
      platform: 'sim',
    };
    witness?.onExecuted(this.#process.machine, statement, header);
    return {
      height: header.height,
      statement: encode(resultStatementCodec, statement),
      signature: ed25519Sign(resultStatementBytes(statement), this.#secret),
      calls,
      sealedWriteSet,
      stateRoot: this.#root,
      receiptsRoot,
    };
  }

  #advance(header: Header, root: StateRoot): void {
    this.#point = { id: blockId(header), height: header.height, view: header.view, timeMs: header.timeMs };
    this.#root = root;
  }

  #restore(request: RequestOf<'restore'>): ReplyOf<'restore'> {
    if (request.kind === 'blocks') {
      const { certificate } = request;
      const headers = request.blocks.map(({ header }) => header);
      const header = headers.at(-1);
      if (header === undefined || certificate.statement.blockHash !== blockId(header))
        return this.#refuse('a result of another block');
      let before = this.#point?.id;
      for (const next of headers) {
        if (before !== undefined && next.parentHash !== before) this.#refuse('blocks that do not follow one another');
        before = blockId(next);
      }
      const { configuration } = this.#anchors[certificate.signerEpoch - 1] ?? this.#anchorOf(header);
      const fault = resultCertificateFault(certificate, validatorSetOf(configuration));
      if (fault !== undefined) this.#refuse(`a result that is not certified: ${fault}`);
      this.#advance(header, certificate.statement.stateRoot);
    }
    const height: Height = this.#point?.height ?? asHeight(0);
    return { height, stateRoot: this.#root, fresh: true, challenge: undefined, answer: undefined };
  }
}
