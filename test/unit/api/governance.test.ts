/** Epochs and governance over HTTP: proofs in order and in pieces, changes as far as they are signed, and bad input. */
import { afterEach, describe, expect, it } from 'vitest';
import {
  epochsShape,
  MAX_EPOCH_PROOFS,
  networkShape,
  pendingChangeShape,
  pendingChangesShape,
} from '../../../protocol/api.ts';
import { encode } from '../../../protocol/codec.ts';
import { governanceOf } from '../../../protocol/consensus/admission.ts';
import { genesisAnchor } from '../../../protocol/consensus/configuration.ts';
import { epochProofCodec } from '../../../protocol/consensus/epoch-proof.ts';
import { type GovernanceTransaction, governanceTransactionCodec } from '../../../protocol/consensus/governance.ts';
import { toBase64 } from '../../../protocol/json-shape.ts';
import { governanceTransaction } from '../../support/real-chain.ts';
import type { TinyNetwork } from '../../support/tiny-enclave.ts';
import { keysOf, validatorOf } from '../../support/tiny-genesis.ts';
import { codeOf, disposeAll, start } from './harness.ts';

afterEach(disposeAll);

const observer = (number: number) =>
  ({
    kind: 'addObserver',
    observer: { name: `watcher ${number}`, peerId: `peer w${number}`, address: undefined },
  }) as const;

const epochsOf = async (url: string, from: number) =>
  epochsShape.read(await (await fetch(`${url}/v1/epochs?from=${from}`)).json(), 'epochs');

describe('epochs', () => {
  it('are proven from any of them on, and named in the network document', async () => {
    const { tiny, url } = await start();
    expect(await epochsOf(url, 1)).toEqual({ epoch: 1, proofs: [] });
    const proofs = [1, 2].map((number) => toBase64(encode(epochProofCodec, tiny.endEpoch(observer(number)).proof)));
    expect(await epochsOf(url, 1)).toEqual({ epoch: 3, proofs });
    expect(await epochsOf(url, 0)).toEqual({ epoch: 3, proofs });
    expect(await epochsOf(url, 2)).toEqual({ epoch: 3, proofs: proofs.slice(1) });
    expect(await epochsOf(url, 7)).toEqual({ epoch: 3, proofs: [] });
    const network = networkShape.read(await (await fetch(`${url}/v1/network`)).json(), 'network');
    expect(network.epoch).toBe(3);
  });

  it('come in pieces where there are many, and at least one where they are large', async () => {
    const large = new Uint8Array(1_500_000);
    const { url } = await start({
      epoch: 100,
      epochProofs: (from) => Array.from({ length: 40 }, (_, index) => (from > 1 ? large : Uint8Array.of(from + index))),
    });
    expect((await epochsOf(url, 1)).proofs).toHaveLength(MAX_EPOCH_PROOFS);
    expect((await epochsOf(url, 2)).proofs).toHaveLength(1);
  });
});

describe('governance', () => {
  const transactionOf = (tiny: TinyNetwork, members?: readonly number[]): GovernanceTransaction =>
    governanceTransaction(genesisAnchor(tiny.genesis), governanceOf(tiny.genesis), keysOf('tiny'), {
      changes: [{ kind: 'addValidator', validator: validatorOf('tiny', 4) }],
      ...(members !== undefined && { members }),
    });
  const propose = (url: string, body: unknown): Promise<Response> =>
    fetch(`${url}/v1/governance`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });

  it('takes a change, tells what it waits for, and lists it', async () => {
    const { tiny, url } = await start();
    const transaction = toBase64(encode(governanceTransactionCodec, transactionOf(tiny)));
    const answer = await propose(url, { transaction });
    expect(answer.status).toBe(200);
    const pending = pendingChangeShape.read(await answer.json(), 'pending');
    expect(pending).toMatchObject({ transaction, signatures: 1, threshold: 2, waitingFor: 'one more signature' });
    const list = pendingChangesShape.read(await (await fetch(`${url}/v1/governance`)).json(), 'list');
    expect(list).toEqual({ changes: [pending] });
  });

  it('refuses what is no change, and what the node refuses', async () => {
    const { tiny, url } = await start();
    const encoded = encode(governanceTransactionCodec, transactionOf(tiny));
    expect(await codeOf(propose(url, { transaction: toBase64(encoded.subarray(1)) }))).toBe('GOVERNANCE_MALFORMED');
    expect(await codeOf(propose(url, { transaction: 'no base64!' }))).toBe('MALFORMED_MESSAGE');
    expect(await codeOf(propose(url, {}))).toBe('BAD_REQUEST');
    expect(await codeOf(propose(url, { transaction: toBase64(encoded), force: true }))).toBe('BAD_REQUEST');
    const unsigned = toBase64(encode(governanceTransactionCodec, transactionOf(tiny, [])));
    const refused = await propose(url, { transaction: unsigned });
    expect(refused.status).toBe(409);
    expect(await codeOf(Promise.resolve(refused))).toBe('GOVERNANCE_REFUSED');
  });
});
