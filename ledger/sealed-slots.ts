/**
 * A tiny file that remembers how far something got: two sealed slots of fixed size, written in turn.
 *
 * `write` reaches the page cache only (it survives the death of the process; a power loss may bring back an older
 * slot, which is safe, because callers write it after the thing it speaks of is durable). `sync` makes it durable.
 * The file appears whole (written aside, then renamed) with both slots in use. A slot is one sector, which disks write
 * whole; so a slot that is not authentic is damage.
 */
import { closeSync, existsSync, fdatasyncSync, fsyncSync, openSync, readSync, renameSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { newBytes, u64Bytes } from '../protocol/hex.ts';
import { SEAL_OVERHEAD_BYTES, type SyntheticSeal } from './record-cipher.ts';

/** One sector; the seal covers all of it, so there is no byte whose change goes unnoticed. */
const SLOT_BYTES = 512;
const SEQUENCE_BYTES = 8;
const CONTENT_BYTES = SLOT_BYTES - SEAL_OVERHEAD_BYTES;

const readSequence = (bytes: Uint8Array): number => {
  const view = new DataView(bytes.buffer, bytes.byteOffset, 8);
  return view.getUint32(0) * 0x100000000 + view.getUint32(4);
};

/** Makes the entries of a directory durable (creation, renaming and removal of files in it). */
export const syncDirectory = (directory: string): void => {
  const descriptor = openSync(directory, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
};

/** One open marker file. */
export class SealedSlots {
  readonly #descriptor: number;
  readonly #seal: SyntheticSeal;
  readonly #payloadBytes: number;
  #sequence = 0;
  #open = true;

  private constructor(descriptor: number, seal: SyntheticSeal, payloadBytes: number) {
    if (payloadBytes > CONTENT_BYTES - SEQUENCE_BYTES) throw new RangeError('a slot must fit into one sector');
    this.#descriptor = descriptor;
    this.#seal = seal;
    this.#payloadBytes = payloadBytes;
  }

  /** Whether the marker file exists. */
  static exists(path: string): boolean {
    return existsSync(path);
  }

  /** Creates the file durably with its first payload; later payloads have the same size. */
  static create(path: string, seal: SyntheticSeal, payload: Uint8Array): SealedSlots {
    const temporary = `${path}.new`;
    const slots = new SealedSlots(openSync(temporary, 'w+', 0o600), seal, payload.length);
    slots.write(payload);
    slots.write(payload);
    slots.sync();
    renameSync(temporary, path);
    syncDirectory(dirname(path));
    return slots;
  }

  /** Opens an existing file and gives its newest payload; `payload` is undefined when the file is damaged. */
  static open(
    path: string,
    seal: SyntheticSeal,
    payloadBytes: number,
  ): { slots: SealedSlots; payload: Uint8Array | undefined } {
    const slots = new SealedSlots(openSync(path, 'r+'), seal, payloadBytes);
    return { slots, payload: slots.#load() };
  }

  #load(): Uint8Array | undefined {
    let newest: Uint8Array | undefined;
    for (const slot of [0, 1]) {
      const bytes = new Uint8Array(SLOT_BYTES);
      const length = readSync(this.#descriptor, bytes, 0, bytes.length, slot * SLOT_BYTES);
      const opened = length === bytes.length ? this.#seal.open(Uint8Array.of(slot), bytes) : undefined;
      if (opened === undefined) return undefined;
      const sequence = readSequence(opened);
      if (sequence <= this.#sequence) continue;
      this.#sequence = sequence;
      newest = opened.subarray(SEQUENCE_BYTES, SEQUENCE_BYTES + this.#payloadBytes);
    }
    return newest;
  }

  /** Puts a payload into the older slot. */
  write(payload: Uint8Array): void {
    if (payload.length !== this.#payloadBytes) throw new RangeError('the payload does not have the size of the slots');
    this.#sequence += 1;
    const slot = this.#sequence % 2;
    const content = newBytes(CONTENT_BYTES);
    content.set(u64Bytes(this.#sequence));
    content.set(payload, SEQUENCE_BYTES);
    const bytes = this.#seal.seal(Uint8Array.of(slot), content);
    const written = writeSync(this.#descriptor, bytes, 0, bytes.length, slot * SLOT_BYTES);
    if (written !== bytes.length) throw new RangeError('a marker was written in part only');
  }

  /** Makes the newest payload durable. */
  sync(): void {
    fdatasyncSync(this.#descriptor);
  }

  /** Makes the newest payload durable and closes the file. */
  close(): void {
    if (!this.#open) return;
    this.#open = false;
    fdatasyncSync(this.#descriptor);
    closeSync(this.#descriptor);
  }
}
