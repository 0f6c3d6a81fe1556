/** Shell completion: every command and option is in the scripts. */
import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { completionScript } from '../../../cli/completion.ts';
import { buildProgram } from '../../../cli/program.ts';

const completions = (...words: readonly string[]): string[] => {
  const script = completionScript(buildProgram(), 'bash');
  const quoted = ['cloister', ...words].map((word) => `'${word}'`).join(' ');
  const probe = `${script}\nCOMP_WORDS=(${quoted}); COMP_CWORD=${words.length}; _cloister; printf '%s\\n' "\${COMPREPLY[@]}"`;
  return execFileSync('bash', ['-c', probe], { encoding: 'utf8' }).trim().split('\n');
};

describe('completion', () => {
  it('offers commands, subcommands and options where they belong', () => {
    expect(completions('sta')).toEqual(['start', 'status']);
    expect(completions('receipt', 'v')).toEqual(['verify']);
    expect(completions('guard', 'i')).toEqual(['import']);
    expect(completions('guard', 'export', 'my-net/validator-1', '--o')).toEqual(['--out']);
    expect(completions('receipt', 'verify', '--ch')).toEqual(['--chain-id']);
    expect(completions('testnet', '--dir', 'somewhere', '--po')).toEqual(['--port-base']);
  });

  it('exists for zsh and fish', () => {
    expect(completionScript(buildProgram(), 'zsh')).toMatch(/^#compdef cloister/);
    expect(completionScript(buildProgram(), 'fish')).toContain('complete -c cloister');
  });
});
