/** What simulated validators say to one another: taking messages through the real gate, and answering requests. */
import type { BlockHash, MemberIndex, Verified } from '../../protocol/brand.ts';
import type { Proposal } from '../../protocol/consensus/block.ts';
import type { Certificate } from '../../protocol/consensus/certificate.ts';
import type { Header } from '../../protocol/consensus/header.ts';
import type { ConsensusRequest } from '../../protocol/consensus/request.ts';
import type { Status } from '../../protocol/consensus/status.ts';
import type { Vote } from '../../protocol/consensus/vote.ts';
import { ZERO_HASH } from '../../protocol/consensus/vote.ts';
import { verifyEpochProof } from '../../protocol/consensus/epoch-proof.ts';
import type { FinalBlock } from '../../consensus/effect.ts';
import type { BodyState, CheckedBlock, CheckedProposal } from '../../consensus/input.ts';
import { certificatesOf, findBlock, isRelevant } from '../../consensus/query.ts';
import {
  type Verdict,
  verifyBlock,
  verifyCertificate,
  verifyProposal,
  verifyStatus,
  verifyVote,
} from '../../consensus/verify.ts';
import { fakeGovernance, fakeVerify, machineOf } from './fake-crypto.ts';
import { isGenuine } from './genuine.ts';
import type { SimNode } from './sim-node.ts';

/** A block in an answer, with whether its body comes along. */
export interface SentBlock {
  readonly block: FinalBlock;
  readonly body: boolean;
}

/** What makes the closing block of an epoch final. */
export interface ClosingMessage {
  readonly kind: 'closing';
  readonly block: FinalBlock;
  readonly following: readonly Header[];
  readonly finalization: Certificate;
}

/** What travels between simulated machines. */
export type Message =
  | { readonly kind: 'vote'; readonly vote: Vote }
  | { readonly kind: 'proposal'; readonly proposal: Proposal; readonly id: BlockHash; readonly body: boolean }
  | { readonly kind: 'certificate'; readonly certificate: Certificate }
  | { readonly kind: 'certificates'; readonly certificates: readonly Certificate[] }
  | { readonly kind: 'status'; readonly status: Status }
  | { readonly kind: 'request'; readonly request: ConsensusRequest }
  | { readonly kind: 'askClosing'; readonly epoch: number }
  | {
      readonly kind: 'blocks';
      readonly blocks: readonly SentBlock[];
      readonly following: readonly Header[];
      readonly finalization: Certificate | undefined;
    }
  | ClosingMessage
  | { readonly kind: 'body'; readonly block: BlockHash };

/** Certificates in one answer: fewer than production allows, so that answers are more. */
const MAX_CERTIFICATES = 16;
/** Shortest time between two proofs of an old epoch to one machine. */
const REPEAT_MS = 150;

const proposals = new WeakMap<Proposal, Verdict<CheckedProposal>>();

const epochOf = (message: Message): number | undefined => {
  switch (message.kind) {
    case 'vote':
      return message.vote.epoch;
    case 'proposal':
      return message.proposal.header.epoch;
    case 'certificate':
      return message.certificate.epoch;
    case 'status':
      return message.status.epoch;
    case 'closing':
      return message.block.header.epoch;
    default:
      return undefined;
  }
};

/** The exchange of one machine. */
export class Exchange {
  readonly #node: SimNode;
  readonly #answeredMs = new Map<string, number>();

  constructor(node: SimNode) {
    this.#node = node;
  }

  /** Takes a message of a machine. */
  take(message: Message, machine: number): void {
    const { anchor } = this.#node;
    const epoch = epochOf(message);
    if (epoch !== undefined && epoch < anchor.epoch) {
      // Whoever tells how an epoch ended is past it: an answer to that would be answered for ever.
      return message.kind === 'closing' ? undefined : this.#helpBehind(epoch, machine);
    }
    if (epoch !== undefined && epoch > anchor.epoch) return this.#askAhead(machine);
    const from = this.#memberOf(machine);
    if (message.kind === 'request') return this.#serve(message.request, machine);
    if (message.kind === 'askClosing') return this.#helpBehind(message.epoch, machine);
    if (from !== undefined) this.#takeOfEpoch(message, from, machine);
  }

  #memberOf(machine: number): MemberIndex | undefined {
    const { validators, observers } = this.#node.anchor.configuration;
    const index = validators.findIndex((member) => machineOf(member) === machine);
    if (index >= 0) return index as MemberIndex;
    const watcher = observers.findIndex((member) => machineOf(member) === machine);
    return watcher < 0 ? undefined : ((validators.length + watcher) as MemberIndex);
  }

  /** R12: somebody is in an older epoch. */
  #helpBehind(epoch: number, machine: number): void {
    const closing = this.#node.disk.closingOf(epoch);
    if (closing === undefined || !this.#may(`behind ${machine}`)) return;
    const { block, following, finalization } = closing;
    this.#node.send(machine, { kind: 'closing', block, following, finalization });
  }

  /** R12: somebody is in a newer epoch. */
  #askAhead(machine: number): void {
    if (this.#may(`ahead ${machine}`)) this.#node.send(machine, { kind: 'askClosing', epoch: this.#node.anchor.epoch });
  }

  #may(key: string): boolean {
    const { nowMs } = this.#node.world.agenda;
    if (nowMs - (this.#answeredMs.get(key) ?? Number.NEGATIVE_INFINITY) < REPEAT_MS) return false;
    this.#answeredMs.set(key, nowMs);
    return true;
  }

  get #verifier() {
    return { set: this.#node.anchor, verifySignature: fakeVerify, state: undefined };
  }

  #takeOfEpoch(
    message: Exclude<Message, { kind: 'request' | 'askClosing' }>,
    from: MemberIndex,
    machine: number,
  ): void {
    const node = this.#node;
    const { core } = node;
    if (core === undefined) return;
    switch (message.kind) {
      case 'vote': {
        const { vote } = message;
        if (vote.signer !== core.config.self && !isRelevant(core, vote.view)) return;
        if (!isGenuine(vote, () => verifyVote(this.#verifier, vote).verdict === 'accept')) return;
        return node.input({ kind: 'vote', vote: vote as Verified<Vote>, from });
      }
      case 'certificate': {
        const { certificate } = message;
        if (certificate.view <= core.finalized.view) return;
        if (!isGenuine(certificate, () => verifyCertificate(this.#verifier, certificate).verdict === 'accept')) return;
        return node.input({ kind: 'certificate', certificate: certificate as Verified<Certificate>, from });
      }
      case 'status': {
        const { status } = message;
        if (!isGenuine(status, () => verifyStatus(this.#verifier, status, from).verdict === 'accept')) return;
        return node.input({ kind: 'status', status: status as Verified<Status>, from });
      }
      case 'certificates': {
        const { epoch } = this.#node.anchor;
        const genuine = message.certificates.filter(
          (certificate) =>
            certificate.epoch === epoch &&
            isGenuine(certificate, () => verifyCertificate(this.#verifier, certificate).verdict === 'accept'),
        );
        return node.input({ kind: 'certificates', certificates: genuine as Verified<Certificate>[], from });
      }
      case 'proposal':
        if (!isRelevant(core, message.proposal.header.view)) return;
        return this.#takeProposal(message, from, machine);
      case 'blocks':
        return this.#takeBlocks(message, from);
      case 'closing':
        return this.#takeClosing(message, from);
      case 'body': {
        const state = node.storeBody(message.block);
        return node.input({ kind: 'body', block: message.block, body: state });
      }
    }
  }

  #takeProposal(message: Extract<Message, { kind: 'proposal' }>, from: MemberIndex, machine: number): void {
    const node = this.#node;
    const { proposal, id } = message;
    let verdict = proposals.get(proposal);
    if (verdict === undefined) {
      verdict = verifyProposal(this.#verifier, proposal);
      proposals.set(proposal, verdict);
    }
    if (verdict.verdict === 'reject') return;
    const body = message.body ? node.storeBody(id) : node.bodies.has(id) ? 'present' : 'absent';
    if (body === 'absent' && proposal.header.txCount > 0)
      node.send(machine, { kind: 'request', request: { kind: 'getBody', block: id } });
    node.input({ kind: 'proposal', proposal: verdict.value, body, from });
  }

  #takeBlocks(message: Extract<Message, { kind: 'blocks' }>, from: MemberIndex): void {
    const { following, finalization } = message;
    const checked: (Verified<CheckedBlock> & { body: BodyState })[] = [];
    for (const { block, body } of message.blocks) {
      const verdict = verifyBlock(this.#verifier, block);
      if (verdict.verdict === 'reject') return;
      const state = body ? this.#node.storeBody(block.id) : 'absent';
      checked.push(
        Object.assign({ ...verdict.value }, { body: state }) as Verified<CheckedBlock> & { body: BodyState },
      );
    }
    const last = message.blocks.at(-1)?.block;
    const closes = last !== undefined && last.header.nextConfigHash !== ZERO_HASH && finalization !== undefined;
    const proof = closes || finalization === undefined ? undefined : finalization;
    if (proof !== undefined && proof.epoch !== this.#node.anchor.epoch) return;
    if (proof !== undefined && !isGenuine(proof, () => verifyCertificate(this.#verifier, proof).verdict === 'accept'))
      return;
    this.#node.input({
      kind: 'blocks',
      blocks: checked,
      finalization: proof as Verified<Certificate> | undefined,
      from,
    });
    if (closes) this.#takeClosing({ kind: 'closing', block: last, following, finalization }, from);
  }

  #takeClosing({ block, following, finalization }: ClosingMessage, from: MemberIndex): void {
    const node = this.#node;
    if (block.header.epoch !== node.anchor.epoch) return;
    const checked = verifyBlock(this.#verifier, block);
    const { header, system } = block;
    const proof = verifyEpochProof(
      node.anchor,
      fakeGovernance,
      { header, system, following, finalization },
      fakeVerify,
    );
    if (checked.verdict === 'reject' || proof.verdict === 'invalid') return;
    node.input({
      kind: 'closing',
      block: checked.value,
      following,
      finalization: finalization as Verified<Certificate>,
      from,
    });
  }

  #serve(request: ConsensusRequest, machine: number): void {
    const node = this.#node;
    if (request.kind === 'getBody') {
      if (node.bodies.has(request.block)) node.send(machine, { kind: 'body', block: request.block });
    } else if (request.kind === 'getHeader') {
      const known = node.core === undefined ? undefined : findBlock(node.core, request.block);
      const block = known ?? node.disk.find(request.block);
      if (block === undefined) return;
      const { id, header, justification, system } = block;
      const sent = { block: { id, header, justification, system }, body: node.bodies.has(id) };
      node.send(machine, { kind: 'blocks', blocks: [sent], following: [], finalization: undefined });
    } else if (request.kind === 'getCertificates') {
      const { epoch } = request;
      const open = node.core?.config.anchor.epoch === epoch ? certificatesOf(node.core, request) : [];
      const certificates = open.length > 0 ? open : node.disk.nullifications(epoch, request);
      node.send(machine, { kind: 'certificates', certificates: certificates.slice(0, MAX_CERTIFICATES) });
    } else if (request.kind === 'getBlocks') {
      this.#serveRange(request.from, request.to, machine);
    }
  }

  /** Final blocks of one epoch, up to one whose finality is proven with them. */
  #serveRange(first: number, last: number, machine: number): void {
    const { ledger } = this.#node.disk;
    const start = ledger[first - 1];
    if (start === undefined) return;
    const { epoch } = start.block.header;
    let end = start;
    for (let height = start.provenAt; height <= last; height = ledger[height]?.provenAt ?? Number.POSITIVE_INFINITY) {
      const entry = ledger[height - 1];
      if (entry === undefined || entry.block.header.epoch !== epoch) break;
      end = entry;
    }
    const blocks = ledger
      .slice(first - 1, end.provenAt)
      .map(({ block }) => ({ block, body: this.#node.bodies.has(block.id) }));
    this.#node.send(machine, { kind: 'blocks', blocks, following: end.following, finalization: end.finalization });
  }
}
