/** Commands that move a validator to another home. */
import type { Command } from 'commander';
import { examples, lazily, withJson } from './definition.ts';

const NOTES = `
The file holds the validator's key, its network identity, on the simulated platform its enclave's identity, and every
promise that the key has made. Whoever has file and passphrase is the validator: import it once, then delete it.
The passphrase of the home comes from $CLOISTER_PASSPHRASE, $CLOISTER_PASSPHRASE_FILE or keys/passphrase of the home.`;

const withPassphrase = (command: Command): Command =>
  withJson(command).option(
    '--passphrase-file <file>',
    'file with the passphrase of the guard file (else $CLOISTER_GUARD_PASSPHRASE, else a prompt)',
  );

/** Adds guard export and guard import. */
export const addGuardCommands = (program: Command): void => {
  const guard = program.command('guard').description("move a validator's key, together with all that it has signed");
  withPassphrase(guard.command('export').description('take the key out of a stopped home, which then signs no more'))
    .argument('<home>', 'home of a validator that is stopped')
    .requiredOption('--out <file>', 'guard file to write')
    .addHelpText(
      'after',
      `${examples('guard export my-net/validator-1 --out validator-1.guard')}\n${NOTES}\n\nInterrupted? The same command again completes it.`,
    )
    .action(lazily(async () => ({ run: (await import('./commands/guard.ts')).exportKey })));
  withPassphrase(guard.command('import').description('put the key of a guard file into a home, which then may sign'))
    .argument('<file>', 'guard file')
    .requiredOption('--home <directory>', 'empty directory, or a home that had this key before')
    .addHelpText(
      'after',
      `${examples('guard import validator-1.guard --home node-a')}\n${NOTES}\n\nInterrupted? The same command again completes it.`,
    )
    .action(lazily(async () => ({ run: (await import('./commands/guard.ts')).importKey })));
};
