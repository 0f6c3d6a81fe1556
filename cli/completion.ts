/** Completion scripts, generated from the tree of commands. */
import type { Command } from 'commander';
import { nearestName } from '../node/nearest-name.ts';
import { usageError } from './errors.ts';

interface Entry {
  /** Words after `cloister`, such as `receipt verify`; empty at the top. */
  readonly path: string;
  readonly words: readonly { readonly word: string; readonly description: string }[];
}

const entriesOf = (command: Command, path: readonly string[] = []): Entry[] => {
  const children = command.commands.map((child) => ({ word: child.name(), description: child.description() }));
  const options = command.options.flatMap(({ long, description }) => (long ? [{ word: long, description }] : []));
  const words = [...children, ...options, { word: '--help', description: 'print help' }];
  return [
    { path: path.join(' '), words },
    ...command.commands.flatMap((child) => entriesOf(child, [...path, child.name()])),
  ];
};

const bash = (entries: readonly Entry[]): string => `# Completion of cloister for bash
_cloister() {
  local current=\${COMP_WORDS[COMP_CWORD]} path= word
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "\${path:+$path }$word" in
      ${entries
        .filter(({ path }) => path !== '')
        .map(({ path }) => `'${path}'`)
        .join('|')}) path="\${path:+$path }$word" ;;
    esac
  done
  local words=
  case "$path" in
${entries.map(({ path, words }) => `    '${path}') words='${words.map(({ word }) => word).join(' ')}' ;;`).join('\n')}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
  [[ \${#COMPREPLY[@]} -eq 0 ]] && COMPREPLY=($(compgen -f -- "$current"))
}
complete -F _cloister cloister
`;

const zsh = (entries: readonly Entry[]): string => `#compdef cloister
autoload -U +X bashcompinit && bashcompinit
${bash(entries)}`;

const quoted = (text: string): string => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;

const fish = (entries: readonly Entry[]): string => {
  const lines = entries.flatMap(({ path, words }) => {
    const children = entries.filter(
      (entry) => entry.path !== '' && entry.path.split(' ').slice(0, -1).join(' ') === path,
    );
    const names = children.map((entry) => entry.path.split(' ').at(-1) ?? '');
    const seen = path
      .split(' ')
      .filter((word) => word !== '')
      .map((word) => `__fish_seen_subcommand_from ${word}`);
    const inner = names.length > 0 ? [`not __fish_seen_subcommand_from ${names.join(' ')}`] : [];
    const condition = quoted([...seen, ...inner].join('; and '));
    return words.map(({ word, description }) =>
      word.startsWith('--')
        ? `complete -c cloister -n ${condition} -l ${word.slice(2)} -d ${quoted(description)}`
        : `complete -c cloister -f -n ${condition} -a ${word} -d ${quoted(description)}`,
    );
  });
  return `# Completion of cloister for fish\n${lines.join('\n')}\n`;
};

const SHELLS: Readonly<Record<string, (entries: readonly Entry[]) => string>> = { bash, zsh, fish };

/** The script for a shell. Throws USAGE with the nearest name for another one. */
export const completionScript = (program: Command, shell: string): string => {
  const make = Object.hasOwn(SHELLS, shell) ? SHELLS[shell] : undefined;
  if (make === undefined) {
    const names = Object.keys(SHELLS);
    throw usageError(
      `There is no completion for '${shell}'.`,
      `Did you mean ${nearestName(shell, names)}? Shells: ${names.join(', ')}.`,
    );
  }
  return make(entriesOf(program));
};
