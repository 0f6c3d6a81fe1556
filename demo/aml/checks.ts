/** The checks of the demonstration: each has a name, and a run in which one did not hold has failed. */
import { CallFailed, CallRefused, isCloisterError } from '../../wallet/index.ts';

/** One check and how it came out. */
export interface Check {
  readonly name: string;
  readonly held: boolean;
  /** What was found instead, when it did not hold; never data. */
  readonly found: string;
}

/** Collects checks. */
export class Checks {
  readonly #checks: Check[] = [];

  get all(): readonly Check[] {
    return this.#checks;
  }

  get failed(): readonly Check[] {
    return this.#checks.filter(({ held }) => !held);
  }

  /** Records whether something held. */
  that(name: string, held: boolean, found = 'it did not hold'): void {
    this.#checks.push({ name, held, found: held ? '' : found });
  }

  /** Records whether two values are equal. */
  equal(name: string, found: string | number, expected: string | number): void {
    this.that(name, found === expected, `${found} instead of ${expected}`);
  }

  /** Records whether a call or query is refused with one of the reasons. */
  async refused(name: string, attempt: Promise<unknown>, ...reasons: readonly string[]): Promise<void> {
    const outcome = await outcomeOf(attempt);
    this.that(name, reasons.includes(outcome), `${outcome} instead of ${reasons.join(' or ')}`);
  }
}

/** `done`, the contract's reason, or the code of what went wrong. */
async function outcomeOf(attempt: Promise<unknown>): Promise<string> {
  try {
    await attempt;
    return 'done';
  } catch (error) {
    if (error instanceof CallRefused) return error.reason;
    if (error instanceof CallFailed) return error.failure;
    return isCloisterError(error) ? error.code : 'an unknown error';
  }
}
