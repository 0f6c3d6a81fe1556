/** Commands by which members change who takes part. */
import type { Command } from 'commander';
import { examples, hexDigits, lazily, repeated, wholeNumber, withNetwork } from './definition.ts';

const MAX_WAIT_SECONDS = 86_400;

/** Options of whoever signs a change: several members may sign at once, where one machine holds their keys. */
const withMembers = (command: Command): Command =>
  withNetwork(command)
    .option('--account <name>', 'member that signs; may be given several times', repeated)
    .option('--keystore <file>', 'encrypted keystore of the member')
    .option('--keys <directory>', 'key directory (default: $CLOISTER_KEYS or ~/.cloister/keys)')
    .option('--passphrase-file <file>', 'file with the passphrase (else $CLOISTER_PASSPHRASE, else a prompt)')
    .option('--production', 'refuse simulated enclave platforms')
    .option('--wait <seconds>', 'longest wait until it is carried out', wholeNumber(0, MAX_WAIT_SECONDS), 120);

const implementation = () => import('./commands/validators.ts');

const addValidators = (program: Command): void => {
  const validators = program.command('validators').description('who validates, and changing it while calls go on');
  withNetwork(validators.command('list').description('validators, quorum, fault tolerance, and changes that wait'))
    .addHelpText('after', examples('validators list --dir my-net', 'validators list --url … --chain-id … --json'))
    .action(lazily(async () => ({ run: (await implementation()).list })));
  withMembers(validators.command('add').description('let a validator in; it catches up first, then votes'))
    .argument('<descriptors...>', '`validator.json` of the homes that join')
    .addHelpText('after', examples('validators add node-e/validator.json --dir my-net --account dev-1'))
    .action(lazily(async () => ({ run: (await implementation()).add })));
  withMembers(validators.command('remove').description('take a validator out'))
    .argument('<name>', 'name of the validator')
    .addHelpText('after', examples('validators remove validator-4 --dir my-net --account dev-1'))
    .action(lazily(async () => ({ run: (await implementation()).remove })));
  withMembers(validators.command('replace').description('take one validator out and let another one in, in one step'))
    .argument('<name>', 'name of the validator that leaves')
    .argument('<descriptor>', '`validator.json` of the home that joins')
    .addHelpText('after', examples('validators replace validator-4 node-e/validator.json --dir my-net --account dev-1'))
    .action(lazily(async () => ({ run: (await implementation()).replace })));
  withMembers(validators.command('rotate-key').description('give a validator another consensus key'))
    .argument('<rotation>', 'rotation file of its operator: `cloister guard rotate`')
    .addHelpText('after', examples('validators rotate-key rotation.json --dir my-net --account dev-1'))
    .action(lazily(async () => ({ run: (await implementation()).rotateKey })));
  withMembers(validators.command('approve').description('sign a change that another member proposed'))
    .argument('<id>', 'id that `validators list` shows', hexDigits(32))
    .addHelpText('after', examples('validators approve 9f2c… --dir my-net --account dev-2'))
    .action(lazily(async () => ({ run: (await implementation()).approve })));
};

const addObservers = (program: Command): void => {
  const observers = program.command('observers').description('replicas that follow the chain without a vote');
  withMembers(observers.command('add').description('let an observer in'))
    .argument('<descriptors...>', '`observer.json` of the homes that join')
    .addHelpText('after', examples('observers add watcher/observer.json --dir my-net --account dev-1'))
    .action(lazily(async () => ({ run: (await implementation()).addObserver })));
  withMembers(observers.command('remove').description('take an observer out'))
    .argument('<name>', 'name of the observer')
    .addHelpText('after', examples('observers remove watcher --dir my-net --account dev-1'))
    .action(lazily(async () => ({ run: (await implementation()).removeObserver })));
};

/** Adds validators and observers. */
export const addGovernanceCommands = (program: Command): void => {
  addValidators(program);
  addObservers(program);
};
