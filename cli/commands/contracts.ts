/** `cloister call`, `query`, `deploy`, `approve`: everything that acts as an account on contracts. */
import { writeFile } from 'node:fs/promises';
import type { CallResult } from '../../wallet/outcome.ts';
import type { Network } from '../../wallet/connect.ts';
import type { Session } from '../../wallet/session.ts';
import { type AccountOptions, readAccount } from '../accounts.ts';
import { cliErrors } from '../errors.ts';
import { readJsonArgument, readTextFile } from '../files.ts';
import { connectTo, type NetworkOptions } from '../network-access.ts';
import { note, type OutputOptions, printResult, shown, table } from '../output.ts';

interface QueryOptions extends OutputOptions, NetworkOptions, AccountOptions {}

interface CallOptions extends QueryOptions {
  readonly wait: number;
  readonly receipt?: string | undefined;
}

interface ApproveOptions extends CallOptions {
  readonly init?: string | undefined;
}

interface DeployOptions extends ApproveOptions {
  readonly name: string;
}

const SYSTEM = 'system';

const openSession = async (
  options: QueryOptions,
  waitMs?: number,
): Promise<{ readonly network: Network; readonly session: Session }> => {
  const account = await readAccount(options);
  const network = await connectTo(options);
  return { network, session: await network.openSession(account, waitMs === undefined ? {} : { waitMs }) };
};

const callAndPrint = async (
  options: CallOptions,
  { contract, method, args }: { readonly contract: string; readonly method: string; readonly args: unknown },
  hint?: (result: unknown) => string | undefined,
): Promise<void> => {
  const waitMs = options.wait * 1_000;
  const { network, session } = await openSession(options, waitMs);
  const done: CallResult = await session.call(contract, method, args, { waitMs });
  if (options.receipt !== undefined) await writeFile(options.receipt, `${JSON.stringify(done.receipt, null, 2)}\n`);
  const { result, transactionId, height, stateRoot, gasUsed, claims, outputs } = done;
  const { platform } = network.genesis;
  const facts = {
    result,
    claims,
    messages: outputs,
    transactionId,
    height,
    stateRoot,
    gasUsed,
    platform,
    notice: network.notice,
    receipt: options.receipt,
  };
  printResult(options, facts, [
    shown(result),
    '',
    ...table([
      ['Transaction', transactionId],
      ['Height', height],
      ['Gas', gasUsed],
      ...(claims === undefined ? [] : [['Claims', JSON.stringify(claims)] as const]),
      ...outputs.map((output) => [`From ${output.contract}`, JSON.stringify(output.value)] as const),
      ...(options.receipt === undefined ? [] : [['Receipt', options.receipt] as const]),
    ]),
    network.notice,
  ]);
  const next = hint?.(result);
  if (next !== undefined) note(next);
};

/** Calls a contract. */
export const call = async (
  options: CallOptions,
  [contract, method, json]: readonly [string, string, string | undefined],
): Promise<void> => {
  await callAndPrint(options, { contract, method, args: await readJsonArgument(json) });
};

/** Asks a contract. */
export const query = async (
  options: QueryOptions,
  [contract, method, json]: readonly [string, string, string | undefined],
): Promise<void> => {
  const args = await readJsonArgument(json);
  const account = await readAccount(options);
  const network = await connectTo(options);
  const { result, height, stateRoot, timeMs } = await network.query(account, contract, method, args);
  const { platform } = network.genesis;
  printResult(options, { result, height, stateRoot, timeMs, platform, notice: network.notice }, [
    shown(result),
    '',
    ...table([
      ['Height', height],
      ['Time', new Date(timeMs).toISOString()],
    ]),
    network.notice,
  ]);
};

const bundle = async (file: string): Promise<string> => {
  await readTextFile(file);
  const { bundleContract } = await import('../../contracts/bundle.ts');
  try {
    return await bundleContract(file);
  } catch (cause) {
    const reason = cause instanceof Error ? (cause.message.split('\n')[1] ?? cause.message) : 'unknown';
    throw cliErrors.error('CONTRACT_NOT_BUNDLED', { reason: reason.slice(0, 200) }, cause);
  }
};

const activation =
  (name: string, init: unknown) =>
  (result: unknown): string | undefined => {
    const { active, codeHash, approvals, threshold } = result as Readonly<Record<string, unknown>>;
    if (active === true) return `Contract ${name} is active.`;
    const parameters = init === null ? '' : ` --init '${JSON.stringify(init).replaceAll("'", `'\\''`)}'`;
    return `${String(approvals)} of ${String(threshold)} approvals; the next member runs: cloister approve ${name} ${String(codeHash)}${parameters}`;
  };

/** Proposes a contract. */
export const deploy = async (options: DeployOptions, [file]: readonly [string]): Promise<void> => {
  const code = await bundle(file);
  const { name } = options;
  const init = await readJsonArgument(options.init);
  await callAndPrint(
    options,
    { contract: SYSTEM, method: 'deploy', args: { name, code, init } },
    activation(name, init),
  );
};

/** Approves a proposed contract: this code with these parameters. */
export const approve = async (options: ApproveOptions, [name, codeHash]: readonly [string, string]): Promise<void> => {
  const init = await readJsonArgument(options.init);
  await callAndPrint(
    options,
    { contract: SYSTEM, method: 'approve', args: { name, codeHash, init } },
    activation(name, init),
  );
};
