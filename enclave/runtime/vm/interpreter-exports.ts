/**
 * Names and types of what the interpreter module exports. The module is `@jitl/quickjs-wasmfile-release-sync` 0.32.0
 * after the metering pass; its names are minified, so they are pinned here with the hash of the metered module.
 */

/** SHA-256 of the metered module; `scripts/build-vm.ts` fails when the pass or its input changes without this. */
export const METERED_MODULE_SHA256 = '2c9c243adf379e97e40f4704f5667bf40668d20fc87037e2bd46544451425b9d';

/** Address of the C library's break pointer and where stack and heap lie, in the pinned module. */
export const layout = { breakPointer: 86_864, staticEnd: 90_208, heapBase: 5_333_088 } as const;

/** Index of the shadow stack pointer among the globals of the pinned module. */
export const STACK_POINTER_GLOBAL = 0;

/** The exports used, by their names in the module. */
export interface InterpreterExports {
  /** `__wasm_call_ctors` */
  readonly u: () => void;
  /** `malloc(size)` */
  readonly v: (size: number) => number;
  /** `free(pointer)` */
  readonly M: (pointer: number) => void;
  /** `QTS_RuntimeSetMaxStackSize(runtime, bytes)` */
  readonly D: (runtime: number, bytes: number) => void;
  /** `QTS_NewRuntime()` */
  readonly K: () => number;
  /** `QTS_NewContext(runtime, intrinsics)` */
  readonly N: (runtime: number, intrinsics: number) => number;
  /** `QTS_NewString(context, utf8)` */
  readonly _: (context: number, utf8: number) => number;
  /** `QTS_GetString(context, value)` */
  readonly $: (context: number, value: number) => number;
  /** `QTS_FreeCString(context, utf8)` */
  readonly R: (context: number, utf8: number) => void;
  /** `QTS_FreeValuePointer(context, value)` */
  readonly P: (context: number, value: number) => void;
  /** `QTS_GetProp(context, object, name)` */
  readonly ha: (context: number, object: number, name: number) => number;
  /** `QTS_SetProp(context, object, name, value)` */
  readonly ja: (context: number, object: number, name: number, value: number) => void;
  /** `QTS_Call(context, function, this, argumentCount, argumentPointers)` */
  readonly ma: (context: number, callee: number, self: number, count: number, values: number) => number;
  /** `QTS_ResolveException(context, maybeException)` */
  readonly na: (context: number, value: number) => number;
  /** `QTS_Dump(context, value)` */
  readonly oa: (context: number, value: number) => number;
  /** `QTS_Eval(context, utf8, length, fileName, detectModule, flags)` */
  readonly pa: (
    context: number,
    utf8: number,
    length: number,
    fileName: number,
    detectModule: number,
    flags: number,
  ) => number;
  /** `QTS_GetGlobalObject(context)` */
  readonly ua: (context: number) => number;
  /** `QTS_GetUndefined()` */
  readonly E: () => number;
  /** `QTS_NewFunction(context, name, length, isConstructor, hostReference)` */
  readonly Da: (context: number, name: number, length: number, isConstructor: number, hostReference: number) => number;
  /** Added by the metering pass. */
  readonly gas: WebAssembly.Global<'i64'>;
  readonly depth: WebAssembly.Global<'i32'>;
  readonly stackLow: WebAssembly.Global<'i32'>;
  readonly stackPointer: WebAssembly.Global<'i32'>;
}
