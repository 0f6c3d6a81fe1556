/**
 * Pre-scan of foreign MessagePack bytes, before any decoder sees them.
 *
 * The decoder of msgpackr is not injective and has no depth limit, so this iterative pass accepts only the canonical
 * subset that our encoder produces: unsigned integers below 2^32, UTF-8 strings, byte strings and arrays, each with
 * the shortest header, nested at most MAX_DEPTH deep, no trailing bytes. It allocates nothing per element.
 */

/** Deepest nesting of arrays in any message. */
export const MAX_DEPTH = 12;

const utf8Decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Whether the bytes are exactly one canonical value of the subset. */
export const isCanonicalWire = (bytes: Uint8Array): boolean => {
  const remaining = new Uint32Array(MAX_DEPTH + 1);
  const end = bytes.length;
  let depth = 0;
  let offset = 0;
  remaining[0] = 1;
  while (true) {
    while ((remaining[depth] ?? 0) === 0) {
      if (depth === 0) return offset === end;
      depth -= 1;
    }
    if (offset >= end) return false;
    remaining[depth] = (remaining[depth] ?? 0) - 1;
    const head = bytes[offset] ?? 0;
    offset += 1;
    if (head <= 0x7f) continue;
    const kind = kindOf(head);
    if (kind === undefined) return false;
    let size: number;
    if (kind.inline >= 0) {
      size = kind.inline;
    } else {
      if (offset + kind.width > end) return false;
      size = 0;
      for (let i = 0; i < kind.width; i += 1) size = size * 256 + (bytes[offset + i] ?? 0);
      offset += kind.width;
      if (size < kind.minimum) return false;
    }
    if (kind.type === 'uint') continue;
    if (size > end - offset) return false;
    if (kind.type === 'array') {
      if (size === 0) continue;
      depth += 1;
      if (depth > MAX_DEPTH) return false;
      remaining[depth] = size;
      continue;
    }
    if (kind.type === 'text' && !isUtf8(bytes.subarray(offset, offset + size))) return false;
    offset += size;
  }
};

interface Kind {
  readonly type: 'uint' | 'text' | 'bytes' | 'array';
  /** Size held in the head byte itself, or -1 when it follows. */
  readonly inline: number;
  /** Bytes of the size or integer that follow. */
  readonly width: number;
  /** Smallest size or integer that may use this head. */
  readonly minimum: number;
}

const following = (type: Kind['type'], width: number, minimum: number): Kind => ({ type, inline: -1, width, minimum });

const kinds = new Map<number, Kind>([
  [0xc4, following('bytes', 1, 0)],
  [0xc5, following('bytes', 2, 0x100)],
  [0xc6, following('bytes', 4, 0x10000)],
  [0xcc, following('uint', 1, 0x80)],
  [0xcd, following('uint', 2, 0x100)],
  [0xce, following('uint', 4, 0x10000)],
  [0xd9, following('text', 1, 0x20)],
  [0xda, following('text', 2, 0x100)],
  [0xdb, following('text', 4, 0x10000)],
  [0xdc, following('array', 2, 0x10)],
  [0xdd, following('array', 4, 0x10000)],
]);
for (let head = 0x90; head <= 0x9f; head += 1) kinds.set(head, { type: 'array', inline: head - 0x90, width: 0, minimum: 0 });
for (let head = 0xa0; head <= 0xbf; head += 1) kinds.set(head, { type: 'text', inline: head - 0xa0, width: 0, minimum: 0 });

const kindTable: readonly (Kind | undefined)[] = Array.from({ length: 256 }, (_, head) => kinds.get(head));
const kindOf = (head: number): Kind | undefined => kindTable[head];

const isUtf8 = (bytes: Uint8Array): boolean => {
  try {
    utf8Decoder.decode(bytes);
    return true;
  } catch {
    return false;
  }
};
