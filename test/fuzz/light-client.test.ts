/**
 * Light clients over three epochs under real keys: auditor (`walkEpochs`), wallet (`EpochTrail`) and enclave
 * (`EpochDirectory`, `LightClient`) follow the change of validators from the genesis by proofs alone. Whatever they are
 * handed, what they hold proven is a prefix of the genuine history, and they refuse with the same code.
 */
import { describe, expect, it } from 'vitest';
import { EpochDirectory } from '../../enclave/runtime/epoch-directory.ts';
import { LightClient } from '../../enclave/runtime/light-client.ts';
import { encode, list, struct } from '../../protocol/codec.ts';
import { certificateCodec } from '../../protocol/consensus/certificate.ts';
import type { EpochAnchor } from '../../protocol/consensus/configuration.ts';
import { type EpochProof, epochProofCodec, walkEpochs } from '../../protocol/consensus/epoch-proof.ts';
import { headerCodec } from '../../protocol/consensus/header.ts';
import { isCloisterError } from '../../protocol/errors.ts';
import { verifyFinality } from '../../protocol/finality.ts';
import { decodeOrUndefined } from '../../protocol/foreign.ts';
import { equalBytes } from '../../protocol/hex.ts';
import { readWire, writeWire } from '../../protocol/wire.ts';
import { EpochTrail } from '../../wallet/epoch-trail.ts';
import { genesisOf, keysOf, validatorOf } from '../support/tiny-genesis.ts';
import type { SeededRandom } from '../support/seeded-random.ts';
import { campaign, oneOf, shuffled } from './campaign.ts';
import { finalityCases } from './finality-cases.ts';
import { epochCases } from './forgeries.ts';
import { historyOf } from './history.ts';
import { mutated } from './mutate-wire.ts';

const historyNamed = (network: string) =>
  historyOf(genesisOf(network, { network, members: 3, threshold: 2 }), keysOf(network), validatorOf(network, 4));
const history = historyNamed('fuzzed');
const foreign = historyNamed('foreign');
const { genesis, governance, anchors, pieces, proofs } = history;
const pieceCodec = struct({ headers: list(headerCodec, 8), finalization: certificateCodec });

/** Code of a refusal; undefined for success. */
const refusal = (attempt: () => void): string | undefined => {
  try {
    attempt();
    return undefined;
  } catch (error) {
    if (isCloisterError(error)) return String(error.data['fault'] ?? error.code);
    throw error;
  }
};

/** What wallet and enclave say to proofs one after the other, and the epochs at which they stand afterwards. */
const followers = (handed: readonly EpochProof[], stopAtRefusal: boolean) => {
  const [wallet, enclave] = [new EpochTrail(genesis), new EpochDirectory(genesis)];
  const refusals: string[] = [];
  for (const proof of handed) {
    const said = [
      refusal(() => wallet.take(encode(epochProofCodec, proof)))?.toUpperCase(),
      refusal(() => enclave.take(proof)),
    ];
    refusals.push(...said.filter((code) => code !== undefined));
    if (stopAtRefusal && refusals.length > 0) break;
  }
  return { refusals, newest: [wallet.newest, enclave.newest] };
};

const isGenuine = (anchor: EpochAnchor): boolean => {
  const own = anchors[anchor.epoch - 1];
  return own !== undefined && own.configHash === anchor.configHash && own.base.id === anchor.base.id;
};

/** A message with something in its structure changed; undefined where it is no message any more, or the same. */
const bent = <T>(random: SeededRandom, codec: Parameters<typeof encode<T>>[0], value: T, other: T): T | undefined => {
  const [bytes, foreignBytes] = [encode(codec, value), encode(codec, other)];
  const [tree, material] = [readWire(bytes), readWire(foreignBytes)];
  if (tree === undefined || material === undefined) throw new RangeError('a genuine message is canonical');
  let changed = mutated(random, tree, material);
  if (random.integer(3) === 0) changed = mutated(random, changed, material);
  const encoded = writeWire(changed);
  return equalBytes(encoded, bytes) ? undefined : decodeOrUndefined(codec, encoded);
};

describe('the change of validators', () => {
  it.each(epochCases(history, foreign).map((each) => [each.name, each.verdict, each] as const))(
    '%s: %s',
    (_name, verdict, { proofs: handed, epoch }) => {
      const walk = walkEpochs(anchors[0], governance, handed);
      expect(walk.verdict === 'valid' ? 'valid' : walk.code).toBe(verdict);
      const { refusals, newest } = followers(handed, true);
      expect(newest.map((anchor) => [anchor.epoch, isGenuine(anchor)])).toEqual([
        [epoch, true],
        [epoch, true],
      ]);
      // A proof whose epoch is not reached yet is told apart by those who keep what is proven.
      const code = verdict === 'WRONG_EPOCH' ? 'SKIPPED' : verdict;
      expect(refusals).toEqual(verdict === 'valid' ? [] : [code, code]);
    },
  );

  it('is followed along the genuine history alone', () => {
    let refused = 0;
    campaign(600, (random) => {
      const at = random.integer(2);
      const proof = proofs[at] as EpochProof;
      const other = oneOf(random, [...proofs, ...foreign.proofs]);
      const forged = bent(random, epochProofCodec, proof, other);
      if (forged === undefined) return;
      const walk = walkEpochs(anchors[at] as EpochAnchor, governance, [forged]);
      expect(walk.verdict).toBe('invalid');
      refused += 1;
      const handed = shuffled(random, [...proofs, forged, oneOf(random, foreign.proofs)]);
      const { newest } = followers([...handed, ...handed], false);
      expect(newest.every(isGenuine)).toBe(true);
      expect(new Set(newest.map(({ epoch }) => epoch)).size).toBe(1);
    });
    expect(refused).toBeGreaterThan(0);
  });
});

describe('finality', () => {
  const [anchor] = anchors;
  const enclaveSays = ({ headers, finalization }: (typeof pieces)[number]) =>
    refusal(() => new LightClient(new EpochDirectory(genesis), anchor).check({ headers, finalization, body: [] }));

  it.each(finalityCases(history, foreign).map((each) => [each.name, each.verdict, each] as const))(
    '%s: %s',
    (_name, expected, { headers, finalization, enclave }) => {
      const verdict = verifyFinality(anchor, anchor.base, headers, finalization);
      expect(verdict.verdict === 'final' ? 'final' : verdict.code).toBe(expected);
      const said = enclaveSays({ headers, finalization });
      expect([expected === 'final' ? undefined : expected, enclave]).toContain(said);
    },
  );

  it('is proven for the genuine blocks of every epoch, and for none that were bent', () => {
    campaign(900, (random) => {
      const at = random.integer(3);
      const [piece, base] = [pieces[at] as (typeof pieces)[number], anchors[at] as EpochAnchor];
      expect(verifyFinality(base, base.base, piece.headers, piece.finalization).verdict).toBe('final');
      const forged = bent(random, pieceCodec, piece, oneOf(random, [...pieces, ...foreign.pieces]));
      if (forged === undefined) return;
      expect(verifyFinality(base, base.base, forged.headers, forged.finalization).verdict).toBe('invalid');
      if (at === 0) expect(enclaveSays(forged)).toBeDefined();
    });
  });
});
