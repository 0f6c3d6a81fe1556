/**
 * The documentation as a test: generated pages are fresh, links lead somewhere, quoted code is the code that runs here,
 * commands and options exist, and those marked `sh test` are run.
 */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import type { Command } from 'commander';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildProgram } from '../cli/program.ts';
import { whatItProves } from '../docs/examples/audit.ts';
import { tryNotes } from '../docs/examples/notes-use.ts';
import { useNetwork } from '../docs/examples/wallet.ts';
import { ApiServer } from '../node/api/server.ts';
import { silentLogger } from '../node/logger.ts';
import { generatedDocuments } from '../scripts/generate-docs.ts';
import { connect, createAccount } from '../wallet/index.ts';
import { readText, repositoryFiles, ROOT } from './support/source-tree.ts';
import { TinyNetwork } from './support/tiny-enclave.ts';
import { TinyService } from './support/tiny-service.ts';

const pages = repositoryFiles().filter((path) => path.endsWith('.md'));
const FENCE = /^```(\w+)( test)?\n([\s\S]*?)^```$/gm;
const blocksOf = (page: string) =>
  [...readText(page).matchAll(FENCE)].map(([, language = '', marked, body = '']) => ({
    page,
    language,
    isTest: marked !== undefined,
    body,
  }));
const blocks = pages.flatMap(blocksOf);

/** Commands of a shell block: lines without comments. */
const commandsOf = (body: string): string[] =>
  body
    .split('\n')
    .map((line) => line.replace(/\s+#.*$/, '').trim())
    .filter((line) => line !== '');

const slugsOf = (page: string): string[] =>
  [...readText(page).matchAll(/^#+ (.+)$/gm)].map(([, title = '']) =>
    title
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .trim()
      .replace(/\s+/g, '-'),
  );

describe('pages', () => {
  it('that are generated say what the source says', async () => {
    const stale = [...(await generatedDocuments())].filter(
      ([path, text]) => !existsSync(`${ROOT}${path}`) || readText(path) !== text,
    );
    expect(
      stale.map(([path]) => path),
      'run `npm run docs`',
    ).toEqual([]);
  });

  it('link to files and headings that exist', () => {
    const broken = pages.flatMap((page) =>
      [
        ...readText(page)
          .replace(FENCE, '')
          .matchAll(/\]\((?!https?:)([^)#\s]*)(?:#([^)\s]+))?\)/g),
      ].flatMap(([link, target = '', heading]) => {
        const path = target === '' ? page : join(dirname(page), target);
        const found = existsSync(`${ROOT}${path}`) && (heading === undefined || slugsOf(path).includes(heading));
        return found ? [] : [`${page} ${link}`];
      }),
    );
    expect(broken).toEqual([]);
  });

  it('name source files that exist', () => {
    const named = pages
      .filter((page) => page.startsWith('docs/') || page === 'README.md')
      .flatMap((page) =>
        [
          ...readText(page).matchAll(
            /`((?:protocol|consensus|enclave|ledger|node|wallet|contracts|apps|testnet|demo|cli|scripts|test)\/[\w/.-]+)`/g,
          ),
        ].map(([, path = '']) => ({ page, path })),
      );
    expect(named.filter(({ path }) => !existsSync(`${ROOT}${path}`))).toEqual([]);
  });

  it('for operators name real codes with their exit codes', () => {
    const all = new Map(
      [...readText('docs/errors.md').matchAll(/^\| `([A-Z_]+)` \|.*\| (\d) \|$/gm)].map(
        ([, code = '', exit = '']): [string, string] => [code, exit],
      ),
    );
    const rows = [...readText('docs/operator.md').matchAll(/^\| (`[A-Z_`, ]+) \| ([\d, ]+) \|/gm)].map(
      ([, codes = '', exits = '']) => ({
        codes: [...codes.matchAll(/[A-Z_]+/g)].map(([code]) => code),
        exits: exits.split(', '),
      }),
    );
    expect(rows.length).toBeGreaterThan(5);
    const wrong = rows.flatMap(({ codes, exits }) =>
      codes
        .filter((code, index) => all.get(code) !== (exits[index] ?? exits[0]))
        .map((code) => `${code} exits ${all.get(code)}`),
    );
    expect(wrong).toEqual([]);
  });

  it('keep the README within 120 lines', () => {
    expect(readText('README.md').trimEnd().split('\n').length).toBeLessThanOrEqual(120);
  });

  it('number decision records without a gap and list each', () => {
    const records = pages.filter((page) => /^docs\/adr\/\d/.test(page)).map((page) => page.slice('docs/adr/'.length));
    expect(records.map((name) => Number(name.slice(0, 4)))).toEqual(records.map((_, index) => index + 1));
    expect(records.filter((name) => !readText('docs/adr/README.md').includes(`(${name})`))).toEqual([]);
  });
});

describe('commands', () => {
  const shell = blocks.filter(({ language }) => language === 'sh').flatMap(({ body }) => commandsOf(body));

  it('of npm are scripts of this package', () => {
    const { scripts } = JSON.parse(readText('package.json')) as { readonly scripts: Record<string, string> };
    const used = shell.flatMap((line) => /^npm (?:run )?(\w+)/.exec(line)?.[1] ?? []);
    expect(used.length).toBeGreaterThan(0);
    expect(used.filter((name) => scripts[name] === undefined)).toEqual([]);
  });

  it('of cloister exist, with their options', () => {
    const fault = (line: string): string | undefined => {
      let command: Command = buildProgram();
      for (const word of line.split(/\s+/).slice(2)) {
        if (word.startsWith('--')) {
          const known = command.options.some(({ long }) => long === word) || word === '--help';
          if (!known) return `${line}: ${word}`;
          continue;
        }
        command = command.commands.find((candidate) => candidate.name() === word) ?? command;
      }
      return command.parent === null && !line.endsWith('--help') ? line : undefined;
    };
    const used = shell.filter((line) => line.startsWith('npx cloister '));
    expect(used.length).toBeGreaterThan(0);
    expect(used.flatMap((line) => fault(line) ?? [])).toEqual([]);
  });
});

describe('examples', () => {
  const open: AsyncDisposable[] = [];
  let folder: string;
  let url: string;
  let tiny: TinyNetwork;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'cloister-docs-'));
    tiny = new TinyNetwork();
    const server = await ApiServer.start({
      service: new TinyService(tiny),
      log: silentLogger(),
      host: '127.0.0.1',
      port: 0,
    });
    open.push(server);
    url = `http://127.0.0.1:${server.port}`;
  });
  afterAll(async () => {
    for (const resource of open) await resource[Symbol.asyncDispose]();
    await rm(folder, { recursive: true });
  });

  const receiptText = async (): Promise<string> => {
    const network = await connect({ url, chainId: tiny.chainId });
    const session = await network.openSession(createAccount());
    return JSON.stringify((await session.call('counter', 'add', { amount: 1 })).receipt);
  };

  it('quoted in the pages are lines of files that run here', () => {
    const quoted = blocks.flatMap(({ page, body }) => {
      const [, file, code = ''] = /^\/\/ from (\S+)\n([\s\S]*)$/.exec(body) ?? [];
      return file === undefined ? [] : [{ page, file, code }];
    });
    const flat = (text: string): string =>
      text
        .split('\n')
        .map((line) => line.trim())
        .join('\n')
        .trim();
    expect(quoted.length).toBeGreaterThan(5);
    expect(
      quoted
        .filter(({ file, code }) => !flat(readText(`docs/${file}`)).includes(flat(code)))
        .map(({ page, code }) => `${page}: ${code}`),
    ).toEqual([]);
  });

  it('of wallet developers run', async () => {
    expect(await useNetwork([url], tiny.chainId)).toEqual({
      total: 5,
      asked: 5,
      verdict: 'valid',
      reason: 'not_today',
      sameAccount: true,
    });
  });

  it('of contract developers run', async () => {
    expect(await tryNotes()).toEqual({
      number: 1,
      mine: ['hello'],
      foreign: [],
      refusal: 'no_such_note',
      sealedTo: 'bob',
    });
  });

  it('of auditors run', async () => {
    const text = await receiptText();
    expect(whatItProves(text, tiny.chainId)).toMatch(/^[0-9a-f]{64} took effect at height \d+$/);
    expect(whatItProves(text.replace('"index":0', '"index":1'), tiny.chainId)).toMatch(/^proves nothing: RECEIPT_/);
  });

  it('of commands marked as tests run', async () => {
    await writeFile(join(folder, 'receipt.json'), await receiptText());
    await writeFile(join(folder, 'genesis.json'), JSON.stringify(tiny.genesis));
    const lines = blocks.filter(({ isTest }) => isTest).flatMap(({ body }) => commandsOf(body));
    expect(lines.length).toBeGreaterThan(0);
    for (const line of lines) {
      const words = line.split(/\s+/).slice(2);
      const { stdout } = await promisify(execFile)(process.execPath, [`${ROOT}cli/main.ts`, ...words], { cwd: folder });
      expect(stdout, line).not.toBe('');
    }
  });
});
