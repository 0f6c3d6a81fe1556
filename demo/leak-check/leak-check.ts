/**
 * The leak check: searches everything that a host, a network observer or another party can see for canaries in every
 * encoding, inside compressed streams too, and proves by a positive control that the search would have found them.
 */
import { readdir, readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import type { Canary } from './canaries.ts';
import { unpackedStreams } from './compressed.ts';
import { type EncodingName, encodedForms } from './encodings.ts';
import { PatternSearcher } from './searcher.ts';

/** Something to search: bytes under a name. */
export interface Haystack {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** One find; it names the canary's origin and never its text. */
export interface Leak {
  readonly haystack: string;
  readonly offset: number;
  readonly encoding: EncodingName;
  readonly origin: string;
  /** Number of the canary in the list that was searched for. */
  readonly canary: number;
}

/** What a search found. */
export interface SearchReport {
  readonly bytesSearched: number;
  readonly hits: number;
  /** The first finds, for the report. */
  readonly leaks: readonly Leak[];
  /** Canaries that were found at least once. */
  readonly canariesFound: number;
  readonly encodings: readonly EncodingName[];
}

const MAX_LEAKS_LISTED = 20;
const MAX_NESTING = 3;
/** Digits around a find from which on it is part of a printed hash; see `isPartOfHash`. */
const HASH_DIGITS = 32;
const HEX_DIGITS = /^[0-9a-f]+$/;

/** Canaries made ready to be searched for in any number of haystacks. */
export class LeakSearch {
  readonly canaries: readonly Canary[];
  readonly #searcher: PatternSearcher;
  readonly #forms: readonly {
    readonly canary: number;
    readonly encoding: EncodingName;
    readonly looksLikeHash: boolean;
  }[];

  constructor(canaries: readonly Canary[]) {
    this.canaries = canaries;
    const forms = canaries.flatMap(({ text }, canary) =>
      encodedForms(text).map(({ encoding, bytes }) => ({
        canary,
        encoding,
        bytes,
        looksLikeHash: encoding === 'raw' && HEX_DIGITS.test(text),
      })),
    );
    this.#forms = forms;
    this.#searcher = new PatternSearcher(forms.map(({ bytes }) => bytes));
  }

  /** Searches haystacks one after another. */
  async search(haystacks: Iterable<Haystack> | AsyncIterable<Haystack>): Promise<SearchReport> {
    const leaks: Leak[] = [];
    const found = new Set<number>();
    const encodings = new Set<EncodingName>();
    let [bytesSearched, hits] = [0, 0];
    const visit = async ({ name, bytes }: Haystack, nesting: number): Promise<void> => {
      bytesSearched += bytes.length;
      this.#searcher.search(bytes, (pattern, _bytes, offset) => {
        const form = this.#forms[pattern];
        if (form === undefined) return;
        const { canary, encoding, looksLikeHash } = form;
        const { text = '', origin = '' } = this.canaries[canary] ?? {};
        if (looksLikeHash && isPartOfHash(bytes, offset, text.length)) return;
        hits += 1;
        found.add(canary);
        encodings.add(encoding);
        if (leaks.length < MAX_LEAKS_LISTED) leaks.push({ haystack: name, offset, encoding, origin, canary });
      });
      if (nesting === MAX_NESTING) return;
      for await (const { kind, offset, content } of unpackedStreams(bytes)) {
        await visit({ name: `${name} (${kind} at ${offset})`, bytes: content }, nesting + 1);
      }
    };
    for await (const haystack of haystacks) await visit(haystack, 0);
    return { bytesSearched, hits, leaks, canariesFound: found.size, encodings: [...encodings] };
  }
}

/**
 * Whether digits stand inside an unbroken run of at least 32 hexadecimal digits. An account made of digits alone turns
 * up in printed hashes by chance; data that was itself printed in hexadecimal is found by its `hex` form instead.
 */
function isPartOfHash(bytes: Uint8Array, offset: number, length: number): boolean {
  const isDigit = (byte: number | undefined): boolean =>
    byte !== undefined && ((byte >= 0x30 && byte <= 0x39) || (byte >= 0x61 && byte <= 0x66));
  let first = offset;
  let end = offset + length;
  while (isDigit(bytes[first - 1])) first -= 1;
  while (isDigit(bytes[end])) end += 1;
  return end - first >= HASH_DIGITS;
}

/** Every file below a folder, whatever it is called; a file that goes away meanwhile was temporary and is passed over. */
export async function* filesBelow(directory: string, name = path.basename(directory)): AsyncGenerator<Haystack> {
  for (const entry of await readdir(directory, { withFileTypes: true, recursive: true })) {
    if (!entry.isFile()) continue;
    const file = path.join(entry.parentPath, entry.name);
    const label = path.join(name, path.relative(directory, file));
    // A file's name can leak as well as its content.
    yield { name: `${label} (name)`, bytes: Buffer.from(label) };
    const bytes = await readFile(file).catch(async (error: unknown) => {
      if ((await stat(file).catch(() => undefined)) === undefined) return undefined;
      throw error;
    });
    if (bytes !== undefined) yield { name: label, bytes };
  }
}
