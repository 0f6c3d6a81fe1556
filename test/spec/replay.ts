/**
 * Model → code: replays a trace of `events.qnt` on real cores. After each step the core must have cast exactly the
 * model's votes, formed exactly its certificates, and stand in the same view on the same final block.
 *
 * Validator v of the model is the real validator that leads the views v mod n. Liars have no core: their blocks and
 * votes are made here, signed with their keys. Traces stay in
 * the first epoch.
 */
import type { BlockHash, Epoch, Height, ValidatorIndex, View } from '../../protocol/brand.ts';
import type { Block } from '../../protocol/consensus/block.ts';
import { EMPTY_TRANSACTION_ROOT } from '../../protocol/consensus/body.ts';
import { type Certificate, certificateOf } from '../../protocol/consensus/certificate.ts';
import type { EpochAnchor } from '../../protocol/consensus/configuration.ts';
import { blockId, HEADER_VERSION, type Header } from '../../protocol/consensus/header.ts';
import { type Justification, justificationRoot } from '../../protocol/consensus/justification.ts';
import { type Vote, type VoteKind, type VoteStatement, ZERO_HASH } from '../../protocol/consensus/vote.ts';
import { leaderOrder } from '../../protocol/consensus/leader.ts';
import { signAs } from '../sim/fake-crypto.ts';
import type { ModelBallot, ModelBlock, ModelCore, ModelEvent, ModelKind, ModelState } from './itf.ts';
import { Replica, replicaAnchor, type Visible } from './replica.ts';

const kindOf: Readonly<Record<ModelKind, VoteKind>> = {
  Notarize: 'notarize',
  Nullify: 'nullify',
  Finalize: 'finalize',
};

/** How often each input and each outcome occurred in replayed traces. */
export type Coverage = Map<string, number>;

const count = (coverage: Coverage, name: string): void => {
  coverage.set(name, (coverage.get(name) ?? 0) + 1);
};

const sorted = (lines: Iterable<string>): string[] => [...lines].sort();
const above = <T>(entries: Iterable<readonly [number, T]>, floor: number): [number, T][] =>
  [...entries].filter(([view]) => view > floor).map(([view, value]) => [view, value]);

/** The cores of one trace. */
class Replay {
  readonly #anchor: EpochAnchor;
  readonly #order: readonly ValidatorIndex[];
  readonly #replicas: ReadonlyMap<number, Replica>;
  readonly #blocks = new Map<number, Block & { readonly id: BlockHash }>();

  constructor(validators: number, first: ModelState) {
    this.#anchor = replicaAnchor(validators);
    this.#order = leaderOrder(this.#anchor);
    const honest = [...first.memory.keys()];
    this.#replicas = new Map(honest.map((v) => [v, new Replica(this.#anchor, this.#indexOf(v))]));
  }

  #indexOf(validator: number): ValidatorIndex {
    return this.#order[validator] as ValidatorIndex;
  }

  #hashOf(id: number): BlockHash {
    return id === 0 ? this.#anchor.base.id : this.#block(id).id;
  }

  #block(id: number): Block & { readonly id: BlockHash } {
    const block = this.#blocks.get(id);
    if (block === undefined) throw new RangeError(`block ${id} was not made yet`);
    return block;
  }

  #statement({ kind, view, id }: Omit<ModelBallot, 'signer'>): VoteStatement {
    const hash = kind.tag === 'Nullify' ? ZERO_HASH : this.#hashOf(id);
    return { kind: kindOf[kind.tag], epoch: this.#anchor.epoch as Epoch, view: view as View, hash };
  }

  #vote(ballot: ModelBallot): Vote {
    const statement = this.#statement(ballot);
    const signer = this.#indexOf(ballot.signer);
    return { ...statement, signer, signature: signAs(signer, statement) };
  }

  /** The certificate that the votes sent so far give, the liars' among them. */
  #certificate(state: ModelState, wanted: Omit<ModelBallot, 'signer'>): Certificate | undefined {
    const { votes } = state;
    const { tag } = wanted.kind;
    const voters =
      tag === 'Nullify'
        ? votes.nullify.get(wanted.view)
        : (tag === 'Notarize' ? votes.notarize : votes.finalize).get(wanted.id);
    const signers = [...(voters ?? [])].slice(0, this.#anchor.quorum);
    if (signers.length < this.#anchor.quorum) return undefined;
    return certificateOf(
      signers.map((signer) => this.#vote({ ...wanted, signer })),
      this.#order.length,
    );
  }

  /** The block of a lying leader, with whatever justification can be had. */
  #lie(state: ModelState, id: number, block: ModelBlock): Block & { readonly id: BlockHash } {
    const parent = block.parent === 0 ? undefined : this.#block(block.parent);
    const base = this.#anchor.base;
    const from = parent?.header ?? base;
    const parentView = (state.blocks.get(block.parent)?.view ?? 0) as View;
    const proof = state.onFinalization.has(id) ? 'Finalize' : 'Notarize';
    const justification: Justification = {
      parent:
        parent === undefined
          ? undefined
          : this.#certificate(state, { kind: { tag: proof }, view: parentView, id: block.parent }),
      nullifications: [...block.skipped]
        .sort((a, b) => a - b)
        .flatMap((view) => this.#certificate(state, { kind: { tag: 'Nullify' }, view, id: 0 }) ?? []),
    };
    const siblings = [...this.#blocks.values()].filter(({ header }) => header.view === block.view).length;
    const header: Header = {
      version: HEADER_VERSION,
      chainId: this.#anchor.chainId,
      epoch: this.#anchor.epoch as Epoch,
      view: block.view as View,
      height: (from.height + 1) as Height,
      kind: 'empty',
      timeMs: from.timeMs + 1 + siblings,
      proposer: this.#indexOf(block.view % this.#order.length),
      parentView,
      parentHash: parent?.id ?? base.id,
      justRoot: justificationRoot(justification),
      txRoot: EMPTY_TRANSACTION_ROOT,
      txCount: 0,
      bodyBytes: 0,
      sysRoot: ZERO_HASH,
      configHash: this.#anchor.configHash,
      nextConfigHash: ZERO_HASH,
      stateCert: undefined,
    };
    return { id: blockId(header), header, justification, system: [] };
  }

  #act(replica: Replica, event: ModelEvent, before: ModelState, after: ModelState): Visible | undefined {
    switch (event.tag) {
      case 'Begun':
      case 'Lied':
        return undefined;
      case 'GotProposal': {
        const block = this.#block(event.value);
        const { proposer, view } = block.header;
        const statement = this.#statement({ kind: { tag: 'Notarize' }, view, id: event.value });
        return replica.proposal(block, signAs(proposer, statement));
      }
      case 'GotHeader':
        return replica.header(this.#block(event.value), this.#block(event.value).header.proposer);
      case 'GotVote':
        return replica.vote(this.#vote(event.value));
      case 'GotOwnVote':
        return replica.ownVote(this.#statement(event.value));
      case 'GotCertificate': {
        const certificate = this.#certificate(before, event.value);
        if (certificate === undefined) throw new RangeError('the votes give no such certificate');
        return replica.certificate(certificate);
      }
      case 'TimedOut':
        return replica.timeOut();
      case 'Built': {
        const visible = replica.built(this.#hashOf(after.blocks.get(event.value)?.parent ?? 0));
        if (visible.proposed === undefined) throw new RangeError('the core proposed nothing');
        this.#blocks.set(event.value, visible.proposed);
        return visible;
      }
      case 'Restarted':
        return replica.restart();
    }
  }

  #write = (kind: string, view: number, id: number): string =>
    kind === 'nullify' ? `${kind}@${view}` : `${kind}@${view} ${this.#hashOf(id).slice(0, 8)}`;

  #writeReal = ({ kind, view, hash }: VoteStatement): string =>
    kind === 'nullify' ? `${kind}@${view}` : `${kind}@${view} ${hash.slice(0, 8)}`;

  #certificatesOf(core: ModelCore, floor: number): string[] {
    return sorted([
      ...above(core.notarized, floor).map(([view, id]) => this.#write('notarize', view, id)),
      ...above(core.finalized, floor).map(([view, id]) => this.#write('finalize', view, id)),
      ...[...core.nullified].filter((view) => view > floor).map((view) => this.#write('nullify', view, 0)),
    ]);
  }

  #votesOf(core: ModelCore, floor: number): string[] {
    return sorted([
      ...above(core.notarize, floor).map(([view, id]) => this.#write('notarize', view, id)),
      ...above(core.finalize, floor).map(([view, id]) => this.#write('finalize', view, id)),
      ...[...core.nullify].filter((view) => view > floor).map((view) => this.#write('nullify', view, 0)),
    ]);
  }

  /** State of a validator of the model in the words of the comparison. */
  #expected(core: ModelCore, state: ModelState): Record<string, unknown> {
    const floor = state.blocks.get(core.committed)?.view ?? 0;
    return {
      view: core.current,
      final: this.#hashOf(core.committed),
      votes: this.#votesOf(core, floor),
      certificates: this.#certificatesOf(core, floor),
    };
  }

  #actual({ core, delivered }: Replica): Record<string, unknown> {
    const votes: string[] = [];
    const certificates: string[] = [];
    for (const { view, own, notarization, nullification, finalization } of core.views.values()) {
      if (own.notarize !== undefined) votes.push(`notarize@${view} ${own.notarize.slice(0, 8)}`);
      if (own.nullify) votes.push(`nullify@${view}`);
      if (own.finalize !== undefined) votes.push(`finalize@${view} ${own.finalize.slice(0, 8)}`);
      for (const held of [notarization, nullification, finalization]) {
        if (held !== undefined) certificates.push(this.#writeReal(held));
      }
    }
    const final = delivered.at(-1) ?? this.#anchor.base.id;
    return { view: core.current, final, votes: sorted(votes), certificates: sorted(certificates) };
  }

  /** Differences of one step, empty when model and core agree. */
  take(before: ModelState, after: ModelState, coverage: Coverage): string[] {
    const { validator, event } = after.last;
    count(coverage, event.tag);
    if (event.tag === 'Lied') {
      const block = after.blocks.get(event.value);
      if (block !== undefined) this.#blocks.set(event.value, this.#lie(after, event.value, block));
      return [];
    }
    const replica = this.#replicas.get(validator);
    const [was, is] = [before.memory.get(validator), after.memory.get(validator)];
    if (replica === undefined || was === undefined || is === undefined) return [`no core for validator ${validator}`];
    const visible = this.#act(replica, event, before, after);
    if (visible === undefined) return [];
    for (const { kind } of visible.cast) count(coverage, `cast ${kind}`);
    for (const { kind } of visible.formed) count(coverage, `form ${kind}`);
    if (is.committed !== was.committed) count(coverage, 'commit');
    // A restart forgets what was not synced: what the model holds afterwards is compared, not the difference.
    const restarted = event.tag === 'Restarted';
    const fresh = (now: string[], earlier: string[]): string[] => now.filter((line) => !earlier.includes(line));
    const expected = {
      ...this.#expected(is, after),
      cast: sorted(this.#sent(after, validator).filter((line) => !this.#sent(before, validator).includes(line))),
      formed: restarted ? [] : fresh(this.#certificatesOf(is, 0), this.#certificatesOf(was, 0)),
    };
    const actual = {
      ...this.#actual(replica),
      cast: sorted(visible.cast.map(this.#writeReal)),
      formed: sorted(visible.formed.map(this.#writeReal)),
    };
    const [wanted, found] = [JSON.stringify(expected), JSON.stringify(actual)];
    return wanted === found ? [] : [`validator ${validator}, ${event.tag}:\n  model ${wanted}\n  core  ${found}`];
  }

  #sent({ votes, blocks }: ModelState, validator: number): string[] {
    const by = (voters: ReadonlySet<number>): boolean => voters.has(validator);
    const viewOf = (id: number): number => blocks.get(id)?.view ?? 0;
    return [
      ...[...votes.notarize].filter(([, v]) => by(v)).map(([id]) => this.#write('notarize', viewOf(id), id)),
      ...[...votes.nullify].filter(([, v]) => by(v)).map(([view]) => this.#write('nullify', view, 0)),
      ...[...votes.finalize].filter(([, v]) => by(v)).map(([id]) => this.#write('finalize', viewOf(id), id)),
    ];
  }
}

/** Replays a trace; returns the first difference, with the step at which it showed. */
export const replay = (trace: readonly ModelState[], validators: number, coverage: Coverage): string | undefined => {
  const [first] = trace;
  if (first === undefined) return 'an empty trace';
  const cores = new Replay(validators, first);
  let before = first;
  for (const [number, state] of trace.entries()) {
    if (number === 0) continue;
    try {
      const differences = cores.take(before, state, coverage);
      if (differences.length > 0) return `step ${number}: ${differences.join('\n')}`;
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      return `step ${number}, validator ${state.last.validator}, ${state.last.event.tag}: ${error.message}`;
    }
    before = state;
  }
  return undefined;
};
