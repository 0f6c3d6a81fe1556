/** Who runs which key: a second process, a copy and a home that was put back are told; nobody else can be stopped. */
import { describe, expect, it } from 'vitest';
import { ed25519PublicKey, ed25519Sign } from '#primitives';
import { PresenceBook } from '../../../node/presence.ts';
import type { PeerName } from '../../../node/network/types.ts';
import { RunCounter } from '../../../node/run-counter.ts';
import type { PublicKey, Verified } from '../../../protocol/brand.ts';
import { decode } from '../../../protocol/codec.ts';
import { consensusMessageCodec } from '../../../protocol/consensus/message.ts';
import { type Presence, presenceBytes } from '../../../protocol/consensus/presence.ts';
import { voteBytes } from '../../../protocol/consensus/vote.ts';
import { toHex } from '../../../protocol/hex.ts';
import { verifyEd25519 } from '../../../protocol/finality.ts';
import { verifyPresence } from '../../../consensus/verify.ts';
import { chainId, codeOf, freshDirectory, replicaKey } from '../ledger/support.ts';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { anchorOf } from '../consensus/harness.ts';
import { statement } from './promises.ts';

const secrets = [0, 1, 2].map((index) => new Uint8Array(32).fill(index + 1));
const keys = secrets.map((secret) => toHex(ed25519PublicKey(secret)) as PublicKey);
const verifier = {
  set: { ...anchorOf(4), chainId, validatorKeys: keys },
  verifySignature: verifyEd25519,
  state: undefined,
};

const nameOf = (index: number): PeerName => String(index) as PeerName;

/** Processes of validators that hear one another at once, unless a link is cut. */
class Room {
  readonly members: { readonly book: PresenceBook; readonly self: number; twins: number }[] = [];
  readonly cut = new Set<string>();
  messages = 0;

  start(self: number, run: number) {
    const position = this.members.length;
    const member = {
      self,
      twins: 0,
      book: new PresenceBook({
        chainId,
        validatorSecret: secrets[self] ?? new Uint8Array(32),
        run,
        keyOf: (peer) => keys[Number(peer)],
        network: {
          send: (to: PeerName, _channel: string, bytes: Uint8Array) => this.#send(position, Number(to), bytes),
          broadcast: (_channel: string, bytes: Uint8Array) => {
            for (const index of secrets.keys()) if (index !== self) this.#send(position, index, bytes);
          },
        } as never,
        onTwin: () => {
          member.twins += 1;
        },
      }),
    };
    this.members.push(member);
    return member;
  }

  /** Two processes meet. */
  meet(
    a: { readonly book: PresenceBook; readonly self: number },
    b: { readonly book: PresenceBook; readonly self: number },
  ): void {
    a.book.greet(nameOf(b.self));
    b.book.greet(nameOf(a.self));
  }

  #send(from: number, to: number, bytes: Uint8Array): void {
    this.messages += 1;
    const message = decode(consensusMessageCodec, bytes, 4096);
    if (message.kind !== 'presence') throw new TypeError(message.kind);
    const verdict = verifyPresence(verifier, message.presence);
    if (verdict.verdict === 'reject') throw new TypeError('forged');
    const sender = this.members[from];
    for (const [position, member] of this.members.entries()) {
      if (member.self !== to || this.cut.has(`${from}-${position}`)) continue;
      member.book.receive(nameOf(sender?.self ?? 0), verdict.value);
    }
  }
}

describe('a validator that is started once at a time', () => {
  it('is never stopped, however often it starts again', () => {
    const room = new Room();
    const [a, b] = [room.start(0, 1), room.start(1, 1)];
    room.meet(a, b);
    for (let run = 2; run < 20; run += 1) {
      room.members.splice(1, 1);
      const again = room.start(1, run);
      room.meet(a, again);
      expect([a.twins, again.twins]).toEqual([0, 0]);
    }
  });
});

describe('a second process of a key', () => {
  it('with a copied home stops the first, as soon as one peer has met both', () => {
    const room = new Room();
    const [first, peer] = [room.start(1, 5), room.start(0, 1)];
    room.meet(first, peer);
    const copy = room.start(1, 6);
    room.cut.add('1-0');
    room.meet(copy, peer);
    expect([first.twins, copy.twins]).toEqual([0, 0]);
    room.cut.clear();
    room.meet(first, peer);
    expect(first.twins).toBeGreaterThan(0);
    expect(copy.twins).toBe(0);
  });

  it('is told also through peers that met only one of them', () => {
    const room = new Room();
    const [first, near, far] = [room.start(1, 5), room.start(0, 1), room.start(2, 1)];
    for (const [a, b] of [
      [0, 2],
      [2, 0],
    ] as const)
      room.cut.add(`${a}-${b}`);
    room.meet(first, near);
    room.meet(near, far);
    const copy = room.start(1, 6);
    room.cut.add('1-3').add('3-1');
    room.meet(copy, far);
    expect(first.twins).toBeGreaterThan(0);
    expect(copy.twins).toBe(0);
  });

  it('with the same number is told itself', () => {
    const room = new Room();
    const [first, peer] = [room.start(1, 5), room.start(0, 1)];
    room.meet(first, peer);
    const copy = room.start(1, 5);
    room.cut.add('1-0');
    room.meet(copy, peer);
    expect([first.twins, copy.twins > 0]).toEqual([0, true]);
  });

  it('on a home that was put back is told itself', () => {
    const room = new Room();
    const [first, peer] = [room.start(1, 5), room.start(0, 1)];
    room.meet(first, peer);
    room.members.splice(0, 1);
    const older = room.start(1, 3);
    room.meet(older, peer);
    expect(older.twins).toBeGreaterThan(0);
  });
});

describe('a presence', () => {
  const genuine = (): Presence => {
    let told: Presence | undefined;
    const network = {
      send: (_to: PeerName, _channel: string, bytes: Uint8Array) => {
        const message = decode(consensusMessageCodec, bytes, 4096);
        if (message.kind === 'presence') told = message.presence;
      },
      broadcast: () => undefined,
    };
    const options = { chainId, validatorSecret: secrets[1] ?? replicaKey, run: 4, keyOf: () => keys[0] };
    new PresenceBook({ ...options, network: network as never, onTwin: () => undefined }).greet(nameOf(0));
    if (told === undefined) throw new RangeError('nothing told');
    return told;
  };

  it('is refused when anything about it is changed', () => {
    const presence = genuine();
    expect(verifyPresence(verifier, presence).verdict).toBe('accept');
    const otherChain = { ...verifier, set: { ...verifier.set, chainId: 'ab'.repeat(32) as never } };
    expect(verifyPresence(otherChain, presence).verdict).toBe('reject');
    for (const change of [
      { run: 5 },
      { nonce: new Uint8Array(16) },
      { validatorKey: keys[0] ?? presence.validatorKey },
      { validatorKey: 'ab'.repeat(32) as PublicKey },
    ])
      expect(verifyPresence(verifier, { ...presence, ...change }).verdict).toBe('reject');
  });

  it('can never be taken for a vote', () => {
    const presence = genuine();
    expect(presenceBytes(chainId, presence)).not.toHaveLength(voteBytes(chainId, statement(1, 1, 'notarize')).length);
  });

  it('of a liar that counts fast is passed on now and then only', () => {
    const room = new Room();
    const peer = room.start(0, 1);
    for (let run = 1; run <= 200; run += 1) {
      const stated = { run, nonce: new Uint8Array(16) };
      const signature = ed25519Sign(presenceBytes(chainId, stated), secrets[1] ?? replicaKey);
      const presence = { ...stated, validatorKey: keys[1], signature } as unknown as Verified<Presence>;
      peer.book.receive(nameOf(1), presence);
    }
    expect(room.messages).toBeLessThan(50);
  });
});

describe('the counter of starts', () => {
  it('counts durably, never back, and notices damage', async () => {
    const directory = freshDirectory();
    const counter = RunCounter.open(directory, replicaKey);
    expect([counter.last, counter.advance(), counter.advance(), counter.advance(9), counter.advance(3)]).toEqual([
      0, 1, 2, 9, 9,
    ]);
    counter.close();
    const again = RunCounter.open(directory, replicaKey);
    expect(again.advance()).toBe(10);
    again.close();
    const path = join(directory, 'run.state');
    const bytes = readFileSync(path);
    for (let at = 0; at < bytes.length; at += 61) {
      const changed = Buffer.from(bytes);
      changed.writeUInt8(changed.readUInt8(at) ^ 1, at);
      writeFileSync(path, changed);
      expect(await codeOf((async () => RunCounter.open(directory, replicaKey))()), String(at)).toBe('UNSAFE_TO_SIGN');
    }
    writeFileSync(path, bytes);
    RunCounter.open(directory, replicaKey).close();
  });
});
