/** Validators that somebody kills during the demonstration: started again, told of at once, and counted for the summary. */
import type { LossListener, NodeProcess } from '../../testnet/node-process.ts';
import type { Progress } from './progress.ts';

/** One validator that ended although nobody of the demonstration asked it to. */
export interface Loss {
  readonly validator: string;
  /** How it ended. */
  readonly how: string;
  /** Whether it was started again. */
  readonly isRevived: boolean;
}

/** Collects losses; `listener` is given to the network. */
export class Losses {
  readonly #losses: Loss[] = [];
  readonly #note: Progress['note'];

  constructor({ note }: Progress) {
    this.#note = note;
  }

  get all(): readonly Loss[] {
    return this.#losses;
  }

  readonly listener: LossListener = ({ name, logFile }: NodeProcess, { code, signal, failure }, isRevived) => {
    const how = signal === null ? (failure?.code ?? `exit code ${code}`) : `killed by ${signal}`;
    this.#losses.push({ validator: name, how, isRevived });
    const next = isRevived ? 'it is started again' : `it stays down, see ${logFile}`;
    this.#note(`${name} ended (${how}). The others go on; ${next}.`);
  };
}
