/** The same inputs give the same outcome, gas included: in any instance, in any order, in the enclave's jail. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { build } from 'esbuild';
import { describe, expect, it } from 'vitest';
import type { ContractVm } from '../../../enclave/runtime/vm/contract-vm.ts';
import { bundle, loadVm, MapHost, metered, run } from './runtime.ts';

const WORK = bundle(`{
  mixed(n, host) {
    const seen = new Map(); let text = '';
    for (let i = 0; i < n; i++) { seen.set({ i }, i); seen.set('k' + i % 7, i); text += String.fromCharCode(97 + i % 26); }
    host(1, 'text', text); host(1, 'float', String(Math.sin(n) * Math.exp(0.1) / 3)); 
    return [seen.size, text.length, /[aeiou]+/g.exec(text)?.[0], (7n ** 300n % 1000007n).toString(), [3, 1, 2].sort(), host(0, 'text').length, host(4, 8)];
  },
  allocate(n) { const all = []; for (let i = 0; i < n; i++) all.push(new Uint8Array(100000).fill(i)); return all.length; },
  loop() { for (;;); },
  deep() { const f = () => f(); f(); },
  nested() { let a = []; for (let i = 0; i < 2e4; i++) a = [a]; return JSON.stringify(a); },
  text() { const o = { toString() { return '' + o } }; return '' + o; },
  parse: () => JSON.parse('['.repeat(1e5)),
  hog() { const all = []; for (;;) all.push(new Uint8Array(1e6)); },
  context: (_, host, context) => context,
}`);

function outcomes(vm: ContractVm, order: readonly string[]): Map<string, string> {
  const image = vm.prepare(WORK);
  const found = new Map<string, string>();
  for (const name of order) {
    const [method = '', args = 'null'] = name.split(' ');
    const host = new MapHost();
    const result = run(vm, image, method, { host, args: JSON.parse(args), gas: 1e8 });
    const text = JSON.stringify([result, [...host.state]]);
    expect(found.get(name) ?? text).toBe(text);
    found.set(name, text);
  }
  return found;
}

describe('outcomes', () => {
  const names = ['mixed 50', 'loop', 'mixed 200', 'deep', 'allocate 100', 'hog', 'context', 'mixed 50', 'allocate 1'];

  it('do not depend on the instance, nor on what ran before', () => {
    const vm = loadVm();
    const first = outcomes(vm, names);
    expect(outcomes(vm, names.toReversed())).toEqual(new Map([...first].toReversed()));
    expect(Object.fromEntries(outcomes(loadVm(), [...names.slice(4), ...names.slice(0, 4)]))).toEqual(
      Object.fromEntries(first),
    );
    expect(first.get('mixed 50')).toContain('"status":"ok"');
  });

  it('do not depend on other contracts in the same instance', () => {
    const vm = loadVm();
    const image = vm.prepare(WORK);
    const alone = run(vm, image, 'mixed', { args: 30 });
    const other = vm.prepare(bundle(`{ fill() { globalThis.big = 'z'.repeat(3e6); return 'filled' } }`));
    expect(run(vm, other, 'fill').status).toBe('ok');
    expect(run(vm, image, 'mixed', { args: 30 })).toEqual(alone);
    expect(vm.prepare(WORK)).toEqual(image);
  });

  it('carry the request exactly', () => {
    const vm = loadVm();
    const outcome = run(vm, vm.prepare(WORK), 'context');
    expect(outcome).toMatchObject({ result: JSON.stringify(['aa'.repeat(32), 7, 1_790_000_000_123, 'bb'.repeat(32)]) });
  });

  it('are pinned: these numbers change only with the interpreter, the pass or the prices', () => {
    const vm = loadVm();
    const outcome = run(vm, vm.prepare(WORK), 'mixed', { args: 50 });
    expect(outcome).toEqual({
      status: 'ok',
      result: '[57,50,"a","587449",[1,2,3],50,"5a5a5a5a5a5a5a5a"]',
      gasUsed: 649_844,
    });
  });
});

describe('in the jail', () => {
  it('runs from one file without files, network or code generation, in half of the usual stack', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'cloister-vm-'));
    try {
      await writeFile(join(folder, 'metered.wasm'), metered);
      const source = `
        import wasm from ${JSON.stringify(join(folder, 'metered.wasm'))};
        import { ContractVm } from ${JSON.stringify(fileURLToPath(new URL('../../../enclave/runtime/vm/contract-vm.ts', import.meta.url)))};
        const vm = ContractVm.load(wasm);
        const image = vm.prepare(${JSON.stringify(WORK)});
        const host = { get: (k) => host.state.get(k), set: (k, v) => host.state.set(k, v), random: (n) => '5a'.repeat(n), state: new Map() };
        const context = { caller: 'aa'.repeat(32), height: 7, timeMs: 1790000000123, transactionId: 'bb'.repeat(32) };
        const run = (method, args) => vm.run(image, { entry: 'call', method, args, context }, host, 1e9);
        const deep = ['deep', 'nested', 'text', 'parse'].map((method) => run(method, 'null').code);
        process.stdout.write(JSON.stringify({ deep, mixed: run('mixed', '50') }));`;
      await build({
        stdin: { contents: source, resolveDir: fileURLToPath(new URL('.', import.meta.url)), loader: 'ts' },
        outfile: join(folder, 'jailed.mjs'),
        bundle: true,
        format: 'esm',
        platform: 'node',
        loader: { '.wasm': 'binary' },
        logLevel: 'silent',
      });
      const flags = [
        '--permission',
        `--allow-fs-read=${folder}`,
        '--no-addons',
        '--disallow-code-generation-from-strings',
      ];
      const { stdout } = await promisify(execFile)(
        process.execPath,
        [...flags, '--disable-proto=delete', join(folder, 'jailed.mjs')],
        { env: {} },
      );
      const vm = loadVm();
      expect(JSON.parse(stdout)).toEqual({
        deep: Array.from({ length: 4 }, () => 'STACK_OVERFLOW'),
        mixed: run(vm, vm.prepare(WORK), 'mixed', { args: 50 }),
      });
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
