/** Bodies: present only when checked against the header, completed as transactions arrive, forgotten without rest. */
import { describe, expect, it } from 'vitest';
import { BodyStore } from '../../../node/body-store.ts';
import type { TransactionId } from '../../../protocol/brand.ts';
import { transactionId } from '../../../protocol/transaction-id.ts';
import { envelopeOf, headerOf, idsOf } from './support.ts';

const body = [envelopeOf(1), envelopeOf(2), envelopeOf(3)];
const ids = idsOf(body);
const { id, header } = headerOf(body);
const compact = { kind: 'compact', transactionIds: ids } as const;
const nowhere = (): undefined => undefined;
const from = (...known: readonly Uint8Array[]) => {
  const byId = new Map(known.map((envelope) => [transactionId(envelope), envelope]));
  return (wanted: TransactionId) => byId.get(wanted);
};

describe('the body store', () => {
  it('keeps a whole body that its header commits to, and no other', () => {
    const store = new BodyStore();
    expect(store.offer(id, header, body.slice(1))).toBe('absent');
    expect(store.offer(id, header, [...body].reverse())).toBe('absent');
    expect(store.get(id, header)).toBeUndefined();
    expect(store.offer(id, header, body)).toBe('present');
    expect(store.get(id, header)).toEqual({ body, ids });
    expect(store.ids(id)).toEqual(ids);
  });

  it('calls a body with a repeated transaction invalid, inline or compact', () => {
    const twice = [envelopeOf(1), envelopeOf(1)];
    const block = headerOf(twice);
    expect(new BodyStore().offer(block.id, block.header, twice)).toBe('invalid');
    const listed = { kind: 'compact', transactionIds: idsOf(twice) } as const;
    expect(new BodyStore().resolve(block.id, block.header, listed, from(...twice))).toBe('invalid');
  });

  it('needs nothing for a block without transactions', () => {
    const empty = headerOf([]);
    const store = new BodyStore();
    expect(store.resolve(empty.id, empty.header, compact, nowhere)).toBe('present');
    expect(store.get(empty.id, empty.header)).toEqual({ body: [], ids: [] });
    expect(store.size).toBe(0);
  });

  it('completes a compact body from what is known and from what arrives', () => {
    const store = new BodyStore();
    expect(store.resolve(id, header, compact, from(body[1] as Uint8Array))).toBe('absent');
    expect(store.missing(id)).toEqual([0, 2]);
    expect(store.isIncomplete).toBe(true);
    expect(store.arrived(ids[0] as TransactionId, body[0] as Uint8Array)).toEqual([]);
    expect(store.missing(id)).toEqual([2]);
    expect(store.arrived(ids[2] as TransactionId, body[2] as Uint8Array)).toEqual([{ block: id, status: 'present' }]);
    expect(store.get(id, header)?.body).toEqual(body);
    expect([store.missing(id), store.isIncomplete]).toEqual([[], false]);
  });

  it('keeps what arrived when the same proposal comes again', () => {
    const store = new BodyStore();
    store.resolve(id, header, compact, nowhere);
    store.arrived(ids[0] as TransactionId, body[0] as Uint8Array);
    expect(store.resolve(id, header, compact, from(body[1] as Uint8Array))).toBe('absent');
    expect(store.missing(id)).toEqual([2]);
    expect(store.arrived(ids[2] as TransactionId, body[2] as Uint8Array)).toEqual([{ block: id, status: 'present' }]);
  });

  it('does not wait for a list of transactions that is not the block’s own', () => {
    const store = new BodyStore();
    const foreign = { kind: 'compact', transactionIds: idsOf([envelopeOf(7), envelopeOf(8), envelopeOf(9)]) } as const;
    expect(store.resolve(id, header, foreign, nowhere)).toBe('absent');
    expect([store.size, store.isIncomplete]).toEqual([0, false]);
    expect(store.resolve(id, header, compact, from(...body))).toBe('present');
  });

  it('completes two blocks that wait for one transaction', () => {
    const store = new BodyStore();
    const other = headerOf(body.slice(0, 2));
    store.resolve(id, header, compact, from(...body.slice(1)));
    store.resolve(other.id, other.header, { kind: 'compact', transactionIds: ids.slice(0, 2) }, from(...body.slice(1)));
    const decided = store.arrived(ids[0] as TransactionId, body[0] as Uint8Array);
    expect(decided.map(({ status }) => status)).toEqual(['present', 'present']);
  });

  it('finds the body that was built last under the block that commits to it', () => {
    const store = new BodyStore();
    store.putBuilt(header.txRoot, { body, ids });
    expect(store.get(id, header)).toMatchObject({ body, ids });
    store.putBuilt(headerOf([]).header.txRoot, { body: [], ids: [] });
    expect(store.get(id, header)).toMatchObject({ body });
  });

  it('forgets whole and half bodies without rest', () => {
    const store = new BodyStore();
    store.offer(id, header, body);
    const other = headerOf([envelopeOf(4)]);
    store.resolve(other.id, other.header, { kind: 'compact', transactionIds: idsOf([envelopeOf(4)]) }, nowhere);
    expect(store.size).toBe(2);
    store.forget(id);
    store.forget(other.id);
    expect([store.size, store.isIncomplete]).toEqual([0, false]);
    expect(store.arrived(transactionId(envelopeOf(4)), envelopeOf(4))).toEqual([]);
  });
});
