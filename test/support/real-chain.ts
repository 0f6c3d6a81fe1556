/**
 * Pieces of a chain under real keys: blocks, certificates, change lists, and the closing block that ends an epoch.
 * Everything is what production code makes; who signs, and what is forged, is for the test to say.
 */
import { ed25519PublicKey, ed25519Sign } from '#primitives';
import type { Hash, PublicKey } from '../../protocol/brand.ts';
import { height, validatorIndex, view } from '../../protocol/brand.ts';
import type { Signer } from '../../protocol/call.ts';
import { encode } from '../../protocol/codec.ts';
import { asParent, leaderAt } from '../../protocol/consensus/block-rules.ts';
import { type BlockBody, summarize } from '../../protocol/consensus/body.ts';
import { type Certificate, certificateOf } from '../../protocol/consensus/certificate.ts';
import type { Closing } from '../../protocol/consensus/closing.ts';
import { type ChainPoint, configurationHash, type EpochAnchor } from '../../protocol/consensus/configuration.ts';
import { type EpochProof, nextAnchor } from '../../protocol/consensus/epoch-proof.ts';
import {
  type Change,
  encodeChangeList,
  type GovernanceTransaction,
  governanceBytes,
  type Readiness,
  readinessBytes,
} from '../../protocol/consensus/governance.ts';
import { blockId, type Header, HEADER_VERSION } from '../../protocol/consensus/header.ts';
import { justificationRoot } from '../../protocol/consensus/justification.ts';
import { evaluateSystem, type Governance } from '../../protocol/consensus/reconfigure.ts';
import { systemRoot, systemTransactionCodec } from '../../protocol/consensus/system.ts';
import { type VoteKind, voteBytes, ZERO_HASH } from '../../protocol/consensus/vote.ts';
import { verifyEd25519 } from '../../protocol/finality.ts';
import { toHex } from '../../protocol/hex.ts';
import { transactionId } from '../../protocol/transaction-id.ts';
import type { TestBlock } from '../unit/consensus/harness.ts';

/** The signer of a secret. */
export const signerOf = (secret: Uint8Array): Signer => ({
  publicKey: toHex(ed25519PublicKey(secret)) as PublicKey,
  sign: (message) => ed25519Sign(message, secret),
});

/** Signs with the key that a public key belongs to. */
export class KeyRing {
  readonly #signers = new Map<PublicKey, Signer>();

  constructor(...signers: readonly Signer[]) {
    this.add(...signers);
  }

  add(...signers: readonly Signer[]): void {
    for (const signer of signers) this.#signers.set(signer.publicKey, signer);
  }

  sign(publicKey: PublicKey | undefined, message: Uint8Array): Uint8Array {
    const signer = publicKey === undefined ? undefined : this.#signers.get(publicKey);
    if (signer === undefined) throw new RangeError('nobody here has that key');
    return signer.sign(message);
  }
}

/** The first validators of an epoch, a quorum. */
export const quorumIn = ({ quorum }: Pick<EpochAnchor, 'quorum'>): number[] =>
  Array.from({ length: quorum }, (_, validator) => validator);

/** A certificate over a block, by a quorum unless named. */
export const certificateOn = (
  anchor: EpochAnchor,
  keys: KeyRing,
  kind: VoteKind,
  block: Header,
  signers: readonly number[] = quorumIn(anchor),
): Certificate => {
  const statement = { kind, epoch: anchor.epoch, view: block.view, hash: blockId(block) };
  const votes = signers.map((signer) => ({
    ...statement,
    signer: validatorIndex(signer),
    signature: keys.sign(anchor.validatorKeys[signer], voteBytes(anchor.chainId, statement)),
  }));
  return certificateOf(votes, anchor.validatorKeys.length);
};

/** The header of a block on a parent, one view later, with fields to overwrite. */
export const headerOn = (
  anchor: EpochAnchor,
  parent: ChainPoint,
  body: BlockBody = [],
  changes: Partial<Header> = {},
): Header => {
  const at = changes.view ?? view(parent.view + 1);
  return {
    version: HEADER_VERSION,
    chainId: anchor.chainId,
    epoch: anchor.epoch,
    view: at,
    height: height(parent.height + 1),
    kind: body.length === 0 ? 'empty' : 'normal',
    timeMs: parent.timeMs + 100,
    proposer: leaderAt(anchor, at),
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
};

/** The point that a block is. */
export const pointOf = (header: Header): ChainPoint => {
  const { id, height: at, view: number, timeMs } = asParent(blockId(header), header);
  return { id, height: at, view: number, timeMs };
};

/** A block on a parent of its epoch, the base unless given, with the parent's notarization in its justification. */
export const blockOn = (
  anchor: EpochAnchor,
  keys: KeyRing,
  parent: Header | undefined,
  options: { readonly body?: BlockBody; readonly changes?: Partial<Header> } = {},
): TestBlock => {
  const notarization = parent && certificateOn(anchor, keys, 'notarize', parent);
  const justification = { parent: notarization, nullifications: [] };
  const changes = { justRoot: justificationRoot(justification), ...options.changes };
  const header = headerOn(anchor, parent === undefined ? anchor.base : pointOf(parent), options.body, changes);
  return { id: blockId(header), header, justification, system: [] };
};

/** A change of an epoch's configuration as members and joiners sign it. */
export interface ChangeRequest {
  readonly changes: readonly Change[];
  /** Members who sign, by position; as many as are needed unless named. */
  readonly members?: readonly number[];
  /** Last height that may carry it, far away unless named. */
  readonly expiryHeight?: number;
  /** The final block that joiners vouch for; the epoch's base unless named. */
  readonly readyAt?: Pick<ChainPoint, 'id' | 'height'>;
}

/** A joiner's word. */
export const readinessOf = (
  anchor: EpochAnchor,
  keys: KeyRing,
  validatorKey: PublicKey,
  { id: blockHash, height: at }: Pick<ChainPoint, 'id' | 'height'>,
): Readiness => {
  const word = { validatorKey, height: at, blockHash };
  return { ...word, signature: keys.sign(validatorKey, readinessBytes(anchor.chainId, anchor.epoch, word)) };
};

/** A governance transaction, complete unless the request says otherwise. */
export const governanceTransaction = (
  anchor: EpochAnchor,
  { chainId, members, threshold }: Governance,
  keys: KeyRing,
  request: ChangeRequest,
): GovernanceTransaction => {
  const { changes, expiryHeight = anchor.base.height + 10_000, readyAt = anchor.base } = request;
  const changeList = encodeChangeList({ chainId, epoch: anchor.epoch, expiryHeight: height(expiryHeight), changes });
  const signing = request.members ?? Array.from({ length: threshold }, (_, member) => member);
  return {
    changeList,
    signatures: signing.map((member) => ({
      member,
      signature: keys.sign(members[member], governanceBytes(chainId, changeList)),
    })),
    readiness: changes.flatMap((change) =>
      change.kind === 'addValidator' ? [readinessOf(anchor, keys, change.validator.validatorKey, readyAt)] : [],
    ),
  };
};

/** The end of an epoch, and what follows from it. */
export interface EpochEnd {
  readonly block: TestBlock;
  readonly closing: Closing;
  readonly proof: EpochProof;
  readonly next: EpochAnchor;
}

/** The closing block of an epoch on a parent of it, the base unless given: old enough, and final by its own certificate. */
export const endEpoch = (
  anchor: EpochAnchor,
  governance: Governance,
  keys: KeyRing,
  request: ChangeRequest & { readonly parent?: Header; readonly header?: Partial<Header> },
): EpochEnd => {
  const point = request.parent === undefined ? anchor.base : pointOf(request.parent);
  const transaction = governanceTransaction(anchor, governance, keys, { readyAt: point, ...request });
  const system = [encode(systemTransactionCodec, { kind: 'governance', transaction })];
  const timeMs = Math.max(point.timeMs + 100, anchor.base.timeMs + anchor.configuration.parameters.minEpochMs);
  const place = { height: point.height + 1, timeMs, ...request.header };
  const outcome = evaluateSystem(anchor, governance, system, place, verifyEd25519);
  if (outcome.verdict === 'invalid' || outcome.next === undefined)
    throw new RangeError(`no end of an epoch: ${outcome.verdict === 'invalid' ? outcome.fault : 'no change'}`);
  const nextConfigHash = configurationHash(anchor.chainId, outcome.next);
  const changes = { kind: 'normal', timeMs, sysRoot: systemRoot(system), nextConfigHash, ...request.header } as const;
  const block = { ...blockOn(anchor, keys, request.parent, { changes }), system };
  const { header, justification } = block;
  const finalization = certificateOn(anchor, keys, 'finalize', header);
  const closing = { block: { header, justification, system, body: [] }, following: [], finalization };
  const proof = { header, system, following: [], finalization };
  const next = nextAnchor(anchor, governance, proof);
  if (next.verdict === 'invalid') throw new RangeError(`no end of an epoch: ${next.code}`);
  return { block, closing, proof, next: next.anchor };
};
