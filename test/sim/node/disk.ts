/**
 * The disk of a simulated machine: files that lose what was not synced, a write torn at a sector, databases that lose
 * unsynced batches, and an end of space. Names of files and folders are durable at once.
 */
import { concatBytes } from '../../../protocol/hex.ts';
import type { Random } from '../random.ts';

const SECTOR_BYTES = 512;

/** A write that is not durable, with what it replaced. */
interface Write {
  readonly offset: number;
  readonly bytes: Uint8Array;
  readonly replaced: Uint8Array;
  readonly lengthBefore: number;
}

const noSpace = (): Error => Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' });

/** One file. */
export class SimFile {
  #bytes = new Uint8Array(1024);
  #length = 0;
  #unsynced: Write[] = [];

  get content(): Uint8Array {
    return this.#bytes.slice(0, this.#length);
  }

  /** Number of writes that are not durable. */
  get unsynced(): number {
    return this.#unsynced.length;
  }

  read(target: Uint8Array, position: number): number {
    const part = this.#bytes.subarray(position, Math.min(this.#length, position + target.length));
    target.set(part);
    return part.length;
  }

  write(bytes: Uint8Array, offset: number): void {
    const replaced = this.#bytes.slice(offset, Math.min(this.#length, offset + bytes.length));
    this.#unsynced.push({ offset, bytes: concatBytes(bytes), replaced, lengthBefore: this.#length });
    this.#put(bytes, offset);
  }

  truncate(length: number): void {
    this.#length = length;
    this.#unsynced = [];
  }

  /** Makes the first of the open writes durable. */
  synced(writes: number): void {
    this.#unsynced.splice(0, writes);
  }

  /** Loses some of the last unsynced writes; the first that is lost may be there in part. Says what was lost. */
  crash(random: Random): 'nothing' | 'writes' | 'torn' {
    const lost = this.#unsynced.splice(random.below(this.#unsynced.length + 1));
    for (const { offset, replaced, lengthBefore } of lost.toReversed()) {
      this.#put(replaced, offset);
      this.#length = lengthBefore;
    }
    const torn = lost[0];
    this.#unsynced = [];
    if (torn === undefined) return 'nothing';
    const sectors =
      Math.floor((torn.offset + torn.bytes.length) / SECTOR_BYTES) - Math.floor(torn.offset / SECTOR_BYTES);
    const end = (Math.floor(torn.offset / SECTOR_BYTES) + random.below(sectors + 1)) * SECTOR_BYTES;
    if (end <= torn.offset) return 'writes';
    this.#put(torn.bytes.subarray(0, end - torn.offset), torn.offset);
    return 'torn';
  }

  #put(bytes: Uint8Array, offset: number): void {
    const end = offset + bytes.length;
    if (end > this.#bytes.length) {
      const grown = new Uint8Array(2 * end);
      grown.set(this.#bytes);
      this.#bytes = grown;
    }
    this.#bytes.set(bytes, offset);
    this.#length = Math.max(this.#length, end);
  }
}

interface Change {
  readonly key: string;
  readonly before: Uint8Array | undefined;
}

/** One database: batches are whole or not there, and a synced one makes all before it durable. */
export class SimDatabase {
  readonly entries = new Map<string, Uint8Array>();
  #unsynced: Change[][] = [];

  /** Number of batches that are not durable. */
  get unsynced(): number {
    return this.#unsynced.length;
  }

  apply(operations: readonly { readonly key: string; readonly value: Uint8Array | undefined }[]): void {
    const changes: Change[] = [];
    for (const { key, value } of operations) {
      changes.push({ key, before: this.entries.get(key) });
      if (value === undefined) this.entries.delete(key);
      else this.entries.set(key, value);
    }
    this.#unsynced.push(changes);
  }

  synced(batches: number): void {
    this.#unsynced.splice(0, batches);
  }

  /** Loses some of the last unsynced batches; says whether any was lost. */
  crash(random: Random): boolean {
    const lost = this.#unsynced.splice(random.below(this.#unsynced.length + 1));
    this.#unsynced = [];
    for (const { key, before } of lost.flat().toReversed()) {
      if (before === undefined) this.entries.delete(key);
      else this.entries.set(key, before);
    }
    return lost.length > 0;
  }
}

/** See the module comment. */
export class Disk {
  readonly files = new Map<string, SimFile>();
  readonly databases = new Map<string, SimDatabase>();
  isFull = false;

  /** Whether everything in files with an ending is durable. */
  isSynced(ending: string): boolean {
    for (const [path, file] of this.files) if (file.unsynced > 0 && path.endsWith(ending)) return false;
    return true;
  }

  /** Throws ENOSPC while there is no space. */
  checkSpace(): void {
    if (this.isFull) throw noSpace();
  }

  /** Loses power; names what was lost. */
  crash(random: Random): Set<string> {
    const lost = new Set<string>();
    for (const file of this.files.values()) {
      const what = file.crash(random);
      if (what !== 'nothing') lost.add('lost writes');
      if (what === 'torn') lost.add('torn write');
    }
    for (const database of this.databases.values()) if (database.crash(random)) lost.add('lost batches');
    return lost;
  }
}
