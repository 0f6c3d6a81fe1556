/** `cloister validators`: who validates, and changing it; `cloister observers` likewise. */
import type { PublicKey } from '../../protocol/brand.ts';
import type { Configuration } from '../../protocol/consensus/configuration.ts';
import type { Change } from '../../protocol/consensus/governance.ts';
import { isCloisterError } from '../../protocol/errors.ts';
import type { Validator } from '../../protocol/genesis.ts';
import { nearestName } from '../../node/nearest-name.ts';
import type { ValidatorDescriptor } from '../../node/ceremony.ts';
import type { Network } from '../../wallet/connect.ts';
import type { WaitingChange } from '../../wallet/governance.ts';
import { type AccountOptions, readAccounts } from '../accounts.ts';
import { describeChange, explainChange, toleranceOf, validatorsAfter } from '../configuration-text.ts';
import { readDescriptors } from '../descriptors.ts';
import { cliErrors } from '../errors.ts';
import { connectTo, type NetworkOptions } from '../network-access.ts';
import { columns, note, type OutputOptions, printResult, table } from '../output.ts';
import { readRotation } from '../rotation.ts';

interface ListOptions extends OutputOptions, NetworkOptions {}

interface ChangeOptions extends ListOptions, Omit<AccountOptions, 'account'> {
  readonly account?: readonly string[] | undefined;
  readonly wait: number;
}

const waitingJson = ({ id, signatures, threshold, waitingFor, changeList }: WaitingChange, now: Configuration) => ({
  id,
  epoch: changeList.epoch,
  expiryHeight: changeList.expiryHeight,
  changes: changeList.changes.map((change) => describeChange(change, now)),
  signatures,
  threshold,
  waitingFor,
});

/** Lists validators, observers and what is about to change; proven from the chain id. */
export const list = async (options: ListOptions): Promise<void> => {
  const network = await connectTo(options);
  const { configuration } = network;
  const { epoch, validators, observers } = configuration;
  const waiting = (await network.governance.waiting()).map((change) => waitingJson(change, configuration));
  const tolerance = toleranceOf(validators.length);
  const lines = [
    ...table([
      ['Epoch', epoch],
      ['Validators', tolerance.validators],
      ['Quorum', tolerance.quorum],
      ['May fail or lie', tolerance.faults],
    ]),
    '',
    ...columns(
      ['VALIDATOR', 'KEY', 'ADDRESS'],
      validators.map(({ name, validatorKey, address }) => [name, validatorKey, address ?? '-']),
    ),
    ...(observers.length === 0
      ? []
      : [
          '',
          ...columns(
            ['OBSERVER', 'PEER', 'ADDRESS'],
            observers.map(({ name, peerId, address }) => [name, peerId, address ?? '-']),
          ),
        ]),
    ...waiting.map(
      (change) =>
        `\nWaiting: ${change.changes.join(', ')} (${change.signatures} of ${change.threshold} signatures; ${change.waitingFor === '' ? 'the next block carries it' : `waits for ${change.waitingFor}`})\n         ${change.id}`,
    ),
  ];
  const shownValidators = validators.map(({ name, validatorKey, peerId, enclaveKey, address }) => ({
    name,
    validatorKey,
    peerId,
    enclaveKey,
    address,
  }));
  printResult(options, { epoch, ...tolerance, members: shownValidators, observers, waiting }, lines);
};

const validatorOf = (descriptor: ValidatorDescriptor): Validator => {
  const { name, validatorKey, peerId, enclaveKey, enclaveKem, evidence, address } = descriptor;
  return { name, validatorKey, peerId, enclaveKey, enclaveKem, evidence, address, contribution: undefined };
};

const named = ({ validators }: Configuration, name: string): Validator => {
  const found = validators.find((validator) => validator.name === name);
  if (found !== undefined) return found;
  const names = validators.map((validator) => validator.name);
  throw cliErrors.error('USAGE_UNKNOWN_VALIDATOR', { validator: name, nearest: nearestName(name, names) });
};

/** Proposes changes, tells what they mean, and waits until they are carried out. */
const change = async (
  options: ChangeOptions,
  changesOf: (network: Network) => Promise<readonly Change[]>,
): Promise<void> => {
  const members = await readAccounts(options);
  const network = await connectTo(options);
  const { configuration } = network;
  const changes = await changesOf(network);
  const before = toleranceOf(configuration.validators.length);
  const after = toleranceOf(validatorsAfter(configuration, changes));
  for (const line of explainChange(before, after)) note(line);
  const proposed = await network.governance.propose(members, changes);
  await report(options, network, proposed, { before, after });
};

const report = async (
  options: ChangeOptions,
  network: Network,
  proposed: WaitingChange,
  facts: Readonly<Record<string, unknown>> = {},
): Promise<void> => {
  const { configuration } = network;
  const { epoch } = proposed.changeList;
  const done = proposed.signatures < proposed.threshold ? undefined : await carriedOut(options, network, epoch);
  const missing = proposed.threshold - proposed.signatures;
  const outcome = { ...facts, ...waitingJson(proposed, configuration), carriedOut: done !== undefined };
  printResult(options, { ...outcome, ...(done !== undefined && { newEpoch: done.epoch }) }, [
    ...table([
      ['Change', proposed.id],
      ...proposed.changeList.changes.map((each) => ['', describeChange(each, configuration)] as const),
      ['Signatures', `${proposed.signatures} of ${proposed.threshold}`],
      ['State', done === undefined ? 'waiting' : `carried out: epoch ${done.epoch} has begun`],
    ]),
  ]);
  if (missing > 0) note(`The next member runs: cloister validators approve ${proposed.id}`);
  else if (done === undefined) note('It is carried out as soon as the rules permit: see `cloister validators list`.');
};

const carriedOut = async (
  { wait }: ChangeOptions,
  network: Network,
  epoch: number,
): Promise<Configuration | undefined> => {
  if (wait === 0) return undefined;
  note('Waiting until the change is carried out (joining validators catch up first) …');
  try {
    return await network.governance.carriedOut(epoch, wait * 1_000);
  } catch (error) {
    if (isCloisterError(error, 'OUTCOME_UNKNOWN')) return undefined;
    throw error;
  }
};

/** Lets validators in. */
export const add = async (options: ChangeOptions, [paths]: readonly [readonly string[]]): Promise<void> => {
  const descriptors = await readDescriptors(paths);
  await change(options, async () =>
    descriptors.map((descriptor) => ({ kind: 'addValidator', validator: validatorOf(descriptor) })),
  );
};

/** Takes a validator out. */
export const remove = async (options: ChangeOptions, [name]: readonly [string]): Promise<void> => {
  await change(options, async ({ configuration }) => [
    { kind: 'removeValidator', validatorKey: named(configuration, name).validatorKey },
  ]);
};

/** Replaces one validator by another in one step: the number of validators never changes. */
export const replace = async (options: ChangeOptions, [name, path]: readonly [string, string]): Promise<void> => {
  const [descriptor] = await readDescriptors([path]);
  await change(options, async ({ configuration }) => [
    { kind: 'removeValidator', validatorKey: named(configuration, name).validatorKey },
    ...(descriptor === undefined ? [] : [{ kind: 'addValidator', validator: validatorOf(descriptor) } as const]),
  ]);
};

/** Gives a validator another consensus key. */
export const rotateKey = async (options: ChangeOptions, [path]: readonly [string]): Promise<void> => {
  const { validatorKey, newKey, proof } = await readRotation(path);
  await change(options, async ({ configuration }) => {
    if (!configuration.validators.some((validator) => validator.validatorKey === validatorKey))
      throw cliErrors.error('USAGE_UNKNOWN_VALIDATOR', { validator: validatorKey });
    return [{ kind: 'rotateKey', validatorKey: validatorKey as PublicKey, newKey, proof }];
  });
};

/** Adds a member's signature. */
export const approve = async (options: ChangeOptions, [id]: readonly [string]): Promise<void> => {
  const members = await readAccounts(options);
  const network = await connectTo(options);
  let waiting: WaitingChange | undefined;
  for (const member of members) waiting = await network.governance.approve(member, id);
  if (waiting !== undefined) await report(options, network, waiting);
};

/** Lets observers in. */
export const addObserver = async (options: ChangeOptions, [paths]: readonly [readonly string[]]): Promise<void> => {
  const descriptors = await readDescriptors(paths);
  await change(options, async () =>
    descriptors.map(({ name, peerId, address }) => ({ kind: 'addObserver', observer: { name, peerId, address } })),
  );
};

/** Takes an observer out. */
export const removeObserver = async (options: ChangeOptions, [name]: readonly [string]): Promise<void> => {
  await change(options, async ({ configuration }) => {
    const found = configuration.observers.find((observer) => observer.name === name);
    if (found === undefined) {
      const names = configuration.observers.map((observer) => observer.name);
      const nearest = names.length > 0 ? { nearest: nearestName(name, names) } : {};
      throw cliErrors.error('USAGE_UNKNOWN_VALIDATOR', { validator: name, ...nearest });
    }
    return [{ kind: 'removeObserver', peerId: found.peerId }];
  });
};
