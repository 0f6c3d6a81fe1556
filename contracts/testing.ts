/**
 * Unit tests of contracts (tooling, not part of a contract): runs a contract in the very runtime production uses, in
 * this process, without a network. Each call is its own transaction in its own block; the runtime is loaded once.
 * Differences to production: recipients of sealed outputs need no session, and failures carry the contract's error.
 */
import { readFile } from 'node:fs/promises';
import { sha256 } from '#primitives';
import { newTree, walkTree, type SortedTree } from '../enclave/runtime/state/sorted-tree.ts';
import { ContractVm, type ContractImage } from '../enclave/runtime/vm/contract-vm.ts';
import {
  AUDIT_KEY_PREFIX,
  type ContractHost,
  type RunRequest,
  type RunResult,
} from '../enclave/runtime/vm/execution.ts';
import { buildInterpreter } from '../enclave/runtime/vm/interpreter-build.ts';
import { bundleContract } from './bundle.ts';
import type { JsonValue } from './json.ts';

/** What a call or query did, with all JSON parsed. */
export interface TestOutcome {
  readonly status: 'ok' | 'refused' | 'failed';
  /** What the method returned, if `ok`. */
  readonly result: JsonValue | undefined;
  /** Reason and detail given to `refuse`, if `refused`. */
  readonly reason: string | undefined;
  readonly detail: JsonValue | undefined;
  /** Failure code, if `failed`, and the error the contract threw: tests only, production drops it. */
  readonly code: string | undefined;
  readonly error: string | undefined;
  readonly gas: number;
  readonly outputs: readonly { readonly recipient: string; readonly value: JsonValue }[];
  readonly claims: readonly { readonly name: string; readonly value: JsonValue }[];
}

/** How a test network is set up. */
export interface TestOptions {
  /** Public key that init sees as caller. */
  readonly deployer?: string;
  readonly timeMs?: number;
  readonly gasLimit?: number;
}

const INTERPRETER = new URL(
  '../node_modules/@jitl/quickjs-wasmfile-release-sync/dist/emscripten-module.wasm',
  import.meta.url,
);
const START_TIME_MS = Date.UTC(2026, 0, 1);
const DEFAULT_GAS = 1e11;
const TREE_NODE_SIZE = 32;
const images = new Map<string, Promise<ContractImage>>();
let loading: Promise<ContractVm> | undefined;

function runtime(): Promise<ContractVm> {
  loading ??= readFile(INTERPRETER).then((wasm) => ContractVm.load(buildInterpreter(wasm), { diagnostics: true }));
  return loading;
}

async function prepare(entryFile: string): Promise<ContractImage> {
  const vm = await runtime();
  return vm.prepare(await bundleContract(entryFile));
}

/** Public key of a made-up party, for readable tests: `party('A')`. */
export function party(name: string): string {
  return Buffer.from(sha256(Buffer.from(`party ${name}`))).toString('hex');
}

/** State and effects of a transaction, with an undo journal. */
class TransactionHost implements ContractHost {
  readonly outputs: { recipient: string; value: JsonValue }[] = [];
  readonly claims: { name: string; value: JsonValue }[] = [];
  private readonly journal: (readonly [key: string, before: string | undefined])[] = [];
  private readonly state: SortedTree<string>;
  private readonly transactionId: string;
  private drawn = 0;

  constructor(state: SortedTree<string>, transactionId: string) {
    this.state = state;
    this.transactionId = transactionId;
  }

  get(key: string): string | undefined {
    return this.state.get(key);
  }

  set(key: string, value: string): void {
    this.journal.push([key, this.state.get(key)]);
    this.state.set(key, value);
  }

  remove(key: string): void {
    this.journal.push([key, this.state.get(key)]);
    this.state.delete(key);
  }

  scan(from: string, to: string, limit: number, reverse: boolean): (readonly [string, string])[] {
    const rows: (readonly [string, string])[] = [];
    for (const row of walkTree(this.state, { from, to, reverse })) {
      if (rows.length >= limit) break;
      rows.push(row);
    }
    return rows;
  }

  random(bytes: number): string {
    let hex = '';
    while (hex.length < 2 * bytes) {
      this.drawn += 1;
      hex += Buffer.from(sha256(Buffer.from(`${this.transactionId} ${this.drawn}`))).toString('hex');
    }
    return hex.slice(0, 2 * bytes);
  }

  seal(recipient: string, json: string): void {
    this.outputs.push({ recipient, value: JSON.parse(json) as JsonValue });
  }

  claim(name: string, json: string): void {
    this.claims.push({ name, value: JSON.parse(json) as JsonValue });
  }

  /** Takes back what was written, except to audit logs when they are kept. */
  undo(keepAudit: boolean): void {
    for (const [key, before] of this.journal.toReversed()) {
      if (keepAudit && key.startsWith(AUDIT_KEY_PREFIX)) continue;
      if (before === undefined) this.state.delete(key);
      else this.state.set(key, before);
    }
  }
}

/** One deployed contract under test. */
export class ContractTest {
  private readonly vm: ContractVm;
  private readonly image: ContractImage;
  private readonly state = newTree<string>(TREE_NODE_SIZE);
  private readonly gasLimit: number;
  private timeMs: number;
  private height = 0;

  private constructor(vm: ContractVm, image: ContractImage, options: TestOptions) {
    this.vm = vm;
    this.image = image;
    this.timeMs = options.timeMs ?? START_TIME_MS;
    this.gasLimit = options.gasLimit ?? DEFAULT_GAS;
  }

  /** Bundles the contract (once per file and process), deploys it on empty state and runs its init with `params`. */
  static async deploy(entryFile: string, params: unknown = {}, options: TestOptions = {}): Promise<ContractTest> {
    const image = images.get(entryFile) ?? prepare(entryFile);
    images.set(entryFile, image);
    const test = new ContractTest(await runtime(), await image, options);
    const outcome = test.execute('init', options.deployer ?? party('deployer'), '', params);
    if (outcome.status !== 'ok') {
      throw new Error(`init ended as ${outcome.status}: ${outcome.reason ?? outcome.error ?? outcome.code ?? ''}`);
    }
    return test;
  }

  /** Runs a call as a transaction of its own. */
  call(caller: string, method: string, args: unknown = {}): TestOutcome {
    return this.execute('call', caller, method, args);
  }

  /** Runs a query on the current state. */
  query(caller: string, method: string, args: unknown = {}): TestOutcome {
    return this.execute('query', caller, method, args);
  }

  /** Sets the consensus time of the following calls. */
  setTime(timeMs: number): void {
    this.timeMs = timeMs;
  }

  /** Number of entries in the contract's state. */
  get stateSize(): number {
    return this.state.size;
  }

  private execute(entry: RunRequest['entry'], caller: string, method: string, args: unknown): TestOutcome {
    if (entry !== 'query') this.height += 1;
    const transactionId = Buffer.from(sha256(Buffer.from(`${entry} ${this.height}`))).toString('hex');
    const host = new TransactionHost(this.state, transactionId);
    const context = { caller, height: this.height, timeMs: this.timeMs, transactionId };
    const result = this.vm.run(this.image, { entry, method, args: JSON.stringify(args), context }, host, this.gasLimit);
    if (result.status !== 'ok') host.undo(result.status === 'refused' && result.keepAudit);
    return outcomeOf(result, host);
  }
}

function outcomeOf(result: RunResult, host: TransactionHost): TestOutcome {
  const done = result.status === 'ok';
  return {
    status: result.status,
    result: done ? (JSON.parse(result.result) as JsonValue) : undefined,
    reason: result.status === 'refused' ? result.reason : undefined,
    detail:
      result.status === 'refused' && result.detail !== undefined ? (JSON.parse(result.detail) as JsonValue) : undefined,
    code: result.status === 'failed' ? result.code : undefined,
    error: result.status === 'failed' ? result.diagnostic : undefined,
    gas: result.gasUsed,
    outputs: done ? host.outputs : [],
    claims: done ? host.claims : [],
  };
}
