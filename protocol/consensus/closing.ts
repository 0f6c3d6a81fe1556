/**
 * The end of an epoch as it travels: the closing block and what makes it final (consensus design §3.3, R12). Whoever is
 * still in that epoch takes it as the target to fetch blocks up to.
 */
import { type Codec, list, struct } from '../codec.ts';
import { type BlockWithBody, blockCodec } from './block.ts';
import { type Certificate, certificateCodec } from './certificate.ts';
import { MAX_FOLLOWING_HEADERS } from './finality-proof.ts';
import { type Header, headerCodec } from './header.ts';

/** A closing block with its proof of finality. */
export interface Closing {
  readonly block: BlockWithBody;
  /** Tails up to the one that the finalization names. */
  readonly following: readonly Header[];
  readonly finalization: Certificate;
}

/** A closing block with its proof of finality, on the wire. */
export const closingCodec: Codec<Closing> = struct({
  block: blockCodec,
  following: list(headerCodec, MAX_FOLLOWING_HEADERS),
  finalization: certificateCodec,
});
