/**
 * One instance of the metered interpreter: instantiation with the smallest possible imports, memory images, and moving
 * strings across. It has no clock, no randomness, no environment and no files; whatever the module asks for of those is
 * answered by a constant or ends the execution. After `restore` the instance is bit for bit what the image was.
 */
import type { FailureCode } from './execution.ts';
import { fail } from './exit.ts';
import { layout, type InterpreterExports } from './interpreter-exports.ts';
import { MEMORY_PAGES } from './limits.ts';

/** A copy of everything mutable inside an instance. */
export interface MemoryImage {
  readonly statics: Uint8Array;
  readonly heap: Uint8Array;
  readonly breakPointer: number;
  readonly stackPointer: number;
}

/** Tags of the interpreter's values: the upper half of each 64-bit value (NaN boxing, 32-bit build). */
export const tag = {
  bigInteger: -9,
  string: -7,
  rope: -6,
  object: -1,
  integer: 0,
  boolean: 1,
  undefined: 3,
  exception: 6,
  float: 8,
} as const;

type HostCallback = (argumentCount: number, argumentsAt: number) => number;

const STRING_HEADER_BYTES = 16;
/** Upper half of JS_FLOAT64_TAG_ADDEND: doubles are stored minus this, which keeps them clear of the tags. */
const FLOAT_TAG_ADDEND = 0x7ff8_000a;
const SCRATCH_BYTES = 4096;
// biome-ignore lint/suspicious/noControlCharactersInRegex: U+0000 cannot pass through a C string
const NEEDS_PATCH = /[^\u0001-\u007f]/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: the whole of Latin-1 is meant
const BEYOND_LATIN1 = /[^\u0000-\u00ff]/;
const FIRST_WIDE_UTF8 = [0xc4, 0x80] as const;
const FILLER = 0x78;
const WASI_BAD_DESCRIPTOR = 8;

/** A metered interpreter instance. */
export class Interpreter {
  readonly api: InterpreterExports;
  /** Called when a contract calls the host function; the arguments lie in memory. Returns a value pointer or 0. */
  onHostCall: HostCallback = () => fail('BAD_HOST_CALL');
  context = 0;
  private readonly bytes: Buffer;
  private readonly words: Int32Array;
  private readonly float = new DataView(new ArrayBuffer(8));
  private readonly stackTop: number;
  private scratch = 0;

  constructor(module: WebAssembly.Module) {
    const memory = new WebAssembly.Memory({ initial: MEMORY_PAGES, maximum: MEMORY_PAGES });
    const instance = new WebAssembly.Instance(module, { a: { a: memory, ...this.imports() } });
    this.api = instance.exports as unknown as InterpreterExports;
    this.bytes = Buffer.from(memory.buffer);
    this.words = new Int32Array(memory.buffer);
    this.stackTop = this.api.stackPointer.value;
    if (this.stackTop !== layout.heapBase || this.word(layout.breakPointer) !== layout.heapBase) {
      throw new TypeError('The interpreter module does not have the pinned memory layout.');
    }
  }

  private imports(): Record<string, (...values: never[]) => unknown> {
    const broken = (): never => fail('CONTRACT_ERROR');
    return {
      b: broken, // __assert_fail
      c: () => WASI_BAD_DESCRIPTOR, // fd_write
      d: () => WASI_BAD_DESCRIPTOR, // fd_close
      e: () => 0, // environ_get
      f: (count: number, size: number) => {
        this.words[count >> 2] = 0; // environ_sizes_get: nothing there
        this.words[size >> 2] = 0;
        return 0;
      },
      g: broken, // module loader: normalise
      h: broken, // module loader: load
      i: () => 0, // interrupt handler
      j: () => 0, // setitimer
      k: () => fail('OUT_OF_MEMORY'), // emscripten_resize_heap: memory has a fixed size
      l: () => undefined, // runtime_keepalive_clear
      m: broken, // localtime
      n: broken, // tzset
      o: () => WASI_BAD_DESCRIPTOR, // fd_seek
      p: () => 0, // date_now: only seeds Math.random, which is removed
      q: broken, // abort
      r: broken, // proc_exit
      s: (_context: number, _self: number, count: number, values: number) => this.onHostCall(count, values),
      t: () => undefined, // freeHostRef
    };
  }

  /** The signed 32-bit word at an address. */
  word(address: number): number {
    return this.words[address >> 2] ?? 0;
  }

  setWord(address: number, value: number): void {
    this.words[address >> 2] = value;
  }

  setGas(gas: number): void {
    this.api.gas.value = BigInt(gas);
  }

  /** Gas left; negative when it ran out. */
  gasLeft(): number {
    return Number(this.api.gas.value);
  }

  /** Takes gas for work done outside; ends the execution when it runs out. */
  charge(gas: number): void {
    const left = this.api.gas.value - BigInt(gas);
    this.api.gas.value = left;
    if (left < 0n) fail('OUT_OF_GAS');
  }

  /** Most bytes of shadow stack used since the last restore. */
  stackUsed(): number {
    return this.stackTop - this.api.stackLow.value;
  }

  /** Bytes by which the heap grew beyond an image; each costs one gas, since the next restore has to clear them. */
  grownBytes(image: MemoryImage): number {
    return Math.max(0, this.word(layout.breakPointer) - image.breakPointer);
  }

  /** Allocates the buffer that short strings pass through; called once, before the first image is taken. */
  allocateScratch(): void {
    this.scratch = this.api.v(SCRATCH_BYTES);
  }

  /** Copies everything mutable. The shadow stack must be empty. */
  capture(): MemoryImage {
    const breakPointer = this.word(layout.breakPointer);
    return {
      statics: Uint8Array.prototype.slice.call(this.bytes, 0, layout.staticEnd),
      heap: Uint8Array.prototype.slice.call(this.bytes, layout.heapBase, breakPointer),
      breakPointer,
      stackPointer: this.api.stackPointer.value,
    };
  }

  /** Puts the instance back to an image, whatever ran since, including after a trap. */
  restore(image: MemoryImage): void {
    const { bytes, api } = this;
    const used = this.word(layout.breakPointer);
    bytes.fill(0, api.stackLow.value, this.stackTop);
    if (used > image.breakPointer) bytes.fill(0, image.breakPointer, used);
    bytes.set(image.statics, 0);
    bytes.set(image.heap, layout.heapBase);
    api.stackPointer.value = image.stackPointer;
    api.stackLow.value = this.stackTop;
    api.depth.value = 0;
  }

  /** Tag of the value at an address. */
  tagAt(value: number): number {
    return this.word(value + 4);
  }

  /** The number at an address, or undefined if the value is no number. */
  numberAt(value: number): number | undefined {
    const kind = this.tagAt(value);
    if (kind === tag.integer) return this.word(value);
    if (kind >= tag.bigInteger && kind <= tag.float) return undefined;
    this.float.setInt32(0, kind + FLOAT_TAG_ADDEND);
    this.float.setInt32(4, this.word(value));
    return this.float.getFloat64(0);
  }

  /** Writes a number value at an address. */
  writeNumber(address: number, value: number): void {
    const small = value === (value | 0) && !Object.is(value, -0);
    this.float.setFloat64(0, value);
    this.setWord(address, small ? value : this.float.getInt32(4));
    this.setWord(address + 4, small ? tag.integer : this.float.getInt32(0) - FLOAT_TAG_ADDEND);
  }

  /** The text of a string value, exactly (lone surrogates and U+0000 included); undefined if it is no string. */
  stringAt(value: number, maximum: number, whenLonger: FailureCode): string | undefined {
    const kind = this.tagAt(value);
    if (kind === tag.string) return this.readString(this.word(value), maximum, whenLonger);
    if (kind !== tag.rope) return undefined;
    // Asking for the C string makes a rope flat: its left part then is the whole text.
    this.api.R(this.context, this.api.$(this.context, value));
    return this.readString(this.word(this.word(value) + STRING_HEADER_BYTES), maximum, whenLonger);
  }

  private readString(pointer: number, maximum: number, whenLonger: FailureCode): string {
    const header = this.word(pointer + 4);
    const length = header & 0x7fff_ffff;
    if (length > maximum) fail(whenLonger);
    const start = pointer + STRING_HEADER_BYTES;
    return header < 0
      ? this.bytes.toString('utf16le', start, start + 2 * length)
      : this.bytes.toString('latin1', start, start + length);
  }

  /** Creates a string value with exactly this text and returns its pointer. */
  newString(text: string): number {
    if (!NEEDS_PATCH.test(text))
      return this.newStringFrom(text.length, (at) => void this.bytes.write(text, at, text.length, 'latin1'));
    // The C interface takes zero-terminated UTF-8. A filler of the right length and width is made, then overwritten.
    const wide = BEYOND_LATIN1.test(text);
    const size = wide ? text.length + 1 : text.length;
    const value = this.newStringFrom(size, (at) => {
      this.bytes.fill(FILLER, at, at + size);
      if (wide) this.bytes.set(FIRST_WIDE_UTF8, at);
    });
    const pointer = this.word(value);
    const expected = wide ? text.length | 0x8000_0000 : text.length;
    if (this.tagAt(value) !== tag.string || this.word(pointer) !== 1 || this.word(pointer + 4) !== expected) {
      throw new TypeError('The interpreter does not lay out strings as pinned.');
    }
    if (wide) this.bytes.write(text, pointer + STRING_HEADER_BYTES, 2 * text.length, 'utf16le');
    else this.bytes.write(text, pointer + STRING_HEADER_BYTES, text.length, 'latin1');
    return value;
  }

  /** Gives `write` room for `size` bytes and a final zero, then makes a string value of them. */
  private newStringFrom(size: number, write: (at: number) => void): number {
    return this.withBytes(size, write, (at) => this.api._(this.context, at));
  }

  /** Lends zero-terminated bytes inside the memory to `use`. */
  withBytes(size: number, write: (at: number) => void, use: (at: number) => number): number {
    const large = size >= SCRATCH_BYTES;
    const at = large ? this.api.v(size + 1) : this.scratch;
    if (at === 0) fail('OUT_OF_MEMORY');
    write(at);
    this.bytes[at + size] = 0;
    const result = use(at);
    if (large) this.api.M(at);
    return result;
  }

  /** Lends UTF-8 text inside the memory to `use`, with its length in bytes. */
  withUtf8(text: string, use: (at: number, size: number) => number): number {
    const encoded = Buffer.from(text, 'utf8');
    return this.withBytes(
      encoded.length,
      (at) => this.bytes.set(encoded, at),
      (at) => use(at, encoded.length),
    );
  }
}
