/** A disk that lies: flipped bytes, cut files and exchanged records in the real files of LevelDB. */
import { cpSync, readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ClassicLevel } from 'classic-level';
import { describe, expect, it } from 'vitest';
import { Ledger, verifyLedger, type VerifyReport } from '../../../ledger/index.ts';
import { height } from '../../../protocol/brand.ts';
import { isCloisterError } from '../../../protocol/errors.ts';
import { chainId, executedBlock, freshDirectory, noise, replicaKey } from './support.ts';

const HEIGHTS = 12;
const open = (directory: string): Promise<Ledger> => Ledger.open(directory, { replicaKey, chainId });

/** A closed ledger; with `compacted` its records lie in sorted tables, else in the log file. */
const prepared = async (compacted: boolean): Promise<string> => {
  const directory = freshDirectory();
  const ledger = await open(directory);
  for (let at = 1; at <= HEIGHTS; at += 1) {
    await ledger.commitBlocks(executedBlock(at));
    await ledger.saveResultCertificate(height(at), noise(`certificate ${at}`, 300));
  }
  await ledger.close();
  if (!compacted) return directory;
  const database = new ClassicLevel<Uint8Array, Uint8Array>(join(directory, 'db'), {
    keyEncoding: 'view',
    valueEncoding: 'view',
    compression: false,
  });
  await database.compactRange(new Uint8Array(0), new Uint8Array(32).fill(255));
  await database.close();
  return directory;
};

type Outcome =
  | { readonly kind: 'refused'; readonly code: string; readonly data: object }
  | { readonly kind: 'audited'; readonly report: VerifyReport };

/** Opens, audits, and reads everything; any content that comes back must be right. */
const examine = async (directory: string): Promise<Outcome> => {
  let ledger: Ledger;
  try {
    ledger = await open(directory);
  } catch (failure) {
    if (isCloisterError(failure)) return { kind: 'refused', code: failure.code, data: failure.data };
    throw failure;
  }
  try {
    const report = await verifyLedger(ledger, {
      checkHeight: (audited) => {
        const block = executedBlock(audited.height);
        expect(audited).toMatchObject({
          header: block.header,
          body: block.body,
          writeSet: block.writeSet,
          statement: block.statement,
        });
        expect(audited.receipts).toEqual(block.receipts);
        return audited.resultCertificate === undefined ? ['the certificate is gone'] : [];
      },
    });
    return { kind: 'audited', report };
  } finally {
    await ledger.close();
  }
};

const isNoticed = (outcome: Outcome): boolean =>
  outcome.kind === 'refused'
    ? ['LEDGER_CORRUPT', 'LEDGER_TRUNCATED', 'LEDGER_WRONG_KEY'].includes(outcome.code)
    : !outcome.report.intact;

const dataFiles = (directory: string): string[] =>
  ['head.mark', ...readdirSync(join(directory, 'db')).map((name) => join('db', name))].filter((name) =>
    /head\.mark|\.ldb$|\.log$|MANIFEST|CURRENT/.test(name),
  );

/** Spread offsets over a file, the same in every run. */
const offsetsOf = (size: number, count: number): number[] =>
  Array.from({ length: Math.min(size, count) }, (_, index) =>
    Math.floor(((index + 0.37) * size) / Math.min(size, count)),
  );

describe('a damaged disk', () => {
  it.each([false, true])(
    'never gives wrong content after a flipped byte, and every flip is noticed (compacted: %s)',
    { timeout: 60_000 },
    async (compacted) => {
      const source = await prepared(compacted);
      let tried = 0;
      const unnoticed: string[] = [];
      for (const file of dataFiles(source)) {
        const content = readFileSync(join(source, file));
        for (const offset of offsetsOf(content.length, 18)) {
          const copy = freshDirectory();
          cpSync(source, copy, { recursive: true });
          const flipped = Buffer.from(content);
          flipped[offset] = (flipped[offset] ?? 0) ^ 0x20;
          writeFileSync(join(copy, file), flipped);
          const outcome = await examine(copy);
          tried += 1;
          if (!isNoticed(outcome)) unnoticed.push(`${file}@${offset}/${content.length}`);
        }
      }
      expect(tried).toBeGreaterThan(50);
      expect(unnoticed).toEqual([]);
    },
  );

  it.each([false, true])('notices files that are cut short (compacted: %s)', { timeout: 60_000 }, async (compacted) => {
    const source = await prepared(compacted);
    const unnoticed: string[] = [];
    for (const file of dataFiles(source)) {
      const { size } = statSync(join(source, file));
      for (const length of offsetsOf(size, 8)) {
        const copy = freshDirectory();
        cpSync(source, copy, { recursive: true });
        truncateSync(join(copy, file), length);
        if (!isNoticed(await examine(copy))) unnoticed.push(`${file}@${length}/${size}`);
      }
    }
    expect(unnoticed).toEqual([]);
  });

  it('notices every record that is removed, exchanged with another, or altered, and says which height', {
    timeout: 60_000,
  }, async () => {
    const source = await prepared(false);
    const database = new ClassicLevel<Uint8Array, Uint8Array>(join(source, 'db'), {
      keyEncoding: 'view',
      valueEncoding: 'view',
      compression: false,
    });
    const entries = await Array.fromAsync(database.iterator());
    const kinds = new Set<string>();
    const rewrite = async (operations: { key: Uint8Array; value: Uint8Array | undefined }[]): Promise<Outcome> => {
      await database.open();
      await database.batch(
        operations.map(({ key, value }) => (value === undefined ? { type: 'del', key } : { type: 'put', key, value })),
      );
      await database.close();
      return examine(source);
    };
    await database.close();
    const note = (outcome: Outcome): void => {
      expect(isNoticed(outcome)).toBe(true);
      if (outcome.kind === 'audited') for (const problem of outcome.report.problems) kinds.add(problem.record);
    };
    for (let index = 0; index < entries.length; index += 8) {
      const [entry, other] = [entries[index], entries[(index + 7) % entries.length]];
      if (entry === undefined || other === undefined) continue;
      const [key, value] = entry;
      const altered = Uint8Array.from(value);
      altered[altered.length - 1] = (altered[altered.length - 1] ?? 0) ^ 1;
      note(await rewrite([{ key, value: undefined }]));
      note(await rewrite([{ key, value: other[1] }]));
      note(await rewrite([{ key, value: altered }]));
      await rewrite([{ key, value }]);
    }
    expect(await examine(source)).toMatchObject({
      kind: 'audited',
      report: { intact: true, heights: HEIGHTS, certificates: HEIGHTS },
    });
    for (const kind of ['body', 'write set', 'receipts', 'outputs', 'statement', 'transaction index', 'block index'])
      expect([...kinds]).toContain(kind);
  });
});
