/** Token transfers in the contract test kit: the interpreter of production, in this process, without a network. */
import { fileURLToPath } from 'node:url';
import { ContractTest } from '../../contracts/testing.ts';

/** Source of the token contract. */
export const TOKEN_SOURCE = fileURLToPath(new URL('../../apps/token/contract.ts', import.meta.url));

const ISSUER = '11'.repeat(32);
const HOLDER = '22'.repeat(32);
const RECEIVER = '33'.repeat(32);

/** A deployed token with one holder. */
export class TransferTest {
  readonly #test: ContractTest;
  #next = 0;

  private constructor(test: ContractTest) {
    this.#test = test;
  }

  /** Deploys the contract and gives the holder an opening balance. */
  static async create(): Promise<TransferTest> {
    const test = await ContractTest.deploy(TOKEN_SOURCE, { issuers: [ISSUER], auditor: ISSUER });
    const issued = test.call(ISSUER, 'issue', {
      id: 'i',
      token: 'usd',
      opening: [{ holder: HOLDER, amount: '1000000000' }],
    });
    if (issued.status !== 'ok') throw new TypeError(`issue: ${issued.status}`);
    return new TransferTest(test);
  }

  /** One transfer. */
  transfer(): void {
    this.#next += 1;
    const done = this.#test.call(HOLDER, 'transfer', { id: `t${this.#next}`, token: 'usd', to: RECEIVER, amount: '1' });
    if (done.status !== 'ok') throw new TypeError(`transfer: ${done.status}`);
  }
}
