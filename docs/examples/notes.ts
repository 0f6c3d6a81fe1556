/** The contract of docs/contract-developer.md: private notes, a shared counter, and a message to a named party. */
import { contract, refuse, stateCounter, stateMap } from '../../contracts/index.ts';

const notes = stateMap<[owner: string, number: number], { text: string }>('notes');
const written = stateCounter('written');

const textOf = (args: unknown): string => {
  const text = (args as { text?: unknown } | null)?.text;
  if (typeof text !== 'string' || text.length > 1000) refuse('bad_text', { max: 1000 });
  return text as string;
};

contract({
  name: 'notes',
  calls: {
    write: (context, args) => {
      const number = written.add(1);
      notes.set(context.caller, number, { text: textOf(args) });
      return { number };
    },
    share: (context, args) => {
      const { number, to } = args as { number: number; to: string };
      const note = notes.get(context.caller, number) ?? refuse('no_such_note');
      context.seal(to, note);
      context.claim('shared', 1);
    },
  },
  queries: {
    mine: (context) => [...notes.entries({ prefix: [context.caller], limit: 100 })].map(([, note]) => note.text),
  },
});
