/**
 * The repository as text, for the tests that police it: files, imports and exports, without a TypeScript parser.
 *
 * `code` is the text of a file with comments and the contents of strings and regular expressions blanked out, character
 * by character, so that a rule about code never trips over prose and positions stay the same.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { posix } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Top folder of the repository, with a slash at its end. */
export const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** One import or re-export. */
export interface ImportedModule {
  readonly specifier: string;
  /** Path inside the repository; undefined for packages. */
  readonly path: string | undefined;
  /** Names taken; `*` for whole modules. */
  readonly names: readonly string[];
}

/** One TypeScript file. */
export interface SourceFile {
  readonly path: string;
  readonly room: string;
  readonly text: string;
  /** Text with comments and string contents blanked. */
  readonly code: string;
  readonly imports: readonly ImportedModule[];
  /** Names declared with `export`, with the line each stands on. */
  readonly exported: readonly { readonly name: string; readonly line: number; readonly documented: boolean }[];
}

const walk = (folder: string): string[] =>
  readdirSync(`${ROOT}${folder}`, { withFileTypes: true }).flatMap((entry) => {
    const path = `${folder}${entry.name}`;
    if (['node_modules', 'dist', 'coverage', '.git', '.cloister'].includes(entry.name)) return [];
    return entry.isDirectory() ? walk(`${path}/`) : [path];
  });

const isRoom = (path: string): boolean =>
  !path.includes('/') || existsSync(`${ROOT}${path.slice(0, path.indexOf('/'))}/README.md`);

/**
 * The committed files: networks and notes that somebody keeps in the working folder are none of our business. In a copy
 * without git these are all files of folders that describe themselves.
 */
export const repositoryFiles = (): string[] => {
  const listed = spawnSync('git', ['ls-files', '-z'], { cwd: ROOT, encoding: 'utf8' });
  if (listed.status !== 0) return walk('').filter(isRoom).sort();
  return listed.stdout
    .split('\0')
    .filter((path) => path !== '' && existsSync(`${ROOT}${path}`))
    .sort();
};

/** Reads a file of the repository. */
export const readText = (path: string): string => readFileSync(`${ROOT}${path}`, 'utf8');

/** The room of a path: its top folder, one level deeper inside `enclave`, `.` for files at the top. */
export const roomOf = (path: string): string => {
  const [top = '', second = '', third] = path.split('/');
  if (second === '') return '.';
  return top === 'enclave' && third !== undefined ? `${top}/${second}` : top;
};

const REGEX_MAY_FOLLOW = /(?:[(,=:[!&|?{};+\-*%<>~^]|=>|\b(?:return|typeof|case|in|of|void|throw|await))\s*$/;
const blank = (text: string): string => text.replace(/[^\n]/g, ' ');

/** End of a quoted string or regular expression that starts at `start`, exclusive. */
const literalEnd = (text: string, start: number): number => {
  const quote = text[start];
  let inClass = false;
  for (let index = start + 1; index < text.length; index += 1) {
    const character = text[index];
    if (character === '\\') index += 1;
    else if (character === '\n') return index;
    else if (quote === '/' && character === '[') inClass = true;
    else if (quote === '/' && character === ']') inClass = false;
    else if (character === quote && !inClass) return index + 1;
  }
  return text.length;
};

/** Blanks comments; with `strings` also what stands inside quotes, templates and regular expressions. */
export const mask = (text: string, strings: boolean): string => {
  let out = '';
  let index = 0;
  /** Depth of braces inside each open template substitution. */
  const templates: number[] = [];
  const take = (end: number, hidden: boolean, kept = 0): void => {
    const piece = text.slice(index, end);
    const last = piece.length - kept;
    out += hidden ? piece.slice(0, kept) + blank(piece.slice(kept, last)) + piece.slice(last) : piece;
    index = end;
  };
  const templateText = (): void => {
    let end = index + 1;
    while (end < text.length && text[end] !== '`' && !text.startsWith('${', end)) end += text[end] === '\\' ? 2 : 1;
    const opensSubstitution = text.startsWith('${', end);
    take(Math.min(text.length, end + (opensSubstitution ? 2 : 1)), strings, 1);
    if (opensSubstitution) templates.push(0);
  };
  while (index < text.length) {
    const character = text[index];
    if (text.startsWith('//', index)) take(((end) => (end < 0 ? text.length : end))(text.indexOf('\n', index)), true);
    else if (text.startsWith('/*', index)) take(text.indexOf('*/', index) + 2, true);
    else if (character === "'" || character === '"') take(literalEnd(text, index), strings, 1);
    else if (character === '/' && REGEX_MAY_FOLLOW.test(out.slice(-12))) take(literalEnd(text, index), strings, 1);
    else if (character === '`') templateText();
    else if (character === '}' && templates.at(-1) === 0) {
      templates.pop();
      templateText();
    } else {
      const depth = templates.length - 1;
      if (depth >= 0 && (character === '{' || character === '}'))
        templates[depth] = (templates[depth] ?? 0) + (character === '{' ? 1 : -1);
      out += character;
      index += 1;
    }
  }
  return out;
};

const IMPORT = /\b(?:import|export)\b([^'";]*?)\bfrom\s*'([^']+)'|\bimport\s*\(?\s*'([^']+)'/g;
const EXPORT =
  /^export (?:declare )?(?:async )?(?:abstract )?(?:const|let|function\*?|class|interface|type) ([A-Za-z_$][\w$]*)/gm;

const namesOf = (clause: string): string[] => {
  const braces = /\{([^}]*)\}/.exec(clause)?.[1];
  if (braces === undefined) return ['*'];
  return braces
    .split(',')
    .map(
      (item) =>
        item
          .trim()
          .replace(/^type /, '')
          .split(/\s+as\s+/)[0] ?? '',
    )
    .filter((name) => name !== '');
};

const importsOf = (path: string, withoutComments: string): ImportedModule[] =>
  [...withoutComments.matchAll(IMPORT)].map(([, clause = '', from, bare]) => {
    const specifier = from ?? bare ?? '';
    const inside = specifier.startsWith('.') ? posix.normalize(posix.join(posix.dirname(path), specifier)) : undefined;
    return { specifier, path: inside, names: namesOf(clause) };
  });

const exportsOf = (text: string, code: string): SourceFile['exported'] => {
  const lines = text.split('\n');
  const found = [...code.matchAll(EXPORT)].map(({ 1: name = '', index }) => ({
    name,
    line: code.slice(0, index).split('\n').length,
  }));
  return found.map(({ name, line }, position) => {
    const overload = found[position - 1]?.name === name;
    // The type of a shape or codec may stand right below it, under the same sentence.
    const inferred =
      /^export type \w+ = (?:Infer|Shaped)<typeof \w+>;/.test(lines[line - 1] ?? '') && lines[line - 2] !== '';
    let above = line - 2;
    while ((lines[above] ?? '').startsWith('//')) above -= 1;
    return { name, line, documented: overload || inferred || (lines[above] ?? '').trimEnd().endsWith('*/') };
  });
};

/** Reads and takes apart one TypeScript file. */
export const readSource = (path: string): SourceFile => {
  const text = readText(path);
  const code = mask(text, true);
  return {
    path,
    room: roomOf(path),
    text,
    code,
    imports: importsOf(path, mask(text, false)),
    exported: exportsOf(text, code),
  };
};

/** Cycles of a graph, each named by its members (Tarjan's strongly connected components, larger than one). */
export const cyclesOf = (edges: ReadonlyMap<string, ReadonlySet<string>>): string[][] => {
  const order = new Map<string, number>();
  const low = new Map<string, number>();
  const stack: string[] = [];
  const found: string[][] = [];
  const visit = (node: string): number => {
    const own = order.size;
    let lowest = own;
    order.set(node, own);
    stack.push(node);
    for (const next of edges.get(node) ?? []) {
      if (!order.has(next)) lowest = Math.min(lowest, visit(next));
      else if (stack.includes(next)) lowest = Math.min(lowest, low.get(next) ?? own);
    }
    low.set(node, lowest);
    if (lowest === own) {
      const component = stack.splice(stack.indexOf(node));
      if (component.length > 1) found.push(component.sort());
    }
    return lowest;
  };
  for (const node of edges.keys()) if (!order.has(node)) visit(node);
  return found;
};
