/** Provisioning, restarts from sealed state and write sets, catching up by execution, and freshness of queries. */
import { describe, expect, it } from 'vitest';
import { height, type PublicKey } from '../../../protocol/brand.ts';
import { genesisCodec } from '../../../protocol/genesis.ts';
import { encode } from '../../../protocol/codec.ts';
import { provenEpochKeys } from '../../../protocol/epoch-key.ts';
import { validatorSetOf } from '../../../protocol/consensus/configuration.ts';
import { counterContract } from '../../support/counter-contract.ts';
import { EnclaveNetwork, restoring, seededBytes, testSigner } from '../../support/enclave-network.ts';
import { callOf, TestWallet } from '../../support/test-wallet.ts';

const none = '00'.repeat(32) as PublicKey;

const running = async () => {
  const member = testSigner(1);
  const network = (await EnclaveNetwork.create({ members: [member] })).provision();
  const wallet = new TestWallet(network.target, 1, member);
  const deploy = wallet.call(
    callOf('system', 'deploy', { name: 'counter', code: counterContract, init: { start: 1 } }),
    network.soon,
  );
  network.execute(network.block([deploy.bytes, wallet.open(network.soon).bytes]));
  const add = () => network.block([wallet.sessionCall(callOf('counter', 'add', { by: 1 }), network.soon).bytes]);
  return { network, wallet, add };
};

describe('provisioning', () => {
  it('brings the same epoch keys into every enclave, proven by a quorum of their signatures', async () => {
    const network = await EnclaveNetwork.create();
    network.provision();
    const signed = network.validators.flatMap(({ enclave, hello: { enclaveKey } }) => {
      const { epochKey } = enclave.handle('provision', network.provisioning());
      return epochKey === undefined ? [] : [{ ...epochKey, enclaveKey }];
    });
    const set = validatorSetOf(network.anchor.configuration);
    const verdict = provenEpochKeys(signed, network.chainId, set);
    expect(verdict).toMatchObject({ verdict: 'proven', signers: set.enclaveKeys.slice(0, 3).sort() });
  });

  it('refuses forged, misdirected and uncommitted shares, and waits for all of them', async () => {
    const network = await EnclaveNetwork.create();
    const [first, second, third, fourth] = network.validators.map(({ hello }) => hello.enclaveKey);
    const [sender, , recipient] = network.validators;
    if (sender === undefined || recipient === undefined) throw new TypeError('no validators');
    const outgoing = network.outgoingOf(sender);
    const toSecond = outgoing.get(second ?? none)?.message;
    const toThird = outgoing.get(third ?? none)?.message;
    if (toThird === undefined || toSecond === undefined) throw new TypeError('no shares');
    const give = (enclaveKey: PublicKey | undefined, message: Uint8Array) =>
      recipient.enclave.handle(
        'provision',
        network.provisioning({ contributions: [{ enclaveKey: enclaveKey ?? none, message }] }),
      );
    const refused = expect.objectContaining({ code: 'CONTRIBUTION_REFUSED' });
    expect(() => give(first, toSecond)).toThrow(refused);
    expect(() => give(second, toThird)).toThrow(refused);
    expect(() => give(fourth, toThird)).toThrow(refused);
    expect(() => give(none, toThird)).toThrow(refused);
    expect(() =>
      give(
        first,
        toThird.map((byte, i) => (i === 30 ? byte ^ 1 : byte)),
      ),
    ).toThrow(refused);
    expect(give(first, toThird)).toMatchObject({ ready: false, epochKey: undefined, sealedEpoch: undefined });
    expect(recipient.enclave.handle('status', {}).state).toBe('bound');
  });

  it('refuses production policy on the simulated platform, and evidence of other keys', async () => {
    const network = await EnclaveNetwork.create({ policyClass: 'production' });
    const enclave = network.validators[0]?.enclave;
    const provision = (genesis: Uint8Array) => enclave?.handle('provision', network.provisioning({ genesis }));
    expect(() => provision(network.genesisBytes)).toThrow(expect.objectContaining({ code: 'PLATFORM_REFUSED' }));
    const [first, second, ...rest] = network.genesis.validators;
    if (first === undefined || second === undefined) throw new TypeError('no validators');
    const swapped = {
      ...network.genesis,
      policyClass: 'testnet',
      validators: [first, { ...second, evidence: first.evidence }, ...rest],
    };
    expect(() => provision(encode(genesisCodec, swapped))).toThrow(
      expect.objectContaining({ code: 'GENESIS_REFUSED' }),
    );
  });

  it('opens sealed blobs on the same processor alone', async () => {
    const network = (await EnclaveNetwork.create()).provision();
    const [first, second] = network.validators;
    if (first === undefined || second === undefined) throw new TypeError('no validators');
    const { processorSecret, processorCertificate } = second;
    const refused = expect.objectContaining({ code: 'SEALED_STATE_REFUSED' });
    const thief = network.newEnclave(5);
    expect(() =>
      thief.handle('hello', { processorSecret, processorCertificate, sealedIdentity: first.hello.sealedIdentity }),
    ).toThrow(refused);
    thief.handle('hello', { processorSecret, processorCertificate, sealedIdentity: second.hello.sealedIdentity });
    const { sealedEpoch } = first;
    expect(() => thief.handle('provision', network.provisioning({ sealedEpoch }))).toThrow(refused);
  });
});

describe('restart', () => {
  it('comes to the same state by write sets, then by execution, and answers once it is fresh', async () => {
    const { network, wallet, add } = await running();
    for (let block = 0; block < 3; block++) network.execute(add());
    const restored = network.restart(2);
    const query = wallet.query(callOf('counter', 'count', null));
    const ask = () => restored.handle('query', { sealedQuery: query.bytes });
    const notFresh = expect.objectContaining({ code: 'NOT_FRESH' });
    expect(ask).toThrow(notFresh);
    for (const executed of network.executed.slice(0, 2)) restored.handle('restore', restoring(executed));
    // Peers have executed more than this enclave: their answers are accepted, yet it must catch up first.
    expect(network.proveFresh(restored).fresh).toBe(false);
    expect(ask).toThrow(notFresh);
    for (const executed of network.executed.slice(2)) restored.handle('restore', restoring(executed));
    expect(wallet.answer(query, ask().sealedAnswer).outcome).toEqual({ kind: 'ok', result: '4' });
    network.execute(add());
    const roots = network.validators.map(({ enclave }) => enclave.handle('status', {}).stateRoot);
    expect(new Set(roots).size).toBe(1);
  });

  it('comes to the same state by any division of history, proven by the last certificate of each piece', async () => {
    const { network, add } = await running();
    for (let block = 0; block < 5; block++) network.execute(add());
    const { executed } = network;
    const roots = [[executed.length], [1, executed.length - 1], [3, 1, executed.length - 4]].map((sizes) => {
      const restored = network.restart(1);
      let done = 0;
      for (const size of sizes) {
        restored.handle('restore', restoring(...executed.slice(done, done + size)));
        done += size;
      }
      const { height: at, stateRoot } = restored.handle('status', {});
      expect(at).toBe(executed.length);
      return stateRoot;
    });
    expect(new Set([...roots, network.validators[0]?.enclave.handle('status', {}).stateRoot]).size).toBe(1);
    expect(() => network.execute(add())).not.toThrow();
  });

  it('does not execute a restored call twice', async () => {
    const { network, wallet } = await running();
    const envelope = wallet.sessionCall(callOf('counter', 'add', { by: 1 }), network.soon);
    network.execute(network.block([envelope.bytes]));
    const restored = network.restart(1);
    for (const executed of network.executed) restored.handle('restore', restoring(executed));
    expect(restored.handle('admit', { envelopes: [envelope.bytes] }).verdicts[0]?.code).toBe('REPLAYED');
    const reply = network.execute(network.block([envelope.bytes]));
    expect(wallet.outcome(reply.calls[0]?.outputs[0], envelope.transactionId)).toEqual({
      kind: 'failed',
      code: 'REPLAYED',
    });
  });

  it('needs answers of a quorum to its own challenge', async () => {
    const { network } = await running();
    const restored = network.restart(0);
    const [, second, third] = network.validators;
    const answers = (challenge: Uint8Array) =>
      [second, third].flatMap((peer) => peer?.enclave.handle('restore', { kind: 'answer', challenge }).answer ?? []);
    const refused = expect.objectContaining({ code: 'NOT_FRESH' });
    const { challenge: old = new Uint8Array(32) } = restored.handle('restore', { kind: 'challenge' });
    const { challenge = new Uint8Array(32) } = restored.handle('restore', { kind: 'challenge' });
    const [one, two] = answers(challenge);
    if (one === undefined || two === undefined) throw new TypeError('no answers');
    expect(() => restored.handle('restore', { kind: 'answers', answers: answers(old) })).toThrow(refused);
    expect(() => restored.handle('restore', { kind: 'answers', answers: [one] })).toThrow(refused);
    expect(() => restored.handle('restore', { kind: 'answers', answers: [one, one] })).toThrow(refused);
    expect(() =>
      restored.handle('restore', { kind: 'answers', answers: [one, { ...two, height: height(0) }] }),
    ).toThrow(refused);
    expect(restored.handle('restore', { kind: 'answers', answers: [one, two] })).toMatchObject({
      fresh: false,
      height: 0,
    });
    for (const executed of network.executed) restored.handle('restore', restoring(executed));
    expect(restored.handle('status', {}).fresh).toBe(true);
  });

  it('seals identities so that equal secrets look different', async () => {
    const network = await EnclaveNetwork.create();
    const { processorSecret, processorCertificate } = network.validators[0] ?? {
      processorSecret: seededBytes(1)(32),
      processorCertificate: new Uint8Array(),
    };
    const blobs = [1, 2].map((seed) =>
      network.newEnclave(seed).handle('hello', { processorSecret, processorCertificate, sealedIdentity: undefined }),
    );
    expect(blobs[0]?.sealedIdentity).not.toEqual(blobs[1]?.sealedIdentity);
    expect(blobs[0]?.enclaveKey).not.toBe(blobs[1]?.enclaveKey);
  });
});
