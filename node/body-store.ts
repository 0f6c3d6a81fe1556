/**
 * Bodies of blocks above the ledger: resolved from proposals, the mempool and peers.
 *
 * A compact proposal names transaction ids; what the mempool has is taken from it, the rest is filled in as it
 * arrives. A body counts as present only after it was checked against its header. Bounded by the number of blocks that
 * agreement keeps open; `forget` frees them when they are executed or discarded.
 */
import type { BlockHash, Hash, TransactionId } from '../protocol/brand.ts';
import type { ProposalBody } from '../protocol/consensus/block.ts';
import { type BlockBody, bodyFault, transactionRoot } from '../protocol/consensus/body.ts';
import type { Header } from '../protocol/consensus/header.ts';
import { transactionId } from '../protocol/transaction-id.ts';

/** A checked body with the ids of its transactions. */
export interface ResolvedBody {
  readonly body: BlockBody;
  readonly ids: readonly TransactionId[];
}

const NOTHING: ResolvedBody = { body: [], ids: [] };

/** State of a block's body here. */
export type BodyStatus = 'present' | 'absent' | 'invalid';

interface Incomplete {
  readonly header: Header;
  readonly ids: readonly TransactionId[];
  readonly envelopes: Map<TransactionId, Uint8Array>;
  readonly missing: Set<TransactionId>;
}

/** Where envelopes can be found by id. */
export type EnvelopeSource = (id: TransactionId) => Uint8Array | undefined;

/** See the module comment. */
export class BodyStore {
  readonly #resolved = new Map<BlockHash, ResolvedBody>();
  readonly #incomplete = new Map<BlockHash, Incomplete>();
  readonly #waitingFor = new Map<TransactionId, Set<BlockHash>>();
  #built: (ResolvedBody & { readonly txRoot: Hash }) | undefined;

  /** The checked body of a block; a block without transactions always has one. */
  get(block: BlockHash, header: Header): ResolvedBody | undefined {
    if (header.txCount === 0) return NOTHING;
    const resolved = this.#resolved.get(block);
    if (resolved !== undefined || this.#built?.txRoot !== header.txRoot) return resolved;
    this.#resolved.set(block, this.#built);
    return this.#built;
  }

  /** Ids of a block's transactions, as far as its body is here. */
  ids(block: BlockHash): readonly TransactionId[] {
    return this.#resolved.get(block)?.ids ?? [];
  }

  /** Remembers the body that was put together last; `get` finds it under the block that commits to it. */
  putBuilt(txRoot: Hash, body: ResolvedBody): void {
    this.#built = { txRoot, ...body };
  }

  /** Checks a whole body against its header and keeps it. `absent` means that these bytes are not its body. */
  offer(block: BlockHash, header: Header, body: BlockBody): BodyStatus {
    if (header.txCount === 0 || this.#resolved.has(block)) return 'present';
    const ids = body.map(transactionId);
    const fault = bodyFault(body, header, ids);
    if (fault === 'BODY_MISMATCH') return 'absent';
    if (fault === 'BODY_DUPLICATE') return 'invalid';
    this.#keep(block, body, ids);
    return 'present';
  }

  /** Resolves the body of a proposal as far as possible. */
  resolve(block: BlockHash, header: Header, proposed: ProposalBody, source: EnvelopeSource): BodyStatus {
    if (header.txCount === 0 || this.#resolved.has(block)) return 'present';
    if (proposed.kind === 'inline') {
      // The proposal's signature covers the header, not the inline bytes, so a mismatch may be the relayer's doing.
      return this.offer(block, header, proposed.envelopes);
    }
    const ids = proposed.transactionIds;
    // The signature covers the header alone: a list that is not the block's own would wait for nothing.
    if (ids.length !== header.txCount || transactionRoot(ids) !== header.txRoot) return 'absent';
    const arrived = this.#incomplete.get(block)?.envelopes;
    this.#drop(block);
    const incomplete: Incomplete = { header, ids, envelopes: new Map(), missing: new Set() };
    for (const id of ids) {
      const envelope = source(id) ?? arrived?.get(id);
      if (envelope === undefined) incomplete.missing.add(id);
      else incomplete.envelopes.set(id, envelope);
    }
    if (incomplete.missing.size === 0) return this.#complete(block, incomplete);
    this.#incomplete.set(block, incomplete);
    for (const id of incomplete.missing) {
      const blocks = this.#waitingFor.get(id) ?? new Set();
      blocks.add(block);
      this.#waitingFor.set(id, blocks);
    }
    return 'absent';
  }

  /** Positions in the block of the transactions that are still missing. */
  missing(block: BlockHash): number[] {
    const incomplete = this.#incomplete.get(block);
    if (incomplete === undefined) return [];
    return incomplete.ids.flatMap((id, index) => (incomplete.missing.has(id) ? [index] : []));
  }

  /** Blocks whose body is held or awaited. */
  get size(): number {
    return this.#resolved.size + this.#incomplete.size;
  }

  /** Whether a body lacks transactions. */
  get isIncomplete(): boolean {
    return this.#waitingFor.size > 0;
  }

  /** A transaction arrived; returns the blocks that this decides. */
  arrived(id: TransactionId, envelope: Uint8Array): { readonly block: BlockHash; readonly status: BodyStatus }[] {
    const blocks = this.#waitingFor.get(id);
    if (blocks === undefined) return [];
    this.#waitingFor.delete(id);
    const decided: { block: BlockHash; status: BodyStatus }[] = [];
    for (const block of blocks) {
      const incomplete = this.#incomplete.get(block);
      if (incomplete === undefined) continue;
      incomplete.missing.delete(id);
      incomplete.envelopes.set(id, envelope);
      if (incomplete.missing.size > 0) continue;
      const status = this.#complete(block, incomplete);
      if (status !== 'absent') decided.push({ block, status });
    }
    return decided;
  }

  /** Frees a block that was executed or discarded. */
  forget(block: BlockHash): void {
    this.#resolved.delete(block);
    this.#drop(block);
  }

  /** The ids are known to be the block's own, and every envelope to be that of its id. */
  #complete(block: BlockHash, { ids, envelopes, header }: Incomplete): BodyStatus {
    const body = ids.flatMap((id) => envelopes.get(id) ?? []);
    this.#drop(block);
    if (body.reduce((sum, envelope) => sum + envelope.length, 0) !== header.bodyBytes) return 'absent';
    if (new Set(ids).size !== ids.length) return 'invalid';
    this.#keep(block, body, ids);
    return 'present';
  }

  #keep(block: BlockHash, body: BlockBody, ids: readonly TransactionId[]): void {
    this.#resolved.set(block, { body, ids });
    this.#drop(block);
  }

  #drop(block: BlockHash): void {
    const incomplete = this.#incomplete.get(block);
    if (incomplete === undefined) return;
    this.#incomplete.delete(block);
    for (const id of incomplete.missing) {
      const blocks = this.#waitingFor.get(id);
      blocks?.delete(block);
      if (blocks?.size === 0) this.#waitingFor.delete(id);
    }
  }
}
