/** Hostile contracts: each attack ends with its code, cannot be caught, and leaves the runtime as it was. */
import { beforeAll, describe, expect, it } from 'vitest';
import type { ContractImage, ContractVm } from '../../../enclave/runtime/vm/contract-vm.ts';
import { ContractCodeError, HostFailure, HostRefusal } from '../../../enclave/runtime/vm/execution.ts';
import { bundle, loadVm, MapHost, run } from './runtime.ts';

const METHODS = `{
  ok: () => ({ answer: 42 }),
  loop() { for (;;); },
  catchAll() { for (;;) { try { for (;;); } catch { } finally { continue } } },
  promiseLoop() { const f = () => Promise.resolve().then(f); for (;;) f(); },
  regexBomb: () => /^(a+)+$/.test('a'.repeat(50) + 'b'),
  repeat() { let n = 0; for (;;) n += 'x'.repeat(1e7).length; },
  bigPower() { for (;;) 3n ** 200000n; },
  jsonBomb() { const text = '[' + '1,'.repeat(1e5) + '1]'; for (;;) JSON.parse(text); },
  sortBomb: () => Array.from({ length: 1e6 }, (_, i) => -i).sort((a, b) => a - b),
  recursion() { const f = () => f() + 1; return f(); },
  recursionCaught() { const f = () => { try { f() } catch { } finally { f() } }; f(); return 'caught'; },
  viaToString() { const o = { toString() { return '' + o } }; return '' + o; },
  viaReplace() { const f = () => 'a'.replace(/a/, f); return f(); },
  viaSort() { const f = () => [2, 1].sort(f); return f(); },
  viaProxy() { let p = {}; for (let i = 0; i < 1e5; i++) p = new Proxy(p, {}); return p.x; },
  viaStringify() { let a = []; for (let i = 0; i < 1e5; i++) a = [a]; return JSON.stringify(a); },
  viaParse: () => JSON.parse('['.repeat(1e5)),
  viaEval: () => (0, eval)('('.repeat(1e5)),
  viaEvalUnary: () => (0, eval)('!'.repeat(1e5) + '1'),
  viaRegExp: () => new RegExp('(?:'.repeat(1e5)),
  allocate() { const all = []; for (;;) all.push(new Uint8Array(1e6)); },
  allocateCaught() { const all = []; for (;;) { try { all.push(new Uint8Array(1e6)) } catch { } } },
  allocateStrings() { const all = []; for (;;) all.push('x'.repeat(1e6) + all.length); },
  allocateOnce: () => new ArrayBuffer(2 ** 31 - 8).byteLength,
  repeatOnce: () => 'x'.repeat(2 ** 30 - 1).length,
  hugeResult: () => 'x'.repeat(2_000_000),
  hugeRope() { let s = 'x'.repeat(1000); while (s.length < 1e6) s = s + s; return s + 'y' + s; },
  notAString: () => 1,
  throws() { throw new Error('balance of alice is 17'); },
  throwsHostile() { throw { get name() { throw 1 }, toString() { for (;;); } }; },
}`;

let vm: ContractVm;
let image: ContractImage;
let normal: ReturnType<typeof run>;
beforeAll(() => {
  vm = loadVm();
  image = vm.prepare(bundle(METHODS));
  normal = run(vm, image, 'ok');
});

const attacks: readonly (readonly [string, string])[] = [
  ...['loop', 'catchAll', 'promiseLoop', 'regexBomb', 'repeat', 'bigPower', 'jsonBomb', 'sortBomb'].map(
    (name) => [name, 'OUT_OF_GAS'] as const,
  ),
  ...['recursion', 'recursionCaught', 'viaToString', 'viaReplace', 'viaSort', 'viaProxy', 'viaParse', 'viaEval'].map(
    (name) => [name, 'STACK_OVERFLOW'] as const,
  ),
  ...['viaEvalUnary', 'viaRegExp'].map((name) => [name, 'STACK_OVERFLOW'] as const),
  ...['allocate', 'allocateCaught', 'allocateOnce', 'repeatOnce'].map((name) => [name, 'OUT_OF_MEMORY'] as const),
  ['hugeResult', 'RESULT_TOO_LARGE'],
  ['hugeRope', 'RESULT_TOO_LARGE'],
  ['throws', 'CONTRACT_ERROR'],
  ['throwsHostile', 'CONTRACT_ERROR'],
];

describe('attacks', () => {
  it.each(attacks)('%s ends as %s and leaves no trace', (method, code) => {
    const first = run(vm, image, method);
    expect(first).toMatchObject({ status: 'failed', code });
    expect(run(vm, image, 'ok')).toEqual(normal);
    expect(run(vm, image, method)).toEqual(first);
  });

  it('deep nesting of data ends by gas or depth', () => {
    expect(run(vm, image, 'viaStringify', { gas: 1e10 })).toMatchObject({ status: 'failed', code: 'STACK_OVERFLOW' });
    expect(run(vm, image, 'allocateStrings', { gas: 1e11 })).toMatchObject({ status: 'failed', code: 'OUT_OF_MEMORY' });
    expect(run(vm, image, 'ok')).toEqual(normal);
  });

  it('says nothing but the code unless asked for diagnostics', async () => {
    const { ContractVm } = await import('../../../enclave/runtime/vm/contract-vm.ts');
    const { metered } = await import('./runtime.ts');
    const quiet = ContractVm.load(metered);
    const failure = run(quiet, quiet.prepare(bundle(METHODS)), 'throws');
    expect(failure).toEqual({ status: 'failed', code: 'CONTRACT_ERROR', gasUsed: failure.gasUsed });
    expect(JSON.stringify(run(vm, image, 'throws'))).toContain('alice');
  });

  it('stops exactly at the limit', () => {
    expect(run(vm, image, 'ok', { gas: normal.gasUsed })).toEqual(normal);
    expect(run(vm, image, 'ok', { gas: normal.gasUsed - 1 })).toEqual({
      status: 'failed',
      code: 'OUT_OF_GAS',
      gasUsed: normal.gasUsed - 1,
    });
    expect(run(vm, image, 'ok', { gas: 0 })).toMatchObject({ code: 'OUT_OF_GAS', gasUsed: 0 });
    expect(run(vm, image, 'ok', { gas: 1e14 })).toEqual(normal);
  });
});

describe('the guest realm', () => {
  it('has no clock, randomness, timers, console, process or loader', () => {
    const names = `{ names: () => ['Date','SharedArrayBuffer','Atomics','performance','setTimeout','setInterval','queueMicrotask','console',
      'print','process','require','std','os','fetch','WebAssembly','WeakRef','FinalizationRegistry','__cloisterHost','__cloisterDispatch'
      ].filter((name) => name in globalThis).concat('random' in Math ? ['random'] : []),
      imported: () => { import('std').then(() => { throw 1 }); return 'started'; } }`;
    const probe = vm.prepare(bundle(names));
    expect(run(vm, probe, 'names')).toMatchObject({ status: 'ok', result: '[]' });
    expect(run(vm, probe, 'imported').status).not.toBe('refused');
    expect(run(vm, probe, 'names')).toMatchObject({ status: 'ok', result: '[]' });
  });

  it('keeps eval and Function inside', () => {
    const probe = vm.prepare(
      bundle(`{ direct: () => eval('1+1'), built: () => Function('return typeof globalThis.process')(),
        escape: () => (() => {}).constructor.constructor('return this')() === globalThis }`),
    );
    expect(run(vm, probe, 'direct')).toMatchObject({ result: '2' });
    expect(run(vm, probe, 'built')).toMatchObject({ result: 'undefined' });
    expect(run(vm, probe, 'escape')).toMatchObject({ result: 'true' });
  });

  it('forgets every tampering with the next call', () => {
    const probe = vm.prepare(
      bundle(`{ read: (_, host) => host(0, 'key') ?? 'none', count: () => globalThis.count = (globalThis.count ?? 0) + 1,
        tamper() { JSON.parse = () => ({ stolen: true }); JSON.stringify = () => 'stolen'; Object.prototype.then = 1;
          methods.read = () => 'stolen'; Function.prototype.call = () => 'stolen'; String.prototype.toString = () => 'stolen';
          globalThis.__cloisterHost = () => 'stolen'; globalThis.__cloisterDispatch = () => 'stolen';
          Object.setPrototypeOf(host, null); host.apply = 1; Object.freeze(methods); return 'done'; } }`),
    );
    const host = new MapHost();
    host.set('key', 'value');
    const before = run(vm, probe, 'read', { host });
    expect(before).toMatchObject({ status: 'ok', result: 'value' });
    expect(run(vm, probe, 'tamper', { host })).toMatchObject({ status: 'ok', result: 'done' });
    expect(run(vm, probe, 'read', { host })).toEqual(before);
    expect([run(vm, probe, 'count'), run(vm, probe, 'count')]).toMatchObject([{ result: '1' }, { result: '1' }]);
  });
});

describe('host calls', () => {
  const calls = `{ any: (list, host) => list.map((one) => host(...one) ?? null), none: (_, host) => host(),
    values: ({ what }, host) => host(...({ object: [0, {}], symbol: [0, Symbol()], hostile: [0, { toString: () => 'key' }], float: [0.5, 'a'],
      bigint: [0n, 'a'], nan: [NaN], missing: [1, 'key'], infinite: [4, Infinity], negative: [4, -1], nothing: [3, 'a', 'b', 1] })[what]),
    swallow: (list, host) => { try { host(...list) } catch { return 'caught' } finally { try { host(1, 'after', 'x') } catch { } } return 'went on' },
    flood: (_, host) => { for (;;) host(0, 'x') }, outputs: (_, host) => { for (;;) host(6, 'n', '1') },
    longKey: (_, host) => host(0, 'k'.repeat(2000)), ropeKey: (_, host) => host(1, 'a'.repeat(600) + 'b'.repeat(300), 'ok'),
    longValue: (_, host) => host(1, 'k', 'v'.repeat(300000)) }`;
  let probe: ContractImage;
  beforeAll(() => {
    probe = vm.prepare(bundle(calls));
  });

  it.each(['object', 'symbol', 'hostile', 'float', 'bigint', 'nan', 'missing', 'infinite', 'nothing'])(
    'refuse %s arguments',
    (what) => {
      expect(run(vm, probe, 'values', { args: { what } })).toMatchObject({ status: 'failed', code: 'BAD_HOST_CALL' });
    },
  );
  it('refuse unknown operations and none', () => {
    for (const list of [[[99]], [[-1]], [[11]], [[10]]])
      expect(run(vm, probe, 'any', { args: list })).toMatchObject({ code: 'BAD_HOST_CALL' });
    expect(run(vm, probe, 'none')).toMatchObject({ code: 'BAD_HOST_CALL' });
  });
  it('bound keys, values, outputs and randomness', () => {
    expect(run(vm, probe, 'longKey')).toMatchObject({ code: 'LIMIT_EXCEEDED' });
    expect(run(vm, probe, 'longValue')).toMatchObject({ code: 'LIMIT_EXCEEDED' });
    expect(run(vm, probe, 'outputs')).toMatchObject({ code: 'LIMIT_EXCEEDED' });
    expect(run(vm, probe, 'values', { args: { what: 'negative' } })).toMatchObject({ code: 'LIMIT_EXCEEDED' });
    expect(run(vm, probe, 'any', { args: [[4, 5000]] })).toMatchObject({ code: 'LIMIT_EXCEEDED' });
  });
  it('join the parts of a key, each bounded and of a kind that sorts', () => {
    const host = new MapHost();
    const parts = ['a\u0000b', 0, 31, 32, 2 ** 53 - 1, ''];
    expect(run(vm, probe, 'any', { host, args: [[1, 'p', 'v', ...parts]] }).status).toBe('ok');
    const key = 'p"a\u0000\uffffb\u0000#A0#Av#B10#K7vvvvvvvvvv"\u0000';
    expect([...host.state]).toEqual([[key, 'v']]);
    const asked = run(vm, probe, 'any', {
      host,
      args: [
        [0, 'p', ...parts],
        [10, 'p', ...parts],
        [2, 'p', ...parts],
      ],
    });
    expect(asked).toMatchObject({ status: 'ok', result: JSON.stringify(['v', key, null]) });
    expect(host.state.size).toBe(0);
    for (const bad of [-1, 0.5, 2 ** 53, null, true, {}])
      expect(run(vm, probe, 'any', { args: [[0, 'p', 'a', bad]] })).toMatchObject({ code: 'BAD_HOST_CALL' });
    for (const many of [Array.from({ length: 400 }, () => 7), ['x'.repeat(1022)]])
      expect(run(vm, probe, 'any', { args: [[0, 'p', ...many]] })).toMatchObject({ code: 'LIMIT_EXCEEDED' });
  });
  it('cost gas', () => {
    expect(run(vm, probe, 'flood')).toMatchObject({ code: 'OUT_OF_GAS', gasUsed: 1e9 });
  });
  it('take joined strings', () => {
    const host = new MapHost();
    expect(run(vm, probe, 'ropeKey', { host }).status).toBe('ok');
    expect([...host.state.keys()]).toEqual(['a'.repeat(600) + 'b'.repeat(300)]);
  });
  it('write nothing in a query, whatever the host thinks', () => {
    for (const list of [
      [1, 'k', 'v'],
      [2, 'k'],
      [4, 5],
      [5, 'k', '1'],
      [6, 'k', '1'],
      [7, 'r', undefined, true],
    ]) {
      const host = new MapHost();
      const outcome = run(vm, probe, 'swallow', { host, args: list, entry: 'query' });
      if (list[0] !== 7) expect(outcome).toMatchObject({ status: 'failed', code: 'READ_ONLY' });
      expect(host.state.size + host.effects.length).toBe(0);
    }
  });
  it('end the execution when the host refuses or fails, caught or not', () => {
    const host = new MapHost();
    host.get = () => {
      throw new HostRefusal('unknown_recipient', '{"x":1}');
    };
    expect(run(vm, probe, 'swallow', { host, args: [0, 'k'] })).toMatchObject({
      status: 'refused',
      reason: 'unknown_recipient',
      detail: '{"x":1}',
      keepAudit: false,
    });
    host.get = () => {
      throw new HostFailure('STATE_FULL');
    };
    expect(run(vm, probe, 'swallow', { host, args: [0, 'k'] })).toMatchObject({ status: 'failed', code: 'STATE_FULL' });
    expect(host.state.size).toBe(0);
    host.get = () => {
      throw new RangeError('a defect of the host');
    };
    expect(() => run(vm, probe, 'swallow', { host, args: [0, 'k'] })).toThrow('a defect of the host');
    expect(run(vm, image, 'ok')).toEqual(normal);
  });
});

describe('preparing', () => {
  const failing: readonly (readonly [string, string, string])[] = [
    ['syntax', 'function (', 'CONTRACT_ERROR'],
    ['an error', 'throw new Error("x")', 'CONTRACT_ERROR'],
    ['no contract', '1', 'NO_CONTRACT'],
    ['a number as contract', 'globalThis.__cloisterDispatch = 5', 'NO_CONTRACT'],
    ['a loop', 'for (;;);', 'OUT_OF_GAS'],
    ['an allocation', 'const a = []; for (;;) a.push(new Uint8Array(1e6))', 'OUT_OF_MEMORY'],
    ['recursion', '(function f() { f() })()', 'STACK_OVERFLOW'],
    ['a host call', '__cloisterHost(0, "key")', 'BAD_HOST_CALL'],
    ['too much code', ' '.repeat(3 * 1024 * 1024), 'CODE_TOO_LARGE'],
    [
      'a getter as contract',
      'Object.defineProperty(globalThis, "__cloisterDispatch", { get() { for (;;); } })',
      'OUT_OF_GAS',
    ],
  ];
  it.each(failing)('%s fails cleanly', (_name, code, expected) => {
    let thrown: unknown;
    try {
      vm.prepare(code);
    } catch (cause) {
      thrown = cause;
    }
    expect(thrown).toBeInstanceOf(ContractCodeError);
    expect(thrown).toMatchObject({ code: expected });
    expect(run(vm, image, 'ok')).toEqual(normal);
  });
});
