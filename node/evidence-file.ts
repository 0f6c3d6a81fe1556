/**
 * Evidence against validators, kept for ever: one file each under `evidence/` of the home, beyond the pruning of the
 * write-ahead log. It is public by nature (two signed votes) and proves itself to anyone who has the genesis.
 */
import { join } from 'node:path';
import { encode } from '../protocol/codec.ts';
import { accusedBy, type Evidence, evidenceCodec, placeOf, ruleOf } from '../protocol/consensus/evidence.ts';
import { toHex } from '../protocol/hex.ts';
import { writeFileDurably } from './home.ts';

/** Writes the evidence durably; the same evidence again replaces its file. */
export const keepEvidence = (home: string, evidence: Evidence): Promise<void> => {
  const rule = ruleOf(evidence);
  const validator = accusedBy(evidence);
  const { epoch, view } = placeOf(evidence);
  const name = `${rule}-epoch-${epoch}-validator-${validator}-view-${view}.json`;
  const content = {
    rule,
    validator,
    epoch,
    view,
    evidence: toHex(encode(evidenceCodec, evidence)),
  };
  return writeFileDurably(join(home, 'evidence', name), `${JSON.stringify(content, null, 2)}\n`);
};
