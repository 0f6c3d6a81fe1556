/**
 * Results between validators: pushes own results, counts those of others, and pulls what was missed.
 *
 * When more than f validators contradict our result, this replica stops: it writes a report that names the height and
 * the first transaction on which it differs, and the node ends.
 */
import { signersOf } from '../protocol/bitmap.ts';
import { type Hash, type Height, height as asHeight } from '../protocol/brand.ts';
import { decode, encode } from '../protocol/codec.ts';
import { MAX_RECEIPT_BYTES, receiptCodec } from '../protocol/receipt.ts';
import {
  certifies,
  MAX_RESULT_CERTIFICATE_BYTES,
  type ResultCertificate,
  resultCertificateCodec,
  resultCertificateFault,
  type ResultStatement,
  resultStatementCodec,
  resultStatementHash,
} from '../protocol/result.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { ConsensusDriver } from './consensus-driver.ts';
import type { Epochs } from './epochs.ts';
import type { CertifiedResults } from './certified-results.ts';
import type { Logger } from './logger.ts';
import type { PeerNetwork } from './network/network.ts';
import type { PeerName } from './network/types.ts';
import {
  bulkMessageCodec,
  MAX_PEER_RESPONSE_BYTES,
  MAX_RESULTS_PER_RESPONSE,
  PEER_METHOD,
  type PeerRequest,
  peerRequestCodec,
  type PeerResponse,
  peerResponseCodec,
} from './peer-messages.ts';
import type { Divergence, OwnResult, ResultCollector, ResultMessage } from './results.ts';

const REPAIR_MS = 500;
const TIMEOUT_MS = 5_000;

/** What the exchange is made with. */
export interface ResultsExchangeOptions {
  readonly epochs: Epochs;
  readonly network: PeerNetwork;
  readonly ledger: Ledger;
  readonly collector: ResultCollector;
  readonly certified: CertifiedResults;
  readonly driver: ConsensusDriver;
  readonly logger: Logger;
  readonly onDivergence: (divergence: Divergence) => void;
}

/** See the module comment. */
export class ResultsExchange implements AsyncDisposable {
  readonly #options: ResultsExchangeOptions;
  readonly #timer: NodeJS.Timeout;
  #lastExecuted = 0;
  #asking = false;

  constructor(options: ResultsExchangeOptions) {
    this.#options = options;
    this.#timer = setInterval(() => this.#repair(), REPAIR_MS);
    this.#timer.unref();
  }

  /** Sends our own result to every validator. */
  push({ signed }: OwnResult): void {
    if (signed === undefined) return;
    const message = encode(bulkMessageCodec, { kind: 'result', result: signed.message });
    this.#options.network.broadcast('bulk', message);
  }

  /** Compares our own result, once it is durable, with a certificate that was here before it. */
  compareOwn(statement: ResultStatement): void {
    const early = this.#options.certified.at(statement.height);
    if (early !== undefined) this.#compare(early, resultStatementHash(early.statement), statement);
  }

  /** Takes a peer's result; false when its signatures are false. */
  receive(from: PeerName, result: ResultMessage): boolean {
    return this.#options.collector.addPeer(from, result) !== 'bad-signature';
  }

  /** Takes a result certificate from a peer: verified, then known to execution and to the core. */
  takeCertificate(encoded: Uint8Array): boolean {
    const { epochs, certified } = this.#options;
    try {
      const certificate = decode(resultCertificateCodec, encoded, MAX_RESULT_CERTIFICATE_BYTES);
      const { statement } = certificate;
      const certHash = resultStatementHash(statement);
      if (certified.byHash(certHash) === undefined) {
        const signers = epochs.resultSigners(statement.epoch).find(({ set }) => set.epoch === certificate.signerEpoch);
        // Of an epoch that we have not entered: not false, only early.
        if (signers === undefined) return certifies(certificate.signerEpoch, statement.epoch);
        if (resultCertificateFault(certificate, signers.set) !== undefined) return false;
        this.#store(certificate, certHash);
      }
      this.tellCore(certificate);
      return true;
    } catch {
      return false;
    }
  }

  /** Tells agreement of a valid certificate, which headers may name from now on. */
  tellCore({ statement }: ResultCertificate): void {
    this.#options.driver.push({
      kind: 'resultCertificate',
      certHash: resultStatementHash(statement),
      verdict: 'valid',
      height: statement.height,
      root: statement.stateRoot,
    });
  }

  /** Answers a peer: certificates where we have them, otherwise our own signed results. */
  answer(from: Height, to: Height): PeerResponse {
    const { ledger } = this.#options;
    const certificates: Uint8Array[] = [];
    const results: ResultMessage[] = [];
    const last = Math.min(to, ledger.head().height);
    for (let number: number = Math.max(1, from); number <= last; number += 1) {
      const height = asHeight(number);
      const certificate = ledger.readResultCertificate(height);
      if (certificate !== undefined) certificates.push(certificate);
      else {
        const own = this.#ownResult(height)?.signed;
        if (own !== undefined) results.push(own.message);
      }
    }
    return { kind: 'results', certificates, results };
  }

  /** Public receipts of a height, for a peer that compares. */
  receipts(height: Height): PeerResponse {
    const receipts = this.#options.ledger.readReceipts(height) ?? [];
    return { kind: 'receipts', receipts: receipts.map(({ receipt }) => receipt) };
  }

  /** Compares receipts with the peer that contradicts us; describes the first difference. */
  async describe({ height, peer, own, other }: Divergence): Promise<Record<string, string | number>> {
    const report = {
      height,
      validator: this.#options.epochs.validatorNameOf(peer) ?? peer,
      ownStateRoot: own.stateRoot,
      otherStateRoot: other.statement.stateRoot,
      ownReceiptsRoot: own.receiptsRoot,
      otherReceiptsRoot: other.statement.receiptsRoot,
    };
    const ours = (this.#options.ledger.readReceipts(asHeight(height)) ?? []).map(({ receipt }) => receipt);
    try {
      const response = await this.#request(peer, { kind: 'receipts', height: asHeight(height) });
      const theirs = response.kind === 'receipts' ? response.receipts : [];
      const index = ours.findIndex(
        (receipt, position) => !Buffer.from(receipt).equals(theirs[position] ?? new Uint8Array()),
      );
      const differing = ours[index];
      if (differing === undefined) return { ...report, firstDifference: 'write set only: all receipts agree' };
      const { transactionId } = decode(receiptCodec, differing, MAX_RECEIPT_BYTES);
      return { ...report, firstDifference: transactionId, index };
    } catch {
      return { ...report, firstDifference: 'unknown: the other validator gave no receipts' };
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
  }

  #store(certificate: ResultCertificate, certHash: Hash): void {
    const own = this.#ownResult(certificate.statement.height);
    if (own === undefined) this.#options.certified.remember(certificate);
    else this.#compare(certificate, certHash, own.statement);
  }

  /** A certificate beside our own result of its height: it certifies ours, or this replica is the wrong one. */
  #compare(certificate: ResultCertificate, certHash: Hash, own: ResultStatement): void {
    const { certified, onDivergence, epochs } = this.#options;
    const { statement, signerEpoch, enclaveSignatures, validatorSignatures } = certificate;
    if (resultStatementHash(own) === certHash) {
      certified.certified(certificate);
      return;
    }
    const validators = epochs.at(signerEpoch)?.configuration.validators ?? [];
    const [first = 0] = signersOf(certificate.signers, validators.length) ?? [];
    const peer = validators[first]?.peerId as PeerName;
    const other = {
      statement,
      enclaveSignature: enclaveSignatures.slice(0, 64),
      validatorSignature: validatorSignatures.slice(0, 64),
    };
    onDivergence({ height: statement.height, peer, own, other, fatal: true });
  }

  #ownResult(height: Height): OwnResult | undefined {
    const { ledger, epochs } = this.#options;
    const stored = ledger.readStatement(height);
    if (stored === undefined) return undefined;
    const statement = decode(resultStatementCodec, stored.statement, stored.statement.length);
    return epochs.ownResult(statement, stored.enclaveSignature);
  }

  /**
   * Asks for results of heights that were already uncertified at the last look, and counts them whatever their age: of the
   * oldest ones, and of the newest, which an old one that nobody can certify any more must not hold up.
   */
  #repair(): void {
    const { certified, ledger, network } = this.#options;
    const stuck = this.#lastExecuted;
    this.#lastExecuted = ledger.head().height;
    const oldest = certified.firstUncertified();
    if (this.#asking || oldest > stuck) return;
    this.#asking = true;
    const newest = Math.max(oldest, stuck - MAX_RESULTS_PER_RESPONSE + 1);
    const wanted = [...new Set([oldest, newest])].flatMap((from) => {
      const to = Math.min(stuck, from + MAX_RESULTS_PER_RESPONSE - 1);
      return this.#reopen(from, to) ? network.connectedPeers().map((peer) => [peer, from, to] as const) : [];
    });
    Promise.all(wanted.map(([peer, from, to]) => this.#askResults(peer, asHeight(from), asHeight(to))))
      .catch(() => undefined)
      .finally(() => {
        this.#asking = false;
      });
  }

  /** Counts the uncertified heights of a range again; says whether there are any. */
  #reopen(from: number, to: number): boolean {
    const { ledger, collector } = this.#options;
    let any = false;
    for (let number = from; number <= to; number += 1) {
      const height = asHeight(number);
      if (ledger.readResultCertificate(height) !== undefined) continue;
      any = true;
      const own = collector.counts(number) ? undefined : this.#ownResult(height);
      if (own !== undefined) collector.reopen(own);
    }
    return any;
  }

  async #askResults(peer: PeerName, from: Height, to: Height): Promise<void> {
    const { collector, logger } = this.#options;
    try {
      const response = await this.#request(peer, { kind: 'results', from, to });
      if (response.kind !== 'results') return;
      for (const certificate of response.certificates) this.takeCertificate(certificate);
      for (const result of response.results) collector.addPeer(peer, result);
    } catch (error) {
      logger.debug({ err: error, peer }, 'results not fetched');
    }
  }

  async #request(peer: PeerName, request: PeerRequest): Promise<PeerResponse> {
    const bytes = await this.#options.network.request(peer, PEER_METHOD, encode(peerRequestCodec, request), {
      timeoutMs: TIMEOUT_MS,
      maxResponseBytes: MAX_PEER_RESPONSE_BYTES,
    });
    return decode(peerResponseCodec, bytes, MAX_PEER_RESPONSE_BYTES);
  }
}
