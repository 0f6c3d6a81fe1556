/**
 * Reading and writing the WebAssembly binary format, as much of it as the metering pass needs: LEB128, sections, and
 * the length of every instruction of the core set plus saturating truncation and bulk memory (spec, chapter 5).
 * Anything else (SIMD, threads, exceptions, tail calls, garbage collection) is refused.
 */

/** A growing byte buffer with the number encodings of the format. */
export class ByteWriter {
  private bytes: Uint8Array = new Uint8Array(1024);
  private used = 0;

  get length(): number {
    return this.used;
  }

  private reserve(count: number): void {
    if (this.used + count <= this.bytes.length) return;
    const grown = new Uint8Array(Math.max(this.bytes.length * 2, this.used + count));
    grown.set(this.bytes.subarray(0, this.used));
    this.bytes = grown;
  }

  byte(...values: number[]): this {
    this.reserve(values.length);
    for (const value of values) this.bytes[this.used++] = value;
    return this;
  }

  raw(bytes: Uint8Array): this {
    this.reserve(bytes.length);
    this.bytes.set(bytes, this.used);
    this.used += bytes.length;
    return this;
  }

  /** Unsigned LEB128. */
  unsigned(value: number): this {
    let rest = value;
    while (rest > 0x7f) {
      this.byte((rest & 0x7f) | 0x80);
      rest >>>= 7;
    }
    return this.byte(rest);
  }

  /** Signed LEB128. */
  signed(value: number): this {
    let rest = value;
    while (rest < -64 || rest > 63) {
      this.byte((rest & 0x7f) | 0x80);
      rest >>= 7;
    }
    return this.byte(rest & 0x7f);
  }

  /** A vector of bytes: its length, then the bytes. */
  sized(bytes: Uint8Array): this {
    return this.unsigned(bytes.length).raw(bytes);
  }

  finish(): Uint8Array {
    return this.bytes.slice(0, this.used);
  }
}

/** A cursor over bytes of the format. */
export class ByteReader {
  readonly bytes: Uint8Array;
  at: number;

  constructor(bytes: Uint8Array, at = 0) {
    this.bytes = bytes;
    this.at = at;
  }

  byte(): number {
    const value = this.bytes[this.at++];
    if (value === undefined) throw new RangeError('The WebAssembly module ends too early.');
    return value;
  }

  /** LEB128 of at most 32 bits, unsigned. */
  unsigned(): number {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const next = this.byte();
      value |= (next & 0x7f) << shift;
      if (next < 0x80) return value >>> 0;
    }
  }

  /** LEB128 of at most 33 bits, signed; only small values occur where the pass reads one. */
  signed(): number {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const next = this.byte();
      value |= (next & 0x7f) << shift;
      if (next < 0x80) return shift < 25 && (next & 0x40) !== 0 ? value | (-1 << (shift + 7)) : value;
    }
  }

  skipNumber(): void {
    let next = this.byte();
    while (next >= 0x80) next = this.byte();
  }

  take(count: number): Uint8Array {
    const part = this.bytes.subarray(this.at, this.at + count);
    if (part.length !== count) throw new RangeError('The WebAssembly module ends too early.');
    this.at += count;
    return part;
  }
}

/** One section of a module. */
export interface Section {
  readonly id: number;
  readonly body: Uint8Array;
}

const HEADER = Uint8Array.of(0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00);

/** Splits a module into its sections. */
export function readSections(module: Uint8Array): Section[] {
  const reader = new ByteReader(module);
  if (HEADER.some((value) => reader.byte() !== value)) throw new TypeError('Not a WebAssembly module of version 1.');
  const sections: Section[] = [];
  while (reader.at < module.length) {
    const id = reader.byte();
    sections.push({ id, body: reader.take(reader.unsigned()) });
  }
  return sections;
}

/** Puts sections together again. */
export function writeSections(sections: readonly Section[]): Uint8Array {
  const writer = new ByteWriter().raw(HEADER);
  for (const { id, body } of sections) writer.byte(id).sized(body);
  return writer.finish();
}

/** Opcodes the pass treats specially. */
export const opcode = {
  unreachable: 0x00,
  block: 0x02,
  loop: 0x03,
  if: 0x04,
  else: 0x05,
  end: 0x0b,
  br: 0x0c,
  brIf: 0x0d,
  brTable: 0x0e,
  return: 0x0f,
  call: 0x10,
  callIndirect: 0x11,
  localGet: 0x20,
  localSet: 0x21,
  globalGet: 0x23,
  globalSet: 0x24,
  memorySize: 0x3f,
  memoryGrow: 0x40,
  i32Const: 0x41,
  i64Const: 0x42,
  prefix: 0xfc,
} as const;

/** Operations behind the 0xfc prefix. */
export const prefixed = { memoryCopy: 10, memoryFill: 11 } as const;

function skipPrefixed(reader: ByteReader): void {
  const operation = reader.unsigned();
  if (operation <= 7) return;
  if (operation === prefixed.memoryCopy) reader.take(2);
  else if (operation === prefixed.memoryFill) reader.take(1);
  else throw new TypeError(`WebAssembly operation 0xfc ${operation} is not supported.`);
}

/** Moves the reader over the immediates of an instruction whose opcode was just read. */
export function skipImmediates(reader: ByteReader, code: number): void {
  if (code === opcode.block || code === opcode.loop || code === opcode.if) reader.skipNumber();
  else if (code === opcode.br || code === opcode.brIf || code === opcode.call) reader.skipNumber();
  else if (code === opcode.brTable) for (let count = reader.unsigned() + 1; count > 0; count -= 1) reader.skipNumber();
  else if (code === opcode.callIndirect) {
    reader.skipNumber();
    reader.skipNumber();
  } else if (code >= opcode.localGet && code <= opcode.globalSet) reader.skipNumber();
  else if (code >= 0x28 && code <= 0x3e) {
    reader.skipNumber();
    reader.skipNumber();
  } else if (code === opcode.memorySize || code === opcode.memoryGrow) reader.byte();
  else if (code === opcode.i32Const || code === opcode.i64Const) reader.skipNumber();
  else if (code === 0x43) reader.take(4);
  else if (code === 0x44) reader.take(8);
  else if (code === opcode.prefix) skipPrefixed(reader);
  else if (!isPlain(code)) throw new TypeError(`WebAssembly opcode 0x${code.toString(16)} is not supported.`);
}

function isPlain(code: number): boolean {
  if (code <= 0x01 || code === opcode.else || code === opcode.end || code === opcode.return) return true;
  return code === 0x1a || code === 0x1b || (code >= 0x45 && code <= 0xc4);
}
