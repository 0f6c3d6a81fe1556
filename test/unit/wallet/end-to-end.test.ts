/** The wallet against the real HTTP server over a tiny network: every proof is genuine, every joint is the real one. */
import { afterEach, describe, expect, it } from 'vitest';
import { ApiServer } from '../../../node/api/server.ts';
import { silentLogger } from '../../../node/logger.ts';
import {
  connect,
  createAccount,
  type Account,
  type CallResult,
  type Network,
  type Session,
  verifyReceipt,
} from '../../../wallet/index.ts';
import { type Behaviour, TinyService } from '../../support/tiny-service.ts';
import { TinyNetwork } from '../../support/tiny-enclave.ts';

const open: AsyncDisposable[] = [];

afterEach(async () => {
  for (const resource of open.splice(0).reverse()) await resource[Symbol.asyncDispose]();
});

interface Node {
  readonly url: string;
  readonly service: TinyService;
  readonly server: ApiServer;
}

const startNode = async (network: TinyNetwork, behaviour: Behaviour = {}): Promise<Node> => {
  const service = new TinyService(network, behaviour);
  const server = await ApiServer.start({ service, log: silentLogger(), host: '127.0.0.1', port: 0 });
  open.push(server);
  return { url: `http://127.0.0.1:${server.port}`, service, server };
};

const start = async (
  behaviour: Behaviour = {},
): Promise<{ tiny: TinyNetwork; node: Node; network: Network; account: Account; session: Session }> => {
  const tiny = new TinyNetwork();
  const node = await startNode(tiny, behaviour);
  const network = await connect({ url: node.url, chainId: tiny.chainId });
  const account = createAccount();
  return { tiny, node, network, account, session: await network.openSession(account) };
};

const codeOf = async (attempt: Promise<unknown>): Promise<string> => {
  try {
    await attempt;
  } catch (error) {
    return (error as { code: string }).code;
  }
  return 'none';
};

describe('a call', () => {
  it('comes back with its opened result and a receipt that verifies offline', async () => {
    const { tiny, session, account } = await start();
    const done = await session.call<{ total: number; caller: string }>('counter', 'add', { amount: 5 });
    expect(done.result).toEqual({ total: 5, caller: account.publicKey });
    expect(done.simulated).toBe(true);
    const file: unknown = JSON.parse(JSON.stringify(done.receipt));
    expect(verifyReceipt(file, tiny.chainId, done.transactionId)).toMatchObject({ verdict: 'valid', simulated: true });
    expect(verifyReceipt(file, tiny.chainId.replace(/^./u, '0') as typeof tiny.chainId).verdict).toBe('invalid');
  });

  it('travels with the calls of the same turn in one request', async () => {
    const { node, session } = await start();
    const results = await Promise.all(
      Array.from({ length: 300 }, () => session.call<{ total: number }>('counter', 'add', { amount: 1 })),
    );
    expect(results.map(({ result }) => result.total).sort((a, b) => a - b)).toEqual(
      Array.from({ length: 300 }, (_, i) => i + 1),
    );
    expect(node.service.submissions.toSorted((a, b) => a - b)).toEqual([1, 44, 256]);
  });

  it('rejects with the reason when the contract refuses, and shows it to nobody else', async () => {
    const { session } = await start();
    const refusal = await session.call('counter', 'refuse').catch((error: unknown) => error);
    expect(refusal).toMatchObject({ code: 'CALL_REFUSED', reason: 'not_today', detail: { until: 'tomorrow' } });
    expect(JSON.stringify({ ...(refusal as object) })).not.toContain('not_today');
    await expect(session.call('counter', 'nothing')).rejects.toMatchObject({
      code: 'CALL_FAILED',
      failure: 'UNKNOWN_METHOD',
    });
  });

  it('delivers messages that contracts seal to a party', async () => {
    const { network, session } = await start();
    const other = createAccount();
    await network.openSession(other);
    const sent: CallResult = await session.call('counter', 'note', { to: other.publicKey, text: 'for you' });
    expect(sent.outputs).toEqual([]);
    const seen = await network.transaction(sent.transactionId, other);
    expect(seen?.messages).toEqual([{ contract: 'counter', value: 'for you' }]);
  });

  it('waits out a full node and resends the very same envelope', async () => {
    const { node, session } = await start();
    node.service.behaviour.fullTimes = 3;
    await expect(session.call('counter', 'add', { amount: 1 })).resolves.toMatchObject({ result: { total: 1 } });
  });

  it('goes on at the next node when one is gone, and is executed once', async () => {
    const tiny = new TinyNetwork();
    const service = await startNode(tiny);
    const dying = await startNode(tiny);
    const network = await connect({ urls: [dying.url, service.url], chainId: tiny.chainId });
    const session = await network.openSession(createAccount());
    await dying.server[Symbol.asyncDispose]();
    await expect(session.call('counter', 'add', { amount: 1 })).resolves.toMatchObject({ result: { total: 1 } });
  });

  it('says that the outcome is unknown when no result comes in time', async () => {
    const { node, session } = await start();
    node.service.behaviour.hold = true;
    const calling = session.call('counter', 'add', { amount: 1 }, { waitMs: 150 });
    await expect(calling).rejects.toMatchObject({ code: 'OUTCOME_UNKNOWN' });
  });

  it('refuses what is no JSON or too large before anything is sealed', async () => {
    const { node, session } = await start();
    await expect(session.call('counter', 'add', { amount: 5n })).rejects.toMatchObject({ code: 'ARGUMENTS_INVALID' });
    await expect(session.call('counter', 'add', 'x'.repeat(61 * 1024))).rejects.toMatchObject({
      code: 'CALL_TOO_LARGE',
    });
    expect(node.service.submissions).toEqual([1]);
  });
});

describe('a query', () => {
  it('answers with height, state root and time', async () => {
    const { session, tiny } = await start();
    const { height } = await session.call('counter', 'add', { amount: 2 });
    const answer = await session.query<{ total: number }>('counter', 'total');
    expect(answer).toMatchObject({
      result: { total: 2 },
      height,
      stateRoot: tiny.stateRootAt(height),
      simulated: true,
    });
    await expect(session.query('counter', 'nothing')).rejects.toMatchObject({
      code: 'CALL_REFUSED',
      reason: 'no_such_query',
    });
  });

  it('is never older than what was seen, and never of another state', async () => {
    const { session, tiny, node } = await start();
    const first = await session.call('counter', 'add', { amount: 2 });
    await session.call('counter', 'add', { amount: 2 });
    node.service.behaviour.answerRoot = tiny.stateRootAt(first.height);
    await expect(session.query('counter', 'total')).rejects.toMatchObject({ code: 'STATE_CONFLICT' });
    const honest = await startNode(tiny);
    const network = await connect({ urls: [node.url, honest.url], chainId: tiny.chainId });
    const other = await network.openSession(createAccount());
    node.service.behaviour.answerAt = first.height as NonNullable<Behaviour['answerAt']>;
    await expect(other.query('counter', 'total')).resolves.toMatchObject({ height: tiny.head });
  });
});

describe('an account without a session', () => {
  it('makes signed calls and queries', async () => {
    const { tiny, network, account } = await start();
    const done = await network.call<{ total: number; caller: string }>(account, 'counter', 'add', { amount: 4 });
    expect(done.result).toEqual({ total: 4, caller: account.publicKey });
    expect(verifyReceipt(JSON.parse(JSON.stringify(done.receipt)), tiny.chainId)).toMatchObject({ verdict: 'valid' });
    await expect(network.query(account, 'counter', 'total')).resolves.toMatchObject({
      result: { total: 4, caller: account.publicKey },
    });
    await expect(network.call(account, 'counter', 'refuse')).rejects.toMatchObject({
      code: 'CALL_REFUSED',
      reason: 'not_today',
    });
  });
});

describe('a session', () => {
  it('goes on in another process without repeating a number', async () => {
    const { network, account, session } = await start();
    await session.call('counter', 'add', { amount: 1 });
    const text = session.export();
    expect(text).not.toContain(account.publicKey);
    await expect(session.call('counter', 'add')).rejects.toMatchObject({ code: 'SESSION_CLOSED' });
    const resumed = await network.resumeSession(account, text);
    await expect(resumed.call('counter', 'add', { amount: 1 })).resolves.toMatchObject({ result: { total: 2 } });
    expect(await codeOf(network.resumeSession(createAccount(), text))).toBe('SESSION_EXPORT_INVALID');
  });

  it("keeps the numbers in flight within the enclaves' replay window", async () => {
    const { node, session } = await start();
    const calls = Array.from({ length: 2_000 }, () => session.call('counter', 'add', { amount: 1 }));
    node.service.behaviour.hold = true;
    await expect.poll(() => node.service.submissions.reduce((sum, count) => sum + count, 0)).toBe(1 + 960);
    node.service.behaviour.hold = false;
    await expect(Promise.all(calls)).resolves.toHaveLength(2_000);
  });

  it('waits for a node that does not know the session yet', async () => {
    const { node, session } = await start();
    node.service.behaviour.unknownTimes = 2;
    await expect(session.call('counter', 'add', { amount: 1 })).resolves.toMatchObject({ result: { total: 1 } });
  });

  it('reserves numbers in its store before it uses them, also for two processes at once', async () => {
    const { network, account } = await start();
    let record: string | undefined;
    const store = {
      update: async (change: (text: string | undefined) => string) => {
        record = change(record);
      },
    };
    const first = await network.openSession(account, { store });
    const second = await network.resumeSession(account, store);
    const third = await network.resumeSession(account, store);
    const fourth = await network.continueSession(account, store);
    expect(fourth.id).toBe(first.id);
    record = undefined;
    const opened = await network.continueSession(account, store);
    expect(opened.id).not.toBe(first.id);
    const calls = [first, second, third, opened].flatMap((session) => [
      session.call('counter', 'add', { amount: 1 }),
      session.call('counter', 'add', { amount: 1 }),
    ]);
    await expect(Promise.all(calls)).resolves.toHaveLength(8);
  });
});

describe('a lying node', () => {
  const other = new TinyNetwork({ network: 'other' });

  it('cannot pass off another network, evidence, key or platform', async () => {
    const tiny = new TinyNetwork();
    const attempt = async (behaviour: Behaviour, options: object = {}): Promise<string> => {
      const node = await startNode(tiny, behaviour);
      return codeOf(connect({ url: node.url, chainId: tiny.chainId, ...options }));
    };
    expect(await attempt({ genesis: other.genesis })).toBe('NODE_ON_OTHER_CHAIN');
    expect(await attempt({ epochKeys: tiny.epochKeys([0, 1]) })).toBe('EPOCH_KEY_UNPROVEN');
    expect(
      await attempt({ epochKeys: [...tiny.epochKeys([0, 1]), ...tiny.epochKeys([1]), ...tiny.epochKeys([0])] }),
    ).toBe('EPOCH_KEY_UNPROVEN');
    expect(await attempt({ epochKeys: other.epochKeys() })).toBe('EPOCH_KEY_UNPROVEN');
    const forged = new Uint8Array(1216);
    expect(
      await attempt({ epochKeys: [...tiny.epochKeys([0, 1, 2], forged).slice(0, 2), ...tiny.epochKeys([2, 3])] }),
    ).toBe('EPOCH_KEY_UNPROVEN');
    expect(await attempt({}, { policy: { policyClass: 'production' } })).toBe('POLICY_REFUSED');
    expect(await attempt({}, { policy: { policyClass: 'testnet', measurements: ['cd'.repeat(48)] } })).toBe(
      'POLICY_REFUSED',
    );
  });

  it('cannot pass off bad evidence, even with a chain id that fits it', async () => {
    const bent = [
      new TinyNetwork({ evidence: (genuine) => genuine.with(genuine.length - 1, (genuine.at(-1) ?? 0) ^ 1) }),
      new TinyNetwork({ evidence: () => new Uint8Array(3) }),
      new TinyNetwork({ debug: true }),
    ];
    for (const tiny of bent) {
      const node = await startNode(tiny);
      expect(await codeOf(connect({ url: node.url, chainId: tiny.chainId }))).toBe('EVIDENCE_REFUSED');
    }
  });

  it('cannot swap receipts, forge certificates or withhold signatures', async () => {
    const { tiny, node, session } = await start();
    const earlier = tiny.blocks[0]?.transactions[0];
    const lies: NonNullable<Behaviour['bend']>[] = [
      (honest) => ({ ...honest, receipt: earlier?.receipt ?? honest.receipt }),
      (honest) => ({ ...honest, index: honest.index + 1 }),
      (honest) => ({ ...honest, outputs: [] }),
      (honest) => ({ ...honest, outputs: earlier?.outputs ?? [] }),
      (honest) => ({ ...honest, block: { ...honest.block, count: honest.block.count + 1 } }),
      (honest) => {
        const certificate = honest.block.certificate.slice();
        certificate[certificate.length - 1] = (certificate.at(-1) ?? 0) ^ 1;
        return { ...honest, block: { ...honest.block, certificate } };
      },
      (honest) => {
        const { statement } = tiny.blocks.at(-1) ?? { statement: undefined };
        const certificate = statement === undefined ? honest.block.certificate : tiny.certify(statement, [0, 1]);
        return { ...honest, block: { ...honest.block, certificate } };
      },
      (honest) => {
        const { statement } = tiny.blocks.at(-1) ?? { statement: undefined };
        const certificate = statement === undefined ? honest.block.certificate : other.certify(statement);
        return { ...honest, block: { ...honest.block, certificate } };
      },
    ];
    for (const bend of lies) {
      node.service.behaviour.bend = bend;
      expect(await codeOf(session.call('counter', 'add', { amount: 1 }))).toMatch(
        /^(RECEIPT_REFUSED|ANSWER_MALFORMED)$/u,
      );
    }
  });

  it('cannot spoil the proof of a block by claiming another number of receipts', async () => {
    const { tiny, node, network, account, session } = await start();
    node.service.behaviour.bend = (honest) => ({
      ...honest,
      block: { ...honest.block, count: honest.block.count + 1 },
    });
    expect(await codeOf(session.call('counter', 'add', { amount: 1 }))).toBe('RECEIPT_REFUSED');
    delete node.service.behaviour.bend;
    const [executed] = tiny.blocks.at(-1)?.transactions ?? [];
    if (executed === undefined) expect.unreachable('nothing was executed');
    const { transactionId } = executed;
    await expect(network.transaction(transactionId, account)).resolves.toMatchObject({ receipt: { transactionId } });
  });

  it('is left for an honest one', async () => {
    const tiny = new TinyNetwork();
    const honest = await startNode(tiny);
    const liar = await startNode(tiny, { genesis: other.genesis });
    await expect(connect({ urls: [liar.url, honest.url], chainId: tiny.chainId })).resolves.toMatchObject({
      chainId: tiny.chainId,
    });
  });
});
