/**
 * The metering pass: rewrites a WebAssembly module so that it counts its own work.
 * - gas: an i64 global, reduced at the start of every basic block by the number of instructions in it, and tested at
 *   every function entry and loop head; memory.copy and memory.fill cost one per byte. Below zero = trap. Functions
 *   that branch more than they call hold it in a local between calls: the same counts for three quarters of the time.
 * - depth: an i32 global counting active calls of functions that can recurse. Over the limit = trap.
 * - stack: the lowest value the shadow stack pointer had is kept; below the floor = trap.
 * A trap cannot be caught by the code inside. The pass is a pure function of its input, so every build is the same.
 */
import { GasCounter } from './gas-counter.ts';
import { findRecursive, readModule, type FunctionType, type ModuleShape } from './wasm-module.ts';
import {
  ByteReader,
  ByteWriter,
  opcode,
  prefixed,
  skipImmediates,
  writeSections,
  type Section,
} from './wasm-binary.ts';

/** What the pass needs to know about a module. */
export interface MeteringOptions {
  /** Active calls of recursive functions allowed. */
  readonly maxDepth: number;
  /** Index of the shadow stack pointer global. */
  readonly stackPointer: number;
  /** Bytes of shadow stack allowed. */
  readonly maxStackBytes: number;
}

const I32 = 0x7f;
const I64 = 0x7e;
const VOID = 0x40;
const FUNCTION_ENTRY_COST = 4;
/** Enough for the start function, which runs before anybody can set the gas. */
const START_GAS = 1_000_000;
const BRANCHING: ReadonlySet<number> = new Set([opcode.block, opcode.if, opcode.brIf, opcode.brTable]);
const op = { i64LtS: 0x53, i32LtU: 0x49, i32GtU: 0x4b, i32Add: 0x6a, i32Sub: 0x6b, i64Sub: 0x7d, i64ExtendU: 0xad };

interface Plan {
  readonly gas: number;
  readonly depth: number;
  readonly stackLow: number;
  readonly stackPointer: number;
  readonly stackFloor: number;
  readonly maxDepth: number;
  readonly copy: number;
  readonly fill: number;
}

function trapIf(writer: ByteWriter): void {
  writer.byte(opcode.if, VOID, opcode.unreachable, opcode.end);
}

function writeStackTest(writer: ByteWriter, plan: Plan): void {
  writer.byte(opcode.globalGet).unsigned(plan.stackPointer).byte(opcode.globalGet).unsigned(plan.stackLow);
  writer.byte(op.i32LtU, opcode.if, VOID);
  writer.byte(opcode.globalGet).unsigned(plan.stackPointer).byte(opcode.globalSet).unsigned(plan.stackLow);
  writer
    .byte(opcode.globalGet)
    .unsigned(plan.stackPointer)
    .byte(opcode.i32Const)
    .signed(plan.stackFloor)
    .byte(op.i32LtU);
  trapIf(writer);
  writer.byte(opcode.end);
}

function writeDepthChange(writer: ByteWriter, plan: Plan, operation: number): void {
  writer
    .byte(opcode.globalGet)
    .unsigned(plan.depth)
    .byte(opcode.i32Const, 1, operation, opcode.globalSet)
    .unsigned(plan.depth);
}

/** The basic block being collected: its bytes wait until its cost is known. */
class Segment {
  private readonly output: ByteWriter;
  private readonly gas: GasCounter;
  private pending = new ByteWriter();
  private cost = 0;
  private tested = false;

  constructor(output: ByteWriter, gas: GasCounter) {
    this.output = output;
    this.gas = gas;
  }

  get bytes(): ByteWriter {
    return this.pending;
  }

  add(cost: number): void {
    this.cost += cost;
  }

  /** Ends this block and starts the next. */
  next(tested = false): void {
    this.gas.writeCharge(this.output, this.cost);
    if (this.tested) this.gas.writeTest(this.output);
    this.output.raw(this.pending.finish());
    this.pending = new ByteWriter();
    this.cost = 0;
    this.tested = tested;
  }
}

interface Label {
  readonly kind: number;
  targeted: boolean;
}

class BodyRewriter {
  private readonly reader: ByteReader;
  private readonly plan: Plan;
  private readonly gas: GasCounter;
  private readonly recursive: boolean;
  private readonly segment: Segment;
  private readonly labels: Label[] = [{ kind: opcode.block, targeted: false }];
  private live = true;

  constructor(reader: ByteReader, output: ByteWriter, plan: Plan, gas: GasCounter, recursive: boolean) {
    this.reader = reader;
    this.plan = plan;
    this.gas = gas;
    this.recursive = recursive;
    this.segment = new Segment(output, gas);
  }

  /** Whether something has to be done on every way out, so that the body is wrapped in a block. */
  private get isWrapped(): boolean {
    return this.recursive || this.gas.isMirrored;
  }

  run(): void {
    this.segment.next(true);
    this.segment.add(FUNCTION_ENTRY_COST);
    while (this.labels.length > 0) this.step();
    this.segment.next();
  }

  private target(depth: number): void {
    const label = this.labels[this.labels.length - 1 - depth];
    if (label !== undefined) label.targeted = true;
  }

  private copy(from: number): void {
    this.segment.bytes.raw(this.reader.bytes.subarray(from, this.reader.at));
  }

  private step(): void {
    const { reader, segment } = this;
    const from = reader.at;
    const code = reader.byte();
    if (code === opcode.end) {
      this.end();
      return;
    }
    if (code === opcode.else) {
      segment.bytes.byte(code);
      segment.next();
      this.live = true;
      return;
    }
    if (this.live && code !== opcode.block && code !== opcode.loop) segment.add(1);
    const immediates = reader.at;
    skipImmediates(reader, code);
    if (code === opcode.prefix && this.bulk(immediates)) return;
    const bytes = segment.bytes;
    if (code === opcode.return && this.isWrapped) bytes.byte(opcode.br).unsigned(this.labels.length - 1);
    else if (code === opcode.call || code === opcode.callIndirect) this.call(() => this.copy(from));
    else {
      if (code === opcode.unreachable) this.gas.writeStore(bytes);
      this.copy(from);
    }
    this.follow(code, immediates);
  }

  /** Replaces memory.copy and memory.fill by calls of functions that charge by length. */
  private bulk(immediates: number): boolean {
    const operation = new ByteReader(this.reader.bytes, immediates).unsigned();
    if (operation !== prefixed.memoryCopy && operation !== prefixed.memoryFill) return false;
    const target = operation === prefixed.memoryCopy ? this.plan.copy : this.plan.fill;
    this.call(() => this.segment.bytes.byte(opcode.call).unsigned(target));
    return true;
  }

  private call(write: () => void): void {
    this.gas.writeStore(this.segment.bytes);
    write();
    this.gas.writeLoad(this.segment.bytes);
  }

  private follow(code: number, immediates: number): void {
    const { segment } = this;
    const operands = new ByteReader(this.reader.bytes, immediates);
    if (code === opcode.block || code === opcode.loop || code === opcode.if) {
      this.labels.push({ kind: code, targeted: false });
      if (code !== opcode.block) segment.next(code === opcode.loop);
    } else if (code === opcode.br || code === opcode.brIf) {
      this.target(operands.unsigned());
      segment.next();
      if (code === opcode.br) this.live = false;
    } else if (code === opcode.brTable) {
      for (let count = operands.unsigned() + 1; count > 0; count -= 1) this.target(operands.unsigned());
      this.live = false;
    } else if (code === opcode.return || code === opcode.unreachable) {
      this.live = false;
    } else if (code === opcode.globalSet && operands.unsigned() === this.plan.stackPointer) {
      writeStackTest(segment.bytes, this.plan);
    }
  }

  private end(): void {
    const label = this.labels.pop();
    if (this.labels.length === 0) {
      const { bytes } = this.segment;
      if (this.isWrapped) bytes.byte(opcode.end);
      this.gas.writeStore(bytes);
      if (this.recursive) writeDepthChange(bytes, this.plan, op.i32Sub);
      bytes.byte(opcode.end);
      return;
    }
    this.segment.bytes.byte(opcode.end);
    const joins = label?.kind === opcode.if || (label?.kind === opcode.block && label.targeted);
    if (joins || !this.live) this.segment.next();
    if (joins) this.live = true;
  }
}

/** Whether a function gains by holding its gas in a local, given that every call moves it there and back. */
function gainsByMirror(body: Uint8Array, codeAt: number): boolean {
  const reader = new ByteReader(body, codeAt);
  let [calls, branches, loops] = [0, 0, 0];
  while (reader.at < body.length) {
    const code = reader.byte();
    skipImmediates(reader, code);
    if (code === opcode.call || code === opcode.callIndirect) calls += 1;
    else if (code === opcode.loop) loops += 1;
    else if (BRANCHING.has(code)) branches += 1;
  }
  return loops > 0 || branches > 2 * calls;
}

function rewriteBody(body: Uint8Array, plan: Plan, recursive: boolean, type: FunctionType): Uint8Array {
  const reader = new ByteReader(body);
  const output = new ByteWriter();
  const groups = reader.unsigned();
  const groupsAt = reader.at;
  let locals = type.parameters.length;
  for (let group = 0; group < groups; group += 1) {
    locals += reader.unsigned();
    reader.byte();
  }
  const gas = new GasCounter(plan.gas, gainsByMirror(body, reader.at) ? locals : undefined);
  output.unsigned(groups + (gas.isMirrored ? 1 : 0)).raw(body.subarray(groupsAt, reader.at));
  if (gas.isMirrored) output.byte(1, I64);
  if (recursive) {
    writeDepthChange(output, plan, op.i32Add);
    output.byte(opcode.globalGet).unsigned(plan.depth).byte(opcode.i32Const).signed(plan.maxDepth).byte(op.i32GtU);
    trapIf(output);
  }
  gas.writeLoad(output);
  if (recursive || gas.isMirrored) output.byte(opcode.block, type.results[0] ?? VOID);
  new BodyRewriter(reader, output, plan, gas, recursive).run();
  if (reader.at !== body.length) throw new TypeError('A function body has bytes after its end.');
  return output.finish();
}

function bulkBody(plan: Plan, operation: Uint8Array): Uint8Array {
  const writer = new ByteWriter().byte(0);
  writer.byte(opcode.globalGet).unsigned(plan.gas).byte(opcode.localGet, 2, op.i64ExtendU);
  writer.byte(op.i64Sub, opcode.globalSet).unsigned(plan.gas);
  new GasCounter(plan.gas, undefined).writeTest(writer);
  writer.byte(opcode.localGet, 0, opcode.localGet, 1, opcode.localGet, 2).raw(operation).byte(opcode.end);
  return writer.finish();
}

function writeCode(shape: ModuleShape, plan: Plan): Uint8Array {
  const recursive = findRecursive(shape);
  const writer = new ByteWriter().unsigned(shape.bodies.length + 2);
  shape.bodies.forEach((body, index) => {
    const type = shape.types[shape.functionTypes[index] ?? -1];
    if (type === undefined || type.results.length > 1) throw new TypeError('A function has an unsupported type.');
    writer.sized(rewriteBody(body, plan, recursive.has(shape.importedFunctions + index), type));
  });
  writer.sized(bulkBody(plan, Uint8Array.of(opcode.prefix, prefixed.memoryCopy, 0, 0)));
  writer.sized(bulkBody(plan, Uint8Array.of(opcode.prefix, prefixed.memoryFill, 0)));
  return writer.finish();
}

function appended(body: Uint8Array, count: number, extra: (writer: ByteWriter) => void): Uint8Array {
  const reader = new ByteReader(body);
  const writer = new ByteWriter().unsigned(reader.unsigned() + count).raw(body.subarray(reader.at));
  extra(writer);
  return writer.finish();
}

function writeExport(writer: ByteWriter, name: string, global: number): void {
  writer.sized(new TextEncoder().encode(name)).byte(3).unsigned(global);
}

/** Returns the metered module. It exports the globals `gas`, `depth`, `stackLow` and `stackPointer` besides its own. */
export function meterModule(module: Uint8Array, options: MeteringOptions): Uint8Array {
  const shape = readModule(module);
  const stackTop = shape.globals[options.stackPointer - shape.importedGlobals];
  if (stackTop === undefined) throw new TypeError('The module has no such stack pointer.');
  const globals = shape.importedGlobals + shape.globals.length;
  const functions = shape.importedFunctions + shape.bodies.length;
  const plan: Plan = {
    gas: globals,
    depth: globals + 1,
    stackLow: globals + 2,
    stackPointer: options.stackPointer,
    stackFloor: stackTop - options.maxStackBytes,
    maxDepth: options.maxDepth,
    copy: functions,
    fill: functions + 1,
  };
  const rewritten = new Map<number, (body: Uint8Array) => Uint8Array>([
    [1, (body) => appended(body, 1, (writer) => writer.byte(0x60, 3, I32, I32, I32, 0))],
    [3, (body) => appended(body, 2, (writer) => writer.unsigned(shape.types.length).unsigned(shape.types.length))],
    [6, (body) => appended(body, 3, (writer) => writeGlobals(writer, stackTop))],
    [7, (body) => appended(body, 4, (writer) => writeExports(writer, plan))],
    [10, () => writeCode(shape, plan)],
  ]);
  const sections = shape.sections.filter((section) => section.id !== 0);
  return writeSections(sections.map(({ id, body }): Section => ({ id, body: rewritten.get(id)?.(body) ?? body })));
}

function writeGlobals(writer: ByteWriter, stackTop: number): void {
  writer.byte(I64, 1, opcode.i64Const).signed(START_GAS).byte(opcode.end);
  writer.byte(I32, 1, opcode.i32Const, 0, opcode.end);
  writer.byte(I32, 1, opcode.i32Const).signed(stackTop).byte(opcode.end);
}

function writeExports(writer: ByteWriter, plan: Plan): void {
  writeExport(writer, 'gas', plan.gas);
  writeExport(writer, 'depth', plan.depth);
  writeExport(writer, 'stackLow', plan.stackLow);
  writeExport(writer, 'stackPointer', plan.stackPointer);
}
