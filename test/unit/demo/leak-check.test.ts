/** The leak check finds what it must: every encoding, compressed streams, piece borders, file names; and nothing else. */
import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { canariesOf } from '../../../demo/leak-check/canaries.ts';
import { encodedForms } from '../../../demo/leak-check/encodings.ts';
import { filesBelow, LeakSearch } from '../../../demo/leak-check/leak-check.ts';
import { PatternSearcher } from '../../../demo/leak-check/searcher.ts';
import { seededRandom } from '../../support/seeded-random.ts';

const CANARY = 'T1594f3dcdc79';
const noise = (length: number): Buffer => randomBytes(length);
const search = new LeakSearch([
  { text: CANARY, origin: 'world/bank_A.csv tx_id' },
  { text: '800263410', origin: 'world/bank_A.csv from_account' },
]);
const around = (bytes: Uint8Array | string, before = 17): Buffer =>
  Buffer.concat([noise(before), Buffer.from(bytes as string), noise(23)]);
const found = async (bytes: Uint8Array): Promise<readonly string[]> =>
  [
    ...new Set(
      (await search.search([{ name: 'haystack', bytes }])).leaks.map(({ encoding, canary }) => `${encoding} ${canary}`),
    ),
  ].sort();

describe('encodings', () => {
  const text = Buffer.from(`{"id":"${CANARY}"}`);

  it('are found in the midst of other bytes', async () => {
    expect(await found(around(text))).toEqual(['raw 0']);
    expect(await found(around(text.toString('hex')))).toEqual(['hex 0']);
    const letters = new LeakSearch([{ text: 'jklmno-7', origin: 'letters' }]);
    const upper = around(Buffer.from('jklmno-7').toString('hex').toUpperCase());
    expect((await letters.search([{ name: 'upper', bytes: upper }])).encodings).toEqual(['HEX']);
    expect(await found(around(Buffer.from(text.toString('latin1'), 'utf16le')))).toContain('utf16le 0');
    expect(await found(around(Buffer.from(text.toString('latin1'), 'utf16le').swap16(), 18))).toContain('utf16be 0');
  });

  it('are found in base64 at every alignment, in both alphabets', async () => {
    for (const before of [0, 1, 2, 3, 4, 5]) {
      const bytes = Buffer.concat([noise(before), Buffer.from(CANARY), noise(7)]);
      expect(await found(Buffer.from(bytes.toString('base64'))), `base64 after ${before}`).toEqual(['base64 0']);
      expect(await found(Buffer.from(bytes.toString('base64url'))), `base64url after ${before}`).toEqual(['base64 0']);
    }
    const symbols = new LeakSearch([{ text: '~~~???>>>', origin: 'symbols' }]);
    for (const before of [0, 1, 2]) {
      const bytes = Buffer.concat([noise(before), Buffer.from('~~~???>>>'), noise(7)]);
      const report = await symbols.search([{ name: 'url', bytes: Buffer.from(bytes.toString('base64url')) }]);
      expect(report.encodings).toEqual(['base64url']);
    }
  });

  it('keep every digit that the text alone decides and none that it does not', () => {
    for (const before of [0, 1, 2]) {
      const forms = new Set<string>();
      for (let round = 0; round < 20; round++) {
        const digits = Buffer.concat([noise(before), Buffer.from(CANARY), noise(2)]).toString('base64');
        forms.add(
          encodedForms(CANARY)
            .filter(({ encoding }) => encoding === 'base64')
            .map(({ bytes }) => digits.includes(Buffer.from(bytes).toString()))
            .join(),
        );
      }
      expect(forms.size, `alignment ${before}`).toBe(1);
    }
  });

  it('are found inside gzip and zstd streams, also nested and cut short', async () => {
    const body = Buffer.concat([Buffer.from('padding '.repeat(50)), text]);
    expect(await found(around(gzipSync(body)))).toEqual(['raw 0']);
    expect(await found(around(zstdCompressSync(body)))).toEqual(['raw 0']);
    expect(await found(around(gzipSync(Buffer.concat([Buffer.from('outer'), zstdCompressSync(text)]))))).toEqual([
      'raw 0',
    ]);
    expect(await found(around(gzipSync(Buffer.concat([text, noise(100_000)])).subarray(0, 60_000)))).toEqual(['raw 0']);
  });

  it('are not found where they are not', async () => {
    const digits = 'abc800263410def0123456789abcdef0123456789';
    expect(await found(noise(2_000_000))).toEqual([]);
    expect(await found(Buffer.from(`hash ${digits}`)), 'digits of a printed hash').toEqual([]);
    expect(await found(Buffer.from(`{"account":"800263410"}`))).toEqual(['raw 1']);
    expect(await found(Buffer.from(CANARY.slice(0, -1)))).toEqual([]);
  });
});

describe('the searcher', () => {
  it('agrees with a naive search on random text over a small alphabet', () => {
    const random = seededRandom(7);
    const word = (length: number): Buffer => Buffer.from(Array.from({ length }, () => 97 + random.integer(2)));
    for (let round = 0; round < 30; round++) {
      const patterns = Array.from({ length: 20 }, () => word(6 + random.integer(4)));
      const haystack = word(600);
      const hits: string[] = [];
      new PatternSearcher(patterns).search(haystack, (pattern, _bytes, offset) => hits.push(`${pattern} ${offset}`));
      const expected = patterns.flatMap((pattern, index) => {
        const places: string[] = [];
        for (let at = haystack.indexOf(pattern); at >= 0; at = haystack.indexOf(pattern, at + 1))
          places.push(`${index} ${at}`);
        return places;
      });
      expect(hits.sort()).toEqual(expected.sort());
    }
  });

  it('finds each occurrence once across the borders of pieces of any size', () => {
    const patterns = [Buffer.from(CANARY), Buffer.from('dcdc79'), Buffer.from('x'.repeat(40))];
    const whole = Buffer.concat([
      Buffer.from(CANARY),
      noise(30),
      patterns[2] as Buffer,
      Buffer.from(`${CANARY}${CANARY}`),
    ]);
    for (const size of [1, 2, 5, 6, 7, 13, 39, 64, 1000]) {
      const counts = [0, 0, 0];
      const stream = new PatternSearcher(patterns).stream((pattern) => (counts[pattern] = (counts[pattern] ?? 0) + 1));
      for (let at = 0; at < whole.length; at += size) stream.push(whole.subarray(at, at + size));
      expect(counts, `pieces of ${size}`).toEqual([3, 3, 1]);
    }
  });

  it('finds one of tens of thousands of patterns in tens of megabytes', () => {
    const patterns = Array.from({ length: 30_000 }, () => noise(13));
    const haystack = noise(30_000_000);
    (patterns[29_999] as Buffer).copy(haystack, haystack.length - 13);
    const searcher = new PatternSearcher(patterns);
    let hits = 0;
    searcher.search(haystack, () => (hits += 1));
    expect(hits).toBe(1);
  });

  it('refuses patterns that would be found by chance', () => {
    expect(() => new PatternSearcher([Buffer.from('short')])).toThrow('at least 6 bytes');
  });
});

describe('canaries', () => {
  const table = {
    file: 'world/bank_A.csv',
    columns: ['tx_id', 'minute', 'from_account'],
    rows: Array.from({ length: 40 }, (_, index) => [
      `T${String(index).padStart(8, '0')}`,
      '123456789',
      index % 2 === 0 ? 'A1' : 'ACC000001',
    ]),
  };

  it('are the long values of opaque columns, once, and ten whole rows in both forms', () => {
    const canaries = canariesOf([table], ['tx_id', 'from_account'], 'seed');
    const rows = canaries.filter(({ origin }) => origin.includes(' row '));
    expect(rows).toHaveLength(20);
    expect(canaries.filter(({ origin }) => !origin.includes(' row '))).toHaveLength(41);
    expect(canaries.map(({ text }) => text)).not.toContain('123456789');
    expect(canariesOf([table], ['tx_id'], 'seed').at(-1)).toEqual(canariesOf([table], ['tx_id'], 'seed').at(-1));
  });
});

describe('folders', () => {
  it('are searched whole, names included', async () => {
    const directory = await mkdtemp(path.join(tmpdir(), 'leak-check-'));
    try {
      await mkdir(path.join(directory, 'deep', 'er'), { recursive: true });
      await writeFile(path.join(directory, 'deep', 'er', 'log'), around(CANARY));
      await writeFile(path.join(directory, `${CANARY}.tmp`), 'nothing');
      const report = await search.search(filesBelow(directory));
      expect(report.leaks.map(({ haystack }) => haystack.includes('(name)')).sort()).toEqual([false, true]);
      expect(report).toMatchObject({ hits: 2, canariesFound: 1 });
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  });
});
