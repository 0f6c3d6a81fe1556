/**
 * Forged changes of epoch, each with the code under which every light client refuses it. Where old consensus keys lie
 * they sign whatever the forger wants: what must hold then is the governance of the members.
 */
import { ed25519Sign } from '#primitives';
import type { BlockHash, ChainId, Hash, Height } from '../../protocol/brand.ts';
import { epoch, height, view } from '../../protocol/brand.ts';
import { encode } from '../../protocol/codec.ts';
import type { Certificate } from '../../protocol/consensus/certificate.ts';
import { configurationHash, type EpochAnchor } from '../../protocol/consensus/configuration.ts';
import type { EpochProof, EpochProofFault } from '../../protocol/consensus/epoch-proof.ts';
import type { Change, GovernanceTransaction } from '../../protocol/consensus/governance.ts';
import type { Header } from '../../protocol/consensus/header.ts';
import { evaluateSystem, type Governance } from '../../protocol/consensus/reconfigure.ts';
import { systemRoot, systemTransactionCodec, systemTransactionsOf } from '../../protocol/consensus/system.ts';
import { ZERO_HASH } from '../../protocol/consensus/vote.ts';
import { concatBytes } from '../../protocol/hex.ts';
import { certificateOn, governanceTransaction, type KeyRing, quorumIn } from '../support/real-chain.ts';
import { type History, tailOn } from './history.ts';

/** Something that is refused, or a genuine thing that is not. */
export interface Named<T> {
  readonly name: string;
  readonly verdict: T;
}

/** Proofs of changes of epoch, and what a light client says to them. */
export interface EpochCase extends Named<EpochProofFault | 'valid'> {
  readonly proofs: readonly EpochProof[];
  /** Newest epoch that was proven. */
  readonly epoch: number;
}

/** Ways to spoil a certificate of the first epochs without any key. */
export const spoiledCertificates = (genuine: Certificate): readonly (readonly [string, string, Certificate])[] => {
  const { bitmap, signatures } = genuine;
  const [first, rest] = [signatures.slice(0, 64), signatures.slice(64)];
  const flipped = signatures.with(3, (signatures[3] ?? 0) ^ 1);
  return [
    ['a notarization', 'NOT_A_FINALIZATION', { ...genuine, kind: 'notarize' }],
    ['of another view', 'OTHER_BLOCK_FINALIZED', { ...genuine, view: view(genuine.view + 1) }],
    ['of another block', 'OTHER_BLOCK_FINALIZED', { ...genuine, hash: 'ab'.repeat(32) as BlockHash }],
    ['of another epoch', 'CERTIFICATE_WRONG_EPOCH', { ...genuine, epoch: epoch(genuine.epoch + 1) }],
    [
      'a bit beyond the set',
      'CERTIFICATE_BAD_SIGNER_SET',
      { ...genuine, bitmap: bitmap.with(0, (bitmap[0] ?? 0) | 0x80) },
    ],
    ['a longer bitmap', 'CERTIFICATE_BAD_SIGNER_SET', { ...genuine, bitmap: concatBytes(bitmap, Uint8Array.of(0)) }],
    ['no bitmap', 'CERTIFICATE_BAD_SIGNER_SET', { ...genuine, bitmap: new Uint8Array(0) }],
    [
      'a bit more than signatures',
      'CERTIFICATE_BAD_LENGTH',
      { ...genuine, bitmap: bitmap.with(0, (bitmap[0] ?? 0) | 8) },
    ],
    [
      'too few signers',
      'CERTIFICATE_NO_QUORUM',
      { ...genuine, bitmap: bitmap.with(0, 3), signatures: signatures.slice(0, 128) },
    ],
    ['a signature cut off', 'CERTIFICATE_BAD_LENGTH', { ...genuine, signatures: signatures.slice(1) }],
    [
      'a signer twice',
      'CERTIFICATE_BAD_SIGNATURE',
      { ...genuine, signatures: concatBytes(first, first, signatures.slice(128)) },
    ],
    ['signatures in another order', 'CERTIFICATE_BAD_SIGNATURE', { ...genuine, signatures: concatBytes(rest, first) }],
    ['a signature changed', 'CERTIFICATE_BAD_SIGNATURE', { ...genuine, signatures: flipped }],
    ['a signature with another S', 'CERTIFICATE_BAD_SIGNATURE', { ...genuine, signatures: plusOrder(signatures) }],
    [
      'no signature but zeros',
      'CERTIFICATE_BAD_SIGNATURE',
      { ...genuine, signatures: new Uint8Array(signatures.length) },
    ],
  ];
};

/** Order of the group of Ed25519, little-endian: S and S + L say the same where a verifier does not ask for S < L. */
const ORDER = 2n ** 252n + 27742317777372353535851937790883648493n;
const plusOrder = (signatures: Uint8Array): Uint8Array => {
  const changed = signatures.slice();
  let s = 0n;
  for (let at = 63; at >= 32; at -= 1) s = s * 256n + BigInt(changed[at] ?? 0);
  s += ORDER;
  for (let at = 32; at < 64; at += 1) {
    changed[at] = Number(s % 256n);
    s /= 256n;
  }
  return changed;
};

/** The closing block with another system section or header, finalised by the old validators all the same. */
const resigned = (
  anchor: EpochAnchor,
  keys: KeyRing,
  genuine: EpochProof,
  system: readonly Uint8Array[],
  changes: Partial<Header> = {},
): EpochProof => {
  const header = { ...genuine.header, sysRoot: systemRoot(system), ...changes };
  return { header, system, following: [], finalization: certificateOn(anchor, keys, 'finalize', header) };
};

const transactionOf = ({ system }: EpochProof): GovernanceTransaction => {
  const [only] = systemTransactionsOf(system) ?? [];
  if (only?.kind !== 'governance') throw new RangeError('the proof is of another kind');
  return only.transaction;
};

const sectionOf = (transaction: GovernanceTransaction): Uint8Array[] => [
  encode(systemTransactionCodec, { kind: 'governance', transaction }),
];

/** The hash that the forger's section leads to where the members' signatures do not count. */
const wantedHash = (anchor: EpochAnchor, governance: Governance, system: readonly Uint8Array[], at: Header): Hash => {
  const blind = evaluateSystem(anchor, { ...governance, threshold: 0 }, system, at, () => true);
  if (blind.verdict === 'invalid' || blind.next === undefined) return at.nextConfigHash;
  return configurationHash(anchor.chainId, blind.next);
};

/** What old validators, all of them, can sign without the members: a change of the configuration of the first epoch. */
const withoutMembers = ({
  anchors,
  governance,
  keys,
  proofs,
}: History): readonly (readonly [string, EpochProofFault, EpochProof])[] => {
  const [anchor] = anchors;
  const [genuine] = proofs;
  const transaction = transactionOf(genuine);
  const { header } = genuine;
  const outsider = { sign: (message: Uint8Array) => ed25519Sign(message, new Uint8Array(32).fill(9)) };
  const takeOver: readonly Change[] = [
    { kind: 'removeValidator', validatorKey: anchor.validatorKeys[3] as (typeof anchor.validatorKeys)[number] },
  ];
  const parentPoint = { id: header.parentHash, height: height(header.height - 1) };
  const request = (options: Partial<Parameters<typeof governanceTransaction>[3]>): GovernanceTransaction =>
    governanceTransaction(anchor, governance, keys, { changes: takeOver, readyAt: parentPoint, ...options });
  const close = (system: readonly Uint8Array[], changes: Partial<Header> = {}): EpochProof => {
    const nextConfigHash = wantedHash(anchor, governance, system, { ...header, ...changes });
    return resigned(anchor, keys, genuine, system, { nextConfigHash, ...changes });
  };
  const [signature] = transaction.signatures;
  if (signature === undefined) throw new RangeError('the members signed');
  const forged = { ...signature, signature: outsider.sign(transaction.changeList) };
  const [word] = transaction.readiness;
  if (word === undefined) throw new RangeError('the joiner gave its word');
  const elsewhere = { ...word, blockHash: 'cd'.repeat(32) as BlockHash };
  const fewer = transaction.signatures.slice(1);
  return [
    ['no member signed', 'GOVERNANCE_NOT_SIGNED', close(sectionOf({ ...transaction, signatures: [] }))],
    ['too few members signed', 'GOVERNANCE_NOT_SIGNED', close(sectionOf({ ...transaction, signatures: fewer }))],
    [
      'an outsider signed',
      'GOVERNANCE_NOT_SIGNED',
      close(sectionOf({ ...transaction, signatures: [forged, ...fewer] })),
    ],
    [
      'a member signed twice',
      'GOVERNANCE_NOT_SIGNED',
      close(sectionOf({ ...transaction, signatures: [signature, signature] })),
    ],
    [
      'members out of order',
      'GOVERNANCE_NOT_SIGNED',
      close(sectionOf({ ...transaction, signatures: transaction.signatures.toReversed() })),
    ],
    ['an expired change', 'GOVERNANCE_EXPIRED', close(sectionOf(request({ expiryHeight: header.height - 1 })))],
    ['no word of readiness', 'GOVERNANCE_NOT_READY', close(sectionOf({ ...transaction, readiness: [] }))],
    [
      'readiness that was not signed',
      'GOVERNANCE_NOT_READY',
      close(sectionOf({ ...transaction, readiness: [elsewhere] })),
    ],
    ['readiness given twice', 'GOVERNANCE_NOT_READY', close(sectionOf({ ...transaction, readiness: [word, word] }))],
    ['a section that is none', 'SYSTEM_MALFORMED', close([Uint8Array.of(1)])],
    ['the change twice', 'SYSTEM_SEVERAL_CHANGE_LISTS', close([...genuine.system, ...genuine.system])],
    ['too few validators left', 'GOVERNANCE_BAD_CONFIGURATION', close(sectionOf(request({})))],
    [
      'the end of a young epoch',
      'GOVERNANCE_EPOCH_TOO_YOUNG',
      close(genuine.system, { timeMs: anchor.base.timeMs + 1 }),
    ],
    [
      'another configuration',
      'WRONG_CONFIGURATION',
      resigned(anchor, keys, genuine, genuine.system, { nextConfigHash: 'ef'.repeat(32) as Hash }),
    ],
    [
      'nothing that closes',
      'NOT_CLOSING',
      resigned(anchor, keys, genuine, genuine.system, { nextConfigHash: ZERO_HASH }),
    ],
    ['below its base', 'WRONG_HEIGHT', resigned(anchor, keys, genuine, genuine.system, { height: 0 as Height })],
    [
      'another proposer',
      'WRONG_PROPOSER',
      resigned(anchor, keys, genuine, genuine.system, { view: view(header.view + 1) }),
    ],
    [
      'another chain in its header',
      'WRONG_CHAIN',
      resigned(anchor, keys, genuine, genuine.system, { chainId: '11'.repeat(32) as ChainId }),
    ],
  ];
};

/** Changes of epoch from the genesis on: genuine, forged, skipped, reordered, of another chain. */
export const epochCases = (history: History, foreign: History): readonly EpochCase[] => {
  const { anchors, keys, proofs } = history;
  const [join, leave] = proofs;
  const [first, second] = anchors;
  const tail = tailOn(first, join.header);
  const strayTail = tailOn(first, join.header, { timeMs: join.header.timeMs });
  const finalised = (following: readonly Header[], by: Header): EpochProof => ({
    ...join,
    following,
    finalization: certificateOn(first, keys, 'finalize', by),
  });
  const refused = (name: string, verdict: EpochProofFault, proof: EpochProof): EpochCase => ({
    name,
    verdict,
    proofs: [proof],
    epoch: 1,
  });
  const oldKeys = certificateOn({ ...first, epoch: second.epoch }, keys, 'finalize', leave.header, quorumIn(first));
  return [
    { name: 'genuine', verdict: 'valid', proofs, epoch: 3 },
    { name: 'nothing', verdict: 'valid', proofs: [], epoch: 1 },
    { name: 'genuine, by a tail', verdict: 'valid', proofs: [finalised([tail], tail)], epoch: 2 },
    { name: 'skipped', verdict: 'WRONG_EPOCH', proofs: [leave], epoch: 1 },
    { name: 'reordered', verdict: 'WRONG_EPOCH', proofs: [leave, join], epoch: 1 },
    { name: 'of another chain', verdict: 'WRONG_CHAIN', proofs: foreign.proofs, epoch: 1 },
    { name: 'going on with another chain', verdict: 'WRONG_CHAIN', proofs: [join, foreign.proofs[1]], epoch: 2 },
    {
      name: 'finalised by the epoch before',
      verdict: 'CERTIFICATE_NO_QUORUM',
      proofs: [join, { ...leave, following: [], finalization: oldKeys }],
      epoch: 2,
    },
    { name: 'tail dropped', verdict: 'OTHER_BLOCK_FINALIZED', proofs: [join, { ...leave, following: [] }], epoch: 2 },
    refused('tail that is not finalised', 'OTHER_BLOCK_FINALIZED', { ...join, following: [tail] }),
    refused('tail that goes back in time', 'WRONG_TIME', finalised([strayTail], strayTail)),
    refused('tail doubled', 'WRONG_PARENT', finalised([tail, tail], tail)),
    refused('another system section', 'OTHER_SYSTEM_SECTION', { ...join, system: leave.system }),
    refused('no system section', 'OTHER_SYSTEM_SECTION', { ...join, system: [] }),
    ...spoiledCertificates(join.finalization).map(([name, verdict, finalization]) =>
      refused(`certificate: ${name}`, verdict as EpochProofFault, { ...join, finalization }),
    ),
    ...withoutMembers(history).map(([name, verdict, proof]) => refused(`old keys lie: ${name}`, verdict, proof)),
  ];
};
