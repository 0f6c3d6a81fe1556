/**
 * The shape of a WebAssembly module as the metering pass sees it, and which of its functions can recurse: those in a
 * cycle of the call graph, where an indirect call may reach every function of its type that stands in the table.
 */
import { ByteReader, opcode, readSections, skipImmediates, type Section } from './wasm-binary.ts';

/** A function type; `key` is equal for equal types. */
export interface FunctionType {
  readonly key: string;
  readonly parameters: readonly number[];
  readonly results: readonly number[];
}

/** A module taken apart. */
export interface ModuleShape {
  readonly sections: readonly Section[];
  readonly types: readonly FunctionType[];
  readonly importedFunctions: number;
  readonly importedGlobals: number;
  /** Type index of each imported and then each defined function. */
  readonly allTypes: readonly number[];
  /** Type index of each defined function. */
  readonly functionTypes: readonly number[];
  /** Initial value of each defined i32 global. */
  readonly globals: readonly number[];
  readonly tableFunctions: readonly number[];
  readonly bodies: readonly Uint8Array[];
}

function section(sections: readonly Section[], id: number): ByteReader {
  const found = sections.find((candidate) => candidate.id === id);
  if (found === undefined) throw new TypeError(`The module lacks section ${id}.`);
  return new ByteReader(found.body);
}

function readVector<T>(reader: ByteReader, item: () => T): T[] {
  return Array.from({ length: reader.unsigned() }, item);
}

function readTypes(reader: ByteReader): FunctionType[] {
  return readVector(reader, () => {
    if (reader.byte() !== 0x60) throw new TypeError('Only function types are supported.');
    const parameters = readVector(reader, () => reader.byte());
    const results = readVector(reader, () => reader.byte());
    return { key: `${parameters.join()}>${results.join()}`, parameters, results };
  });
}

function readLimits(reader: ByteReader): void {
  const flags = reader.byte();
  reader.unsigned();
  if ((flags & 1) !== 0) reader.unsigned();
}

function readImportSection(reader: ByteReader): { functionTypes: number[]; globals: number } {
  const functionTypes: number[] = [];
  let globals = 0;
  readVector(reader, () => {
    reader.take(reader.unsigned());
    reader.take(reader.unsigned());
    const kind = reader.byte();
    if (kind === 0) functionTypes.push(reader.unsigned());
    else if (kind === 2) readLimits(reader);
    else if (kind === 3) {
      reader.take(2);
      globals += 1;
    } else throw new TypeError('Only functions, memories and globals may be imported.');
  });
  return { functionTypes, globals };
}

function readGlobals(reader: ByteReader): number[] {
  return readVector(reader, () => {
    reader.take(2);
    if (reader.byte() !== opcode.i32Const) throw new TypeError('Only i32 globals with a constant are supported.');
    const value = reader.signed();
    reader.byte();
    return value;
  });
}

function readElements(reader: ByteReader): number[] {
  return readVector(reader, () => {
    if (reader.unsigned() !== 0) throw new TypeError('Only plain active element segments are supported.');
    reader.byte();
    reader.signed();
    reader.byte();
    return readVector(reader, () => reader.unsigned());
  }).flat();
}

/** Takes a module apart. */
export function readModule(module: Uint8Array): ModuleShape {
  const sections = readSections(module);
  const imports = readImportSection(section(sections, 2));
  const functions = section(sections, 3);
  const functionTypes = readVector(functions, () => functions.unsigned());
  const code = section(sections, 10);
  return {
    sections,
    types: readTypes(section(sections, 1)),
    importedFunctions: imports.functionTypes.length,
    importedGlobals: imports.globals,
    allTypes: [...imports.functionTypes, ...functionTypes],
    functionTypes,
    globals: readGlobals(section(sections, 6)),
    tableFunctions: readElements(section(sections, 9)),
    bodies: readVector(code, () => code.take(code.unsigned())),
  };
}

function skipLocals(reader: ByteReader): void {
  for (let groups = reader.unsigned(); groups > 0; groups -= 1) {
    reader.skipNumber();
    reader.byte();
  }
}

function calledFrom(shape: ModuleShape, body: Uint8Array, byType: ReadonlyMap<string, readonly number[]>): Set<number> {
  const called = new Set<number>();
  const reader = new ByteReader(body);
  skipLocals(reader);
  while (reader.at < body.length) {
    const code = reader.byte();
    const operands = new ByteReader(body, reader.at);
    skipImmediates(reader, code);
    if (code === opcode.call) called.add(operands.unsigned());
    else if (code === opcode.callIndirect) {
      for (const target of byType.get(shape.types[operands.unsigned()]?.key ?? '') ?? []) called.add(target);
    }
  }
  return called;
}

function callGraph(shape: ModuleShape): Map<number, Set<number>> {
  const byType = Map.groupBy(shape.tableFunctions, (index) => shape.types[shape.allTypes[index] ?? -1]?.key ?? '');
  return new Map(shape.bodies.map((body, index) => [shape.importedFunctions + index, calledFrom(shape, body, byType)]));
}

/** The functions that can call themselves, directly or through others (Tarjan 1972, without recursion). */
export function findRecursive(shape: ModuleShape): Set<number> {
  const graph = callGraph(shape);
  const order = new Map<number, number>();
  const low = new Map<number, number>();
  const open: number[] = [];
  const isOpen = new Set<number>();
  const recursive = new Set<number>();
  const enter = (node: number): { node: number; rest: Iterator<number> } => {
    order.set(node, order.size);
    low.set(node, order.size - 1);
    open.push(node);
    isOpen.add(node);
    return { node, rest: (graph.get(node) ?? new Set<number>()).values() };
  };
  const lower = (node: number, value: number | undefined): void => {
    low.set(node, Math.min(low.get(node) ?? 0, value ?? Number.POSITIVE_INFINITY));
  };
  const close = (node: number): void => {
    if (low.get(node) !== order.get(node)) return;
    const component = open.splice(open.lastIndexOf(node));
    for (const member of component) isOpen.delete(member);
    if (component.length > 1 || graph.get(node)?.has(node) === true)
      for (const member of component) recursive.add(member);
  };
  for (const root of graph.keys()) {
    if (order.has(root)) continue;
    const path = [enter(root)];
    for (let frame = path.at(-1); frame !== undefined; frame = path.at(-1)) {
      const next = frame.rest.next();
      if (next.done === true) {
        close(frame.node);
        path.pop();
        const parent = path.at(-1);
        if (parent !== undefined) lower(parent.node, low.get(frame.node));
      } else if (!order.has(next.value)) path.push(enter(next.value));
      else if (isOpen.has(next.value)) lower(frame.node, order.get(next.value));
    }
  }
  return recursive;
}
