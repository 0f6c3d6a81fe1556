/** Commands that verify offline. */
import type { Command } from 'commander';
import { examples, hexDigits, lazily, withJson } from './definition.ts';

const addEvidence = (program: Command): void => {
  const evidence = program.command('evidence').description('what convicts validators, verified offline');
  withJson(evidence.command('list').description('list and verify the evidence that nodes have kept'))
    .option('--home <directory>', 'home of a validator or observer')
    .option('--dir <directory>', 'directory of a local network', process.env['CLOISTER_DIR'])
    .addHelpText('after', examples('evidence list --home my-net/validator-1', 'evidence list --dir my-net --json'))
    .action(lazily(async () => ({ run: (await import('./commands/evidence.ts')).list })));
  withJson(evidence.command('verify').description('verify an evidence file; exit code 5 when it proves nothing'))
    .argument('<file>', 'evidence file')
    .option('--chain-id <hex>', 'trust anchor: the chain id', hexDigits(32))
    .option('--genesis <file>', 'trust anchor: the genesis file')
    .addHelpText('after', examples('evidence verify evidence.json --chain-id 4be1…'))
    .action(lazily(async () => ({ run: (await import('./commands/evidence.ts')).verify })));
  withJson(
    evidence.command('compare').description('compare two stopped ledgers; on a fork name the culprits, exit code 5'),
  )
    .argument('<first>', 'home of a validator or observer')
    .argument('<second>', 'home of another one')
    .option('--out <directory>', 'write an evidence file for every culprit')
    .addHelpText('after', examples('evidence compare my-net/validator-1 my-net/validator-2 --out culprits'))
    .action(lazily(async () => ({ run: (await import('./commands/evidence.ts')).compare })));
};

/** Adds receipt, ledger and evidence. */
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
  addEvidence(program);
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
