/**
 * The tree of commands: names, options, help. What a command does is imported when it runs, so that help is immediate.
 *
 * Every implementation exports `run(options, arguments)`; a number that it resolves to becomes the exit code.
 */
import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { addAccountCommands } from './program-accounts.ts';
import { addGovernanceCommands } from './program-governance.ts';
import { addGuardCommands } from './program-guard.ts';
import { addNetworkCommands } from './program-network.ts';
import { addProofCommands } from './program-proofs.ts';

const OVERVIEW = `
Examples:
  $ cloister testnet --dir my-net           four validators on this machine, until Ctrl-C
  $ cloister status --dir my-net
  $ cloister query system contracts --dir my-net --account dev-1
  $ cloister receipt verify receipt.json --genesis my-net/genesis.json
  $ cloister demo aml                       five banks find laundering, and see nothing else

Exit codes: 0 ok, 1 failure, 2 usage, 3 configuration, 4 unreachable or timed out, 5 verification negative,
            6 unsafe to sign, 7 data corrupt, 8 upgrade required`;

const version = (): string =>
  (JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { readonly version: string })
    .version;

/** The whole command line. The parser throws instead of ending the process. */
export const buildProgram = (): Command => {
  const program = new Command('cloister')
    .description('A confidential consortium ledger: encrypted transactions, agreement, attested execution, receipts.')
    .version(version(), '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print help')
    .addHelpText('after', OVERVIEW)
    .showSuggestionAfterError()
    // Options after a subcommand are the subcommand's own.
    .enablePositionalOptions()
    .exitOverride()
    .configureOutput({ outputError: () => undefined });
  addNetworkCommands(program);
  addAccountCommands(program);
  addProofCommands(program);
  addGovernanceCommands(program);
  addGuardCommands(program);
  program
    .command('completion')
    .description('print a completion script for a shell')
    .argument('<shell>', 'bash, zsh or fish')
    .addHelpText(
      'after',
      '\nExamples:\n  $ source <(cloister completion bash)\n  $ cloister completion fish > ~/.config/fish/completions/cloister.fish',
    )
    .action(async (shell: string) => {
      const { completionScript } = await import('./completion.ts');
      process.stdout.write(completionScript(program, shell));
    });
  return program;
};
