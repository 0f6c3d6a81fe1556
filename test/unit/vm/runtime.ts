/** Shared by the tests of the contract runtime: the metered interpreter, a host on a plain map, contracts as text. */
import { readFileSync } from 'node:fs';
import { ContractVm, type ContractImage } from '../../../enclave/runtime/vm/contract-vm.ts';
import type { ContractHost, RunRequest, RunResult } from '../../../enclave/runtime/vm/execution.ts';
import { buildInterpreter } from '../../../enclave/runtime/vm/interpreter-build.ts';

/** The interpreter as the package ships it. */
export const quickJs: Uint8Array = readFileSync(
  new URL('../../../node_modules/@jitl/quickjs-wasmfile-release-sync/dist/emscripten-module.wasm', import.meta.url),
);

/** The metered interpreter. */
export const metered: Uint8Array = buildInterpreter(quickJs);

/** A host that keeps state in a map and records effects. */
export class MapHost implements ContractHost {
  readonly state = new Map<string, string>();
  readonly effects: string[] = [];

  get(key: string): string | undefined {
    return this.state.get(key);
  }

  set(key: string, value: string): void {
    this.state.set(key, value);
  }

  remove(key: string): void {
    this.state.delete(key);
  }

  scan(from: string, to: string, limit: number, reverse: boolean): (readonly [string, string])[] {
    const rows = [...this.state].filter(([key]) => key >= from && key < to).toSorted(([a], [b]) => (a < b ? -1 : 1));
    return (reverse ? rows.toReversed() : rows).slice(0, limit);
  }

  random(bytes: number): string {
    return '5a'.repeat(bytes);
  }

  seal(recipient: string, json: string): void {
    this.effects.push(`seal ${recipient} ${json}`);
  }

  claim(name: string, json: string): void {
    this.effects.push(`claim ${name} ${json}`);
  }
}

/** Loads a runtime that tells why contracts fail. */
export function loadVm(): ContractVm {
  return ContractVm.load(metered, { diagnostics: true });
}

/** A bundle without the SDK: `methods` is the text of an object of functions `(args, host) => JSON-able`. */
export function bundle(methods: string): string {
  return `const host=__cloisterHost;const methods=${methods};globalThis.__cloisterDispatch=(entry,method,args,...context)=>{
    const result=methods[method](JSON.parse(args),host,context);return typeof result==='string'?result:JSON.stringify(result)??'null'};`;
}

/** Runs one method with a made-up context. */
export function run(
  vm: ContractVm,
  image: ContractImage,
  method: string,
  options: { host?: ContractHost; args?: unknown; gas?: number; entry?: RunRequest['entry'] } = {},
): RunResult {
  const context = { caller: 'aa'.repeat(32), height: 7, timeMs: 1_790_000_000_123, transactionId: 'bb'.repeat(32) };
  const args = JSON.stringify(options.args ?? null);
  return vm.run(
    image,
    { entry: options.entry ?? 'call', method, args, context },
    options.host ?? new MapHost(),
    options.gas ?? 1e9,
  );
}
