/** Commands that found, run and look at networks. */
import { type Command, Option } from 'commander';
import { DATA_LAYOUT } from '../demo/aml/data-layout.ts';
import { examples, hexDigits, lazily, repeated, repeatedUrl, wholeNumber, withJson } from './definition.ts';

const port = wholeNumber(1024, 65_000);
const validators = wholeNumber(4, 100);

const addInit = (program: Command): void => {
  const init = program.command('init').description('found a network: keys, genesis and settings of every validator');
  withJson(init.enablePositionalOptions())
    .option('--dir <directory>', 'directory of the new network')
    .option('--validators <number>', 'number of validators', validators)
    .option('--name <name>', 'name of the network', 'local')
    .option('--port-base <port>', 'first port; each validator has a block of ten', port)
    .option('--members <file>', 'governing members: JSON list of { name, key }')
    .option('--threshold <number>', 'members whose approval activates a contract', wholeNumber(1, 64))
    .addHelpText(
      'after',
      `${examples(
        'init --dir my-net',
        'init --dir my-net --validators 7 --name trade --members members.json --threshold 2',
        'start --home my-net/validator-1',
      )}\n\nSeparate operators: each runs \`init validator\`, one runs \`init genesis\`, each runs \`init install\`.`,
    )
    .action(lazily(() => import('./commands/init.ts')));
  withJson(init.command('validator').description('create the home of one validator and its public descriptor'))
    .requiredOption('--home <directory>', 'new home')
    .requiredOption('--name <name>', 'name of the validator')
    .requiredOption('--address <multiaddress>', 'where peers reach it, such as /ip4/10.0.0.1/tcp/17700')
    .requiredOption('--sim-root <file>', "secret of the simulated processors' manufacturer; created when missing")
    .option(
      '--passphrase-file <file>',
      'file with the passphrase of the node keystore (else $CLOISTER_PASSPHRASE, else a prompt)',
    )
    .addHelpText(
      'after',
      examples('init validator --home node-a --name bank-a --address /ip4/10.0.0.1/tcp/17700 --sim-root sim-root.json'),
    )
    .action(lazily(() => import('./commands/init-validator.ts')));
  withJson(init.command('observer').description('create the home of a node that follows without a vote or an enclave'))
    .requiredOption('--home <directory>', 'new home')
    .requiredOption('--name <name>', 'name of the observer')
    .requiredOption('--address <multiaddress>', 'where peers reach it, such as /ip4/10.0.0.9/tcp/17700')
    .option(
      '--passphrase-file <file>',
      'file with the passphrase of the node keystore (else $CLOISTER_PASSPHRASE, else a prompt)',
    )
    .addHelpText('after', examples('init observer --home watcher --name auditor --address /ip4/10.0.0.9/tcp/17700'))
    .action(lazily(() => import('./commands/init-observer.ts')));
  withJson(init.command('genesis').description('assemble the genesis from the descriptors of all validators'))
    .argument('<descriptors...>', 'validator.json of each home, in the order of the validators')
    .requiredOption('--out <file>', 'genesis file to write')
    .requiredOption('--members <file>', 'governing members: JSON list of { name, key }')
    .requiredOption('--sim-root-key <hex>', 'public key that `init validator` printed', hexDigits(32))
    .option('--threshold <number>', 'members whose approval activates a contract', wholeNumber(1, 64), 1)
    .option('--name <name>', 'name of the network', 'consortium')
    .addHelpText(
      'after',
      examples(
        'init genesis a/validator.json b/validator.json c/validator.json d/validator.json --out genesis.json --members members.json --sim-root-key …',
      ),
    )
    .action(lazily(() => import('./commands/init-genesis.ts')));
  withJson(init.command('install').description('install the genesis and the addresses of the peers into a home'))
    .argument('[descriptors...]', 'validator.json of peers whose address differs from the one in the genesis')
    .requiredOption('--home <directory>', 'home that `init validator` or `init observer` created')
    .requiredOption('--genesis <file>', 'genesis file that all operators compared')
    .option('--port-base <port>', 'first port of the block of ten', port, 17_700)
    .addHelpText('after', examples('init install a.json b.json c.json d.json --home node-a --genesis genesis.json'))
    .action(lazily(() => import('./commands/init-install.ts')));
};

/** Adds init, start, status, testnet and demo. */
export const addNetworkCommands = (program: Command): void => {
  addInit(program);
  withJson(program.command('start').description('run one node, and its enclave where it has one, until Ctrl-C'))
    .requiredOption('--home <directory>', 'home of the validator or observer')
    .addOption(
      new Option('--profile <profile>', 'whether it votes, or follows the chain without vote and enclave').choices([
        'validator',
        'observer',
      ]),
    )
    .option('--set <name=value>', 'a setting of docs/configuration.md; may be given several times', repeated)
    .option('--log-level <level>', 'trace, debug, info, warn, error or silent')
    .addHelpText(
      'after',
      examples(
        'start --home my-net/validator-1',
        'start --home my-net/validator-1 --set api.port=8080 --log-level debug',
        'start --home watcher --profile observer',
      ),
    )
    .action(lazily(() => import('./commands/start.ts')));
  withJson(program.command('status').description('how nodes are doing'))
    .option('--dir <directory>', 'directory of a local network: asks all its nodes', process.env['CLOISTER_DIR'])
    .option('--url <url>', 'client API of a node; may be given several times', repeatedUrl)
    .addHelpText('after', examples('status', 'status --dir my-net', 'status --url http://127.0.0.1:17701 --json'))
    .action(lazily(() => import('./commands/status.ts')));
  withJson(
    program
      .command('testnet')
      .description('a local network that stays up until Ctrl-C; the same directory continues it'),
  )
    .option('--dir <directory>', 'where it lives; a temporary directory unless given', process.env['CLOISTER_DIR'])
    .option('--validators <number>', 'number of validators of a new network', validators)
    .option('--port-base <port>', 'first port; the first free range unless given', port)
    .option('--log-level <level>', 'trace, debug, info, warn, error or silent')
    .addHelpText(
      'after',
      examples('testnet', 'testnet --dir my-net --validators 7', 'testnet --dir other-net --port-base 18800 --json'),
    )
    .action(lazily(() => import('./commands/testnet.ts')));
  const demo = program.command('demo').description('play a scenario on a local network');
  withJson(
    demo
      .command('aml')
      .description('five banks find money laundering across their books; nobody sees a row of another'),
  )
    .option('--data <directory>', 'folder with params.json and world/; a small generated set unless given')
    .addOption(new Option('--seed <text>', 'seed of the generated data').conflicts('data'))
    .option('--keep', 'leave the network running until Ctrl-C and print its addresses')
    .addHelpText('after', `\n${DATA_LAYOUT}${examples('demo aml', 'demo aml --data ../shared/data/02-aml --json')}`)
    .action(lazily(() => import('./commands/demo-aml.ts')));
};
