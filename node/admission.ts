/**
 * Admission of clients' transactions: the own enclave looks at an envelope before it is passed on.
 *
 * Envelopes of one tick cross the boundary in one request. Only one code an envelope comes back.
 */
import type { ReplyOf } from '../enclave/boundary/messages.ts';
import { MAX_ADMIT_BATCH } from '../enclave/boundary/messages.ts';
import type { EnclaveSupervisor } from './enclave-supervisor.ts';

/** The enclave's word on one envelope. */
export type AdmissionVerdict = ReplyOf<'admit'>['verdicts'][number];

interface Waiting {
  readonly envelope: Uint8Array;
  readonly resolve: (verdict: AdmissionVerdict) => void;
  readonly reject: (error: unknown) => void;
}

/** See the module comment. */
export class Admission {
  readonly #enclave: EnclaveSupervisor;
  #waiting: Waiting[] = [];
  #scheduled = false;

  constructor(enclave: EnclaveSupervisor) {
    this.#enclave = enclave;
  }

  /** Asks the enclave; rejects with NOT_READY or ENCLAVE_GONE when there is none. */
  judge(envelope: Uint8Array): Promise<AdmissionVerdict> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ envelope, resolve, reject });
      if (this.#scheduled) return;
      this.#scheduled = true;
      setImmediate(() => this.#flush());
    });
  }

  #flush(): void {
    this.#scheduled = false;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (let start = 0; start < waiting.length; start += MAX_ADMIT_BATCH)
      void this.#ask(waiting.slice(start, start + MAX_ADMIT_BATCH));
  }

  async #ask(batch: readonly Waiting[]): Promise<void> {
    try {
      const { verdicts } = await this.#enclave
        .current()
        .call('admit', { envelopes: batch.map(({ envelope }) => envelope) });
      batch.forEach(({ resolve, reject }, index) => {
        const verdict = verdicts[index];
        if (verdict === undefined) reject(new TypeError('the enclave answered fewer envelopes than asked'));
        else resolve(verdict);
      });
    } catch (error) {
      for (const { reject } of batch) reject(error);
    }
  }
}
