/**
 * The house rules as a test: who may import whom, what must not be called where, names, sizes and documentation.
 *
 * Exceptions stand here with their reason. Where the tree is not at zero yet, a ratchet holds the present count: it may
 * be lowered, never raised.
 */
import { describe, expect, it } from 'vitest';
import { builtinModules } from 'node:module';
import { cyclesOf, readSource, readText, repositoryFiles, type SourceFile } from './support/source-tree.ts';

const files = repositoryFiles();
const sources = files.filter((path) => path.endsWith('.ts')).map(readSource);
const product = sources.filter(({ room }) => room !== 'test' && room !== '.');
const inRooms = (...rooms: string[]): SourceFile[] => sources.filter(({ room }) => rooms.includes(room));

/** Counts that may only go down. */
const ratchet = { plainErrors: 5, undocumentedExports: 0, unusedExports: 58, exportsForTestsOnly: 34, suppressions: 6 };

/** Rooms that each room may import besides itself; `test` may import everything. */
const mayImport: Readonly<Record<string, readonly string[]>> = {
  protocol: [],
  consensus: ['protocol'],
  ledger: ['protocol'],
  'enclave/boundary': ['protocol'],
  'enclave/host': ['protocol', 'enclave/boundary'],
  'enclave/runtime': ['protocol', 'enclave/boundary'],
  contracts: [],
  apps: ['contracts'],
  wallet: ['protocol'],
  node: ['protocol', 'consensus', 'ledger', 'enclave/boundary', 'enclave/host'],
  testnet: ['protocol', 'node', 'enclave/host', 'wallet'],
  docs: ['wallet', 'contracts'],
  demo: ['protocol', 'node', 'wallet', 'apps', 'contracts', 'testnet'],
  cli: ['protocol', 'ledger', 'node', 'wallet', 'apps', 'contracts', 'testnet', 'demo'],
  scripts: ['protocol', 'ledger', 'node', 'wallet', 'apps', 'contracts', 'testnet', 'demo', 'cli'],
};

/** Imports against the direction, by file and room, with the reason. */
const importExceptions: Readonly<Record<string, { readonly into: string; readonly why: string }>> = {
  'contracts/testing.ts': { into: 'enclave/runtime', why: 'contract tests run in the very interpreter of production' },
  'scripts/build-vm.ts': { into: 'enclave/runtime', why: 'builds the metered interpreter that the enclave embeds' },
  'scripts/explore.ts': { into: 'test', why: 'runs the exhaustive exploration, which is test code' },
  'scripts/simulate.ts': { into: 'test', why: 'runs the simulation, which is test code' },
  'scripts/spec.ts': { into: 'test', why: 'explores the models with the tools of their tests' },
  'scripts/chaos.ts': { into: 'test', why: 'runs chaos over real processes, which is test code' },
  'scripts/twins.ts': { into: 'test', why: 'runs the twins scenarios, which are test code' },
  'scripts/make-vectors.ts': { into: 'test', why: 'writes the vectors that tests give to every verifier' },
  'scripts/mutants.ts': { into: 'test', why: 'lets test code hunt for planted mistakes' },
  'scripts/figures.ts': { into: 'test', why: 'measures agreement in the simulation, which is test code' },
  'scripts/generate-docs.ts': { into: 'enclave/boundary', why: 'lists the codes and bounds of every room' },
};

/** Packages by room, besides the built-in modules of Node where those are allowed. */
const mayUsePackages: Readonly<Record<string, RegExp>> = {
  protocol: /^(?:@noble\/|msgpackr\/pack$|#primitives$)/,
  consensus: /^$/,
  ledger: /^(?:level$|#primitives$)/,
  'enclave/boundary': /^$/,
  'enclave/host': /^$/,
  'enclave/runtime': /^(?:sorted-btree$|#primitives$|cloister:interpreter$)/,
  contracts: /^(?:esbuild|#primitives)$/,
  apps: /^$/,
  wallet: /^(?:#primitives|@noble\/hashes\/scrypt\.js)$/,
};

/** Files of rooms without Node that are not part of what runs elsewhere. */
const mayUseNode: Readonly<Record<string, string>> = {
  'protocol/crypto/native.ts': 'the native half of #primitives; browsers get portable.ts',
  'contracts/bundle.ts': 'tooling: bundles contracts at deployment',
  'contracts/testing.ts': 'tooling: runs contract tests',
};

/** Clock, timer and randomness calls in rooms that must not have them. */
const effectExceptions: Readonly<Record<string, string>> = {
  'ledger/ledger-reader.ts': 'yields to the event loop between heights of a long replay; no time is measured',
  'ledger/verify.ts': 'yields to the event loop between heights of a long audit; no time is measured',
  'protocol/crypto/native.ts': 'the one source of system randomness in Node, handed on as a parameter',
  'protocol/crypto/portable.ts': 'the one source of system randomness in browsers, handed on as a parameter',
};

/** Declared error codes that nothing throws; the list only gets shorter. */
const unusedCodes: readonly string[] = ['node/errors.ts UNSAFE_TO_SIGN'];

/** Longer than 400 lines, with the length that they may have at most. */
const longFiles: Readonly<Record<string, number>> = {
  'node/network/peer-link.ts': 413,
};

const lineOf = (source: SourceFile, index: number): number => source.code.slice(0, index).split('\n').length;
const hits = (set: readonly SourceFile[], pattern: RegExp, text: 'code' | 'text' = 'code'): string[] =>
  set.flatMap((source) =>
    [...source[text].matchAll(pattern)].map(
      (match) => `${source.path}:${lineOf(source, match.index)} ${match[0].trim()}`,
    ),
  );
const pathOf = (hit: string): string => hit.slice(0, hit.indexOf(':'));

describe('imports', () => {
  const crossings = sources.flatMap((source) =>
    source.imports.flatMap(({ path }) =>
      path === undefined || source.room === 'test' ? [] : [{ source, path, into: readRoom(path) }],
    ),
  );
  function readRoom(path: string): string {
    return sources.find((source) => source.path === path)?.room ?? '';
  }

  it('follow the direction of the rooms, types included', () => {
    const wrong = crossings.filter(({ source: { room, path }, into }) => {
      if (room === '.' || into === room || mayImport[room]?.includes(into) === true) return false;
      // A path that leads nowhere is the type checker's business.
      if (into === '') return false;
      return into !== importExceptions[path]?.into && !into.startsWith(`${importExceptions[path]?.into}/`);
    });
    expect(wrong.map(({ source, path }) => `${source.path} -> ${path}`)).toEqual([]);
  });

  it('need every exception that is listed', () => {
    const needed = Object.entries(importExceptions).filter(([file, { into }]) =>
      crossings.some(({ source, into: target }) => source.path === file && target.startsWith(into)),
    );
    expect(needed.map(([file]) => file)).toEqual(Object.keys(importExceptions));
  });

  it('have no cycles between files', () => {
    const edges = sources.map(
      ({ path, imports }) => [path, new Set(imports.flatMap((taken) => taken.path ?? []))] as const,
    );
    expect(cyclesOf(new Map(edges))).toEqual([]);
  });

  it('have no cycles between rooms, exceptions included', () => {
    const edges = new Map<string, Set<string>>();
    for (const { source, into } of crossings) edges.set(source.room, (edges.get(source.room) ?? new Set()).add(into));
    for (const [room, targets] of edges) targets.delete(room);
    expect(cyclesOf(edges)).toEqual([]);
  });

  it('take only the packages of their room, and nothing of Node where code runs in browsers or contracts', () => {
    const isBuiltIn = (specifier: string): boolean =>
      specifier.startsWith('node:') || builtinModules.includes(specifier);
    const withoutNode = ['protocol', 'consensus', 'enclave/boundary', 'contracts', 'apps', 'wallet'];
    const wrong = product.flatMap(({ path, room, imports }) =>
      imports
        .filter(({ specifier }) => !specifier.startsWith('.'))
        .filter(({ specifier }) =>
          isBuiltIn(specifier)
            ? withoutNode.includes(room) && mayUseNode[path] === undefined
            : mayUsePackages[room] !== undefined && !mayUsePackages[room].test(specifier),
        )
        .map(({ specifier }) => `${path} -> ${specifier}`),
    );
    expect(wrong).toEqual([]);
  });
});

describe('code', () => {
  it('has no clock, timer or randomness where replicas must agree', () => {
    const calls =
      /\bDate\.now\b|\bDate\s*\(|\bperformance\.now\b|\bhrtime\b|\bMath\.random\b|\bset(?:Timeout|Interval|Immediate)\b|\bgetRandomValues\b|\brandomBytes\s*\(/g;
    const found = hits(
      inRooms('protocol', 'consensus', 'ledger', 'enclave/runtime', 'enclave/boundary', 'apps'),
      calls,
    );
    expect(found.filter((hit) => effectExceptions[pathOf(hit)] === undefined)).toEqual([]);
    expect(Object.keys(effectExceptions).filter((file) => !found.some((hit) => pathOf(hit) === file))).toEqual([]);
  });

  it('waits for nothing inside agreement', () => {
    expect(hits(inRooms('consensus'), /\b(?:await|async|Promise|process)\b/g)).toEqual([]);
  });

  it('prints only through commands', () => {
    expect(
      hits(
        product.filter(({ room }) => !['cli', 'scripts', 'demo'].includes(room)),
        /\bconsole\b/g,
      ),
    ).toEqual([]);
  });

  it('has no any, non-null assertion, default export, TODO or skipped test', () => {
    const open = sources.filter(({ path }) => path !== 'protocol/codec.ts');
    expect(hits(open, /(?::|<|\bas|\||,)\s*any\b/g)).toEqual([]);
    expect(hits(sources, /[\w)\]]!(?=[.;,)\]}\s])(?!\s*=)/g)).toEqual([]);
    expect(hits(sources, /^export default|\bas default\b/gm).map(pathOf)).toEqual(['vitest.config.ts']);
    const self = ['test/tidy.test.ts'];
    expect(
      hits(
        sources.filter(({ path }) => !self.includes(path)),
        /\b(?:TODO|FIXME|XXX|HACK)\b/g,
        'text',
      ),
    ).toEqual([]);
    expect(hits(sources, /\b(?:it|test|describe)\.(?:skip|only|todo)\b/g)).toEqual([]);
  });

  it('states a reason for each suppressed lint finding and suppresses no type error', () => {
    const others = sources.filter(({ path }) => path !== 'test/tidy.test.ts');
    expect(hits(others, /@ts-(?:ignore|expect-error|nocheck)|eslint-disable/g, 'text')).toEqual([]);
    expect(hits(others, /biome-ignore [\w/]+(?!: \w|[\w/])/g, 'text')).toEqual([]);
    expect(hits(others, /biome-ignore /g, 'text').length).toBeLessThanOrEqual(ratchet.suppressions);
  });

  it('uses every error code that it declares', () => {
    const tables = product.filter(({ path }) => path.endsWith('/errors.ts'));
    const unused = tables.flatMap((declaring) =>
      [...declaring.text.matchAll(/^ {2}([A-Z][A-Z0-9_]+): \{/gm)]
        .map(([, code = '']) => code)
        .filter((code) => {
          const quoted = new RegExp(`['"\`]${code}['"\`]`);
          const users = product.filter(({ path }) => path !== 'node/exit-codes.ts');
          return !users.some(({ text }) => quoted.test(text));
        })
        .map((code) => `${declaring.path} ${code}`),
    );
    expect(unused.filter((entry) => !unusedCodes.includes(entry))).toEqual([]);
  });

  it('throws coded errors', () => {
    // Contracts run where the error class is not; abort reasons of streams are never thrown by us.
    const plain = hits(
      product.filter(({ room }) => room !== 'contracts'),
      /\b(?:throw|reject\() ?new Error\s*\(/g,
    );
    expect(plain.length, plain.join('\n')).toBeLessThanOrEqual(ratchet.plainErrors);
  });
});

describe('exports', () => {
  const publicEntries = ['wallet/index.ts', 'contracts/index.ts', 'contracts/testing.ts', 'ledger/index.ts'];
  const usersOf = (set: readonly SourceFile[]): Set<string> =>
    new Set(
      set.flatMap(({ imports }) =>
        imports.flatMap(({ specifier, path, names }) => {
          const targets =
            specifier === '#primitives' ? ['protocol/crypto/native.ts', 'protocol/crypto/portable.ts'] : [path ?? ''];
          return targets.flatMap((target) => names.map((name) => `${target}#${name}`));
        }),
      ),
    );
  const values = product
    .filter(
      ({ path, room }) => room !== 'docs' && !publicEntries.includes(path) && !path.startsWith('protocol/crypto/'),
    )
    .flatMap((source) =>
      source.exported.filter(({ name }) => isValue(source, name)).map(({ name }) => ({ source, name })),
    );
  function isValue({ code }: SourceFile, name: string): boolean {
    return !new RegExp(`^export (?:declare )?(?:interface|type) ${name}\\b`, 'm').test(code);
  }
  const unusedBy = (set: readonly SourceFile[]): string[] => {
    const used = usersOf(set);
    return values
      .filter(({ source: { path }, name }) => !used.has(`${path}#${name}`) && !used.has(`${path}#*`))
      .map(({ source: { path }, name }) => `${path} ${name}`);
  };

  it('are used, and those that only their own file uses become fewer', () => {
    const unused = unusedBy(sources);
    const dead = unused.filter((entry) => {
      const [path, name] = entry.split(' ');
      const code = sources.find((source) => source.path === path)?.code ?? '';
      return [...code.matchAll(new RegExp(`\\b${name}\\b`, 'g'))].length < 2;
    });
    expect(dead).toEqual([]);
    expect(unused.length, unused.join('\n')).toBeLessThanOrEqual(ratchet.unusedExports);
  });

  it('do not exist for tests alone', () => {
    const everybody = new Set(unusedBy(sources));
    const unused = unusedBy(product).filter((entry) => !everybody.has(entry));
    expect(unused.length, unused.join('\n')).toBeLessThanOrEqual(ratchet.exportsForTestsOnly);
  });

  it('carry a sentence each', () => {
    const bare = product.flatMap(({ path, exported }) =>
      exported.filter(({ documented }) => !documented).map(({ name, line }) => `${path}:${line} ${name}`),
    );
    expect(bare.length, bare.join('\n')).toBeLessThanOrEqual(ratchet.undocumentedExports);
  });
});

describe('files', () => {
  it('open with what they own', () => {
    const scripts = files.filter((path) => path.endsWith('.mjs')).map((path) => ({ path, text: readText(path) }));
    const bare = [...sources, ...scripts].filter(({ text }) => !/^(?:#![^\n]*\n)?\/\*\*/.test(text));
    expect(bare.map(({ path }) => path)).toEqual([]);
  });

  it('are named in kebab case', () => {
    const isPlain = (part: string): boolean =>
      /^\.?[a-z0-9]+(?:-[a-z0-9]+)*(?:\.[a-z0-9]+)*$/.test(part) || ['README.md', 'LICENSE'].includes(part);
    expect(files.filter((path) => !path.split('/').every(isPlain))).toEqual([]);
  });

  it('stay short', () => {
    const long = sources.map(({ path, text }) => ({ path, lines: text.split('\n').length - 1 }));
    expect(long.filter(({ path, lines }) => lines > (longFiles[path] ?? 400))).toEqual([]);
    expect(
      Object.keys(longFiles).filter((file) => !long.some(({ path, lines }) => path === file && lines > 400)),
    ).toEqual([]);
  });

  it('have a room description of at most 30 lines in each top folder: what it owns, what not, what it may import', () => {
    const folders = [
      ...new Set(files.filter((path) => path.includes('/') && !path.startsWith('.')).map((path) => path.split('/')[0])),
    ];
    const missing = folders.filter((folder) => !files.includes(`${folder}/README.md`));
    expect(missing).toEqual([]);
    // That of agreement states the whole protocol: ten minutes' reading.
    const limits: Record<string, number> = { consensus: 80 };
    const lines = (folder = ''): number => readText(`${folder}/README.md`).trimEnd().split('\n').length;
    expect(folders.filter((folder) => lines(folder) > (limits[folder ?? ''] ?? 30))).toEqual([]);
    const says = ['owns', 'does not own', 'may import'];
    const silent = folders.flatMap((folder) => {
      const text = readText(`${folder}/README.md`).replaceAll('**', '');
      return says.filter((part) => !new RegExp(`\\b${part}\\b`, 'i').test(text)).map((part) => `${folder}: ${part}`);
    });
    expect(silent).toEqual([]);
  });

  it('name in the table of rules where each rule of agreement is, and is tested', () => {
    const rows = readText('consensus/README.md').matchAll(/^\| (?:[RVE]\d+\S*|keys) \|[^|]+\|([^|]+)\|([^|]+)\|$/gm);
    const named = [...rows].map(([, where = '', tests = '']) => ({
      sources: [...where.matchAll(/`([a-z-]+)`/g)].map(([, name]) => `consensus/${name}.ts`),
      tests: [...tests.matchAll(/`([a-z-]+)`/g)].map(([, name]) => `test/unit/consensus/${name}.test.ts`),
    }));
    expect(named).toHaveLength(17);
    for (const row of named) {
      expect(row.sources.length).toBeGreaterThan(0);
      expect(row.tests.length).toBeGreaterThan(0);
      expect([...row.sources, ...row.tests].filter((path) => !files.includes(path))).toEqual([]);
    }
  });

  it('name no machine and no registry', () => {
    const own = ['test/tidy.test.ts'];
    const pattern =
      /\/(?:work|home|root|Users)\/\w|registry\.\w+\.(?:org|com)|https?:\/\/[\w.-]*(?:registry|artifactory|nexus)/;
    expect(files.filter((path) => !own.includes(path) && pattern.test(readText(path)))).toEqual([]);
    expect(readText('package-lock.json')).not.toContain('"resolved"');
    expect(readText('.npmrc')).toContain('ignore-scripts=true');
  });

  it('pin exact versions', () => {
    const manifest = JSON.parse(readText('package.json')) as Record<string, Record<string, string>>;
    const kinds = ['dependencies', 'devDependencies', 'optionalDependencies'].map((kind) => manifest[kind] ?? {});
    const loose = kinds.flatMap((table) =>
      Object.entries(table).filter(([, version]) => !/^\d+\.\d+\.\d+$/.test(version)),
    );
    expect(loose).toEqual([]);
  });
});
