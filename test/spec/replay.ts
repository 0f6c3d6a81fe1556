/**
 * Model → code: replays a trace of `events.qnt` on real cores. After each step the core must have cast exactly the
 * model's votes, formed exactly its certificates, and stand in the same epoch and view on the same final block.
 *
 * Validator v of the model is one machine in all epochs: the one that leads the views v mod n of the first. The leaders
 * of a later epoch follow from the hash of the closing block, so its time is chosen such that they are the model's.
 * Liars have no core: their blocks and votes are made here, signed with their keys.
 */
import type { BlockHash, Epoch, Height, ValidatorIndex, View } from '../../protocol/brand.ts';
import type { Block } from '../../protocol/consensus/block.ts';
import { EMPTY_TRANSACTION_ROOT } from '../../protocol/consensus/body.ts';
import { type Certificate, certificateOf } from '../../protocol/consensus/certificate.ts';
import type { EpochAnchor } from '../../protocol/consensus/configuration.ts';
import { blockId, HEADER_VERSION, type Header } from '../../protocol/consensus/header.ts';
import { type Justification, justificationRoot } from '../../protocol/consensus/justification.ts';
import { type Vote, type VoteKind, type VoteStatement, ZERO_HASH } from '../../protocol/consensus/vote.ts';
import { GENESIS_MS, machineOf, signAs } from '../sim/fake-crypto.ts';
import { anchorOn, leadersOf, sectionFor } from './change.ts';
import type { ModelBallot, ModelBlock, ModelCore, ModelEvent, ModelKind, ModelNode, ModelState } from './itf.ts';
import { type Clock, Replica, replicaAnchor, type Visible } from './replica.ts';

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

type MadeBlock = Block & { readonly id: BlockHash };

const nodeOf = ({ memory }: ModelState, validator: number): ModelNode => {
  const node = memory.get(validator);
  if (node === undefined) throw new RangeError(`no core for validator ${validator}`);
  return node;
};

const coreOf = ({ cores, epoch }: ModelNode): ModelCore => cores.get(epoch) as ModelCore;

/** The cores of one trace. */
class Replay {
  /** Anchor of the epoch that stands on each closing block. */
  readonly #anchors = new Map<number, EpochAnchor>();
  /** Machine of each validator of the model. */
  readonly #machines: readonly number[];
  readonly #replicas: ReadonlyMap<number, Replica>;
  readonly #blocks = new Map<number, MadeBlock>();
  readonly #clock: Clock = { wallMs: GENESIS_MS + 10_000 };

  constructor(universe: number, first: ModelState) {
    const genesis = first.blocks.get(0)?.payload;
    const founders = genesis?.tag === 'Closing' ? genesis.value.length : universe;
    const anchor = replicaAnchor(founders, universe - founders);
    this.#anchors.set(0, anchor);
    const leaders = leadersOf(anchor);
    this.#machines = Array.from({ length: universe }, (_, validator) => leaders[validator] ?? validator);
    const honest = [...first.memory.keys()];
    this.#replicas = new Map(honest.map((v) => [v, new Replica(anchor, this.#machine(v), this.#clock)]));
  }

  #machine(validator: number): number {
    return this.#machines[validator] as number;
  }

  /** Anchor of the epoch in which a validator is. */
  #anchorOf({ eras, epoch }: ModelNode): EpochAnchor {
    const anchor = this.#anchors.get(eras.get(epoch)?.base ?? -1);
    if (anchor === undefined) throw new RangeError(`no block ends epoch ${epoch - 1}`);
    return anchor;
  }

  #indexIn({ configuration }: EpochAnchor, validator: number): ValidatorIndex {
    const machine = this.#machine(validator);
    return configuration.validators.findIndex((member) => machineOf(member) === machine) as ValidatorIndex;
  }

  #hashOf(id: number): BlockHash {
    return id === 0 ? (this.#anchors.get(0) as EpochAnchor).base.id : this.#block(id).id;
  }

  #block(id: number): MadeBlock {
    const block = this.#blocks.get(id);
    if (block === undefined) throw new RangeError(`block ${id} was not made yet`);
    return block;
  }

  #statement(epoch: Epoch, { kind, view, id }: Omit<ModelBallot, 'signer'>): VoteStatement {
    const hash = kind.tag === 'Nullify' ? ZERO_HASH : this.#hashOf(id);
    return { kind: kindOf[kind.tag], epoch, view: view as View, hash };
  }

  #vote(anchor: EpochAnchor, ballot: ModelBallot): Vote {
    const statement = this.#statement(anchor.epoch, ballot);
    const signature = signAs(this.#machine(ballot.signer), statement);
    return { ...statement, signer: this.#indexIn(anchor, ballot.signer), signature };
  }

  /** The certificate that the votes sent so far give, the liars' among them. */
  #certificate(state: ModelState, anchor: EpochAnchor, wanted: Omit<ModelBallot, 'signer'>): Certificate | undefined {
    const votes = state.votes.get(anchor.epoch);
    const { tag } = wanted.kind;
    const voters =
      tag === 'Nullify'
        ? votes?.nullify.get(wanted.view)
        : (tag === 'Notarize' ? votes?.notarize : votes?.finalize)?.get(wanted.id);
    const cast = [...(voters ?? [])]
      .map((signer) => this.#vote(anchor, { ...wanted, signer }))
      .filter(({ signer }) => signer >= 0)
      .slice(0, anchor.quorum);
    return cast.length < anchor.quorum ? undefined : certificateOf(cast, anchor.validatorKeys.length);
  }

  /** The block of a lying leader, with whatever justification can be had. */
  #lie(state: ModelState, id: number, block: ModelBlock): MadeBlock {
    const closing = [...block.ancestors].findLast((a) => state.blocks.get(a)?.epoch === block.epoch - 1);
    const base = [...this.#anchors].find(([on, { epoch }]) => epoch === block.epoch && (on === 0 || on === closing));
    if (base === undefined) throw new RangeError(`no epoch for block ${id}`);
    const [on, anchor] = base;
    const parent = block.parent === on ? undefined : this.#block(block.parent);
    const from = parent?.header ?? { ...anchor.base, nextConfigHash: ZERO_HASH };
    const parentView = (parent?.header.view ?? 0) as View;
    const proof = state.onFinalization.has(id) ? 'Finalize' : 'Notarize';
    const justification: Justification = {
      parent:
        parent === undefined
          ? undefined
          : this.#certificate(state, anchor, { kind: { tag: proof }, view: parentView, id: block.parent }),
      nullifications: [...block.skipped]
        .sort((a, b) => a - b)
        .flatMap((view) => this.#certificate(state, anchor, { kind: { tag: 'Nullify' }, view, id: 0 }) ?? []),
    };
    const siblings = [...this.#blocks.values()].filter(
      ({ header }) => header.epoch === block.epoch && header.view === block.view,
    ).length;
    const isTail = block.payload.tag === 'Tail';
    const leaders = leadersOf(anchor);
    const proposer = this.#machines.indexOf(leaders[block.view % leaders.length] as number);
    const header: Header = {
      version: HEADER_VERSION,
      chainId: anchor.chainId,
      epoch: anchor.epoch,
      view: block.view as View,
      height: (from.height + (isTail ? 0 : 1)) as Height,
      kind: isTail ? 'tail' : 'empty',
      timeMs: from.timeMs + 1 + siblings,
      proposer: this.#indexIn(anchor, proposer),
      parentView,
      parentHash: parent?.id ?? anchor.base.id,
      justRoot: justificationRoot(justification),
      txRoot: EMPTY_TRANSACTION_ROOT,
      txCount: 0,
      bodyBytes: 0,
      sysRoot: ZERO_HASH,
      configHash: anchor.configHash,
      nextConfigHash: isTail ? from.nextConfigHash : ZERO_HASH,
      stateCert: undefined,
    };
    return { id: blockId(header), header, justification, system: [] };
  }

  /** Hands in the payload of a new block: of a closing one such that the leaders of the next epoch are the model's. */
  #build(replica: Replica, anchor: EpochAnchor, { parent, payload }: ModelBlock): Visible {
    if (payload.tag !== 'Closing') return replica.built(this.#hashOf(parent), [], () => true);
    const wished = payload.value.map((validator) => this.#machine(validator));
    return replica.built(this.#hashOf(parent), sectionFor(anchor, wished), (block) => {
      const next = anchorOn(anchor, block);
      return next === undefined || leadersOf(next).join() === wished.join();
    });
  }

  /** Keeps the block that a step proposed. */
  #keep(id: number, { payload }: ModelBlock, anchor: EpochAnchor, proposed: MadeBlock | undefined): void {
    if (proposed === undefined) throw new RangeError('the core proposed nothing');
    if ((payload.tag === 'Tail') !== (proposed.header.kind === 'tail')) throw new RangeError(`not a ${payload.tag}`);
    this.#blocks.set(id, proposed);
    this.#clock.wallMs = Math.max(this.#clock.wallMs, proposed.header.timeMs);
    if (payload.tag !== 'Closing') return;
    const next = anchorOn(anchor, proposed);
    if (next === undefined) throw new RangeError('the closing block changes nothing');
    this.#anchors.set(id, next);
  }

  #act(replica: Replica, event: ModelEvent, before: ModelState, after: ModelState): Visible {
    const anchor = this.#anchorOf(nodeOf(before, after.last.validator));
    switch (event.tag) {
      case 'Begun':
      case 'Lied':
        throw new RangeError(`${event.tag} is nothing that a core does`);
      case 'GotProposal': {
        const block = this.#block(event.value);
        const { proposer, view } = block.header;
        const statement = this.#statement(anchor.epoch, { kind: { tag: 'Notarize' }, view, id: event.value });
        const machine = machineOf(anchor.configuration.validators[proposer] as never);
        return replica.proposal(block, signAs(machine, statement));
      }
      case 'GotHeader':
        return replica.header(this.#block(event.value), this.#block(event.value).header.proposer);
      case 'GotVote':
        return replica.vote(this.#vote(anchor, event.value));
      case 'GotOwnVote':
        return replica.ownVote(this.#statement(anchor.epoch, event.value));
      case 'GotCertificate': {
        const certificate = this.#certificate(before, anchor, event.value);
        if (certificate === undefined) throw new RangeError('the votes give no such certificate');
        return replica.certificate(certificate);
      }
      case 'TimedOut':
        return replica.timeOut();
      case 'Built':
        return this.#build(replica, anchor, after.blocks.get(event.value) as ModelBlock);
      case 'Entered':
        return replica.enterEpoch();
      case 'Restarted':
        return replica.restart(event.value);
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

  /** Newest block of a validator's ledger: of the closing block and its tails, the closing block. */
  #finalOf({ blocks }: ModelState, id: number): number {
    const block = blocks.get(id);
    if (block?.payload.tag !== 'Tail') return id;
    return this.#finalOf({ blocks } as ModelState, block.parent);
  }

  /** State of a validator of the model in the words of the comparison. */
  #expected(node: ModelNode, state: ModelState): Record<string, unknown> {
    const core = coreOf(node);
    const isBase = core.committed === node.eras.get(node.epoch)?.base;
    const floor = isBase ? 0 : (state.blocks.get(core.committed)?.view ?? 0);
    return {
      epoch: node.epoch,
      view: core.current,
      final: this.#hashOf(this.#finalOf(state, core.committed)),
      votes: this.#votesOf(core, floor),
      certificates: this.#certificatesOf(core, floor),
    };
  }

  #actual({ core, final }: Replica): Record<string, unknown> {
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
    const { anchor } = core.config;
    return { epoch: anchor.epoch, view: core.current, final, votes: sorted(votes), certificates: sorted(certificates) };
  }

  /** Differences of one step, empty when model and core agree. */
  take(before: ModelState, after: ModelState, coverage: Coverage): string[] {
    const { validator, event } = after.last;
    const made = [...after.blocks].find(([id]) => !before.blocks.has(id));
    count(coverage, event.tag);
    if (event.tag === 'Lied') {
      if (made !== undefined) this.#blocks.set(made[0], this.#lie(after, ...made));
      return [];
    }
    const replica = this.#replicas.get(validator);
    if (replica === undefined) return [`no core for validator ${validator}`];
    const [was, is] = [nodeOf(before, validator), nodeOf(after, validator)];
    const visible = this.#act(replica, event, before, after);
    if (made !== undefined) this.#keep(...made, this.#anchorOf(is), visible.proposed);
    for (const { kind } of visible.cast) count(coverage, `cast ${kind}`);
    for (const { kind } of visible.formed) count(coverage, `form ${kind}`);
    if (made !== undefined) count(coverage, `propose ${made[1].payload.tag}`);
    if (coreOf(is).committed !== coreOf(was).committed) count(coverage, `commit in epoch ${is.epoch}`);
    if (is.epoch < was.epoch) count(coverage, 'back to an earlier epoch');
    // A restart forgets what was not synced, and an epoch begins with what is known: all of it is compared, no difference.
    const continues = event.tag !== 'Restarted' && event.tag !== 'Entered';
    const fresh = (now: string[], earlier: string[]): string[] => now.filter((line) => !earlier.includes(line));
    const expected = {
      ...this.#expected(is, after),
      cast: sorted(fresh(this.#sent(after, is, validator), this.#sent(before, is, validator))),
      formed: continues ? fresh(this.#certificatesOf(coreOf(is), 0), this.#certificatesOf(coreOf(was), 0)) : [],
    };
    const actual = {
      ...this.#actual(replica),
      cast: sorted(visible.cast.map(this.#writeReal)),
      formed: sorted(visible.formed.map(this.#writeReal)),
    };
    const [wanted, found] = [JSON.stringify(expected), JSON.stringify(actual)];
    return wanted === found ? [] : [`validator ${validator}, ${event.tag}:\n  model ${wanted}\n  core  ${found}`];
  }

  /** Votes that a validator has sent in an epoch. */
  #sent({ votes, blocks }: ModelState, { epoch }: ModelNode, validator: number): string[] {
    const by = (voters: ReadonlySet<number>): boolean => voters.has(validator);
    const viewOf = (id: number): number => blocks.get(id)?.view ?? 0;
    const seen = votes.get(epoch);
    if (seen === undefined) return [];
    return [
      ...[...seen.notarize].filter(([, v]) => by(v)).map(([id]) => this.#write('notarize', viewOf(id), id)),
      ...[...seen.nullify].filter(([, v]) => by(v)).map(([view]) => this.#write('nullify', view, 0)),
      ...[...seen.finalize].filter(([, v]) => by(v)).map(([id]) => this.#write('finalize', viewOf(id), id)),
    ];
  }
}

/** Replays a trace; returns the first difference, with the step at which it showed. */
export const replay = (trace: readonly ModelState[], universe: number, coverage: Coverage): string | undefined => {
  const [first] = trace;
  if (first === undefined) return 'an empty trace';
  const cores = new Replay(universe, first);
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
