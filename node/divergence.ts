/**
 * What a node does when another validator signed a different result (`results.ts`): it logs that; where more than f do,
 * it is this replica that is wrong, and it stops with a report that names the first differing transaction.
 */
import { nodeErrors } from './errors.ts';
import type { Epochs } from './epochs.ts';
import { writeFileDurably } from './home.ts';
import type { Logger } from './logger.ts';
import type { Divergence } from './results.ts';

/** What the handler is made with. */
export interface DivergenceOptions {
  readonly home: string;
  readonly epochs: Epochs;
  readonly logger: Logger;
  /** Compares receipts with the peer; describes the first difference. */
  readonly describe: (divergence: Divergence) => Promise<Record<string, string | number>>;
  readonly onFatal: (error: unknown) => void;
}

/** Makes the handler; the report is `divergence-HEIGHT.json` in the home. */
export const divergenceHandler = ({ home, epochs, logger, describe, onFatal }: DivergenceOptions) => {
  let isReporting = false;
  return (divergence: Divergence): void => {
    const { height, fatal } = divergence;
    const validator = epochs.validatorNameOf(divergence.peer) ?? divergence.peer;
    logger.error({ height, validator, fatal }, 'another validator signed a different result');
    // More validators contradict while the node stops; they can no longer be asked and must not replace the report.
    if (!fatal || isReporting) return;
    isReporting = true;
    void describe(divergence)
      .then((report) => writeFileDurably(`${home}/divergence-${height}.json`, `${JSON.stringify(report, null, 2)}\n`))
      .finally(() => onFatal(nodeErrors.error('DIVERGED', { height, validator })));
  };
};
