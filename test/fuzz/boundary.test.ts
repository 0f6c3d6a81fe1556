/**
 * The enclave's boundary: requests whose structure was changed, to a running enclave, and byte streams cut anywhere. Every
 * request is answered with its reply or a refusal of the table, none stops the enclave, and a refusal changes nothing.
 */
import { beforeAll, describe, expect, it } from 'vitest';
import { enclaveErrors } from '../../enclave/boundary/errors.ts';
import { FrameDecoder, type FrameEvent, frameHeader } from '../../enclave/boundary/framing.ts';
import { encodeRequest, type RequestKind, type RequestOf } from '../../enclave/boundary/messages.ts';
import type { Enclave } from '../../enclave/runtime/enclave.ts';
import { FrameReader } from '../../node/network/framing.ts';
import { concatBytes, toHex } from '../../protocol/hex.ts';
import { readWire, writeWire } from '../../protocol/wire.ts';
import { counterContract } from '../support/counter-contract.ts';
import { EnclaveNetwork, restoring, testSigner } from '../support/enclave-network.ts';
import type { SeededRandom } from '../support/seeded-random.ts';
import { callOf, TestWallet } from '../support/test-wallet.ts';
import { sendFrame } from './boundary.ts';
import { campaign, oneOf } from './campaign.ts';
import { damaged, mutated } from './mutate-wire.ts';

const PREFIX_BYTES = 5;

interface Genuine {
  readonly kind: RequestKind;
  readonly frame: Uint8Array;
}

describe('a running enclave', () => {
  let enclave: Enclave;
  let genuine: readonly Genuine[];

  beforeAll(async () => {
    const member = testSigner(1);
    const network = await EnclaveNetwork.create({ members: [member] });
    const contributions = network.validators.flatMap((sender) => {
      const own = network.outgoingOf(sender).get(network.validators[0]?.hello.enclaveKey as never);
      return own === undefined ? [] : [own];
    });
    network.provision();
    const wallet = new TestWallet(network.target, 1, member);
    const code = callOf('system', 'deploy', { name: 'counter', code: counterContract, init: null });
    const first = network.block([wallet.call(code, network.soon).bytes, wallet.open(network.soon).bytes]);
    network.execute(first);
    const [validator] = network.validators;
    if (validator === undefined) throw new RangeError('a network has validators');
    const next = network.block([wallet.sessionCall(callOf('counter', 'add', { by: 1 }), network.soon).bytes]);
    const end = network.ending([{ kind: 'addValidator', validator: network.newcomer().validator }]);
    const [executed] = network.executed;
    if (executed === undefined) throw new RangeError('a block was executed');
    enclave = validator.enclave;
    const challenge = new Uint8Array(32);
    const { answer } = network.validators[1]?.enclave.handle('restore', { kind: 'answer', challenge }) ?? {};
    const { hello, sealedEpoch, processorSecret, processorCertificate } = validator;
    const framed = <K extends RequestKind>(kind: K, request: RequestOf<K>): Genuine => ({
      kind,
      frame: encodeRequest(1, kind, request),
    });
    genuine = [
      framed('hello', { processorSecret, processorCertificate, sealedIdentity: hello.sealedIdentity }),
      framed('provision', network.provisioning({ sealedEpoch, contributions, epochs: [end.proof] })),
      framed('admit', { envelopes: [...next.body, ...first.body] }),
      framed('execute', { ...next, headers: [...next.headers] }),
      framed('query', { sealedQuery: wallet.query(callOf('counter', 'total', null)).bytes }),
      framed('restore', restoring(executed)),
      framed('restore', { kind: 'challenge' }),
      framed('restore', { kind: 'answer', challenge }),
      framed('restore', { kind: 'answers', answers: answer === undefined ? [] : [answer] }),
      framed('status', {}),
    ];
  });

  const changed = (random: SeededRandom, { frame }: Genuine): Uint8Array => {
    const [prefix, message] = [frame.slice(0, PREFIX_BYTES), frame.slice(PREFIX_BYTES)];
    const tree = readWire(message);
    if (tree === undefined || random.integer(8) === 0) return damaged(random, frame);
    return concatBytes(prefix, writeWire(mutated(random, tree, tree)));
  };

  it('answers every changed request and goes on', () => {
    const fatal = ['FAIL_STOP', 'CHAIN_CONFLICT', 'STATE_DIVERGED', 'CHANNEL_BROKEN'];
    campaign(1_500, (random) => {
      const request = oneOf(random, genuine);
      const before = enclave.handle('status', {});
      const frame = changed(random, request);
      const answer = sendFrame(enclave, request.kind, frame);
      const after = enclave.handle('status', {});
      expect(after.state, toHex(frame.slice(0, 2048))).toBe('ready');
      if (!('code' in answer)) return;
      expect(Object.keys(enclaveErrors.table)).toContain(answer.code);
      expect(fatal, toHex(frame.slice(0, 2048))).not.toContain(answer.code);
      expect([after.height, after.stateRoot]).toEqual([before.height, before.stateRoot]);
    });
  });
});

/** Cuts bytes into pieces of any size. */
const pieces = (random: SeededRandom, bytes: Uint8Array): Uint8Array[] => {
  const cut: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; ) {
    const size = 1 + random.integer(oneOf(random, [1, 7, 300]));
    cut.push(bytes.slice(at, at + size));
    at += size;
  }
  return cut;
};

describe('a byte stream', () => {
  it('to the enclave means the same however it is cut, also where frames are damaged', () => {
    const eventsOf = (chunks: readonly Uint8Array[]): FrameEvent[] => {
      const decoder = new FrameDecoder(400);
      return chunks.flatMap((chunk) => decoder.push(chunk));
    };
    campaign(1_000, (random) => {
      const frames = Array.from({ length: 1 + random.integer(4) }, () => {
        const body = new Uint8Array(1 + random.integer(500)).fill(random.integer(256));
        return concatBytes(frameHeader(body.length), body);
      });
      const stream = concatBytes(...frames);
      const sent = random.integer(2) === 0 ? stream : damaged(random, stream);
      const whole = eventsOf([sent]);
      expect(eventsOf(pieces(random, sent))).toEqual(whole);
    });
  });

  it('from a peer means the same however it is cut, and holds at most twice what was received', () => {
    campaign(1_000, (random) => {
      const frames = Array.from({ length: 1 + random.integer(4) }, () => {
        const length = random.integer(300);
        return concatBytes(Uint8Array.of(0, 0, length >> 8, length & 0xff), new Uint8Array(length).fill(7));
      });
      const stream = concatBytes(...frames);
      const sent = random.integer(2) === 0 ? stream : damaged(random, stream);
      const readAll = (chunks: readonly Uint8Array[]) => {
        const messages: string[] = [];
        const reader = new FrameReader(400, (message) => messages.push(toHex(message)) > 0);
        let fault: string | undefined;
        for (const chunk of chunks) fault = reader.push(chunk);
        expect(reader.bufferedBytes).toBeLessThanOrEqual(Math.max(16 * 1024, 2 * sent.length));
        return { messages, fault };
      };
      expect(readAll(pieces(random, sent))).toEqual(readAll([sent]));
    });
  });
});
