/** Byte layouts of agreement that signatures depend on. */
import { describe, expect, it } from 'vitest';
import type { BlockHash, ChainId } from '../../../protocol/brand.ts';
import { epoch, view } from '../../../protocol/brand.ts';
import { VOTE_BYTES, voteBytes, ZERO_HASH } from '../../../protocol/consensus/vote.ts';
import { toHex, utf8 } from '../../../protocol/hex.ts';

const chainId = 'ab'.repeat(32) as ChainId;
const hash = 'cd'.repeat(32) as BlockHash;

describe('vote bytes', () => {
  it('are 97 bytes laid out as the specification says', () => {
    const bytes = voteBytes(chainId, { kind: 'finalize', epoch: epoch(1), view: view(0x0102030405), hash });
    const domain = toHex(utf8('cloister-vote/1')).padEnd(32, '0');
    expect(bytes.length).toBe(VOTE_BYTES);
    expect(toHex(bytes)).toBe(`${domain}03${chainId}00000000000000010000000102030405${hash}`);
  });

  it('carry a zero hash for NULLIFY', () => {
    const bytes = voteBytes(chainId, { kind: 'nullify', epoch: epoch(1), view: view(7), hash: ZERO_HASH });
    expect(toHex(bytes.subarray(65))).toBe('0'.repeat(64));
    expect(bytes[16]).toBe(2);
  });
});
