/** A host that lies at the boundary: each lie is refused with its code and leaves the state as it was. */
import { beforeAll, describe, expect, it } from 'vitest';
import type { EnclaveErrorCode } from '../../../enclave/boundary/errors.ts';
import {
  decodeReply,
  decodeRequest,
  encodeRefusal,
  encodeReply,
  encodeRequest,
} from '../../../enclave/boundary/messages.ts';
import type { Enclave } from '../../../enclave/runtime/enclave.ts';
import { blockId } from '../../../protocol/consensus/header.ts';
import { type ChainId, height, view } from '../../../protocol/brand.ts';
import { signResultStatement } from '../../../protocol/result.ts';
import { counterContract } from '../../support/counter-contract.ts';
import {
  EnclaveNetwork,
  type ExecutedHeight,
  restoring,
  seededBytes,
  type TestBlock,
  testSigner,
} from '../../support/enclave-network.ts';
import { callOf, TestWallet } from '../../support/test-wallet.ts';

describe('a lying host', () => {
  const member = testSigner(1);
  let network: EnclaveNetwork;
  let wallet: TestWallet;
  let enclave: Enclave;
  let next: TestBlock;

  beforeAll(async () => {
    network = (await EnclaveNetwork.create({ members: [member], parameters: { maxBlockTransactions: 3 } })).provision();
    wallet = new TestWallet(network.target, 1, member);
    const deploy = wallet.call(
      callOf('system', 'deploy', { name: 'counter', code: counterContract, init: null }),
      network.soon,
    );
    network.execute(network.block([deploy.bytes, wallet.open(network.soon).bytes]));
    enclave = network.validators[0]?.enclave ?? network.newEnclave(1);
    next = network.block([wallet.sessionCall(callOf('counter', 'add', { by: 1 }), network.soon).bytes]);
  });

  const refused = (code: EnclaveErrorCode, attempt: () => unknown): void => {
    const before = enclave.handle('status', {});
    expect(attempt).toThrow(expect.objectContaining({ code }));
    const { heapBytes: _, ...after } = enclave.handle('status', {});
    expect(after).toEqual({
      ...after,
      stateRoot: before.stateRoot,
      height: before.height,
      blockHash: before.blockHash,
      state: 'ready',
    });
  };
  const executeRefused = (code: EnclaveErrorCode, block: TestBlock) =>
    refused(code, () => enclave.handle('execute', block));

  it('cannot pass off a certificate of another chain', () => {
    const chainId = 'ab'.repeat(32) as ChainId;
    const header = network.header(next.body, network.position, { chainId });
    executeRefused('WRONG_CHAIN', { ...next, headers: [header], finalization: network.finalize(header) });
    const foreign = {
      ...next,
      finalization: network.finalize(
        network.header(next.body),
        [0, 1, 2],
        [0, 1, 2].map((i) => seededBytes(i)(32)),
      ),
    };
    executeRefused('NOT_FINAL', foreign);
  });

  it('cannot leave out or forge signatures', () => {
    const [header] = next.headers;
    if (header === undefined) throw new TypeError('no header');
    executeRefused('NOT_FINAL', { ...next, finalization: network.finalize(header, [0, 1]) });
    executeRefused('NOT_FINAL', { ...next, finalization: { ...next.finalization, kind: 'notarize' } });
    executeRefused('NOT_FINAL', {
      ...next,
      finalization: { ...next.finalization, signatures: next.finalization.signatures.slice(64) },
    });
    executeRefused('NOT_FINAL', { ...next, finalization: { ...next.finalization, bitmap: Uint8Array.of(0xff) } });
    executeRefused('NOT_FINAL', { ...next, headers: [{ ...header, timeMs: header.timeMs + 1 }] });
  });

  it('cannot change the order, skip, or replay blocks', () => {
    const [header] = next.headers;
    if (header === undefined) throw new TypeError('no header');
    const later = { id: blockId(header), height: header.height, view: header.view, timeMs: header.timeMs };
    const second = network.header([], later);
    executeRefused('HEIGHT_SKIPPED', { headers: [second], finalization: network.finalize(second), body: [] });
    const orphan = network.header(next.body, network.position, { parentHash: blockId(second) });
    executeRefused('WRONG_ORDER', { ...next, headers: [orphan], finalization: network.finalize(orphan) });
    const { header: done } = network.executed[0] ?? { header };
    executeRefused('BLOCK_REPLAYED', { ...next, headers: [done] });
  });

  it('cannot change the body', () => {
    const other = wallet.call(callOf('counter', 'add', { by: 100 }), network.soon).bytes;
    executeRefused('BODY_CHANGED', { ...next, body: [other] });
    executeRefused('BODY_CHANGED', { ...next, body: [...next.body, other] });
    executeRefused('BODY_CHANGED', { ...next, body: [] });
    // Signed by a quorum and yet wrong, so an enclave of its own: for this one it would be a fork.
    const caughtUp = network.restart(2);
    for (const executed of network.executed) caughtUp.handle('restore', restoring(executed));
    expect(() => caughtUp.handle('execute', network.block([other, other]))).toThrow(
      expect.objectContaining({ code: 'BODY_CHANGED' }),
    );
  });

  it('cannot hand in more than the genesis allows', () => {
    const many = Array.from({ length: 4 }, () => wallet.call(callOf('counter', 'add', { by: 1 }), network.soon).bytes);
    const caughtUp = network.restart(2);
    for (const executed of network.executed) caughtUp.handle('restore', restoring(executed));
    expect(() => caughtUp.handle('execute', network.block(many))).toThrow(
      expect.objectContaining({ code: 'BLOCK_TOO_LARGE' }),
    );
    expect(caughtUp.handle('status', {})).toMatchObject({ state: 'ready', height: 1 });
  });

  it('gets typed refusals for malformed messages', () => {
    const good = encodeRequest(7, 'execute', next);
    const random = seededBytes(3);
    for (let trial = 0; trial < 200; trial++) {
      const bytes = Uint8Array.from(good);
      const at = 5 + ((random(1)[0] ?? 0) % (bytes.length - 5));
      bytes[at] = (bytes[at] ?? 0) ^ (1 + ((random(1)[0] ?? 0) % 255));
      const decoded = decodeRequest(bytes);
      expect(decoded.id).toBe(7);
      if (decoded.kind === 'execute') expect(() => enclave.handle('execute', decoded.request)).toThrow();
    }
    expect(decodeRequest(new Uint8Array(3))).toEqual({ kind: 'malformed', id: 0 });
    expect(decodeRequest(Uint8Array.of(0, 0, 0, 9, 99, 1))).toEqual({ kind: 'malformed', id: 9 });
    expect(decodeRequest(good.subarray(0, good.length - 1)).kind).toBe('malformed');
    const status = enclave.handle('status', {});
    expect(decodeReply('status', encodeReply(1, 'status', status))).toEqual(status);
    expect(() => decodeReply('status', encodeRefusal(1, 'NOT_FINAL'))).toThrow(
      expect.objectContaining({ code: 'NOT_FINAL' }),
    );
    expect(status.state).toBe('ready');
  });

  it('cannot ask out of place, greet twice, or bind to another network', async () => {
    const fresh = network.newEnclave(99);
    for (const kind of ['admit', 'execute'] as const) {
      const request = kind === 'admit' ? { envelopes: [] } : next;
      expect(() => fresh.handle(kind, request)).toThrow(expect.objectContaining({ code: 'REQUEST_OUT_OF_PLACE' }));
    }
    const { processorSecret, processorCertificate } = network.validators[0] ?? {
      processorSecret: new Uint8Array(32),
      processorCertificate: new Uint8Array(),
    };
    refused('REQUEST_OUT_OF_PLACE', () =>
      enclave.handle('hello', { processorSecret, processorCertificate, sealedIdentity: undefined }),
    );
    const other = await EnclaveNetwork.create({ seed: 2 });
    refused('WRONG_CHAIN', () => enclave.handle('provision', network.provisioning({ genesis: other.genesisBytes })));
  });

  it('cannot restore a wrong history', () => {
    const restored = network.restart(3);
    const [first] = network.executed;
    if (first === undefined) throw new TypeError('nothing executed');
    const attempt = (changes: Partial<typeof first>, code: EnclaveErrorCode) => {
      const before = restored.handle('status', {});
      expect(() => restored.handle('restore', restoring({ ...first, ...changes }))).toThrow(
        expect.objectContaining({ code }),
      );
      expect(restored.handle('status', {})).toEqual(before);
    };
    const { statement } = first.certificate;
    attempt({ header: { ...first.header, height: height(2) } }, 'HEIGHT_SKIPPED');
    attempt({ header: { ...first.header, view: view(9) } }, 'NOT_FINAL');
    attempt(
      {
        certificate: {
          ...first.certificate,
          statement: { ...statement, stateRoot: 'cd'.repeat(32) as typeof statement.stateRoot },
        },
      },
      'NOT_FINAL',
    );
    attempt(
      { certificate: { ...first.certificate, validatorSignatures: first.certificate.enclaveSignatures } },
      'NOT_FINAL',
    );
    attempt(
      { sealedWriteSet: first.sealedWriteSet.map((byte, i) => (i === 40 ? byte ^ 1 : byte)) },
      'WRITE_SET_REFUSED',
    );
    expect(signResultStatement(statement, new Uint8Array(32)).length).toBe(64);
    expect(restored.handle('restore', restoring(first))).toMatchObject({ height: 1, fresh: false });
    expect(() => restored.handle('restore', restoring(first))).toThrow(
      expect.objectContaining({ code: 'BLOCK_REPLAYED' }),
    );
  });

  it('cannot restore a wrong history behind a true certificate', async () => {
    const other = (await EnclaveNetwork.create({ members: [member], seed: 3 })).provision();
    const caller = new TestWallet(other.target, 1, member);
    const deploy = callOf('system', 'deploy', { name: 'counter', code: counterContract, init: null });
    other.execute(other.block([caller.call(deploy, other.soon).bytes, caller.open(other.soon).bytes]));
    for (let block = 0; block < 3; block++)
      other.execute(other.block([caller.sessionCall(callOf('counter', 'add', { by: 1 }), other.soon).bytes]));
    const [one, two, three, four] = other.executed;
    if (one === undefined || two === undefined || three === undefined || four === undefined)
      throw new TypeError('too little executed');
    const restored = other.restart(3);
    const attempt = (code: EnclaveErrorCode, ...history: readonly ExecutedHeight[]) => {
      const before = restored.handle('status', {});
      expect(() => restored.handle('restore', restoring(...history))).toThrow(expect.objectContaining({ code }));
      expect(restored.handle('status', {})).toEqual(before);
    };
    attempt('HEIGHT_SKIPPED', one, three, four);
    attempt('BLOCK_REPLAYED', one, two, two);
    attempt('HEIGHT_SKIPPED', two, one);
    attempt('WRONG_ORDER', one, { ...two, header: { ...two.header, view: view(77) } }, three);
    attempt('WRITE_SET_REFUSED', one, { ...two, sealedWriteSet: three.sealedWriteSet }, three);
    attempt('WRITE_SET_REFUSED', one, two, { ...three, sealedWriteSet: two.sealedWriteSet });
    attempt('NOT_FINAL', one, two, { ...three, certificate: two.certificate });
    expect(() => restored.handle('restore', { kind: 'blocks', blocks: [], certificate: one.certificate })).toThrow(
      expect.objectContaining({ code: 'BLOCK_MALFORMED' }),
    );
    expect(restored.handle('restore', restoring(one, two, three, four))).toMatchObject({ height: 4 });
  });

  it('stops for good when shown a fork', () => {
    const victim = network.validators[1]?.enclave ?? enclave;
    const { header } = network.executed[0] ?? { header: network.header([]) };
    const fork = { ...header, view: view(header.view + 1) };
    const shown = { headers: [fork], finalization: network.finalize(fork), body: [] };
    expect(() => victim.handle('execute', shown)).toThrow(expect.objectContaining({ code: 'CHAIN_CONFLICT' }));
    expect(() => victim.handle('execute', next)).toThrow(expect.objectContaining({ code: 'FAIL_STOP' }));
    expect(victim.handle('status', {}).state).toBe('failed');
  });

  it('gets the block executed once it tells the truth', () => {
    expect(enclave.handle('execute', next)).toMatchObject({ height: 2 });
  });
});
