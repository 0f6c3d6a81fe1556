/**
 * Ways out of a running execution. An exit is thrown by the host through the WebAssembly frames, where nothing can
 * catch it; it is a plain object rather than an Error because it is control flow and happens often.
 */
import type { FailureCode } from './execution.ts';

/** Ends the execution. */
export type Exit =
  | { readonly kind: 'failed'; readonly code: FailureCode }
  | {
      readonly kind: 'refused';
      readonly reason: string;
      readonly detail: string | undefined;
      readonly keepAudit: boolean;
    };

/** The thrown carrier of an exit. */
export class ExitSignal {
  readonly exit: Exit;

  constructor(exit: Exit) {
    this.exit = exit;
  }
}

/** Ends the execution as failed. */
export function fail(code: FailureCode): never {
  throw new ExitSignal({ kind: 'failed', code });
}
