/** The code that the metering pass inserts to count gas: loading, charging, testing, and handing on what is left. */
import { type ByteWriter, opcode } from './wasm-binary.ts';

const VOID = 0x40;
const op = { i64LtS: 0x53, i64Sub: 0x7d };

/** Where the code of one function finds its gas: in the global, or in a local that mirrors it between calls. */
export class GasCounter {
  private readonly global: number;
  private readonly local: number | undefined;

  constructor(global: number, local: number | undefined) {
    this.global = global;
    this.local = local;
  }

  get isMirrored(): boolean {
    return this.local !== undefined;
  }

  /** Takes the mirror from the global: at entry and after every call. */
  writeLoad(writer: ByteWriter): void {
    if (this.local === undefined) return;
    writer.byte(opcode.globalGet).unsigned(this.global).byte(opcode.localSet).unsigned(this.local);
  }

  /** Puts the mirror into the global: wherever other code may look at it next. */
  writeStore(writer: ByteWriter): void {
    if (this.local === undefined) return;
    writer.byte(opcode.localGet).unsigned(this.local).byte(opcode.globalSet).unsigned(this.global);
  }

  writeCharge(writer: ByteWriter, cost: number): void {
    if (cost === 0) return;
    this.writeGet(writer);
    writer.byte(opcode.i64Const).signed(cost).byte(op.i64Sub);
    if (this.local === undefined) writer.byte(opcode.globalSet).unsigned(this.global);
    else writer.byte(opcode.localSet).unsigned(this.local);
  }

  writeTest(writer: ByteWriter): void {
    this.writeGet(writer);
    writer.byte(opcode.i64Const, 0, op.i64LtS, opcode.if, VOID);
    this.writeStore(writer);
    writer.byte(opcode.unreachable, opcode.end);
  }

  private writeGet(writer: ByteWriter): void {
    if (this.local === undefined) writer.byte(opcode.globalGet).unsigned(this.global);
    else writer.byte(opcode.localGet).unsigned(this.local);
  }
}
