/**
 * Evidence against validators, kept for ever: one file each under `evidence/` of the home, beyond the pruning of the
 * write-ahead log. It is public by nature and proves itself to anyone who has the chain id.
 */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { encode } from '../protocol/codec.ts';
import { epochProofCodec } from '../protocol/consensus/epoch-proof.ts';
import { accusedBy, type Evidence, placeOf, ruleOf } from '../protocol/consensus/evidence.ts';
import { evidenceFileOf } from '../protocol/evidence-file.ts';
import type { Genesis } from '../protocol/genesis.ts';
import type { Epochs } from './epochs.ts';
import { homePaths, readOptional, writeFileDurably } from './home.ts';

/** Where the chain carries evidence: heights by subject, in a file beside the evidence. */
export type RecordedEvidence = Readonly<Record<string, number>>;

/** What a piece of evidence is about; one piece a subject is put on the chain. */
export const subjectOf = (evidence: Evidence): string =>
  `${ruleOf(evidence)} epoch ${placeOf(evidence).epoch} validator ${accusedBy(evidence)}`;

const recordedPath = (home: string): string => join(homePaths(home).evidence, 'on-chain.json');

/** Subjects that the chain carries already, as this node saw it. */
export const readRecorded = async (home: string): Promise<RecordedEvidence> => {
  const content = await readOptional(recordedPath(home));
  return content === undefined ? {} : (JSON.parse(Buffer.from(content).toString('utf8')) as RecordedEvidence);
};

/** Notes durably that the chain carries evidence. */
export const writeRecorded = (home: string, recorded: RecordedEvidence): Promise<void> =>
  writeFileDurably(recordedPath(home), `${JSON.stringify(recorded, null, 2)}\n`);

/** Writes the evidence durably; the same evidence again replaces its file. */
export const keepEvidence = (home: string, genesis: Genesis, epochs: Epochs, evidence: Evidence): Promise<void> => {
  const { epoch, view } = placeOf(evidence);
  const name = `${ruleOf(evidence)}-epoch-${epoch}-validator-${accusedBy(evidence)}-view-${view}.json`;
  const proofs = epochs.proofs(1, epoch - 1).map((proof) => encode(epochProofCodec, proof));
  const file = evidenceFileOf(genesis, proofs, evidence);
  return writeFileDurably(join(homePaths(home).evidence, name), `${JSON.stringify(file, null, 2)}\n`);
};

/** Paths and parsed content of a home's evidence files; what is not JSON is given as undefined. */
export const readEvidenceFiles = async (
  home: string,
): Promise<readonly { readonly path: string; readonly file: unknown }[]> => {
  const directory = homePaths(home).evidence;
  const names = await readdir(directory).catch((): string[] => []);
  const paths = names.filter((name) => /^E\d-.*\.json$/.test(name)).toSorted();
  return Promise.all(
    paths.map(async (name) => {
      const path = join(directory, name);
      const text = await readFile(path, 'utf8');
      try {
        return { path, file: JSON.parse(text) as unknown };
      } catch {
        return { path, file: undefined };
      }
    }),
  );
};
