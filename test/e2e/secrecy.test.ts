/**
 * Secrecy of an ordinary run at the most verbose log level: nothing that was called or answered occurs in what the
 * nodes keep, log, count or answer, in any encoding; calls of equal shape have equal length; a repeated call does not
 * look repeated. What nodes tell one another is searched as another operator has it, behind the encryption of the link:
 * a validator's place is taken by one that only listens. (The demo searches every link as its observer sees it.)
 */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { encodedForms } from '../../demo/leak-check/encodings.ts';
import { LocalNetwork } from '../../testnet/local-network.ts';
import { connect, createAccount } from '../../wallet/index.ts';
import { eventually, metricsOf, untilReady, untilSameState } from '../support/live-network.ts';
import { LyingValidator } from '../support/lying-validator.ts';
import { RawClient, resultsOf } from '../support/raw-client.ts';
import { TOKEN, TokenLoad } from '../support/token-load.ts';

const CANARIES = ['canary-token-5b1f', 'canary-transfer-a90c', '918273645546372819', 'canary-unknown-77d2'] as const;
const [TOKEN_CANARY, ID_CANARY, AMOUNT_CANARY, UNKNOWN_CANARY] = CANARIES;

let network: LocalNetwork;
let load: TokenLoad;
/** Every request and answer between the wallets and the nodes. */
const traffic: Uint8Array[] = [];

const recordingFetch = async (url: string, init: RequestInit): Promise<Response> => {
  if (typeof init.body === 'string') traffic.push(Buffer.from(init.body));
  if (init.body instanceof Uint8Array) traffic.push(init.body);
  const response = await fetch(url, init);
  traffic.push(new Uint8Array(await response.clone().arrayBuffer()));
  return response;
};

const LISTENER = 3;

/** A machine in a validator's place that keeps all that it is told, directly and by gossip, and answers nothing. */
const listenIn = async (heard: { readonly direct: Uint8Array[]; readonly gossip: Uint8Array[] }) => {
  const place = network.nodes[LISTENER];
  if (place === undefined) throw new RangeError('no such place');
  await place.stop();
  const peer = await LyingValidator.start({
    home: place.home,
    genesis: network.genesis,
    index: LISTENER,
    // Nobody dials it here, and it dials all but one: that one has a missing link, which gossip heals.
    port: 0,
    peers: network.nodes.slice(1, LISTENER).map(({ name, p2p }) => `${name}@${p2p}`),
  });
  peer.network.setPeerAddress(peer.peerOf(0), undefined);
  peer.network.onMessage((_from, _channel, bytes) => void heard.direct.push(Uint8Array.from(bytes)));
  peer.network.onGossip('certificates', (_from, bytes) => {
    heard.gossip.push(Uint8Array.from(bytes));
    return 'accept';
  });
  return peer;
};

const filesUnder = (directory: string): string[] =>
  readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .map((name) => join(directory, name))
    .filter((path) => statSync(path).isFile());

/** Where a text occurs in any encoding. */
const occurrences = (text: string, places: readonly (readonly [name: string, content: Uint8Array])[]): string[] => {
  const forms = encodedForms(text);
  return places.flatMap(([name, content]) =>
    forms
      .filter(({ bytes }) => Buffer.from(content.buffer, content.byteOffset, content.byteLength).includes(bytes))
      .map(({ encoding }) => `${encoding} in ${name}`),
  );
};

beforeAll(async () => {
  network = await LocalNetwork.start({ logLevel: 'trace' });
  load = await TokenLoad.prepare(network, 2);
});

afterAll(async () => {
  await network?.[Symbol.asyncDispose]();
});

describe('an ordinary run', () => {
  it('leaves nothing readable in files, logs, metrics and answers', async () => {
    const { account } = network.account('dev-1');
    const wallet = await connect({ urls: network.apis, chainId: network.chainId, fetch: recordingFetch });
    const session = await wallet.openSession(account);
    const opening = [{ holder: account.publicKey, amount: AMOUNT_CANARY }];
    await session.call('token', 'issue', { id: ID_CANARY, token: TOKEN_CANARY, opening });
    await session.call('token', 'transfer', {
      id: `${ID_CANARY}-2`,
      token: TOKEN_CANARY,
      to: createAccount().publicKey,
      amount: '1',
    });
    await session.query('token', 'balance', { token: TOKEN_CANARY });
    await wallet.query(account, 'token', 'supply', { token: TOKEN_CANARY });
    await expect(
      session.call('token', 'transfer', {
        id: 'x',
        token: UNKNOWN_CANARY,
        to: account.publicKey,
        amount: AMOUNT_CANARY,
      }),
    ).rejects.toMatchObject({
      code: 'CALL_REFUSED',
    });
    await expect(session.call(UNKNOWN_CANARY, ID_CANARY, {})).rejects.toMatchObject({ code: 'CALL_FAILED' });
    await untilSameState(network);
    const metrics = await Promise.all(network.nodes.map(metricsOf));
    const documents = await Promise.all(
      ['/v1/status', '/v1/network', '/v1/blocks/1', '/v1/openapi.json'].map(async (path) =>
        (await fetch(`${network.apis[0]}${path}`)).text(),
      ),
    );
    await Promise.all(network.nodes.map((node) => node.stop()));
    const places = [
      ...filesUnder(network.directory).map((path) => [path, readFileSync(path)] as const),
      ...[...metrics, ...documents].map((text, index) => [`document ${index}`, Buffer.from(text)] as const),
      ...traffic.map((bytes, index) => [`traffic ${index}`, bytes] as const),
    ];
    expect(places.length).toBeGreaterThan(40);
    for (const canary of CANARIES) expect(occurrences(canary, places)).toEqual([]);
    // The search finds what is there: the chain id in the genesis, the logs in their files.
    expect(occurrences(network.chainId, places).length).toBeGreaterThan(0);
    expect(occurrences('block executed', places).length).toBeGreaterThan(0);
    await Promise.all(network.nodes.map((node) => node.start()));
    await network.waitUntilReady();
  });
});

describe('what a node tells the others', () => {
  it('holds nothing readable, whether it comes directly or by gossip', async () => {
    const heard = { direct: [] as Uint8Array[], gossip: [] as Uint8Array[] };
    const peer = await listenIn(heard);
    await eventually(network, 'the listener is told', () => peer.network.connectedPeers().length === LISTENER - 1);
    const { account } = network.account('dev-1');
    const wallet = await connect({ urls: network.apis.slice(0, LISTENER), chainId: network.chainId });
    const session = await wallet.openSession(account);
    const transfer = { token: TOKEN_CANARY, to: createAccount().publicKey, amount: '1' };
    const sent: string[] = [];
    await eventually(network, 'calls are told directly, certificates by gossip', async () => {
      const id = `${ID_CANARY}-told-${sent.length}`;
      sent.push((await session.call('token', 'transfer', { ...transfer, id })).transactionId);
      return heard.direct.length > 0 && heard.gossip.length > 0;
    });
    const places = [
      ...heard.direct.map((bytes, index) => [`direct message ${index}`, bytes] as const),
      ...heard.gossip.map((bytes, index) => [`gossip ${index}`, bytes] as const),
    ];
    for (const canary of [...CANARIES, transfer.to]) expect(occurrences(canary, places)).toEqual([]);
    // It did hear of the calls: their envelopes or ids came by.
    expect(heard.direct.reduce((sum, { length }) => sum + length, 0)).toBeGreaterThan(500);
    await peer[Symbol.asyncDispose]();
    await network.nodes[LISTENER]?.start();
    await untilReady(network);
  });
});

describe('calls from outside', () => {
  it('equal shapes have equal length, and a repeated call looks like another one', async () => {
    const client = await RawClient.connect(network.apis[0] ?? '', network.chainId);
    const expiry = load.network.height + 1_000;
    const { opening, call } = client.openSession(expiry);
    const to = createAccount().publicKey;
    const transfer = (number: number, id: string, amount: string): Uint8Array =>
      call(number, 'transfer', { id, token: TOKEN, to, amount }, 'token').bytes;
    const envelopes = [
      transfer(0, 'a', '1'),
      transfer(1, 'b', '7'),
      transfer(2, 'a', '1'),
      transfer(3, 'a-much-longer-identifier', '999999999999'),
    ];
    expect(new Set(envelopes.map(({ length }) => length)).size).toBe(1);
    const sealed = [
      client.call('token', 'transfer', { id: 'a' }, expiry).bytes,
      client.call('token', 'transfer', { id: 'a' }, expiry).bytes,
    ];
    expect(new Set(sealed.map(({ length }) => length)).size).toBe(1);
    const tailOf = (bytes: Uint8Array | undefined): string =>
      Buffer.from(bytes ?? [])
        .subarray(-300)
        .toString('hex');
    expect(tailOf(envelopes[0])).not.toBe(tailOf(envelopes[2]));
    expect(tailOf(sealed[0])).not.toBe(tailOf(sealed[1]));
    resultsOf(await client.submit(opening.bytes));
    const results = resultsOf(await client.submit(...envelopes.slice(0, 2)));
    const shapes = new Set(
      results.map(({ receipt, outputs }) => `${receipt.length} ${outputs.map(({ length }) => length).join()}`),
    );
    expect(shapes.size).toBe(1);
    expect(results[0]?.outputs).not.toEqual(results[1]?.outputs);
  });
});
