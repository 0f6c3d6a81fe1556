/** Domain-separated SHA-256: the only hash that identifies anything in Cloister. */
import { sha256 } from '#primitives';
import type { Hash } from './brand.ts';
import { concatBytes, fromHex, toHex, u64Bytes, utf8 } from './hex.ts';

export { concatBytes, fromHex, toHex, u64Bytes, utf8 };

const DOMAIN_BYTES = 32;
const domains = new Map<string, Uint8Array>();

const domainTag = (domain: string): Uint8Array => {
  const known = domains.get(domain);
  if (known !== undefined) return known;
  const name = utf8(domain);
  if (name.length > DOMAIN_BYTES) throw new RangeError('a hash domain has at most 32 bytes');
  const tag = new Uint8Array(DOMAIN_BYTES);
  tag.set(name);
  domains.set(domain, tag);
  return tag;
};

/** SHA-256 of the zero-padded 32-byte domain tag and the parts, as bytes. */
export const domainHashBytes = (domain: string, ...parts: readonly Uint8Array[]): Uint8Array =>
  sha256(domainTag(domain), ...parts);

/** SHA-256 of the zero-padded 32-byte domain tag and the parts, as hexadecimal digits. */
export const domainHash = (domain: string, ...parts: readonly Uint8Array[]): Hash =>
  toHex(domainHashBytes(domain, ...parts)) as Hash;
