/** Commands that verify offline. */
import type { Command } from 'commander';
import { examples, hexDigits, lazily, withJson } from './definition.ts';

/** Adds receipt and ledger. */
export const addProofCommands = (program: Command): void => {
  const receipt = program.command('receipt').description('show and verify receipt files, offline');
  withJson(receipt.command('show').description('show what a receipt file says, without verifying it'))
    .argument('<file>', 'receipt file')
    .addHelpText('after', examples('receipt show receipt.json'))
    .action(lazily(async () => ({ run: (await import('./commands/receipt.ts')).show })));
  withJson(receipt.command('verify').description('verify a receipt file; exit code 5 when it proves nothing'))
    .argument('<file>', 'receipt file')
    .option('--chain-id <hex>', 'trust anchor: the chain id', hexDigits(32))
    .option('--genesis <file>', 'trust anchor: the genesis file')
    .option('--transaction <hex>', 'transaction that it must prove', hexDigits(32))
    .addHelpText(
      'after',
      examples(
        'receipt verify receipt.json --chain-id 4be1…',
        'receipt verify receipt.json --genesis genesis.json --json',
      ),
    )
    .action(lazily(async () => ({ run: (await import('./commands/receipt.ts')).verify })));
  const ledger = program.command('ledger').description('audit the ledger of a validator, offline');
  withJson(
    ledger
      .command('verify')
      .description('check every height: chain, finality, results, records; exit code 5 when something is wrong'),
  )
    .argument('<home>', 'home of a validator that is stopped')
    .option('--genesis <file>', 'trust anchor; the genesis of the home unless given')
    .addHelpText(
      'after',
      examples('ledger verify my-net/validator-1', 'ledger verify my-net/validator-1 --genesis genesis.json --json'),
    )
    .action(lazily(() => import('./commands/ledger-verify.ts')));
};
