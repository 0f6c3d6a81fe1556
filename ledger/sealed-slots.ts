/**
 * A tiny file that remembers how far something got: two sealed slots of fixed size, written in turn.
 *
 * `write` reaches the page cache only (it survives the death of the process; a power loss may bring back an older
 * slot, which is safe, because callers write it after the thing it speaks of is durable). `sync` makes it durable.
 * The file appears whole (written aside, then renamed) with both slots in use. A slot is smaller than a sector, which
 * disks write whole; so a slot that is empty or not authentic is damage.
 */
import { closeSync, existsSync, fdatasyncSync, fsyncSync, openSync, readSync, renameSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { concatBytes, u64Bytes } from '../protocol/hex.ts';
import { SEAL_OVERHEAD_BYTES, type SyntheticSeal } from './record-cipher.ts';

const SLOT_SPACING_BYTES = 4096;
const MAX_PAYLOAD_BYTES = 400;

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
  readonly #slotBytes: number;
  #sequence = 0;
  #open = true;

  private constructor(descriptor: number, seal: SyntheticSeal, payloadBytes: number) {
    if (payloadBytes > MAX_PAYLOAD_BYTES) throw new RangeError('a slot must fit into one sector');
    this.#descriptor = descriptor;
    this.#seal = seal;
    this.#slotBytes = 8 + payloadBytes + SEAL_OVERHEAD_BYTES;
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
  static open(path: string, seal: SyntheticSeal, payloadBytes: number): { slots: SealedSlots; payload: Uint8Array | undefined } {
    const slots = new SealedSlots(openSync(path, 'r+'), seal, payloadBytes);
    return { slots, payload: slots.#load() };
  }

  #load(): Uint8Array | undefined {
    let newest: Uint8Array | undefined;
    for (const slot of [0, 1]) {
      const bytes = new Uint8Array(this.#slotBytes);
      const length = readSync(this.#descriptor, bytes, 0, bytes.length, slot * SLOT_SPACING_BYTES);
      const opened = length === bytes.length ? this.#seal.open(Uint8Array.of(slot), bytes) : undefined;
      if (opened === undefined) return undefined;
      const sequence = readSequence(opened);
      if (sequence <= this.#sequence) continue;
      this.#sequence = sequence;
      newest = opened.subarray(8);
    }
    return newest;
  }

  /** Puts a payload into the older slot. */
  write(payload: Uint8Array): void {
    this.#sequence += 1;
    const slot = this.#sequence % 2;
    const bytes = this.#seal.seal(Uint8Array.of(slot), concatBytes(u64Bytes(this.#sequence), payload));
    if (bytes.length !== this.#slotBytes) throw new RangeError('the payload does not have the size of the slots');
    const written = writeSync(this.#descriptor, bytes, 0, bytes.length, slot * SLOT_SPACING_BYTES);
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
