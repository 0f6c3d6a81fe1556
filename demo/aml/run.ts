/**
 * Scenario 2 (part `world`) from beginning to end: a network is started, a consortium agrees, submits, detects,
 * releases and reads; what must not be possible is tried; the result is proven; and everything visible is searched for
 * leaks. Every claim of the report is a check; a run in which one check does not hold has failed.
 */
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type ChainId, verifyReceipt } from '../../wallet/index.ts';
import type { LocalNetwork } from '../../testnet/local-network.ts';
import { agreeOnCode, agreeOnRules } from './agreement.ts';
import type { Check } from './checks.ts';
import { type Consortium, foundConsortium, VALIDATORS } from './consortium.ts';
import { readAmlData } from './data.ts';
import { type ReleasedRun, runAndRelease, tryAfterRelease } from './detection.ts';
import { AmlDataError } from './errors.ts';
import { reviewAlerts } from './feedback.ts';
import { writeAmlData } from './generate.ts';
import { checkForLeaks, type LeakReport } from './leaks.ts';
import type { Loss } from './losses.ts';
import { publicAnswers, stateRootsAtOneHeight } from './outside-view.ts';
import { type Progress, silentProgress } from './progress.ts';
import { type AmlResults, auditRequests, readCases, resultsOf } from './results.ts';
import { submitEverything, tryBadInput, tryEqualShapes } from './submission.ts';
import { unlessAborted } from './unless-aborted.ts';

/** How the demonstration is run. */
export interface AmlDemoOptions {
  /** Folder of the layout of data.ts; a small set is generated unless given. */
  readonly dataDir?: string | undefined;
  /** Seed of the generated data. */
  readonly seed?: string | undefined;
  /** Folder below which the run keeps its files; the system's temporary folder unless given. */
  readonly directory?: string | undefined;
  /** Leaves the network running; `stop` of the outcome ends it. */
  readonly keep?: boolean | undefined;
  readonly progress?: Progress | undefined;
  /** Ends the run early; nothing is left behind. */
  readonly signal?: AbortSignal | undefined;
  /** Called when the network is up, for whoever wants to disturb it. */
  readonly onNetwork?: ((network: LocalNetwork) => void) | undefined;
  /** Called when code and rules are agreed, to try more; returns further reasons that only their callers may see. */
  readonly onAgreed?: ((consortium: Consortium) => Promise<readonly string[]>) | undefined;
}

/** The object that `--json` prints. */
export interface AmlReport {
  readonly validators: number;
  readonly height: number;
  readonly calls: number;
  readonly callsPerSecond: number;
  readonly latencyMs: { readonly p50: number; readonly p99: number };
  readonly results: AmlResults;
  readonly stateRoots: readonly string[];
  readonly receipt: { readonly file: string; readonly verified: boolean };
  readonly leakCheck: LeakReport;
  /** Validators that ended meanwhile although nobody here asked them to. */
  readonly losses: readonly Loss[];
  readonly platform: string;
  readonly seconds: number;
}

/** How the demonstration came out. */
export interface AmlDemoOutcome {
  readonly report: AmlReport;
  readonly checks: readonly Check[];
  /** The checks that did not hold; empty when everything held. */
  readonly failed: readonly Check[];
  readonly chainId: ChainId;
  readonly auditRecords: number;
  readonly runs: readonly ReleasedRun[];
  /** Addresses of the client API; the network answers there only when it was kept. */
  readonly apis: readonly string[];
  /** Resolves when no validator of a kept network is left. */
  readonly deserted: Promise<void>;
  /** Stops a network that was kept. */
  readonly stop: () => Promise<void>;
}

const DEFAULT_SEED = 'cloister';

/** Runs the demonstration. Throws AmlDataError for a wrong folder, and what the network or the wallet throws. */
export async function runAmlDemo(options: AmlDemoOptions = {}): Promise<AmlDemoOutcome> {
  const started = performance.now();
  const { progress = silentProgress, seed = DEFAULT_SEED, keep = false, signal } = options;
  const base = path.resolve(options.directory ?? tmpdir());
  await mkdir(base, { recursive: true });
  const directory = await mkdtemp(path.join(base, 'cloister-aml-'));
  const running = new AsyncDisposableStack();
  try {
    const dataDirectory = await dataFolder(options.dataDir, directory, seed);
    const data = await readAmlData(dataDirectory);
    const consortium = running.use(await foundConsortium(data, directory, progress, signal));
    options.onNetwork?.(consortium.network);
    const played = await unlessAborted(signal, () =>
      play(consortium, path.join(directory, 'receipt.json'), options.onAgreed),
    );
    if (!keep) await running.disposeAsync();
    const leakCheck = await unlessAborted(signal, () => checkForLeaks(consortium, { ...played, dataDirectory, seed }));
    if (keep) forgetTraffic(consortium);
    const outcome = outcomeOf(consortium, played, leakCheck, (performance.now() - started) / 1000, () =>
      running.disposeAsync(),
    );
    if (outcome.failed.length > 0) progress.note(`The files of this run are kept in ${directory}`);
    else if (!keep)
      for (const folder of [consortium.network.directory, consortium.temporaryDirectory])
        await rm(folder, { recursive: true, force: true });
    return outcome;
  } catch (error) {
    await running.disposeAsync();
    // Logs say why a network failed; nobody needs those of a run that was stopped or never began.
    if (error instanceof AmlDataError || signal?.aborted === true)
      await rm(directory, { recursive: true, force: true });
    else progress.note(`The files of this run are kept in ${directory}`);
    throw error;
  }
}

/** What the parties have done and seen when the play is over. */
interface Played {
  readonly runs: readonly ReleasedRun[];
  readonly results: AmlResults;
  readonly auditRecords: number;
  readonly receipt: AmlReport['receipt'];
  readonly height: number;
  readonly stateRoots: readonly string[];
  readonly publicAnswers: Awaited<ReturnType<typeof publicAnswers>>;
  readonly sealedReasons: readonly string[];
}

async function play(
  consortium: Consortium,
  receiptFile: string,
  onAgreed: AmlDemoOptions['onAgreed'],
): Promise<Played> {
  const { network, checks, data, progress } = consortium;
  await agreeOnCode(consortium);
  await agreeOnRules(consortium);
  const sealedReasons = [...(await tryBadInput(consortium)), ...((await onAgreed?.(consortium)) ?? [])];
  await tryEqualShapes(consortium);
  await submitEverything(consortium);
  const runs = await runAndRelease(consortium);
  const alerts = await reviewAlerts(consortium);
  const cases = await readCases(consortium, runs);
  await tryAfterRelease(consortium, runs);
  const results = await resultsOf(consortium, cases, alerts);
  checkResults(consortium, results);
  const feedback = cases.flatMap((file) => file.feedback).length;
  checks.equal(
    "the banks' feedback reaches the financial intelligence unit",
    feedback,
    Object.values(results.perBank).filter((bank) => bank.alerts > 0).length,
  );
  const auditRecords = await auditRequests(consortium);
  const receipt = await proveRun(consortium, runs, receiptFile);
  await network.waitUntilReady();
  const { height, stateRoots } = await stateRootsAtOneHeight(network);
  checks.that(
    'all validators reached one state root',
    stateRoots.length === VALIDATORS && new Set(stateRoots).size === 1 && stateRoots[0] !== '',
  );
  const answers = await publicAnswers(network, height, progress);
  checks.equal('every bank of the data took part', consortium.banks.length, data.banks.length);
  return { runs, results, auditRecords, receipt, height, stateRoots, publicAnswers: answers, sealedReasons };
}

/** What must be true of the figures whatever the data is; the data itself is counted here in the clear. */
function checkResults({ data, checks }: Consortium, results: AmlResults): void {
  const ids = data.banks.flatMap(({ rows }) => rows.map(([txId]) => txId));
  const distinct = new Set(ids).size;
  checks.equal('every transfer counts once', results.distinctTransfers, distinct);
  checks.equal('transfers that two banks reported are known as such', results.reportedTwice, ids.length - distinct);
  for (const [bank, { foreignAccounts }] of Object.entries(results.perBank)) {
    checks.equal(`the alerts of bank ${bank} name no account of another bank`, foreignAccounts, 0);
  }
}

/** Saves the receipt of the first run, and verifies it from the file with nothing but the chain id. */
async function proveRun(
  { network, checks }: Consortium,
  runs: readonly ReleasedRun[],
  file: string,
): Promise<AmlReport['receipt']> {
  const [first] = runs;
  if (first === undefined) throw new Error('The data names no rule, so there is no run to prove.');
  await writeFile(file, `${JSON.stringify(first.call.receipt, null, 2)}\n`);
  const saved = await readFile(file, 'utf8');
  const verdict = verifyReceipt(JSON.parse(saved), network.chainId, first.call.transactionId);
  const verified = verdict.verdict === 'valid' && verdict.receipt.succeeded && verdict.simulated;
  checks.that(
    'the receipt of a run verifies offline with only the chain id',
    verified,
    verdict.verdict === 'invalid' ? verdict.code : 'it says something else',
  );
  const changed = saved.replace(
    /("receipt": ".{20})(.)/u,
    (_all, before: string, digit: string) => before + (digit === '0' ? '1' : '0'),
  );
  checks.that(
    'a changed receipt does not verify',
    changed !== saved && verifyReceipt(JSON.parse(changed), network.chainId).verdict === 'invalid',
  );
  return { file, verified };
}

/** A network that is kept goes on without being recorded. */
function forgetTraffic({ links, parties }: Consortium): void {
  for (const link of links.values()) link.stopRecording();
  for (const { traffic } of parties) traffic.stopRecording();
}

/** The folder of the data: the given one, or a generated one beside the receipt. */
async function dataFolder(given: string | undefined, directory: string, seed: string): Promise<string> {
  if (given !== undefined) return path.resolve(given);
  const generated = path.join(directory, 'data');
  await writeAmlData(generated, seed);
  return generated;
}

function outcomeOf(
  consortium: Consortium,
  played: Played,
  leakCheck: LeakReport,
  seconds: number,
  stop: () => Promise<void>,
): AmlDemoOutcome {
  const { measurements, network, checks } = consortium;
  const { results, height, stateRoots, receipt, auditRecords, runs } = played;
  checks.equal('the leak check found nothing', leakCheck.hits, 0);
  return {
    report: {
      validators: network.nodes.length,
      height,
      calls: measurements.calls,
      callsPerSecond: measurements.callsPerSecond,
      latencyMs: { p50: measurements.percentile(0.5), p99: measurements.percentile(0.99) },
      results,
      stateRoots,
      receipt,
      leakCheck,
      losses: consortium.losses.all,
      platform: network.genesis.platform,
      seconds: Math.round(seconds * 10) / 10,
    },
    checks: checks.all,
    failed: checks.failed,
    chainId: network.chainId,
    auditRecords,
    runs,
    apis: network.apis,
    deserted: network.deserted,
    stop,
  };
}
