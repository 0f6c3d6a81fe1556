/**
 * A genuine history of three epochs under real keys: blocks, the end of the first epoch by its closing block, that of the
 * second by a tail. What light clients follow, and what fuzzing and vectors are made from.
 */
import { height } from '../../protocol/brand.ts';
import { governanceOf } from '../../protocol/consensus/admission.ts';
import type { Certificate } from '../../protocol/consensus/certificate.ts';
import { type EpochAnchor, genesisAnchor } from '../../protocol/consensus/configuration.ts';
import type { EpochProof } from '../../protocol/consensus/epoch-proof.ts';
import type { Header } from '../../protocol/consensus/header.ts';
import type { Governance } from '../../protocol/consensus/reconfigure.ts';
import type { Genesis, Validator } from '../../protocol/genesis.ts';
import { certificateOn, endEpoch, headerOn, type KeyRing, pointOf } from '../support/real-chain.ts';

/** Headers and what makes the last of them final. */
export interface Piece {
  readonly headers: readonly Header[];
  readonly finalization: Certificate;
}

/** See the module comment. */
export interface History {
  readonly genesis: Genesis;
  readonly governance: Governance;
  readonly keys: KeyRing;
  readonly anchors: readonly [EpochAnchor, EpochAnchor, EpochAnchor];
  /** Ordinary blocks of each epoch, from its base on. */
  readonly pieces: readonly [Piece, Piece, Piece];
  readonly proofs: readonly [EpochProof, EpochProof];
}

const BLOCKS = 3;

/** Ordinary blocks on the base of an epoch. */
export const pieceOf = (anchor: EpochAnchor, keys: KeyRing, length = BLOCKS): Piece => {
  const headers: Header[] = [];
  for (let number = 0; number < length; number += 1) {
    const parent = headers.at(-1);
    headers.push(headerOn(anchor, parent === undefined ? anchor.base : pointOf(parent)));
  }
  const last = headers.at(-1);
  if (last === undefined) throw new RangeError('a piece has blocks');
  return { headers, finalization: certificateOn(anchor, keys, 'finalize', last) };
};

/** The tail that follows a closing block or another tail. */
export const tailOn = (anchor: EpochAnchor, parent: Header, changes: Partial<Header> = {}): Header =>
  headerOn(anchor, pointOf(parent), [], {
    kind: 'tail',
    height: height(parent.height),
    nextConfigHash: parent.nextConfigHash,
    ...changes,
  });

/** A proof made final by a tail in place of its closing block's own finalization. */
export const byTail = (anchor: EpochAnchor, keys: KeyRing, proof: EpochProof): EpochProof => {
  const tail = tailOn(anchor, proof.header);
  return { ...proof, following: [tail], finalization: certificateOn(anchor, keys, 'finalize', tail) };
};

/** The history of a genesis; a joiner comes with the second epoch and the first validator leaves with the third. */
export const historyOf = (genesis: Genesis, keys: KeyRing, joiner: Validator): History => {
  const governance = governanceOf(genesis);
  const first = genesisAnchor(genesis);
  const one = pieceOf(first, keys);
  const join = endEpoch(first, governance, keys, {
    changes: [{ kind: 'addValidator', validator: joiner }],
    parent: one.headers[BLOCKS - 1] as Header,
  });
  const second = join.next;
  const two = pieceOf(second, keys);
  const leaver = second.configuration.validators[0] as Validator;
  const leave = endEpoch(second, governance, keys, {
    changes: [{ kind: 'removeValidator', validatorKey: leaver.validatorKey }],
    parent: two.headers[BLOCKS - 1] as Header,
  });
  const third = leave.next;
  return {
    genesis,
    governance,
    keys,
    anchors: [first, second, third],
    pieces: [one, two, pieceOf(third, keys)],
    proofs: [join.proof, byTail(second, keys, leave.proof)],
  };
};
