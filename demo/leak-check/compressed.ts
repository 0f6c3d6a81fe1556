/**
 * Finds gzip (RFC 1952) and zstd (RFC 8878) streams inside bytes and unpacks what they hold, damaged or cut streams as
 * far as they go. Random bytes that only look like the beginning of a stream give nothing.
 */
import { createInflateRaw, createZstdDecompress } from 'node:zlib';

const GZIP_MAGIC = Buffer.from([0x1f, 0x8b, 0x08]);
const ZSTD_MAGIC = Buffer.from([0x28, 0xb5, 0x2f, 0xfd]);
/** Largest content that is unpacked from one stream; a bomb stops here. */
const MAX_UNPACKED_BYTES = 256 * 1024 * 1024;
const PIECE_BYTES = 2048;

/** What the compressed streams in `bytes` hold, each with the place where it begins. */
export async function* unpackedStreams(
  bytes: Uint8Array,
): AsyncGenerator<{ readonly kind: 'gzip' | 'zstd'; readonly offset: number; readonly content: Uint8Array }> {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (const [kind, magic] of [
    ['gzip', GZIP_MAGIC],
    ['zstd', ZSTD_MAGIC],
  ] as const) {
    for (let offset = view.indexOf(magic); offset >= 0; offset = view.indexOf(magic, offset + 1)) {
      const content = await unpack(kind, view.subarray(offset));
      if (content.length > 0) yield { kind, offset, content };
    }
  }
}

/** Length of a gzip member's header (RFC 1952 §2.3); what follows is raw deflate, whose end needs no trailer. */
function gzipHeaderLength(stream: Uint8Array): number {
  const flags = stream[3] ?? 0;
  let length = 10;
  if ((flags & 4) !== 0) length += 2 + (stream[length] ?? 0) + 256 * (stream[length + 1] ?? 0);
  for (const flag of [8, 16]) if ((flags & flag) !== 0) length = stream.indexOf(0, length) + 1 || stream.length;
  return (flags & 2) === 0 ? length : length + 2;
}

/** Unpacks piece by piece, so that what came before a damaged place is kept. */
async function unpack(kind: 'gzip' | 'zstd', stream: Uint8Array): Promise<Uint8Array> {
  const unpacker = kind === 'gzip' ? createInflateRaw() : createZstdDecompress();
  const packed = kind === 'gzip' ? stream.subarray(gzipHeaderLength(stream)) : stream;
  const parts: Uint8Array[] = [];
  let [size, isOver] = [0, false];
  const over = Promise.withResolvers<void>();
  const finish = (): void => {
    isOver = true;
    over.resolve();
  };
  unpacker.on('data', (part: Uint8Array) => {
    parts.push(part);
    size += part.length;
    if (size > MAX_UNPACKED_BYTES) unpacker.destroy();
  });
  for (const event of ['error', 'end', 'close'] as const) unpacker.on(event, finish);
  for (let at = 0; at < packed.length && !isOver; at += PIECE_BYTES) {
    const written = Promise.withResolvers<void>();
    unpacker.write(packed.subarray(at, at + PIECE_BYTES), () => written.resolve());
    await Promise.race([written.promise, over.promise]);
  }
  if (!isOver) unpacker.end();
  await over.promise;
  unpacker.destroy();
  return Buffer.concat(parts);
}
