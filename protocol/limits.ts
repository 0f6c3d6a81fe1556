/**
 * Every bound of the protocol, each with its reason. Bounds on which replicas must agree are genesis parameters whose
 * allowed range stands here; the others are local and protect memory.
 */

/** Largest validator set: certificates of n − f signatures stay below 5 KiB (consensus design, 0.2). */
export const MAX_VALIDATORS = 100;
/** Smallest validator set that tolerates one Byzantine member. */
export const MIN_VALIDATORS = 4;
/** Most observers: they cost every validator a copy of each block. */
export const MAX_OBSERVERS = 64;
/** Most changes of the configuration in one governance transaction: a proposal stays small. */
export const MAX_CHANGES = 8;
/** Most plaintext system transactions of a block. */
export const MAX_SYSTEM_TRANSACTIONS = 8;
/** Largest system transaction: MAX_CHANGES validators with the largest evidence. */
export const MAX_SYSTEM_TRANSACTION_BYTES = 96 * 1024;
/** Blocks by which the block that a joiner vouches for may be old (consensus design §3.2). */
export const MAX_READINESS_AGE_BLOCKS = 256;
/** Largest envelope on the wire: the largest size bucket plus its public fields. */
export const MAX_ENVELOPE_BYTES = 66 * 1024;
/** Largest block body: moves to three peers in about 5 ms on one machine and keeps a frame below gossip limits. */
export const MAX_BODY_BYTES = 1024 * 1024;
/** Most transactions in one block: bounds receipts and the proposal's list of ids. */
export const MAX_BLOCK_TRANSACTIONS = 4096;
/** Largest consensus message: an inline proposal with its justification. */
export const MAX_CONSENSUS_MESSAGE_BYTES = 2 * 1024 * 1024;
/** Largest argument or result of a contract call, as JSON text: fits an envelope's largest bucket. */
export const MAX_ARGUMENT_BYTES = 60 * 1024;
/** Most consortium members that govern. */
export const MAX_MEMBERS = 64;
/** Most sealed outputs of one transaction beside the caller's own. */
export const MAX_OUTPUTS = 32;
/** Largest sealed output: case files are long; larger results are paged by the contract. */
export const MAX_OUTPUT_BYTES = 1024 * 1024 + 4096;
/** Largest public claims text of one receipt: receipts stay small enough to mail. */
export const MAX_CLAIMS_BYTES = 4096;
/** Longest Merkle path: log2 of MAX_BLOCK_TRANSACTIONS. */
export const MAX_PATH_LENGTH = 12;
/** Largest sealed write set of a block: bounds memory at restore. */
export const MAX_WRITE_SET_BYTES = 32 * 1024 * 1024;
/** Most blocks that an envelope's expiry may lie ahead: bounds the replay memory. */
export const MAX_EXPIRY_BLOCKS = 100_000;
/** Most changes of the configuration that wait for signatures or for a block. */
export const MAX_PENDING_CHANGES = 16;
