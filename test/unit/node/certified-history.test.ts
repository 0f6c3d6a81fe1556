/** What an enclave that starts anew is handed: pieces of the ledger's history, each up to a certified height. */
import { expect, it } from 'vitest';
import { certifiedHistory } from '../../../node/certified-history.ts';
import { blockRecords } from '../../../node/stored-blocks.ts';
import { height as asHeight } from '../../../protocol/brand.ts';
import { encode } from '../../../protocol/codec.ts';
import { resultCertificateCodec } from '../../../protocol/result.ts';
import type { Ledger } from '../../../ledger/ledger.ts';
import { EnclaveNetwork, type ExecutedHeight } from '../../support/enclave-network.ts';

/** A ledger that replays executed heights, of which some are certified. */
const ledgerOf = (executed: readonly ExecutedHeight[], isCertified: (height: number) => boolean): Ledger => {
  const replayed = executed.map(({ header, sealedWriteSet }, index) => ({
    height: index + 1,
    header: blockRecords({
      ...{ header, justification: { parent: undefined, nullifications: [] }, system: [], tails: [] },
      ...{ id: header.parentHash, body: [], proof: undefined, unattached: [] },
    }).header,
    writeSet: sealedWriteSet,
  }));
  const ledger = {
    replay: async function* () {
      yield* replayed;
    },
    readResultCertificate: (height: number) => {
      const certificate = executed[height - 1]?.certificate;
      return certificate && isCertified(height) ? encode(resultCertificateCodec, certificate) : undefined;
    },
  };
  return ledger as unknown as Ledger;
};

it('hands over all up to the last certified height, in pieces, whatever is not certified in between', async () => {
  const network = (await EnclaveNetwork.create()).provision();
  for (let height = 1; height <= 3; height += 1) network.execute(network.block([]));
  const three = network.executed;
  // Repeated at other heights, so that there is more than one piece.
  const many = Array.from({ length: 200 }, () => three)
    .flat()
    .map((executed, index) => ({ ...executed, header: { ...executed.header, height: asHeight(index + 1) } }));
  const sizes = async (executed: readonly ExecutedHeight[], isCertified: (height: number) => boolean) =>
    (await Array.fromAsync(certifiedHistory(ledgerOf(executed, isCertified)))).map(({ blocks }) => blocks.length);
  expect(await sizes(many, () => true)).toEqual([256, 256, 88]);
  expect(await sizes(many, (height) => height % 100 === 0)).toEqual([200, 200, 200]);
  expect(await sizes(many, (height) => height < 250)).toEqual([249]);
  expect(await sizes(three, (height) => height === 2)).toEqual([2]);
  expect(await sizes(three, () => false)).toEqual([]);
  expect(await sizes([], () => true)).toEqual([]);
  const [piece] = await Array.fromAsync(certifiedHistory(ledgerOf(three, (height) => height <= 2)));
  expect(piece).toMatchObject({ kind: 'blocks', certificate: three[1]?.certificate });
});
