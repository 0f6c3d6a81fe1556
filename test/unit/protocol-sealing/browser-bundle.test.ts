/** The browser build of the sealing code has no Node-only import and makes the very bytes that Node makes. */
import { build } from 'esbuild';
import { describe, expect, it } from 'vitest';
import * as nativeSeal from '../../../protocol/envelope-seal.ts';
import type * as nativeHpke from '../../../protocol/hpke.ts';
import {
  alice,
  callOf,
  chainId,
  epochKey,
  expiryHeight,
  keyEpoch,
  opened,
  randomness,
  replyKeyPair,
} from './fixtures.ts';

type Browser = typeof nativeSeal & Pick<typeof nativeHpke, 'hpkeKeyPair'>;

const loadBrowserBuild = async (): Promise<Browser> => {
  const { outputFiles } = await build({
    stdin: {
      contents: "export * from './protocol/envelope-seal.ts'; export { hpkeKeyPair } from './protocol/hpke.ts';",
      resolveDir: process.cwd(),
      loader: 'ts',
    },
    bundle: true,
    write: false,
    format: 'esm',
    platform: 'browser',
    conditions: ['browser'],
    logLevel: 'silent',
  });
  const code = outputFiles[0]?.text ?? '';
  expect(code).not.toMatch(/from\s*["']node:|require\(["']node:/);
  return (await import(`data:text/javascript;base64,${Buffer.from(code).toString('base64')}`)) as Browser;
};

describe('browser build', () => {
  it('seals the same bytes as Node, which an enclave opens', async () => {
    const browser = await loadBrowserBuild();
    const epochPublicKey = browser.hpkeKeyPair(
      'x-wing',
      Uint8Array.from({ length: 32 }, (_, i) => i + 1),
    ).publicKey;
    expect(epochPublicKey).toEqual(epochKey.publicKey);
    const target = { chainId, keyEpoch, suite: 'x-wing', epochPublicKey } as const;
    const request = { replyKey: replyKeyPair.publicKey, expiryHeight, sessionExpiryHeight: expiryHeight };
    const here = nativeSeal.sealSessionOpen(target, alice, request, randomness());
    const there = browser.sealSessionOpen(target, alice, request, randomness());
    expect(there.bytes).toEqual(here.bytes);
    expect(opened(there.bytes).verdict).toBe('session-opening');
    const call = { call: callOf(), expiryHeight };
    expect(browser.sealSessionCall(target, there.session, call).bytes).toEqual(
      nativeSeal.sealSessionCall(target, here.session, call).bytes,
    );
  });
});
