/** `cloister ledger verify`: audits the ledger of a stopped validator, offline. */
import { stat } from 'node:fs/promises';
import cliProgress from 'cli-progress';
import { chainIdOf } from '../../protocol/genesis.ts';
import { platformNotice } from '../../protocol/receipt.ts';
import { homePaths, readGenesis, readPassphrase, readSecrets } from '../../node/home.ts';
import { exitCodes } from '../../node/exit-codes.ts';
import { Ledger, verifyLedger } from '../../ledger/index.ts';
import { cliErrors } from '../errors.ts';
import { heightCheckOf, provenEpochs } from '../ledger-audit.ts';
import { type OutputOptions, printResult, table } from '../output.ts';

interface LedgerVerifyOptions extends OutputOptions {
  readonly genesis?: string | undefined;
}

const requireLedger = async (home: string): Promise<string> => {
  const path = homePaths(home).ledger;
  const found = await stat(path).catch(() => undefined);
  if (found?.isDirectory() !== true) throw cliErrors.error('CONFIG_NO_LEDGER', { home });
  return path;
};

/** Runs the command. */
export const run = async (options: LedgerVerifyOptions, [home]: readonly [string]): Promise<number> => {
  const path = await requireLedger(home);
  const genesis = await readGenesis(options.genesis ?? homePaths(home).genesis);
  const { replica } = await readSecrets(home, await readPassphrase(home));
  const chainId = chainIdOf(genesis);
  const ledger = await Ledger.open(path, { replicaKey: replica, chainId });
  const bar = new cliProgress.SingleBar(
    {
      format: 'Auditing {bar} {value}/{total} heights, {eta_formatted} left',
      stream: process.stderr,
      clearOnComplete: true,
    },
    cliProgress.Presets.shades_classic,
  );
  const shows = process.stderr.isTTY === true;
  const started = performance.now();
  try {
    if (shows) bar.start(ledger.head().height, 0);
    const epochs = provenEpochs(ledger, genesis);
    const report = await verifyLedger(ledger, {
      checkHeight: heightCheckOf(ledger, genesis, epochs),
      progress: (height) => void (shows && bar.update(height)),
    });
    bar.stop();
    const seconds = (performance.now() - started) / 1_000;
    const { platform } = genesis;
    printResult(
      options,
      {
        verdict: report.intact ? 'intact' : 'damaged',
        chainId,
        ...report,
        epochs: epochs.length,
        seconds,
        platform,
        notice: platformNotice(platform),
      },
      [
        report.intact
          ? 'INTACT: every height follows from the genesis.'
          : `DAMAGED: ${report.problems.length} problems${report.problemsLeftOut ? ' and more' : ''}.`,
        ...report.problems.map(({ height, record, reason }) => `  height ${height}, ${record}: ${reason}`),
        ...table([
          ['Chain', chainId],
          ['Heights', `${report.heights} executed, ${report.finalisedHeight} final`],
          ['Epochs', epochs.length],
          ['Transactions', report.transactions],
          ['Certificates', report.certificates],
          ['Seconds', seconds.toFixed(1)],
        ]),
        platformNotice(platform),
      ],
    );
    return report.intact ? exitCodes.ok : exitCodes.verificationNegative;
  } finally {
    bar.stop();
    await ledger[Symbol.asyncDispose]();
  }
};
