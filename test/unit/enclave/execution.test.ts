/** Execution through the boundary on four replicas: calls, sessions, replays, refusals, outputs, queries, deployment. */
import { codeHashOf } from '../../../enclave/runtime/contract-registry.ts';
import { beforeAll, describe, expect, it } from 'vitest';
import type { ReplyOf } from '../../../enclave/boundary/messages.ts';
import { height, type TransactionId } from '../../../protocol/brand.ts';
import type { Call } from '../../../protocol/call.ts';
import { decode } from '../../../protocol/codec.ts';
import type { ParsedEnvelope } from '../../../protocol/envelope.ts';
import { MAX_RECEIPT_BYTES, type Receipt, receiptCodec } from '../../../protocol/receipt.ts';
import { counterContract } from '../../support/counter-contract.ts';
import { EnclaveNetwork, testSigner } from '../../support/enclave-network.ts';
import { callOf, TestWallet } from '../../support/test-wallet.ts';

const receiptOf = (reply: ReplyOf<'execute'>, index: number): Receipt =>
  decode(receiptCodec, reply.calls[index]?.receipt ?? new Uint8Array(0), MAX_RECEIPT_BYTES);

describe('execution', () => {
  const members = [testSigner(1), testSigner(2), testSigner(3)];
  let network: EnclaveNetwork;
  let wallet: TestWallet;

  const run = (...envelopes: readonly ParsedEnvelope[]) =>
    network.execute(network.block(envelopes.map((envelope) => envelope.bytes)));
  const outcome = (by: TestWallet, reply: ReplyOf<'execute'>, envelope: ParsedEnvelope, index = 0) =>
    by.outcome(reply.calls[index]?.outputs[0], envelope.transactionId);
  /** Runs one session call of the wallet and opens its result. */
  const perform = (call: Call) => {
    const envelope = wallet.sessionCall(call, network.soon);
    const reply = run(envelope);
    return { reply, outcome: outcome(wallet, reply, envelope), receipt: receiptOf(reply, 0) };
  };
  const ask = (by: TestWallet, call: Call) => {
    const query = by.query(call);
    const { sealedAnswer } = network.validators[0]?.enclave.handle('query', { sealedQuery: query.bytes }) ?? {
      sealedAnswer: new Uint8Array(0),
    };
    return by.answer(query, sealedAnswer);
  };

  beforeAll(async () => {
    network = (
      await EnclaveNetwork.create({
        members,
        threshold: 2,
        parameters: { maxGasPerCall: 200_000_000, maxStateBytes: 1_000_000 },
      })
    ).provision();
    wallet = new TestWallet(network.target, 10);
  });

  it('deploys by threshold, opens a session, and executes its calls', () => {
    const first = new TestWallet(network.target, 1, members[0]);
    const second = new TestWallet(network.target, 2, members[1]);
    const deploy = first.call(
      callOf('system', 'deploy', { name: 'counter', code: counterContract, init: { start: 5 } }),
      network.soon,
    );
    const stranger = wallet.call(callOf('system', 'deploy', { name: 'evil', code: 'x', init: null }), network.soon);
    const proposed = run(deploy, stranger);
    const result = outcome(first, proposed, deploy);
    expect(result).toMatchObject({ kind: 'ok' });
    expect(outcome(wallet, proposed, stranger, 1)).toMatchObject({ kind: 'refused', reason: 'forbidden' });
    const { codeHash, active } = JSON.parse(
      typeof result === 'object' && result.kind === 'ok' ? result.result : 'null',
    );
    expect(active).toBe(false);
    const early = wallet.open(network.soon, callOf('counter', 'add', { by: 1 }));
    const approval = (init: unknown) =>
      second.call(callOf('system', 'approve', { name: 'counter', codeHash, init }), network.soon);
    const otherwise = approval({ start: 6 });
    const approve = approval({ start: 5 });
    const activated = run(early, otherwise, approve);
    expect(outcome(wallet, activated, early)).toEqual({ kind: 'failed', code: 'UNKNOWN_CONTRACT' });
    expect(outcome(second, activated, otherwise, 1)).toMatchObject({ kind: 'refused', reason: 'other_init' });
    expect(outcome(second, activated, approve, 2)).toMatchObject({ kind: 'ok' });
    expect(perform(callOf('counter', 'add', { by: 2 })).outcome).toEqual({ kind: 'ok', result: '7' });
    const listed = ask(wallet, callOf('system', 'contracts', null)).outcome;
    expect(listed).toMatchObject({ kind: 'ok' });
    expect(JSON.stringify(listed)).toContain(codeHash);
  });

  it('takes code proposed with other parameters for another proposal', () => {
    const [first, second] = [
      new TestWallet(network.target, 5, members[0]),
      new TestWallet(network.target, 6, members[1]),
    ];
    const propose = (by: TestWallet, start: number) =>
      by.call(callOf('system', 'deploy', { name: 'twice', code: counterContract, init: { start } }), network.soon);
    const [one, other] = [propose(first, 1), propose(second, 1_000_000)];
    const reply = run(one, other);
    for (const [index, wallet] of [first, second].entries())
      expect(outcome(wallet, reply, index === 0 ? one : other, index)).toMatchObject({
        kind: 'ok',
        result: expect.stringContaining('"approvals":1'),
      });
    const codeHash = codeHashOf(counterContract);
    const approve = first.call(
      callOf('system', 'approve', { name: 'twice', codeHash, init: { start: 1_000_000 } }),
      network.soon,
    );
    expect(outcome(first, run(approve), approve)).toMatchObject({ result: expect.stringContaining('"active":true') });
    expect(perform(callOf('twice', 'add', { by: 1 })).outcome).toEqual({ kind: 'ok', result: '1000001' });
  });

  it('refuses a second approval, an unknown proposal and code that does not evaluate', () => {
    const first = new TestWallet(network.target, 3, members[0]);
    const bad = first.call(callOf('system', 'deploy', { name: 'bad', code: 'throw 1', init: null }), network.soon);
    const unknown = first.call(callOf('system', 'approve', { name: 'bad', codeHash: 'ab' }), network.soon);
    const reply = run(bad, unknown);
    expect(outcome(first, reply, bad)).toMatchObject({ kind: 'refused', reason: 'code_unusable' });
    expect(outcome(first, reply, unknown, 1)).toMatchObject({ kind: 'refused', reason: 'unknown_proposal' });
  });

  it('keeps nothing of refused and failed calls, but audit records where the contract says so', () => {
    const before = ask(wallet, callOf('counter', 'count', null)).outcome;
    expect(perform(callOf('counter', 'refuse', null)).outcome).toEqual({
      kind: 'refused',
      reason: 'not_today',
      detail: '{"why":1}',
    });
    expect(ask(wallet, callOf('counter', 'log', null)).outcome).toEqual({ kind: 'ok', result: 'null' });
    expect(perform(callOf('counter', 'fail', null)).outcome).toEqual({ kind: 'failed', code: 'CONTRACT_ERROR' });
    expect(perform(callOf('counter', 'spin', null)).outcome).toEqual({ kind: 'failed', code: 'OUT_OF_GAS' });
    expect(perform(callOf('counter', 'refuseKept', null)).outcome).toMatchObject({ kind: 'refused' });
    expect(ask(wallet, callOf('counter', 'log', null)).outcome).toEqual({ kind: 'ok', result: '"\\"tried\\""' });
    expect(ask(wallet, callOf('counter', 'count', null)).outcome).toEqual(before);
  });

  it('shows outsiders one shape for success, refusal and failure', () => {
    const shapes = ['add', 'refuse', 'fail'].map((method) => {
      const { reply, receipt } = perform(callOf('counter', method, { by: 1 }));
      return {
        receipt: reply.calls[0]?.receipt.length,
        outputs: reply.calls[0]?.outputs.map((output) => output.length),
        succeeded: receipt.succeeded,
      };
    });
    expect(new Set(shapes.map(({ receipt, outputs }) => JSON.stringify([receipt, outputs]))).size).toBe(1);
    expect(shapes.map((shape) => shape.succeeded)).toEqual([true, false, false]);
  });

  it('executes a session number, a one-shot nonce and an idempotency key once', () => {
    const numbered = wallet.sessionCall(callOf('counter', 'add', { by: 1 }), network.soon);
    expect(outcome(wallet, run(numbered), numbered)).toMatchObject({ kind: 'ok' });
    expect(outcome(wallet, run(numbered), numbered)).toEqual({ kind: 'failed', code: 'REPLAYED' });
    const once = wallet.call(callOf('counter', 'add', { by: 1 }), network.soon);
    expect(outcome(wallet, run(once), once)).toMatchObject({ kind: 'ok' });
    expect(outcome(wallet, run(once), once)).toEqual({ kind: 'failed', code: 'REPLAYED' });
    expect(perform(callOf('counter', 'add', { by: 1 }, 'order 7')).outcome).toMatchObject({ kind: 'ok' });
    expect(perform(callOf('counter', 'add', { by: 1 }, 'order 7')).outcome).toEqual({
      kind: 'failed',
      code: 'ALREADY_EXECUTED',
    });
    const verdicts = network.validators[0]?.enclave.handle('admit', { envelopes: [numbered.bytes, once.bytes] });
    expect(verdicts?.verdicts.map(({ code }) => code)).toEqual(['REPLAYED', 'REPLAYED']);
  });

  it('admits what it can execute and gives coarse codes for the rest', () => {
    const enclave = network.validators[0]?.enclave;
    const good = wallet.sessionCall(callOf('counter', 'add', { by: 1 }), network.soon);
    const stale = wallet.sessionCall(callOf('counter', 'add', { by: 1 }), height(1));
    const far = wallet.sessionCall(callOf('counter', 'add', { by: 1 }), height(10_000_000));
    const broken = Uint8Array.from(good.bytes);
    broken[broken.length - 1] = (broken.at(-1) ?? 0) ^ 1;
    const stranger = new TestWallet(network.target, 77);
    stranger.open(network.soon);
    const unknown = stranger.sessionCall(callOf('counter', 'add', { by: 1 }), network.soon);
    const reply = enclave?.handle('admit', {
      envelopes: [good.bytes, stale.bytes, far.bytes, broken, unknown.bytes, new Uint8Array(9)],
    });
    expect(reply?.verdicts.map(({ code }) => code)).toEqual([
      '',
      'EXPIRED',
      'EXPIRY_TOO_FAR',
      'UNREADABLE',
      'SESSION_UNKNOWN',
      'ENVELOPE_MALFORMED',
    ]);
    expect(enclave?.handle('status', {}).cachedCalls).toBe(1);
    // Only the first replica has opened the call before: results must agree all the same (checked by `execute`).
    const executed = run(good, unknown);
    expect(outcome(wallet, executed, good)).toMatchObject({ kind: 'ok' });
    expect(receiptOf(executed, 1).succeeded).toBe(false);
    expect(executed.calls[1]?.outputs[0]?.length).toBe(executed.calls[0]?.outputs[0]?.length);
    expect(enclave?.handle('status', {}).cachedCalls).toBe(0);
  });

  it('draws the same sealed randomness on every replica, different for every call', () => {
    const draws = [0, 1].map(() => perform(callOf('counter', 'draw', null)).outcome);
    expect(draws[0]).toMatchObject({ kind: 'ok' });
    expect(draws[0]).not.toEqual(draws[1]);
  });

  it('seals messages to registered parties alone and shows claims to all', () => {
    const party = new TestWallet(network.target, 20);
    const tell = callOf('counter', 'tell', { to: party.signer.publicKey, news: 'a secret' });
    expect(perform(tell).outcome).toMatchObject({ kind: 'refused', reason: 'recipient_unknown' });
    run(party.open(network.soon));
    const envelope = wallet.sessionCall(tell, network.soon);
    const reply = run(envelope);
    const receipt = receiptOf(reply, 0);
    expect(receipt.claims).toBe('{"told":1}');
    expect(receipt.outputs.length).toBe(2);
    const sealed = reply.calls[0]?.outputs[1];
    const id: TransactionId = envelope.transactionId;
    expect(party.outcome(sealed, id, 1)).toEqual({ kind: 'message', contract: 'counter', json: '{"news":"a secret"}' });
    expect(wallet.outcome(sealed, id, 1)).toBe('OUTPUT_NOT_OURS');
  });

  it('answers STATE_FULL at the configured bound and goes on', () => {
    const full = perform(callOf('counter', 'fill', { key: 'f', rows: 15, size: 50_000 })).outcome;
    expect(full).toEqual({ kind: 'failed', code: 'STATE_FULL' });
    expect(perform(callOf('counter', 'add', { by: 1 })).outcome).toMatchObject({ kind: 'ok' });
  });

  it('answers queries with height, root and time, refuses writes in them, and unreadable ones', () => {
    const answer = ask(wallet, callOf('counter', 'count', null));
    const status = network.validators[0]?.enclave.handle('status', {});
    expect(answer).toMatchObject({
      height: status?.height,
      stateRoot: status?.stateRoot,
      timeMs: network.position.timeMs,
    });
    expect(ask(wallet, callOf('counter', 'add', { by: 1 })).outcome).toEqual({ kind: 'failed', code: 'READ_ONLY' });
    expect(ask(new TestWallet(network.target, 30), callOf('counter', 'count', null)).outcome).toMatchObject({
      kind: 'ok',
    });
    expect(() => network.validators[0]?.enclave.handle('query', { sealedQuery: new Uint8Array(40) })).toThrow(
      expect.objectContaining({ code: 'QUERY_REFUSED' }),
    );
  });

  it('forgets expired sessions and nonces', () => {
    const brief = new TestWallet(network.target, 40);
    run(brief.open(network.soon, undefined, height(network.position.height + 2)));
    const sessions = network.validators[0]?.enclave.handle('status', {}).sessions ?? 0;
    run(brief.sessionCall(callOf('counter', 'add', { by: 1 }), network.soon));
    const late = brief.sessionCall(callOf('counter', 'add', { by: 1 }), network.soon);
    run();
    const reply = run(late);
    expect(receiptOf(reply, 0).succeeded).toBe(false);
    expect(network.validators[0]?.enclave.handle('status', {}).sessions).toBe(sessions - 1);
  });

  it('refuses newcomers at the bound of state, while open sessions go on', () => {
    const free = () => {
      const status = network.validators[0]?.enclave.handle('status', {});
      return (status?.maxStateBytes ?? 0) - (status?.stateBytes ?? 0);
    };
    for (let row = 0; free() >= 16_384 && row < 40; row++) {
      const size = Math.min(60_000, Math.floor((free() - 15_000) / 2));
      expect(perform(callOf('counter', 'fill', { key: `full${row}-`, rows: 1, size })).outcome).toMatchObject({
        kind: 'ok',
      });
    }
    const newcomer = new TestWallet(network.target, 50);
    const opening = newcomer.open(network.soon);
    expect(outcome(newcomer, run(opening), opening)).toEqual({ kind: 'failed', code: 'STATE_FULL' });
    expect(perform(callOf('counter', 'add', { by: 1 })).outcome).toMatchObject({ kind: 'ok' });
  });
});
