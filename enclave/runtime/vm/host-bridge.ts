/**
 * The other end of the contract's only door: decodes a host call, prices it, bounds it, performs it on the host of the
 * running execution. What is asked comes from hostile code: every argument is checked here, nothing is coerced.
 */
import { sha256 } from '#primitives';
import { HostFailure, HostRefusal, type ContractHost } from './execution.ts';
import { ExitSignal, fail } from './exit.ts';
import { tag, type Interpreter } from './interpreter.ts';
import { numberPart, textPart } from './key-parts.ts';
import * as limits from './limits.ts';
import { hostOperationNames, type HostOperationName } from './operations.ts';

const VALUE_BYTES = 8;
const READ_ONLY_OPERATIONS: ReadonlySet<HostOperationName> = new Set([
  'get',
  'scan',
  'refuse',
  'unknownMethod',
  'sha256',
  'key',
]);

/** Serves the host calls of one interpreter. */
export class HostBridge {
  private readonly interpreter: Interpreter;
  private host: ContractHost | undefined;
  private readOnly = true;
  private outputs = 0;
  private argumentCount = 0;
  private argumentsAt = 0;

  constructor(interpreter: Interpreter) {
    this.interpreter = interpreter;
    interpreter.onHostCall = (count, values) => this.handle(count, values);
  }

  /** Opens the door for one execution. */
  open(host: ContractHost, readOnly: boolean): void {
    this.host = host;
    this.readOnly = readOnly;
    this.outputs = 0;
  }

  /** Shuts the door: host calls fail until the next `open`. */
  close(): void {
    this.host = undefined;
  }

  private handle(count: number, values: number): number {
    this.argumentCount = count;
    this.argumentsAt = values;
    const operation = hostOperationNames[this.integer(0)];
    const { host } = this;
    if (operation === undefined || host === undefined) fail('BAD_HOST_CALL');
    if (this.readOnly && !READ_ONLY_OPERATIONS.has(operation)) fail('READ_ONLY');
    try {
      return this.perform(operation, host);
    } catch (cause) {
      if (cause instanceof HostRefusal) {
        throw new ExitSignal({ kind: 'refused', reason: cause.reason, detail: cause.detail, keepAudit: false });
      }
      if (cause instanceof HostFailure) fail(cause.code);
      throw cause;
    }
  }

  private perform(operation: HostOperationName, host: ContractHost): number {
    switch (operation) {
      case 'get':
        return this.answer(host.get(this.priced(operation, this.entryKey(2))));
      case 'key':
        return this.answer(this.priced(operation, this.entryKey(2)));
      case 'set': {
        const key = this.entryKey(3);
        const value = this.text(2, limits.MAX_VALUE_CHARACTERS);
        this.charge(operation, key.length + value.length);
        host.set(key, value);
        return 0;
      }
      case 'remove':
        host.remove(this.priced(operation, this.entryKey(2)));
        return 0;
      case 'scan':
        return this.scan(host);
      case 'sha256':
        return this.answer(
          Buffer.from(sha256(Buffer.from(this.priced(operation, this.text(1, limits.MAX_VALUE_CHARACTERS))))).toString(
            'hex',
          ),
        );
      case 'unknownMethod':
        return fail('UNKNOWN_METHOD');
      case 'refuse':
        return this.refuse();
      default:
        return this.effect(operation, host);
    }
  }

  private effect(operation: 'random' | 'seal' | 'claim', host: ContractHost): number {
    if (operation === 'random') {
      const bytes = this.integer(1);
      if (bytes < 0 || bytes > limits.MAX_RANDOM_BYTES) fail('LIMIT_EXCEEDED');
      this.charge(operation, bytes);
      return this.answer(host.random(bytes));
    }
    this.outputs += 1;
    if (this.outputs > limits.MAX_OUTPUTS) fail('LIMIT_EXCEEDED');
    const name = this.key(1);
    const json = this.text(2, operation === 'seal' ? limits.MAX_OUTPUT_CHARACTERS : limits.MAX_CLAIM_CHARACTERS);
    this.charge(operation, name.length + json.length);
    host[operation](name, json);
    return 0;
  }

  private scan(host: ContractHost): number {
    const from = this.key(1);
    const to = this.key(2);
    const limit = Math.min(this.integer(3), limits.MAX_SCAN_ROWS);
    const reverse = this.boolean(4);
    this.charge('scan', from.length + to.length);
    const rows = limit > 0 && from < to ? host.scan(from, to, limit, reverse) : [];
    this.interpreter.charge(limits.SCAN_ROW_GAS * rows.length);
    if (rows.length === 0) return this.answer('');
    return this.answer(
      `${rows.map(([key, value]) => `${key.length},${value.length}`).join()}\n${rows.flat().join('')}`,
    );
  }

  private refuse(): never {
    const reason = this.text(1, limits.MAX_REASON_CHARACTERS);
    const detail =
      this.interpreter.tagAt(this.argument(2)) === tag.undefined
        ? undefined
        : this.text(2, limits.MAX_DETAIL_CHARACTERS);
    const keepAudit = this.boolean(3);
    this.charge('refuse', reason.length + (detail?.length ?? 0));
    if (this.readOnly && keepAudit) fail('READ_ONLY');
    throw new ExitSignal({ kind: 'refused', reason, detail, keepAudit });
  }

  private charge(operation: HostOperationName, characters: number): void {
    this.interpreter.charge(limits.HOST_CALL_GAS[operation] + limits.HOST_CHARACTER_GAS * characters);
  }

  private priced(operation: HostOperationName, text: string): string {
    this.charge(operation, text.length);
    return text;
  }

  private answer(text: string | undefined): number {
    if (text === undefined) return 0;
    this.interpreter.charge(limits.HOST_CHARACTER_GAS * text.length);
    return this.interpreter.newString(text);
  }

  private argument(index: number): number {
    if (index >= this.argumentCount) fail('BAD_HOST_CALL');
    return this.argumentsAt + VALUE_BYTES * index;
  }

  private key(index: number): string {
    return this.text(index, limits.MAX_KEY_CHARACTERS);
  }

  /** The key of an entry: its prefix, which is the first argument, and the parts from `firstPart` on, none or more. */
  private entryKey(firstPart: number): string {
    let key = this.key(1);
    for (let index = firstPart; index < this.argumentCount; index += 1) {
      const number = this.interpreter.numberAt(this.argument(index));
      key += number === undefined ? textPart(this.key(index)) : (numberPart(number) ?? fail('BAD_HOST_CALL'));
      if (key.length > limits.MAX_KEY_CHARACTERS) fail('LIMIT_EXCEEDED');
    }
    return key;
  }

  private text(index: number, maximum: number): string {
    return this.interpreter.stringAt(this.argument(index), maximum, 'LIMIT_EXCEEDED') ?? fail('BAD_HOST_CALL');
  }

  private integer(index: number): number {
    const value = this.interpreter.numberAt(this.argument(index));
    return value !== undefined && Number.isSafeInteger(value) ? value : fail('BAD_HOST_CALL');
  }

  private boolean(index: number): boolean {
    const at = this.argument(index);
    return this.interpreter.tagAt(at) === tag.boolean ? this.interpreter.word(at) !== 0 : fail('BAD_HOST_CALL');
  }
}
