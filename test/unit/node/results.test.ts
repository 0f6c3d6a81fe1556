/** Results: a certificate from a quorum of genuine pairs, verified late, bounded, and divergence told apart from lies. */
import { describe, expect, it } from 'vitest';
import type { PeerName } from '../../../node/network/types.ts';
import { type Divergence, type OwnResult, ResultCollector, type ResultMessage } from '../../../node/results.ts';
import { type BlockHash, epoch, height, type Hash, type PublicKey, type StateRoot } from '../../../protocol/brand.ts';
import { firstConfiguration, validatorSetOf } from '../../../protocol/consensus/configuration.ts';
import { chainIdOf } from '../../../protocol/genesis.ts';
import {
  type ResultCertificate,
  resultCertificateFault,
  type ResultStatement,
  signResultStatement,
} from '../../../protocol/result.ts';
import { genesisOf, partyOf } from '../../support/tiny-genesis.ts';

const genesis = genesisOf('results');
const set = validatorSetOf(firstConfiguration(genesis));
const hash = (digit: string): string => digit.repeat(64);
const peer = (machine: number): PeerName => `peer-${machine}` as PeerName;

const statementAt = (at: number, root = 'a'): ResultStatement => ({
  chainId: chainIdOf(genesis),
  epoch: epoch(1),
  height: height(at),
  blockHash: hash('b') as BlockHash,
  timeMs: 1,
  stateRoot: hash(root) as StateRoot,
  receiptsRoot: hash('c') as Hash,
  writeSetHash: hash('d') as Hash,
  measurement: genesis.measurement,
  platform: 'sim',
});

const messageBy = (machine: number, statement: ResultStatement): ResultMessage => {
  const { enclaveSecret, validatorSecret } = partyOf('results', machine);
  return {
    statement,
    enclaveSignature: signResultStatement(statement, enclaveSecret),
    validatorSignature: signResultStatement(statement, validatorSecret),
  };
};

const ownResult = (statement: ResultStatement): OwnResult => ({
  statement,
  signed: { message: messageBy(0, statement), validatorKey: set.validatorKeys[0] as PublicKey },
});

const collect = (windowBlocks = 8) => {
  const certificates: ResultCertificate[] = [];
  const divergences: Divergence[] = [];
  const positions = new Map(genesis.validators.map(({ peerId }, index) => [peerId, index]));
  const collector = new ResultCollector({
    signersOf: () => [{ set, indexOf: (name) => positions.get(name) }],
    self: peer(0),
    windowBlocks,
    onCertificate: (certificate) => certificates.push(certificate),
    onDivergence: (divergence) => divergences.push(divergence),
  });
  return { collector, certificates, divergences };
};

describe('the result collector', () => {
  it('makes one valid certificate of a quorum, the own pair included', () => {
    const { collector, certificates } = collect();
    collector.addOwn(ownResult(statementAt(1)));
    expect(collector.addPeer(peer(1), messageBy(1, statementAt(1)))).toBe('counted');
    expect(certificates).toEqual([]);
    expect(collector.addPeer(peer(2), messageBy(2, statementAt(1)))).toBe('counted');
    expect(collector.addPeer(peer(3), messageBy(3, statementAt(1)))).toBe('ignored');
    expect(certificates).toHaveLength(1);
    expect(certificates.map((certificate) => resultCertificateFault(certificate, set))).toEqual([undefined]);
  });

  it('does not call false what a machine says that is no validator here yet', () => {
    const { collector, certificates } = collect();
    collector.addOwn(ownResult(statementAt(1)));
    expect(collector.addPeer(peer(4), messageBy(4, statementAt(1)))).toBe('held');
    expect(certificates).toEqual([]);
  });

  it('holds what comes early and counts it once the height is executed here', () => {
    const { collector, certificates } = collect();
    for (const validator of [1, 2])
      expect(collector.addPeer(peer(validator), messageBy(validator, statementAt(3)))).toBe('held');
    collector.addOwn(ownResult(statementAt(3)));
    expect(certificates).toHaveLength(1);
  });

  it('never counts a pair with a false signature, early or late', () => {
    const { collector, certificates, divergences } = collect();
    const good = messageBy(1, statementAt(1));
    expect(collector.addPeer(peer(1), { ...good, enclaveSignature: new Uint8Array(64) })).toBe('held');
    collector.addOwn(ownResult(statementAt(1)));
    expect(
      collector.addPeer(peer(2), { ...messageBy(2, statementAt(1)), validatorSignature: good.validatorSignature }),
    ).toBe('bad-signature');
    expect(collector.addPeer(peer(3), messageBy(3, statementAt(1)))).toBe('counted');
    expect([certificates, divergences]).toEqual([[], []]);
  });

  it('tells one liar from being wrong itself', () => {
    const { collector, certificates, divergences } = collect();
    collector.addOwn(ownResult(statementAt(1)));
    expect(collector.addPeer(peer(3), messageBy(3, statementAt(1, 'f')))).toBe('diverged');
    expect(divergences).toMatchObject([{ height: 1, peer: peer(3), fatal: false }]);
    expect(collector.addPeer(peer(2), messageBy(2, statementAt(1, 'f')))).toBe('diverged');
    expect(divergences).toMatchObject([{ fatal: false }, { peer: peer(2), fatal: true }]);
    expect(certificates).toEqual([]);
  });

  it('counts one statement a validator and height, however often it changes its mind', () => {
    const { collector, divergences } = collect();
    collector.addOwn(ownResult(statementAt(1)));
    for (const root of ['e', 'f', '9']) collector.addPeer(peer(3), messageBy(3, statementAt(1, root)));
    expect(divergences).toHaveLength(1);
  });

  it('keeps nothing beyond its window or below its floor', () => {
    const { collector } = collect(8);
    expect(collector.addPeer(peer(1), messageBy(1, statementAt(8)))).toBe('held');
    expect(collector.addPeer(peer(1), messageBy(1, statementAt(9)))).toBe('ignored');
    collector.addOwn(ownResult(statementAt(5)));
    expect(collector.addPeer(peer(1), messageBy(1, statementAt(13)))).toBe('held');
    collector.prune(5);
    expect(collector.addPeer(peer(2), messageBy(2, statementAt(5)))).toBe('ignored');
  });

  it('counts a height again that was executed before a restart and never certified, whatever came after it', () => {
    const { collector, certificates } = collect(8);
    collector.addOwn(ownResult(statementAt(90)));
    collector.prune(80);
    expect(collector.counts(5)).toBe(false);
    collector.reopen(ownResult(statementAt(5)));
    expect([collector.counts(5), collector.counts(90)]).toEqual([true, true]);
    expect(collector.addPeer(peer(1), messageBy(1, statementAt(5)))).toBe('counted');
    collector.prune(82);
    expect(collector.addPeer(peer(2), messageBy(2, statementAt(5)))).toBe('counted');
    expect(certificates.map(({ statement }) => statement.height as number)).toEqual([5]);
    collector.prune(83);
    expect(collector.counts(5)).toBe(false);
    expect(collector.addPeer(peer(3), messageBy(3, statementAt(5)))).toBe('ignored');
  });
});
