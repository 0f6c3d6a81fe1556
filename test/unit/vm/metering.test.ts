/** The metering pass on small modules, where gas can be counted by hand, and on the interpreter itself. */
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { METERED_MODULE_SHA256 } from '../../../enclave/runtime/vm/interpreter-exports.ts';
import { buildInterpreter } from '../../../enclave/runtime/vm/interpreter-build.ts';
import { meterModule } from '../../../enclave/runtime/vm/metering.ts';
import { ByteReader, ByteWriter, writeSections } from '../../../enclave/runtime/vm/wasm-binary.ts';
import { findRecursive, readModule } from '../../../enclave/runtime/vm/wasm-module.ts';
import { metered, quickJs } from './runtime.ts';

const I32 = 0x7f;
const ENTRY = 4;
const STACK_TOP = 4096;
const OPTIONS = { maxDepth: 10, maxStackBytes: 1024, stackPointer: 0 };

interface Exports {
  readonly f: (n: number) => number;
  readonly gas: WebAssembly.Global<'i64'>;
  readonly depth: WebAssembly.Global<'i32'>;
  readonly stackLow: WebAssembly.Global<'i32'>;
}

/** A module with a memory, a stack pointer, and functions i32 -> i32 that all stand in the table; `f` is the first. */
function moduleOf(...bodies: (readonly number[])[]): Uint8Array<ArrayBuffer> {
  const vector = (items: readonly Uint8Array[]): Uint8Array =>
    items.reduce((writer, item) => writer.raw(item), new ByteWriter().unsigned(items.length)).finish();
  const code = bodies.map((body) => new ByteWriter().sized(Uint8Array.of(1, 1, I32, ...body, 0x0b)).finish());
  const indexes = bodies.map((_, index) => Uint8Array.of(index));
  return writeSections([
    { id: 1, body: Uint8Array.of(1, 0x60, 1, I32, 1, I32) },
    { id: 2, body: Uint8Array.of(1, 1, 0x61, 1, 0x61, 2, 0, 1) },
    { id: 3, body: vector(bodies.map(() => Uint8Array.of(0))) },
    { id: 4, body: Uint8Array.of(1, 0x70, 0, bodies.length) },
    { id: 6, body: new ByteWriter().byte(1, I32, 1, 0x41).signed(STACK_TOP).byte(0x0b).finish() },
    { id: 7, body: Uint8Array.of(1, 1, 0x66, 0, 0) },
    { id: 9, body: new ByteWriter().byte(1, 0, 0x41, 0, 0x0b).raw(vector(indexes)).finish() },
    { id: 10, body: vector(code) },
  ]) as Uint8Array<ArrayBuffer>;
}

function instantiate(module: Uint8Array): Exports {
  const memory = new WebAssembly.Memory({ initial: 1 });
  const instance = new WebAssembly.Instance(new WebAssembly.Module(module as Uint8Array<ArrayBuffer>), {
    a: { a: memory },
  });
  return instance.exports as unknown as Exports;
}

function spent(exports: Exports, n: number, limit = 1_000_000): number {
  exports.gas.value = BigInt(limit);
  exports.f(n);
  return limit - Number(exports.gas.value);
}

// while (n != 0) { n = n - 1; sum = sum + n } return sum
const LOOP = [
  0x03, 0x40, 0x20, 0, 0x04, 0x40, 0x20, 0, 0x41, 1, 0x6b, 0x22, 0, 0x20, 1, 0x6a, 0x21, 1, 0x0c, 1, 0x0b, 0x0b, 0x20,
  1,
];
// if (n == 0) return 7; return f(n - 1)
const RECURSION = [0x20, 0, 0x45, 0x04, 0x40, 0x41, 7, 0x0f, 0x0b, 0x20, 0, 0x41, 1, 0x6b, 0x10, 0];

describe('gas', () => {
  it('counts every instruction executed, block by block', () => {
    const { f, ...rest } = instantiate(meterModule(moduleOf(LOOP), OPTIONS));
    expect(f(5)).toBe(10);
    const exports = { f, ...rest };
    // per turn: local.get, if | local.get, const, sub, tee, local.get, add, set, br; at the end: local.get
    expect(spent(exports, 0)).toBe(ENTRY + 2 + 1);
    expect(spent(exports, 1)).toBe(ENTRY + 2 + 8 + 2 + 1);
    expect(spent(exports, 100)).toBe(ENTRY + 100 * 10 + 2 + 1);
  });
  it('traps below zero and takes more than 2^32', () => {
    const exports = instantiate(meterModule(moduleOf(LOOP), OPTIONS));
    expect(() => spent(exports, 1000, 5000)).toThrow(WebAssembly.RuntimeError);
    expect(exports.gas.value).toBeLessThan(0n);
    expect(spent(exports, 1000, 1e14)).toBe(ENTRY + 1000 * 10 + 2 + 1);
  });
  it('counts alike where gas is held in a local between calls', () => {
    // while (n != 0) { n = n - 1; drop(g(n)) } return 0, once with g and once with a g that ends the execution
    const calling = [
      0x03, 0x40, 0x20, 0, 0x04, 0x40, 0x20, 0, 0x41, 1, 0x6b, 0x22, 0, 0x10, 1, 0x1a, 0x0c, 1, 0x0b, 0x0b, 0x41, 0,
    ];
    const turn = 2 + 7;
    const constant = instantiate(meterModule(moduleOf(calling, [0x41, 5]), OPTIONS));
    expect(spent(constant, 0)).toBe(ENTRY + 2 + 1);
    expect(spent(constant, 50)).toBe(ENTRY + 50 * (turn + ENTRY + 1) + 2 + 1);
    const ending = instantiate(meterModule(moduleOf(calling, [0x00]), OPTIONS));
    ending.gas.value = 1_000n;
    expect(() => ending.f(1)).toThrow(WebAssembly.RuntimeError);
    expect(ending.gas.value).toBe(1_000n - BigInt(ENTRY + turn + ENTRY + 1));
    expect(() => spent(constant, 1000, 5000)).toThrow(WebAssembly.RuntimeError);
    expect(constant.gas.value).toBeLessThan(0n);
  });
  it('charges memory.copy and memory.fill by length', () => {
    const fill = instantiate(meterModule(moduleOf([0x41, 0, 0x41, 1, 0x20, 0, 0xfc, 11, 0, 0x41, 0]), OPTIONS));
    const copy = instantiate(meterModule(moduleOf([0x41, 0, 0x41, 1, 0x20, 0, 0xfc, 10, 0, 0, 0x41, 0]), OPTIONS));
    for (const exports of [fill, copy]) {
      expect(spent(exports, 1000) - spent(exports, 0)).toBe(1000);
      expect(() => spent(exports, 60_000, 50_000)).toThrow(WebAssembly.RuntimeError);
    }
  });
});

describe('depth', () => {
  it('limits recursion and comes back to zero', () => {
    const exports = instantiate(meterModule(moduleOf(RECURSION), OPTIONS));
    expect(exports.f(9)).toBe(7);
    expect(exports.depth.value).toBe(0);
    expect(() => exports.f(10)).toThrow(WebAssembly.RuntimeError);
    expect(exports.depth.value).toBe(11);
  });
  it('is counted only where the call graph has a cycle, table calls included', () => {
    const calls = (index: number): number[] => [0x20, 0, 0x10, index];
    const indirect = [0x20, 0, 0x20, 0, 0x11, 0, 0];
    expect(findRecursive(readModule(moduleOf(calls(1), calls(2), LOOP)))).toEqual(new Set());
    expect(findRecursive(readModule(moduleOf(calls(1), calls(2), calls(1))))).toEqual(new Set([1, 2]));
    expect(findRecursive(readModule(moduleOf(calls(1), indirect)))).toEqual(new Set([0, 1]));
  });
});

describe('the shadow stack', () => {
  it('has a floor and remembers how low it went', () => {
    // stack pointer = stack pointer - n; then back; return 0
    const body = [0x23, 0, 0x20, 0, 0x6b, 0x24, 0, 0x23, 0, 0x20, 0, 0x6a, 0x24, 0, 0x41, 0];
    const exports = instantiate(meterModule(moduleOf(body), OPTIONS));
    exports.f(1000);
    expect(exports.stackLow.value).toBe(STACK_TOP - 1000);
    exports.f(10);
    expect(exports.stackLow.value).toBe(STACK_TOP - 1000);
    expect(() => exports.f(1025)).toThrow(WebAssembly.RuntimeError);
  });
});

describe('the pass', () => {
  it('refuses what it does not know', () => {
    expect(() => meterModule(moduleOf([0xfd, 0x0c]), OPTIONS)).toThrow(TypeError);
    expect(() => meterModule(moduleOf([0xfc, 8, 0, 0]), OPTIONS)).toThrow(TypeError);
    expect(() => meterModule(Uint8Array.of(1, 2, 3), OPTIONS)).toThrow(TypeError);
    expect(() => meterModule(quickJs.subarray(0, 400_000), { ...OPTIONS })).toThrow();
  });
  it('makes the pinned interpreter, the same each time', () => {
    expect(createHash('sha256').update(metered).digest('hex')).toBe(METERED_MODULE_SHA256);
    expect(buildInterpreter(quickJs)).toEqual(metered);
  });
  it('reads and writes numbers of every size', () => {
    for (const value of [0, 1, 63, 64, 127, 128, 8191, 8192, 1 << 20, 5_333_088, 2 ** 31 - 1]) {
      expect(new ByteReader(new ByteWriter().unsigned(value).finish()).unsigned()).toBe(value);
      expect(new ByteReader(new ByteWriter().signed(value).finish()).signed()).toBe(value);
    }
    for (const value of [-1, -64, -65, -8193])
      expect(new ByteReader(new ByteWriter().signed(value).finish()).signed()).toBe(value);
  });
});
