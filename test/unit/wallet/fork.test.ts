/** A wallet that is shown two genuine, contradicting results of one height stops for good. */
import { expect, it } from 'vitest';
import { epoch, height, type BlockHash, type Hash, type StateRoot } from '../../../protocol/brand.ts';
import { encode } from '../../../protocol/codec.ts';
import { genesisAnchor, validatorSetOf } from '../../../protocol/consensus/configuration.ts';
import { chainIdOf } from '../../../protocol/genesis.ts';
import { toBase64 } from '../../../protocol/json-shape.ts';
import {
  type ResultStatement,
  resultCertificateCodec,
  resultCertificateOf,
  signResultStatement,
} from '../../../protocol/result.ts';
import { EpochTrail } from '../../../wallet/epoch-trail.ts';
import { ProofChecker } from '../../../wallet/proof.ts';
import { NodeClient } from '../../../wallet/transport.ts';
import type { VerifiedNetwork } from '../../../wallet/verify-network.ts';
import { genesisOf, partyOf } from '../../support/tiny-genesis.ts';

const NETWORK = 'forked';
const genesis = genesisOf(NETWORK);
const chainId = chainIdOf(genesis);
const hash = (digit: string): string => digit.repeat(64);

const statement = (at: number, state: string): ResultStatement => ({
  chainId,
  epoch: epoch(1),
  height: height(at),
  blockHash: hash('1') as BlockHash,
  timeMs: 1,
  stateRoot: hash(state) as StateRoot,
  receiptsRoot: hash('2') as Hash,
  writeSetHash: hash('3') as Hash,
  measurement: genesis.measurement,
  platform: genesis.platform,
});

/** A block proof by the first validators and their enclaves. */
const proofOf = (at: number, state: string, signers = [0, 1, 2]) => {
  const stated = statement(at, state);
  const pairs = signers.map((validator) => {
    const { enclaveSecret, validatorSecret } = partyOf(NETWORK, validator);
    return {
      validator,
      enclaveSignature: signResultStatement(stated, enclaveSecret),
      validatorSignature: signResultStatement(stated, validatorSecret),
    };
  });
  const certificate = resultCertificateOf(stated, pairs, validatorSetOf(genesisAnchor(genesis).configuration));
  return { height: height(at), certificate: toBase64(encode(resultCertificateCodec, certificate)), count: 1 };
};

it('stops for good at two genuine results of one height, and not at two certificates of one result', async () => {
  const epochs = new EpochTrail(genesis);
  const network = { chainId, genesis, epochs } as unknown as VerifiedNetwork;
  const client = new NodeClient(['http://127.0.0.1:1'], () => Promise.reject(new TypeError('no node is asked')));
  const checker = new ProofChecker(network, client);
  await checker.block(proofOf(5, 'a'));
  await checker.block(proofOf(5, 'a', [1, 2, 3]));
  await checker.block(proofOf(6, 'b'));
  await expect(checker.block(proofOf(5, 'c', [0, 1]))).rejects.toMatchObject({ code: 'RECEIPT_REFUSED' });
  await checker.block(proofOf(6, 'b'));
  await expect(checker.block(proofOf(5, 'c'))).rejects.toMatchObject({ code: 'NETWORK_FORKED', data: { height: 5 } });
  await expect(checker.block(proofOf(6, 'b'))).rejects.toMatchObject({ code: 'NETWORK_FORKED' });
  expect(() => epochs.newest).toThrow('contradict');
});
