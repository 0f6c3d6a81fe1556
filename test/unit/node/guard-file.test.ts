/** The guard file: opens whole or not at all, tells damage from a wrong passphrase, and shows nothing. */
import { describe, expect, it } from 'vitest';
import { sha256 } from '#primitives';
import type { ChainId, PublicKey } from '../../../protocol/brand.ts';
import { toHex, utf8 } from '../../../protocol/hex.ts';
import { type Guard, openGuard, readGuardHeader, sealGuard } from '../../../node/guard-file.ts';
import { firstUncovered, promisesOf, recordsOf } from '../../../node/guard-state.ts';
import { FRESH_CUSTODY, custodyRecord, readCustodyRecord } from '../../../node/custody.ts';
import { decode } from '../../../protocol/codec.ts';
import { walRecordCodec } from '../../../protocol/consensus/wal-record.ts';
import { restore } from '../../../consensus/restart.ts';
import { basePoint } from '../../../consensus/state.ts';
import { seededRandom } from '../../support/seeded-random.ts';
import { fakeGovernance, fakeVerify } from '../../sim/fake-crypto.ts';
import { anchorOf } from '../consensus/harness.ts';
import { final, HISTORY, statement, vote } from './promises.ts';

const guard: Guard = {
  guard: 'ab'.repeat(16),
  chainId: 'cd'.repeat(32) as ChainId,
  validatorKey: 'ef'.repeat(32) as PublicKey,
  generation: 3,
  exportedAt: '2026-11-24T10:00:00.000Z',
  content: {
    validator: new Uint8Array(32).fill(0x71),
    network: new Uint8Array(32).fill(0x72),
    promises: promisesOf(HISTORY),
    run: 7,
    genesis: '{}\n',
    descriptor: undefined,
    enclave: { processor: utf8('processor'), identity: utf8('identity'), epoch: undefined },
  },
};
const file = sealGuard(guard, 'right');

const errorOf = (run: () => unknown): { readonly code?: string; readonly cause?: unknown } | undefined => {
  try {
    run();
    return undefined;
  } catch (error) {
    return error as Error;
  }
};
const codeOf = (text: string, passphrase = 'right'): string | undefined =>
  errorOf(() => openGuard(text, passphrase))?.code;

describe('a guard file', () => {
  it('gives back what was put in, and its clear fields to anybody', () => {
    expect(openGuard(file, 'right')).toEqual(guard);
    const { content: _content, ...header } = guard;
    expect(readGuardHeader(file)).toMatchObject(header);
  });

  it('shows no secret and no vote, and is never the same twice', () => {
    for (const secret of [guard.content.validator, guard.content.network]) expect(file).not.toContain(toHex(secret));
    expect(file).not.toContain(statement(1, 4, 'notarize').hash.slice(0, 40));
    expect(sealGuard(guard, 'right')).not.toBe(file);
  });

  it('refuses another passphrase and says nothing else', () => {
    const error = errorOf(() => openGuard(file, 'wrong'));
    expect(error).toMatchObject({ code: 'GUARD_LOCKED', data: {} });
    expect(error?.cause).toBeUndefined();
  });

  it('notices every changed byte, of every region', () => {
    const bytes = Buffer.from(file);
    const unnoticed: number[] = [];
    for (let at = 0; at < bytes.length; at += 1) {
      for (const mask of [0x01, 0x20, 0x80]) {
        const changed = Buffer.from(bytes);
        changed.writeUInt8(changed.readUInt8(at) ^ mask, at);
        if (codeOf(changed.toString('utf8')) !== 'GUARD_DAMAGED') unnoticed.push(at);
      }
    }
    expect(unnoticed).toEqual([]);
  });

  it('notices that it was cut, lengthened, or put together from two', () => {
    for (let length = 0; length < file.length; length += 1)
      expect(codeOf(file.slice(0, length)), String(length)).toBe('GUARD_DAMAGED');
    for (const text of [`${file} `, `${file}${file}`, `[${file}]`, 'null', '"x"', file.replace('{', '{ ')])
      expect(codeOf(text)).toBe('GUARD_DAMAGED');
  });

  const redigested = (change: Record<string, unknown>): string => {
    const { digest: _digest, ...fields } = { ...(JSON.parse(file) as Record<string, unknown>), ...change };
    return `${JSON.stringify({ ...fields, digest: toHex(sha256(utf8(JSON.stringify(fields)))) }, null, 2)}\n`;
  };

  it.each([
    ['guard', '00'.repeat(16), 'GUARD_LOCKED'],
    ['chainId', '00'.repeat(32), 'GUARD_LOCKED'],
    ['validatorKey', '00'.repeat(32), 'GUARD_LOCKED'],
    ['generation', 4, 'GUARD_LOCKED'],
    ['exportedAt', '2030-01-01T00:00:00.000Z', 'GUARD_LOCKED'],
    ['salt', '00'.repeat(16), 'GUARD_LOCKED'],
    ['sealed', '00'.repeat(400), 'GUARD_LOCKED'],
    ['sealed', '', 'GUARD_LOCKED'],
    ['generation', 'four', 'GUARD_DAMAGED'],
    ['guard', 7, 'GUARD_DAMAGED'],
    ['format', 'cloister-guard/2', 'GUARD_UNSUPPORTED'],
  ])('does not open with another %s, even under a digest that fits', (field, value, code) => {
    expect(codeOf(redigested({ [field]: value }))).toBe(code);
  });

  it('opens under a digest computed anew over the same fields: the digest is no seal', () => {
    expect(codeOf(redigested({}))).toBeUndefined();
  });
});

describe('promises', () => {
  it('are, for every epoch, the newest floor and each vote above it once', () => {
    expect(promisesOf([...HISTORY, ...HISTORY, final(2, 0)])).toEqual([
      {
        epoch: 1,
        floor: { view: 3, height: 3, block: expect.any(String) },
        votes: [statement(1, 4, 'nullify')],
      },
      {
        epoch: 2,
        floor: { view: 1, height: 1, block: expect.any(String) },
        votes: [
          statement(2, 2, 'notarize'),
          statement(2, 2, 'nullify'),
          statement(2, 3, 'finalize'),
          statement(2, 3, 'notarize'),
        ],
      },
    ]);
    expect(promisesOf([])).toEqual([]);
    expect(promisesOf([vote(5, 9, 'nullify')])).toEqual([
      { epoch: 5, floor: undefined, votes: [statement(5, 9, 'nullify')] },
    ]);
  });

  it('survive being written into a log and read again', () => {
    const promises = promisesOf(HISTORY);
    const records = recordsOf(promises).map(({ payload }) => decode(walRecordCodec, payload, payload.length));
    expect(promisesOf(records)).toEqual(promises);
    expect(recordsOf(promises).every((record) => readCustodyRecord(record) === undefined)).toBe(true);
  });

  it('bind a core as its whole log does: 300 random histories', () => {
    const config = { anchor: anchorOf(4), self: 2 as never, governance: fakeGovernance, verifySignature: fakeVerify };
    for (let seed = 1; seed <= 300; seed += 1) {
      const random = seededRandom(seed);
      const log = Array.from({ length: random.integer(30) }, () => {
        const view = 1 + random.integer(12);
        const kind = (['notarize', 'nullify', 'finalize'] as const)[random.integer(3)] ?? 'nullify';
        return random.integer(5) === 0 ? final(1, view) : vote(1, view, kind);
      });
      const moved = recordsOf(promisesOf(log)).map(({ payload }) => decode(walRecordCodec, payload, payload.length));
      const [before, after] = [log, moved].map((records) => restore(config, basePoint(config.anchor), records));
      expect(after?.voteFloor).toBe(before?.voteFloor);
      for (let view = (before?.voteFloor ?? 0) + 1; view <= 12; view += 1)
        expect(after?.views.get(view)?.own, `seed ${seed}, view ${view}`).toEqual(before?.views.get(view)?.own);
    }
  });

  it('cover others that hold nothing new', () => {
    const promises = promisesOf(HISTORY);
    expect(firstUncovered(promises, promises)).toBeUndefined();
    expect(firstUncovered(promisesOf(HISTORY.slice(0, 4)), promises)).toBeUndefined();
    expect(firstUncovered(promises, promisesOf([...HISTORY, final(2, 9)]))).toBeUndefined();
    expect(firstUncovered(promises, promisesOf(HISTORY.slice(0, 9)))).toEqual(statement(2, 3, 'finalize'));
    expect(firstUncovered(promises, promisesOf(HISTORY.slice(0, 4)))).toEqual(statement(2, 2, 'notarize'));
    expect(firstUncovered(promisesOf([vote(2, 2, 'notarize', 77)]), promises)).toEqual(statement(2, 2, 'notarize', 77));
  });
});

describe('custody in the log', () => {
  it('is a record of its own kind, complete', () => {
    const custody = {
      state: 'refused',
      validatorKey: guard.validatorKey,
      generation: 2,
      guard: undefined,
      timeMs: 5,
      vote: statement(1, 2, 'finalize'),
    } as const;
    expect(readCustodyRecord(custodyRecord(custody))).toEqual(custody);
    expect(FRESH_CUSTODY.state).toBe('fresh');
  });
});
