/**
 * The contract runtime: evaluates a bundle once into a memory image, then runs each init, call or query in a fresh copy
 * of that image. The outcome, gas included, is a function of image, request, gas limit and the host's answers; what ran
 * before leaves no trace. Nothing of a failure but its code leaves, unless the vm was loaded for unit tests.
 */
import { sha256 } from '#primitives';
import {
  ContractCodeError,
  type ContractHost,
  type FailureCode,
  type RunRequest,
  type RunResult,
} from './execution.ts';
import { ExitSignal, fail, type Exit } from './exit.ts';
import { HostBridge } from './host-bridge.ts';
import { METERED_MODULE_SHA256 } from './interpreter-exports.ts';
import { Interpreter, tag, type MemoryImage } from './interpreter.ts';
import * as limits from './limits.ts';

/** A contract's bundle, evaluated: the memory every run starts from. Opaque; belongs to the vm that prepared it. */
export interface ContractImage {
  readonly memory: MemoryImage;
  /** Address of the contract's dispatcher function. */
  readonly dispatcher: number;
  readonly gasUsed: number;
}

/** How a vm behaves beyond the defaults. */
export interface ContractVmOptions {
  /** Unit tests only: failures carry the contract's error message. Contents of state may be in it. */
  readonly diagnostics?: boolean;
}

const ARGUMENT_COUNT = 7;
const POINTER_BYTES = 4;
const VALUE_BYTES = 8;
const SETUP_GAS = 1_000_000_000;
/** QTS_NewContext: base, eval, normalize, regexp (2), JSON, proxy, maps, typed arrays, promise, bigint; no Date. */
const INTRINSICS = 1 | 4 | 8 | 16 | 32 | 64 | 128 | 256 | 512 | 1024 | 2048;
/** Above the limit of the metering pass, so that too deep always is a trap and never an exception. */
const INTERPRETER_STACK_BYTES = 4 * limits.MAX_STACK_BYTES;
const PRELUDE = 'delete Math.random;delete globalThis.SharedArrayBuffer;';
const CLEANUP = 'delete globalThis.__cloisterHost;delete globalThis.__cloisterDispatch;';

interface Addresses {
  readonly undefinedValue: number;
  readonly pointers: number;
  readonly values: number;
  readonly fileName: number;
}

/** Runs contracts; one per thread of execution, since it holds one interpreter. */
export class ContractVm {
  private readonly interpreter: Interpreter;
  private readonly bridge: HostBridge;
  private readonly base: MemoryImage;
  private readonly addresses: Addresses;
  private readonly diagnostics: boolean;
  private diagnostic: string | undefined;

  private constructor(module: WebAssembly.Module, options: ContractVmOptions) {
    this.diagnostics = options.diagnostics === true;
    this.interpreter = new Interpreter(module);
    this.bridge = new HostBridge(this.interpreter);
    this.interpreter.setGas(SETUP_GAS);
    this.addresses = this.setUp();
    this.base = this.interpreter.capture();
  }

  /** Loads the metered interpreter; refuses any module but the pinned one. */
  static load(wasmBytes: Uint8Array, options: ContractVmOptions = {}): ContractVm {
    if (Buffer.from(sha256(wasmBytes)).toString('hex') !== METERED_MODULE_SHA256) {
      throw new TypeError('This is not the pinned metered interpreter; run scripts/build-vm.ts.');
    }
    return new ContractVm(new WebAssembly.Module(wasmBytes as Uint8Array<ArrayBuffer>), options);
  }

  private setUp(): Addresses {
    const { interpreter } = this;
    const { api } = interpreter;
    api.u();
    const runtime = api.K();
    api.D(runtime, INTERPRETER_STACK_BYTES);
    interpreter.context = api.N(runtime, INTRINSICS);
    interpreter.allocateScratch();
    const addresses = {
      undefinedValue: api.E(),
      pointers: api.v(POINTER_BYTES * ARGUMENT_COUNT),
      values: api.v(VALUE_BYTES * ARGUMENT_COUNT),
      fileName: api.v(1),
    };
    interpreter.setWord(addresses.fileName & ~3, interpreter.word(addresses.fileName & ~3) & ~0xff);
    this.evaluate(PRELUDE, addresses.fileName);
    const hostFunction = interpreter.withUtf8('', (name) => api.Da(interpreter.context, name, 5, 0, 0));
    api.ja(interpreter.context, api.ua(interpreter.context), interpreter.newString('__cloisterHost'), hostFunction);
    return addresses;
  }

  private evaluate(code: string, fileName: number): number {
    const { interpreter } = this;
    const value = interpreter.withUtf8(code, (at, size) =>
      interpreter.api.pa(interpreter.context, at, size, fileName, 0, 0),
    );
    if (interpreter.tagAt(value) === tag.exception) this.throwContractError(value);
    return value;
  }

  /** Evaluates a bundle. Throws ContractCodeError when it does not come to an end within its bounds. */
  prepare(code: string): ContractImage {
    if (code.length > limits.MAX_CODE_CHARACTERS) throw new ContractCodeError('CODE_TOO_LARGE');
    const { interpreter, addresses } = this;
    const { api, context } = interpreter;
    this.begin(this.base, limits.PREPARE_GAS);
    try {
      api.P(context, this.evaluate(code, addresses.fileName));
      const dispatcher = api.ha(context, api.ua(context), interpreter.newString('__cloisterDispatch'));
      if (interpreter.tagAt(dispatcher) !== tag.object) throw new ContractCodeError('NO_CONTRACT');
      api.P(context, this.evaluate(CLEANUP, addresses.fileName));
      const gasUsed = limits.PREPARE_GAS - interpreter.gasLeft();
      if (gasUsed > limits.PREPARE_GAS) fail('OUT_OF_GAS');
      return { memory: interpreter.capture(), dispatcher, gasUsed };
    } catch (cause) {
      const exit = this.exitOf(cause);
      throw new ContractCodeError(exit.kind === 'failed' ? exit.code : 'BAD_HOST_CALL', this.diagnostic);
    }
  }

  /** Runs one method in a fresh copy of the image. */
  run(image: ContractImage, request: RunRequest, host: ContractHost, gasLimit: number): RunResult {
    this.begin(image.memory, gasLimit);
    this.bridge.open(host, request.entry === 'query');
    try {
      const result = this.dispatch(image, request);
      this.interpreter.charge(this.interpreter.grownBytes(image.memory));
      return { status: 'ok', result, gasUsed: this.gasUsed(gasLimit) };
    } catch (cause) {
      const exit = this.exitOf(cause);
      this.interpreter.setGas(Math.max(0, this.interpreter.gasLeft() - this.interpreter.grownBytes(image.memory)));
      return this.ended(exit, gasLimit);
    } finally {
      this.bridge.close();
    }
  }

  private begin(image: MemoryImage, gas: number): void {
    if (!Number.isSafeInteger(gas) || gas < 0) throw new RangeError('A gas limit is a whole number.');
    this.diagnostic = undefined;
    this.interpreter.restore(image);
    this.interpreter.setGas(gas);
  }

  private dispatch(image: ContractImage, request: RunRequest): string {
    const { interpreter, addresses } = this;
    const { context, method, args, entry } = request;
    if (args.length > limits.MAX_ARGUMENT_CHARACTERS) fail('ARGUMENTS_TOO_LARGE');
    interpreter.charge(limits.HOST_CHARACTER_GAS * (args.length + method.length));
    const { caller, height, timeMs, transactionId } = context;
    [entry, method, args, caller, height, timeMs, transactionId].forEach((value, index) => {
      let pointer = addresses.values + VALUE_BYTES * index;
      if (typeof value === 'string') pointer = interpreter.newString(value);
      else interpreter.writeNumber(pointer, value);
      interpreter.setWord(addresses.pointers + POINTER_BYTES * index, pointer);
    });
    const { api } = interpreter;
    const result = api.ma(
      interpreter.context,
      image.dispatcher,
      addresses.undefinedValue,
      ARGUMENT_COUNT,
      addresses.pointers,
    );
    if (interpreter.tagAt(result) === tag.exception) this.throwContractError(result);
    const text =
      interpreter.stringAt(result, limits.MAX_RESULT_CHARACTERS, 'RESULT_TOO_LARGE') ?? fail('CONTRACT_ERROR');
    interpreter.charge(limits.HOST_CHARACTER_GAS * text.length);
    return text;
  }

  private throwContractError(value: number): never {
    const gas = this.interpreter.gasLeft();
    if (this.diagnostics) {
      this.interpreter.setGas(SETUP_GAS);
      this.diagnostic = this.describe(value);
    }
    this.interpreter.setGas(Math.max(gas, 0));
    return fail(gas < 0 ? 'OUT_OF_GAS' : 'CONTRACT_ERROR');
  }

  private describe(exception: number): string {
    const { interpreter } = this;
    const { api, context } = interpreter;
    const error = api.na(context, exception);
    const read = (name: string): string => {
      const property = api.ha(context, error, interpreter.newString(name));
      return interpreter.stringAt(property, limits.MAX_VALUE_CHARACTERS, 'CONTRACT_ERROR') ?? '';
    };
    if (interpreter.tagAt(error) !== tag.object)
      return interpreter.stringAt(error, limits.MAX_VALUE_CHARACTERS, 'CONTRACT_ERROR') ?? 'thrown value';
    return `${read('name')}: ${read('message')}\n${read('stack')}`;
  }

  private gasUsed(gasLimit: number): number {
    return gasLimit - this.interpreter.gasLeft();
  }

  private ended(exit: Exit, gasLimit: number): RunResult {
    const gasUsed = this.gasUsed(gasLimit);
    if (exit.kind === 'refused') {
      const { reason, detail, keepAudit } = exit;
      return { status: 'refused', reason, ...(detail === undefined ? {} : { detail }), keepAudit, gasUsed };
    }
    return {
      status: 'failed',
      code: exit.code,
      gasUsed,
      ...(this.diagnostic === undefined ? {} : { diagnostic: this.diagnostic }),
    };
  }

  /** How an execution ended, from what was thrown through it. Anything unknown is a broken invariant and goes on up. */
  private exitOf(cause: unknown): Exit {
    if (cause instanceof ExitSignal) return cause.exit;
    if (cause instanceof WebAssembly.RuntimeError) return { kind: 'failed', code: this.trapCode() };
    throw cause;
  }

  private trapCode(): FailureCode {
    const { api } = this.interpreter;
    if (this.interpreter.gasLeft() < 0) return 'OUT_OF_GAS';
    const tooDeep = api.depth.value > limits.MAX_CALL_DEPTH || this.interpreter.stackUsed() > limits.MAX_STACK_BYTES;
    return tooDeep ? 'STACK_OVERFLOW' : 'CONTRACT_ERROR';
  }
}
