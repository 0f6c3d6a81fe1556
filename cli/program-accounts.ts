/** Commands that act as an account: keys, calls, queries, deployments. */
import type { Command } from 'commander';
import { examples, hexDigits, lazily, wholeNumber, withAccount, withJson } from './definition.ts';

const MAX_WAIT_SECONDS = 3_600;

const withWait = (command: Command): Command =>
  withAccount(command)
    .option('--wait <seconds>', 'longest wait for the proven result', wholeNumber(1, MAX_WAIT_SECONDS), 30)
    .option('--receipt <file>', 'write the receipt file, which anyone can verify offline');

const addKeys = (program: Command): void => {
  const keys = program.command('keys').description('create and show encrypted keystores');
  const withKeys = (command: Command): Command =>
    withJson(command).option('--keys <directory>', 'key directory (default: $CLOISTER_KEYS or ~/.cloister/keys)');
  withKeys(keys.command('create').description('create an account in an encrypted keystore'))
    .argument('<name>', 'name of the account')
    .option('--passphrase-file <file>', 'file with the passphrase (else $CLOISTER_PASSPHRASE, else a prompt)')
    .addHelpText('after', examples('keys create alice', 'keys create alice --passphrase-file secret.txt --json'))
    .action(lazily(async () => ({ run: (await import('./commands/keys.ts')).create })));
  withKeys(keys.command('list').description('list the accounts of the key directory'))
    .addHelpText('after', examples('keys list', 'keys list --keys ./keys'))
    .action(lazily(async () => ({ run: (await import('./commands/keys.ts')).list })));
  withKeys(keys.command('show').description('show the public key of an account or keystore file'))
    .argument('<name>', 'name of the account, or path of a keystore file')
    .addHelpText('after', examples('keys show alice', 'keys show ./alice.json'))
    .action(lazily(async () => ({ run: (await import('./commands/keys.ts')).show })));
};

/** Adds keys, call, query, deploy and approve. */
export const addAccountCommands = (program: Command): void => {
  addKeys(program);
  withWait(program.command('call').description('call a contract; prints the result once it is proven'))
    .argument('<contract>', 'name of the contract')
    .argument('<method>', 'name of the method')
    .argument('[json]', 'arguments as JSON, or - to read them from standard input')
    .addHelpText(
      'after',
      examples(
        `call token transfer '{"id":"1","token":"EUR","to":"…","amount":"5"}' --dir my-net --account dev-1`,
        'call token issue - --url http://127.0.0.1:17701 --chain-id … --keystore alice.json --receipt issue.json < args.json',
      ),
    )
    .action(lazily(async () => ({ run: (await import('./commands/contracts.ts')).call })));
  withAccount(
    program.command('query').description('ask a contract at the newest height; leaves no trace on the ledger'),
  )
    .argument('<contract>', 'name of the contract')
    .argument('<method>', 'name of the method')
    .argument('[json]', 'arguments as JSON, or - to read them from standard input')
    .addHelpText(
      'after',
      examples(
        `query token balance '{"token":"EUR"}' --dir my-net --account dev-1`,
        'query system contracts --dir my-net --account dev-1',
      ),
    )
    .action(lazily(async () => ({ run: (await import('./commands/contracts.ts')).query })));
  withWait(
    program
      .command('deploy')
      .description('propose a contract; active once enough members approved the same code and parameters'),
  )
    .argument('<file>', 'TypeScript or JavaScript entry of the contract')
    .requiredOption('--name <name>', 'name of the contract')
    .option('--init <json>', 'parameters of its init, as JSON')
    .addHelpText(
      'after',
      examples(
        `deploy apps/token/contract.ts --name token --init '{"issuers":["…"],"auditor":"…"}' --dir my-net --account dev-1`,
      ),
    )
    .action(lazily(async () => ({ run: (await import('./commands/contracts.ts')).deploy })));
  withWait(
    program.command('approve').description('approve a proposed contract: exactly this code with these parameters'),
  )
    .argument('<name>', 'name of the contract')
    .argument('<code-hash>', 'hash that `deploy` printed', hexDigits(32))
    .option('--init <json>', 'parameters of its init, as they were proposed')
    .addHelpText(
      'after',
      examples(`approve token 9f2c… --init '{"issuers":["…"],"auditor":"…"}' --dir my-net --account dev-2`),
    )
    .action(lazily(async () => ({ run: (await import('./commands/contracts.ts')).approve })));
};
