/**
 * A confidential network in one object, for tests of what stands outside of it: real keys, evidence, envelopes,
 * certificates and sealed results, with a few lines in the place of consensus and of the contract runtime.
 */
import type {
  BlockHash,
  ChainId,
  Hash,
  Height,
  PublicKey,
  SealedBytes,
  StateRoot,
  TransactionId,
} from '../../protocol/brand.ts';
import { epoch, height } from '../../protocol/brand.ts';
import type { Outcome } from '../../protocol/call.ts';
import { encode } from '../../protocol/codec.ts';
import { governanceOf } from '../../protocol/consensus/admission.ts';
import { type EpochAnchor, genesisAnchor, validatorSetOf } from '../../protocol/consensus/configuration.ts';
import type { Change } from '../../protocol/consensus/governance.ts';
import type { ParsedEnvelope } from '../../protocol/envelope.ts';
import { openEnvelope, type EnvelopeKeys } from '../../protocol/envelope-open.ts';
import { signEpochKeys } from '../../protocol/epoch-key.ts';
import { chainIdOf, type Genesis } from '../../protocol/genesis.ts';
import { domainHash, u64Bytes } from '../../protocol/hash.ts';
import { HPKE_SUITES, hpkeKeyPair } from '../../protocol/hpke.ts';
import { merkleTree } from '../../protocol/merkle.ts';
import { sealAnswer } from '../../protocol/query.ts';
import { openQuery } from '../../protocol/query-open.ts';
import { encodeReceipt } from '../../protocol/receipt.ts';
import {
  resultCertificateCodec,
  resultCertificateOf,
  type ResultStatement,
  signResultStatement,
} from '../../protocol/result.ts';
import {
  type OutputSealingSecret,
  outputCommitment,
  sealOutput,
  sealSessionOutput,
} from '../../protocol/sealed-output.ts';
import type { Session, SessionId } from '../../protocol/session.ts';
import { machineOf } from '../sim/fake-crypto.ts';
import { endEpoch, type EpochEnd, quorumIn } from './real-chain.ts';
import { genesisOf, keysOf, type Party, partyOf, secretOf, type TinyOptions } from './tiny-genesis.ts';

/** One executed transaction. */
export interface TinyTransaction {
  readonly transactionId: TransactionId;
  readonly height: Height;
  readonly index: number;
  readonly receipt: Uint8Array;
  readonly path: readonly Uint8Array[];
  readonly outputs: readonly SealedBytes[];
}

/** One executed block. */
export interface TinyBlock {
  readonly statement: ResultStatement;
  readonly certificate: Uint8Array;
  readonly transactions: readonly TinyTransaction[];
}

/** Who made a call and how its result goes back. */
interface Opened {
  readonly caller: PublicKey;
  readonly outcome: Outcome;
  readonly replyKey: Uint8Array | undefined;
  readonly session: Session | undefined;
}

/** See the module comment. The one contract is `counter`: `add`, `refuse`, `fail`, `note`, and the query `total`. */
export class TinyNetwork {
  readonly genesis: Genesis;
  readonly chainId: ChainId;
  readonly blocks: TinyBlock[] = [];
  /** Ends of the epochs so far. */
  readonly ends: EpochEnd[] = [];
  readonly #name: string;
  readonly #keys: EnvelopeKeys;
  readonly #sessions = new Map<SessionId, Session>();
  readonly #usedNumbers = new Set<string>();
  readonly #replyKeys = new Map<PublicKey, Uint8Array>();
  readonly #kem;
  readonly #outputSecret = secretOf('outputs') as OutputSealingSecret;
  readonly #messages: { recipient: PublicKey; text: string }[] = [];
  #total = 0;

  constructor(options: TinyOptions = {}) {
    this.#name = options.network ?? 'tiny';
    this.genesis = genesisOf(this.#name, options);
    this.chainId = chainIdOf(this.genesis);
    this.#kem = hpkeKeyPair('x-wing', secretOf(`${this.#name}/epoch`));
    this.#keys = {
      chainId: this.chainId,
      epochKey: (keyEpoch) => (keyEpoch === 1 ? this.#kem : undefined),
      session: (id) => this.#sessions.get(id),
    };
  }

  /** The present epoch. */
  get anchor(): EpochAnchor {
    return this.ends.at(-1)?.next ?? genesisAnchor(this.genesis);
  }

  /** The epoch with a number. */
  anchorAt(number: number): EpochAnchor {
    const anchor = number === 1 ? genesisAnchor(this.genesis) : this.ends[number - 2]?.next;
    if (anchor === undefined) throw new RangeError('no such epoch');
    return anchor;
  }

  /** Ends the present epoch with the next block, which carries nothing but these changes. */
  endEpoch(...changes: readonly Change[]): EpochEnd {
    const header = { height: height(this.head + 1) };
    const end = endEpoch(this.anchor, governanceOf(this.genesis), keysOf(this.#name), { changes, header });
    this.execute([]);
    this.ends.push(end);
    return end;
  }

  /** Statements of the epoch key by the enclaves of these present validators; `forgedKey` puts another key in. */
  epochKeys(validators: readonly number[] = [0, 1, 2, 3], forgedKey?: Uint8Array) {
    const { anchor, chainId } = this;
    const { enclaveKeys } = validatorSetOf(anchor.configuration);
    const keys = [{ suite: HPKE_SUITES['x-wing'].kemId, publicKey: forgedKey ?? this.#kem.publicKey }];
    return validators.map((validator) => ({
      enclaveKey: enclaveKeys[validator] as PublicKey,
      ...signEpochKeys({ chainId, epoch: epoch(1), keys }, this.#party(anchor, validator).enclaveSecret),
    }));
  }

  /** Greatest executed height. */
  get head(): Height {
    return height(this.blocks.length);
  }

  stateRootAt(at: number): StateRoot {
    return this.blocks[at - 1]?.statement.stateRoot ?? ('00'.repeat(32) as StateRoot);
  }

  /** Executes envelopes as the next block; what is replayed or cannot be opened is left out. */
  execute(envelopes: readonly ParsedEnvelope[]): TinyBlock {
    const at = height(this.blocks.length + 1);
    const executed = envelopes.flatMap((envelope) => {
      const opened = this.#open(envelope);
      return opened === undefined ? [] : [{ envelope, opened, messages: this.#messages.splice(0) }];
    });
    const leaves = executed.map(({ envelope, opened, messages }, index) => {
      const outputs = this.#seal(envelope.transactionId, opened, messages);
      const receipt = encodeReceipt({
        transactionId: envelope.transactionId,
        index,
        succeeded: opened.outcome.kind === 'ok',
        gasUsed: 100,
        outputs: outputs.map(outputCommitment),
        claims: '',
      });
      return { transactionId: envelope.transactionId, outputs, receipt };
    });
    const tree = merkleTree(leaves.map(({ receipt }) => receipt));
    const statement = this.statementAt(at, tree.root);
    const transactions = leaves.map((leaf, index) => ({ ...leaf, height: at, index, path: tree.path(index) }));
    const block = { statement, certificate: this.certify(statement), transactions };
    this.blocks.push(block);
    return block;
  }

  /** The statement of a height over the present state. */
  statementAt(at: Height, receiptsRoot: Hash): ResultStatement {
    return {
      chainId: this.chainId,
      epoch: this.anchor.epoch,
      height: at,
      blockHash: domainHash('tiny/block', u64Bytes(at)) as BlockHash,
      timeMs: this.genesis.timeMs + at * 1000,
      stateRoot: domainHash('tiny/state', u64Bytes(this.#total), u64Bytes(at)) as StateRoot,
      receiptsRoot,
      writeSetHash: domainHash('tiny/writes', u64Bytes(at)),
      measurement: this.genesis.measurement,
      platform: 'sim',
    };
  }

  /** An encoded certificate signed by these validators of an epoch, a quorum of the statement's unless named. */
  certify(statement: ResultStatement, signers?: readonly number[], signerEpoch: number = statement.epoch): Uint8Array {
    const anchor = this.anchorAt(signerEpoch);
    const pairs = (signers ?? quorumIn(anchor)).map((validator) => {
      const { enclaveSecret, validatorSecret } = this.#party(anchor, validator);
      return {
        validator,
        enclaveSignature: signResultStatement(statement, enclaveSecret),
        validatorSignature: signResultStatement(statement, validatorSecret),
      };
    });
    const certificate = resultCertificateOf(statement, pairs, validatorSetOf(anchor.configuration));
    return encode(resultCertificateCodec, certificate);
  }

  /** Answers a sealed query at a height, the newest unless named; undefined when it cannot be opened. */
  answer(
    sealedQuery: Uint8Array,
    at: Height = this.head,
    stateRoot: StateRoot = this.stateRootAt(at),
  ): Uint8Array | undefined {
    const opened = openQuery(sealedQuery, this.#keys);
    if (opened.verdict === 'rejected') return undefined;
    const outcome: Outcome =
      opened.call.method === 'total'
        ? { kind: 'ok', result: JSON.stringify({ total: this.#total, caller: opened.caller }) }
        : { kind: 'refused', reason: 'no_such_query', detail: undefined };
    return sealAnswer({ height: at, stateRoot, timeMs: this.genesis.timeMs + at * 1000, outcome }, opened.binding);
  }

  #party({ configuration }: EpochAnchor, validator: number): Party {
    const found = configuration.validators[validator];
    if (found === undefined) throw new RangeError('no such validator');
    return partyOf(this.#name, machineOf(found));
  }

  #open(envelope: ParsedEnvelope): Opened | undefined {
    const opened = openEnvelope(envelope, this.#keys);
    switch (opened.verdict) {
      case 'rejected':
        return undefined;
      case 'call':
        return {
          caller: opened.caller,
          outcome: this.#run(opened.caller, opened.call),
          replyKey: opened.replyKey,
          session: undefined,
        };
      case 'session-opening':
        this.#sessions.set(opened.session.id, opened.session);
        this.#replyKeys.set(opened.session.caller, opened.replyKey);
        return {
          caller: opened.session.caller,
          outcome: { kind: 'ok', result: 'null' },
          replyKey: opened.replyKey,
          session: undefined,
        };
      case 'session-call': {
        const number = `${opened.session.id}/${opened.counter}`;
        if (this.#usedNumbers.has(number)) return undefined;
        this.#usedNumbers.add(number);
        const { caller } = opened.session;
        return { caller, outcome: this.#run(caller, opened.call), replyKey: undefined, session: opened.session };
      }
    }
  }

  #run(caller: PublicKey, call: { readonly method: string; readonly args: string }): Outcome {
    const args = JSON.parse(call.args) as { amount?: number; to?: PublicKey; text?: string } | null;
    switch (call.method) {
      case 'add':
        this.#total += args?.amount ?? 1;
        return { kind: 'ok', result: JSON.stringify({ total: this.#total, caller }) };
      case 'note':
        this.#messages.push({ recipient: args?.to ?? caller, text: args?.text ?? '' });
        return { kind: 'ok', result: 'true' };
      case 'refuse':
        return { kind: 'refused', reason: 'not_today', detail: JSON.stringify({ until: 'tomorrow' }) };
      default:
        return { kind: 'failed', code: 'UNKNOWN_METHOD' };
    }
  }

  #seal(
    transactionId: TransactionId,
    opened: Opened,
    messages: readonly { recipient: PublicKey; text: string }[],
  ): SealedBytes[] {
    const place = { chainId: this.chainId, transactionId, index: 0 };
    const own =
      opened.session === undefined
        ? sealOutput(opened.outcome, opened.replyKey ?? new Uint8Array(0), place, this.#outputSecret)
        : sealSessionOutput(opened.outcome, opened.session, place);
    const others = messages.map(({ recipient, text }, index) => {
      const outcome: Outcome = { kind: 'message', contract: 'counter', json: JSON.stringify(text) };
      const key = this.#replyKeys.get(recipient) ?? new Uint8Array(0);
      return sealOutput(outcome, key, { ...place, index: index + 1 }, this.#outputSecret);
    });
    return [own, ...others].filter((output) => output !== undefined);
  }
}
