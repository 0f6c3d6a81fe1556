/**
 * Every decoder of messages against structure-aware changes of genuine ones: it refuses with a stable code, or gives a
 * value whose encoding is the very bytes. Nothing else is thrown, no two encodings give one value, and what a message
 * claims costs neither memory nor time.
 */
import { describe, expect, it } from 'vitest';
import { isCloisterError } from '../../protocol/errors.ts';
import { equalBytes, toHex } from '../../protocol/hex.ts';
import { readWire, type Wire, writeWire } from '../../protocol/wire.ts';
import { readSource, repositoryFiles } from '../support/source-tree.ts';
import { campaign, oneOf } from './campaign.ts';
import { consensusTargets } from './corpus-consensus.ts';
import { nodeTargets } from './corpus-node.ts';
import { sealedTargets } from './corpus-sealed.ts';
import { damaged, mutated, nonCanonical } from './mutate-wire.ts';
import type { Target } from './target.ts';

const targets = [...consensusTargets, ...sealedTargets, ...nodeTargets];
const CODES: readonly string[] = ['MALFORMED_MESSAGE', 'MESSAGE_TOO_LARGE', 'CHANNEL_BROKEN'];

/** Codecs that stay inside a room, by the function through which they are tried. */
const readers: Readonly<Record<string, string>> = {
  answerCodec: 'openAnswer',
  changeListCodec: 'changeListOf',
  contentCodec: 'openGuard',
  envelopeCodec: 'parseEnvelope',
  executedHeightCodec: 'decodeExecutedHeight',
  headerRecordCodec: 'decodeHeaderRecord',
  logCustodyCodec: 'readCustodyRecord',
  provisioningMessageCodec: 'contributions',
  queryCodec: 'parseQuery',
  recordCodec: 'openRecord',
  secretsCodec: 'openNodeKeystore',
  simCertificateCodec: 'decodeSimCertificate',
  simQuoteCodec: 'verifySimEvidence',
};

/** Whether bytes are accepted. Throws where a decoder does what it must not. */
const accepted = ({ name, again }: Target, bytes: Uint8Array): boolean => {
  let encoded: Uint8Array | undefined;
  try {
    encoded = again(bytes);
  } catch (error) {
    if (isCloisterError(error) && CODES.includes(error.code)) return false;
    throw new Error(`${name} throws on ${toHex(bytes.subarray(0, 2048))}`, { cause: error });
  }
  if (encoded === undefined) return false;
  if (!equalBytes(encoded, bytes)) throw new Error(`${name} has another encoding: ${toHex(bytes.subarray(0, 2048))}`);
  return true;
};

const treeOf = (bytes: Uint8Array): Wire => {
  const tree = readWire(bytes);
  if (tree === undefined) throw new RangeError('a genuine message is not canonical');
  return tree;
};

describe('the corpus', () => {
  it('is accepted', () => {
    const refused = targets.filter((each) => !each.samples.every((sample) => accepted(each, sample)));
    expect(refused.map(({ name }) => name)).toEqual([]);
    expect(targets.every(({ samples }) => samples.length > 0)).toBe(true);
  });

  it('has every codec with which product code reads', () => {
    const texts = (pattern: RegExp) =>
      repositoryFiles()
        .filter((path) => pattern.test(path))
        .map((path) => readSource(path).code);
    const product = texts(/^(?:protocol|consensus|enclave|ledger|node|wallet|cli)\/.*\.ts$/).join('\n');
    const corpora = texts(/^test\/fuzz\/.*\.ts$/).join('\n');
    const read = [...product.matchAll(/\bdecode(?:OrUndefined)?\(\s*(\w+Codec)\b/g)].map(([, name = '']) => name);
    const missing = [...new Set(read)].filter((name) => !new RegExp(`\\b${readers[name] ?? name}\\b`).test(corpora));
    expect(missing).toEqual([]);
  });
});

describe('a decoder', () => {
  it('refuses changed messages or gives back their very bytes', () => {
    const passed = new Map(targets.map(({ name }) => [name, 0]));
    let cases = 0;
    campaign(20_000, (random) => {
      const each = oneOf(random, targets);
      let tree = treeOf(oneOf(random, each.samples));
      const foreign = treeOf(oneOf(random, oneOf(random, targets).samples));
      for (let changes = random.integer(3); changes >= 0; changes -= 1) tree = mutated(random, tree, foreign);
      cases += 1;
      if (accepted(each, writeWire(tree))) passed.set(each.name, (passed.get(each.name) ?? 0) + 1);
    });
    // The changes are not so wild that nothing but refusals is seen.
    const total = [...passed.values()].reduce((sum, count) => sum + count, 0);
    expect(total).toBeGreaterThan(cases / 20);
  });

  it('refuses damaged bytes or gives them back', () => {
    campaign(6_000, (random) => {
      const each = oneOf(random, targets);
      accepted(each, damaged(random, oneOf(random, each.samples)));
    });
  });

  it('refuses every other encoding of a genuine value', () => {
    campaign(4_000, (random) => {
      const each = oneOf(random, targets);
      const other = nonCanonical(random, treeOf(oneOf(random, each.samples)), writeWire);
      if (accepted(each, other)) throw new Error(`${each.name} accepts ${toHex(other.subarray(0, 2048))}`);
    });
  });

  it('refuses every message that is longer than its bound, unread', () => {
    for (const { again, maxBytes = Number.POSITIVE_INFINITY } of targets.filter(
      (each) => (each.maxBytes ?? 1 << 30) < 1 << 20,
    ))
      expect(() => again(new Uint8Array(maxBytes + 1))).toThrow(expect.objectContaining({ code: 'MESSAGE_TOO_LARGE' }));
  });
});
