/** The vectors that light clients follow: changes of epoch, and blocks of the first one, of a network of enclaves. */
import { sha256 } from '#primitives';
import { type Codec, encode } from '../../protocol/codec.ts';
import { certificateCodec } from '../../protocol/consensus/certificate.ts';
import { headerCodec } from '../../protocol/consensus/header.ts';
import { systemSectionCodec } from '../../protocol/consensus/system.ts';
import { genesisCodec } from '../../protocol/genesis.ts';
import { toHex } from '../../protocol/hex.ts';
import { toBase64 } from '../../protocol/json-shape.ts';
import { EnclaveNetwork, testSigner } from '../support/enclave-network.ts';
import { finalityCases } from './finality-cases.ts';
import { epochCases } from './forgeries.ts';
import { type History, historyOf } from './history.ts';
import type { ChainVectors, EpochVector, FinalityVector } from './vector-types.ts';

const NAME_DIGITS = 8;

/** Collects parts under names that follow from their content. */
class PartTable {
  readonly parts: Record<string, string> = {};

  name<T>(codec: Codec<T>, value: T): string {
    const bytes = encode(codec, value);
    const name = toHex(sha256(bytes)).slice(0, NAME_DIGITS);
    this.parts[name] = toBase64(bytes);
    return name;
  }
}

/** The network whose chain the vectors are of: the same at every run. */
export const vectorNetwork = (): Promise<EnclaveNetwork> =>
  EnclaveNetwork.create({ members: [testSigner(9001), testSigner(9002), testSigner(9003)], threshold: 2 });

const historyIn = (network: EnclaveNetwork): History =>
  historyOf(network.genesis, network.keys, network.newcomer().validator);

/** Both files. */
export const chainVectors = async (): Promise<{
  readonly epochs: ChainVectors<EpochVector>;
  readonly finality: ChainVectors<FinalityVector>;
}> => {
  const network = await vectorNetwork();
  const other = await EnclaveNetwork.create({
    members: [testSigner(9001), testSigner(9002), testSigner(9003)],
    threshold: 2,
    seed: 2,
  });
  const [history, foreign] = [historyIn(network), historyIn(other)];
  const genesis = toBase64(encode(genesisCodec, network.genesis));
  const [proofParts, blockParts] = [new PartTable(), new PartTable()];
  return {
    epochs: {
      about: 'Changes of epoch from the genesis on, genuine and forged. Written by `npm run vectors`.',
      genesis,
      cases: epochCases(history, foreign).map(({ name, verdict, proofs, epoch }) => ({
        name,
        verdict,
        proofs: proofs.map(({ header, system, following, finalization }) => ({
          header: proofParts.name(headerCodec, header),
          system: proofParts.name(systemSectionCodec, system),
          following: following.map((tail) => proofParts.name(headerCodec, tail)),
          finalization: proofParts.name(certificateCodec, finalization),
        })),
        epoch,
      })),
      parts: proofParts.parts,
    },
    finality: {
      about: 'Blocks of the first epoch and what makes them final, genuine and forged. Written by `npm run vectors`.',
      genesis,
      cases: finalityCases(history, foreign).map(({ name, verdict, enclave, headers, finalization }) => ({
        name,
        verdict,
        enclave,
        headers: headers.map((header) => blockParts.name(headerCodec, header)),
        finalization: blockParts.name(certificateCodec, finalization),
      })),
      parts: blockParts.parts,
    },
  };
};
