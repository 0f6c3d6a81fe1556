/** What anybody may leave in the state by merely calling is bounded; who uses the network keeps what it needs. */
import { beforeAll, describe, expect, it } from 'vitest';
import { MAX_SESSIONS_PER_CALLER } from '../../../enclave/runtime/caller-bounds.ts';
import { testSigner, EnclaveNetwork } from '../../support/enclave-network.ts';
import type { ParsedEnvelope } from '../../../protocol/envelope.ts';
import { counterContract } from '../../support/counter-contract.ts';
import { callOf, TestWallet } from '../../support/test-wallet.ts';

/** A quarter of the state holds 78 reply keys, an eighth 325 nonces. */
const PARAMETERS = { maxStateBytes: 2_000_000, maxSessions: 80 };
const STRANGERS = 90;
const NONCES = 325;
const STEP_BLOCKS = 128;

describe('strangers', () => {
  const member = testSigner(1);
  let network: EnclaveNetwork;
  let busy: TestWallet;
  let idle: TestWallet;

  const run = (...envelopes: readonly ParsedEnvelope[]) =>
    network.execute(network.block(envelopes.map(({ bytes }) => bytes)));
  const call = (wallet: TestWallet, method: string, args: unknown = null) => {
    const envelope = wallet.sessionCall(callOf('counter', method, args), network.soon);
    return wallet.outcome(run(envelope).calls[0]?.outputs[0], envelope.transactionId);
  };
  const status = () => network.validators[0]?.enclave.handle('status', {});

  beforeAll(async () => {
    network = (await EnclaveNetwork.create({ members: [member], threshold: 1, parameters: PARAMETERS })).provision();
    const deployer = new TestWallet(network.target, 1, member);
    run(
      deployer.call(
        callOf('system', 'deploy', { name: 'counter', code: counterContract, init: { start: 0 } }),
        network.soon,
      ),
    );
    busy = new TestWallet(network.target, 2);
    idle = new TestWallet(network.target, 3);
    run(busy.open(network.soon), idle.open(network.soon));
    for (let block = 0; block < STEP_BLOCKS; block += 1) run();
    expect(call(busy, 'add', { by: 1 })).toMatchObject({ kind: 'ok' });
  }, 120_000);

  it('push out one another and what lay idle, not what is in use; replicas that had admitted a call agree', () => {
    const pending = idle.sessionCall(callOf('counter', 'add', { by: 1 }), network.soon);
    expect(network.validators[0]?.enclave.handle('admit', { envelopes: [pending.bytes] })?.verdicts).toEqual([
      { admitted: true, code: '' },
    ]);
    const flood = Array.from({ length: STRANGERS }, (_, index) =>
      new TestWallet(network.target, 1_000 + index).open(network.soon),
    );
    const before = status()?.stateBytes ?? 0;
    // The first replica has opened the pending call, the others have not: `execute` checks that results are the same.
    const reply = run(...flood, pending);
    expect(reply.calls).toHaveLength(STRANGERS + 1);
    expect(status()?.sessions).toBe(PARAMETERS.maxSessions);
    expect((status()?.stateBytes ?? 0) - before).toBeLessThan((PARAMETERS.maxStateBytes * 5) / 8);
    expect(call(busy, 'add', { by: 1 })).toMatchObject({ kind: 'ok' });
    const late = idle.sessionCall(callOf('counter', 'add', { by: 1 }), network.soon);
    expect(network.validators[0]?.enclave.handle('admit', { envelopes: [late.bytes] })?.verdicts).toEqual([
      { admitted: false, code: 'SESSION_UNKNOWN' },
    ]);
  });

  it('do not make contracts forget who is in use; who was forgotten is known again when it calls', () => {
    expect(call(busy, 'tell', { to: busy.signer.publicKey, news: 'x' })).toMatchObject({ kind: 'ok' });
    expect(call(busy, 'tell', { to: idle.signer.publicKey, news: 'x' })).toMatchObject({ reason: 'recipient_unknown' });
    run(idle.open(network.soon));
    expect(call(busy, 'tell', { to: idle.signer.publicKey, news: 'x' })).toMatchObject({ kind: 'ok' });
  });

  it('have so many sessions each; one more closes their own', () => {
    const many = new TestWallet(network.target, 4);
    for (let opened = 0; opened <= MAX_SESSIONS_PER_CALLER; opened += 16)
      run(...Array.from({ length: 16 }, () => many.open(network.soon)));
    expect(status()?.sessions).toBe(PARAMETERS.maxSessions);
    expect(call(busy, 'add', { by: 1 })).toMatchObject({ kind: 'ok' });
    expect(call(many, 'add', { by: 1 })).toMatchObject({ kind: 'ok' });
  });

  it('wait when too many calls outside sessions are to be remembered, while sessions go on', () => {
    const eager = new TestWallet(network.target, 5);
    const calls = Array.from({ length: NONCES / 2 }, () => eager.call(callOf('nowhere', 'add', null), network.soon));
    const reply = run(...calls);
    const outcomes = calls.map((sent, index) => eager.outcome(reply.calls[index]?.outputs[0], sent.transactionId));
    expect(outcomes[0]).toEqual({ kind: 'failed', code: 'UNKNOWN_CONTRACT' });
    expect(outcomes.at(-1)).toEqual({ kind: 'failed', code: 'STATE_FULL' });
    expect(call(busy, 'add', { by: 1 })).toMatchObject({ kind: 'ok' });
  });
});
