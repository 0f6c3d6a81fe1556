/**
 * How long the messages of the simulation are when the product's codecs write them. What the simulation does not have is
 * left out: envelopes of transactions (blocks name them by id here) and result certificates.
 */
import { encode } from '../../protocol/codec.ts';
import { consensusMessageCodec } from '../../protocol/consensus/message.ts';
import { consensusRequestCodec, consensusResponseCodec } from '../../protocol/consensus/request.ts';
import { ZERO_HASH } from '../../protocol/consensus/vote.ts';
import type { Message } from '../sim/sim-exchange.ts';

const known = new WeakMap<Message, number>();

const written = (message: Message): Uint8Array | undefined => {
  switch (message.kind) {
    case 'vote':
    case 'certificate':
    case 'status':
      return encode(consensusMessageCodec, message);
    case 'proposal': {
      const transactionIds = new Array(message.proposal.header.txCount).fill(ZERO_HASH);
      const proposal = { ...message.proposal, body: { kind: 'compact' as const, transactionIds } };
      return encode(consensusMessageCodec, { kind: 'proposal', proposal });
    }
    case 'request':
      return encode(consensusRequestCodec, message.request);
    case 'blocks': {
      const blocks = message.blocks.map(({ block }) => ({ ...block, body: undefined }));
      return encode(consensusResponseCodec, { ...message, blocks });
    }
    default:
      return undefined;
  }
};

/** Bytes of a message on the wire; of the few kinds that no figure has, none. */
export const bytesOf = (message: Message): number => {
  const before = known.get(message);
  if (before !== undefined) return before;
  const bytes = written(message)?.length ?? 0;
  known.set(message, bytes);
  return bytes;
};
