/** `cloister evidence`: what convicts validators, offline. */
import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { accusedBy, placeOf, ruleOf } from '../../protocol/consensus/evidence.ts';
import { type EvidenceFile, meaningOf, verifyEvidenceFile } from '../../protocol/evidence-file.ts';
import { chainIdOf, faultBound } from '../../protocol/genesis.ts';
import { readEvidenceFiles, readRecorded, subjectOf } from '../../node/evidence-files.ts';
import { exitCodes } from '../../node/exit-codes.ts';
import { homePaths, readGenesis, writeFileDurably } from '../../node/home.ts';
import { readNetworkFile } from '../../testnet/directory.ts';
import { compareLedgers } from '../compare-ledgers.ts';
import { cliErrors } from '../errors.ts';
import { readTextFile } from '../files.ts';
import { type NetworkOptions, trustedChainId } from '../network-access.ts';
import { columns, type OutputOptions, printResult, table } from '../output.ts';

interface ListOptions extends OutputOptions {
  readonly home?: string | undefined;
  readonly dir?: string | undefined;
}

interface CompareOptions extends OutputOptions {
  readonly out?: string | undefined;
}

const homesOf = async ({ home, dir }: ListOptions): Promise<string[]> => {
  if (home !== undefined) return [home];
  const file = dir === undefined ? undefined : await readNetworkFile(dir);
  if (dir === undefined || file === undefined) throw cliErrors.error('USAGE_NO_HOME');
  return file.validators.map((name) => join(dir, name));
};

/** Lists the evidence of homes, each piece verified; exit code 5 when one proves nothing. */
export const list = async (options: ListOptions): Promise<number> => {
  const found = await Promise.all(
    (await homesOf(options)).map(async (home) => {
      const chainId = chainIdOf(await readGenesis(homePaths(home).genesis));
      const recorded = await readRecorded(home);
      const files = await readEvidenceFiles(home);
      return files.map(({ path, file }) => {
        const verdict = verifyEvidenceFile(file, chainId);
        const subject =
          verdict.verdict === 'proven'
            ? `${verdict.rule} epoch ${verdict.epoch} validator ${verdict.validator.index}`
            : undefined;
        return { path, ...verdict, onChainAt: subject === undefined ? undefined : recorded[subject] };
      });
    }),
  );
  const evidence = found.flat();
  const rows = evidence.map((entry) =>
    entry.verdict === 'proven'
      ? [
          entry.rule,
          entry.validator.name,
          String(entry.epoch),
          String(entry.view),
          entry.onChainAt === undefined ? '-' : String(entry.onChainAt),
          entry.path,
        ]
      : ['?', entry.code, '-', '-', '-', entry.path],
  );
  printResult(
    options,
    { evidence },
    rows.length === 0
      ? ['No evidence against any validator.']
      : columns(['RULE', 'VALIDATOR', 'EPOCH', 'VIEW', 'ON CHAIN', 'FILE'], rows),
  );
  return evidence.every(({ verdict }) => verdict === 'proven') ? exitCodes.ok : exitCodes.verificationNegative;
};

const readEvidence = async (path: string): Promise<unknown> => {
  const text = await readTextFile(path);
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw cliErrors.error('EVIDENCE_INVALID', { verdict: 'EVIDENCE_MALFORMED' }, cause);
  }
};

/** Verifies one evidence file. */
export const verify = async (options: OutputOptions & NetworkOptions, [path]: readonly [string]): Promise<void> => {
  const chainId = await trustedChainId(options);
  if (chainId === undefined) throw cliErrors.error('USAGE_NO_ANCHOR');
  const verdict = verifyEvidenceFile(await readEvidence(path), chainId);
  if (verdict.verdict === 'unproven') throw cliErrors.error('EVIDENCE_INVALID', { verdict: verdict.code });
  const { rule, epoch, view, validator } = verdict;
  printResult(options, { ...verdict, meaning: meaningOf(rule) }, [
    `PROVEN: validator ${validator.name} ${meaningOf(rule)}.`,
    ...table([
      ['Rule', rule],
      ['Validator', `${validator.name}, position ${validator.index}`],
      ['Key', validator.key],
      ['Epoch', epoch],
      ['View', view],
    ]),
    'No honest validator signs this. The usual cause is one key that runs twice; members may remove the validator.',
  ]);
};

/** Compares the ledgers of two stopped homes; on a fork names whom the chains convict. */
export const compare = async (options: CompareOptions, [first, second]: readonly [string, string]): Promise<number> => {
  const comparison = await compareLedgers(resolve(first), resolve(second));
  if (comparison.kind === 'same') {
    const { height } = comparison;
    printResult(options, { forked: false, height, culprits: [] }, [`The two ledgers agree up to height ${height}.`]);
    return exitCodes.ok;
  }
  const { height, epoch, validators, evidence, files } = comparison;
  const culprits = evidence.map((piece) => ({
    validator: validators[accusedBy(piece)]?.name ?? String(accusedBy(piece)),
    rule: ruleOf(piece),
    view: placeOf(piece).view,
  }));
  const written = options.out === undefined ? [] : await writeFiles(options.out, files, evidence.map(subjectOf));
  printResult(options, { forked: true, height, epoch, culprits, files: written }, [
    `FORK at height ${height}, epoch ${epoch}: two final blocks.`,
    `${culprits.length} validators are convicted by the two chains alone; a fork takes at least ${faultBound(validators.length) + 1}.`,
    ...columns(
      ['VALIDATOR', 'RULE', 'VIEW'],
      culprits.map(({ validator, rule, view }) => [validator, rule, String(view)]),
    ),
    ...written,
  ]);
  return exitCodes.verificationNegative;
};

const writeFiles = async (
  directory: string,
  files: readonly EvidenceFile[],
  subjects: readonly string[],
): Promise<string[]> => {
  await mkdir(directory, { recursive: true });
  return Promise.all(
    files.map(async (file, index) => {
      const path = join(directory, `${(subjects[index] ?? String(index)).replaceAll(' ', '-')}.json`);
      await writeFileDurably(path, `${JSON.stringify(file, null, 2)}\n`);
      return path;
    }),
  );
};
