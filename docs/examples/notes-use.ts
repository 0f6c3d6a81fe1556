/** How the contract of docs/contract-developer.md is tried out; run by test/docs.test.ts. */
import { fileURLToPath } from 'node:url';
import { ContractTest, party } from '../../contracts/testing.ts';

const entry = fileURLToPath(new URL('notes.ts', import.meta.url));

/** What trying it out showed. */
export interface Tried {
  readonly number: unknown;
  readonly mine: unknown;
  readonly foreign: unknown;
  readonly refusal: string | undefined;
  readonly sealedTo: string | undefined;
}

/** Writes, reads and shares a note in the production runtime, without a network. */
export const tryNotes = async (): Promise<Tried> => {
  const [alice, bob] = [party('alice'), party('bob')];
  const notes = await ContractTest.deploy(entry);
  const first = notes.call(alice, 'write', { text: 'hello' });
  const mine = notes.query(alice, 'mine');
  const foreign = notes.query(bob, 'mine');
  const refused = notes.call(bob, 'share', { number: 1, to: alice });
  const shared = notes.call(alice, 'share', { number: 1, to: bob });
  return {
    number: (first.result as { number: number }).number,
    mine: mine.result,
    foreign: foreign.result,
    refusal: refused.reason,
    sealedTo: shared.outputs[0]?.recipient === bob ? 'bob' : undefined,
  };
};
