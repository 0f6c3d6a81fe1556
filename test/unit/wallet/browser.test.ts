/** The wallet as a browser gets it: bundled without Node's modules, run with web globals only, against a real server. */
import { build } from 'esbuild';
import { fileURLToPath } from 'node:url';
import { createContext, runInContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { ApiServer } from '../../../node/api/server.ts';
import { silentLogger } from '../../../node/logger.ts';
import { pageGlobals } from '../../support/page-globals.ts';
import { TinyService } from '../../support/tiny-service.ts';
import { TinyNetwork } from '../../support/tiny-enclave.ts';

const entry = fileURLToPath(new URL('../../../wallet/index.ts', import.meta.url));

const bundle = async (): Promise<{ readonly text: string; readonly inputs: readonly string[] }> => {
  const result = await build({
    entryPoints: [entry],
    bundle: true,
    write: false,
    platform: 'browser',
    format: 'iife',
    globalName: 'cloister',
    target: 'es2024',
    metafile: true,
    logLevel: 'silent',
  });
  return { text: result.outputFiles[0]?.text ?? '', inputs: Object.keys(result.metafile.inputs) };
};

const page = `(async () => {
  const { connect, createAccount, verifyReceipt } = cloister;
  const network = await connect({ url, chainId });
  const account = createAccount();
  const session = await network.openSession(account);
  const done = await session.call('counter', 'add', { amount: 3 });
  const answer = await session.query('counter', 'total');
  const file = JSON.parse(JSON.stringify(done.receipt));
  const valid = verifyReceipt(file, chainId, done.transactionId);
  file.receipt = file.receipt.replace(/..$/, (end) => (end === '00' ? '01' : '00'));
  const changed = verifyReceipt(file, chainId, done.transactionId);
  return JSON.stringify({ total: done.result.total, asked: answer.result.total, valid: valid.verdict, changed: changed.verdict });
})()`;

describe('the browser build', () => {
  it('contains nothing of Node', async () => {
    const { text, inputs } = await bundle();
    expect(text).not.toMatch(/(?:from|require\(|import\()\s*["']node:/u);
    expect(inputs.filter((input) => input.includes('native.ts') || input.startsWith('node:'))).toEqual([]);
    expect(inputs.filter((input) => /^(?:node|ledger|enclave|consensus|testnet|cli)\//u.test(input))).toEqual([]);
    expect(text.length).toBeLessThan(1_000_000);
  });

  it('connects, calls, asks and verifies with web globals only', async () => {
    const tiny = new TinyNetwork();
    await using server = await ApiServer.start({
      service: new TinyService(tiny),
      log: silentLogger(),
      host: '127.0.0.1',
      port: 0,
    });
    const context = createContext({ ...pageGlobals(), url: `http://127.0.0.1:${server.port}`, chainId: tiny.chainId });
    runInContext((await bundle()).text, context);
    const seen = JSON.parse(await (runInContext(page, context) as Promise<string>)) as object;
    expect(seen).toEqual({ total: 3, asked: 3, valid: 'valid', changed: 'invalid' });
  });
});
