/**
 * The vectors of `test/vectors` before three judges, who must say the same: Node with native cryptography, the browser
 * build with portable cryptography and the globals of a page alone, and the enclave's runtime behind its boundary, every
 * request and reply as a frame. The enclave runs in this process: its measurement stands in the genesis of the vectors,
 * and that of a real bundle changes with every line.
 */
import { build } from 'esbuild';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { createContext, runInContext } from 'node:vm';
import { beforeAll, describe, expect, it } from 'vitest';
import type { ChainId } from '../../protocol/brand.ts';
import { toBase64 } from '../../protocol/json-shape.ts';
import type { EnclaveNetwork } from '../support/enclave-network.ts';
import { pageGlobals } from '../support/page-globals.ts';
import { vectorNetwork } from './chain-vectors.ts';
import { send } from './boundary.ts';
import * as inNode from './vector-judge.ts';
import type { ChainVectors, EpochVector, FileVectors, FinalityVector } from './vector-types.ts';

const read = (name: string): unknown =>
  JSON.parse(readFileSync(fileURLToPath(new URL(`../vectors/${name}.json`, import.meta.url)), 'utf8'));
const epochs = read('epochs') as ChainVectors<EpochVector>;
const finality = read('finality') as ChainVectors<FinalityVector>;
const receipts = read('receipts') as FileVectors;
const evidence = read('evidence') as FileVectors;

type Judge = Pick<typeof inNode, 'judgeEpochs' | 'judgeFinality' | 'judgeReceipt' | 'judgeEvidence'>;

/** The judge as a page gets it; only JSON text passes between here and there. */
const inBrowser = async (): Promise<Judge> => {
  const entry = fileURLToPath(new URL('./vector-judge.ts', import.meta.url));
  const { outputFiles, metafile } = await build({
    entryPoints: [entry],
    bundle: true,
    write: false,
    metafile: true,
    platform: 'browser',
    conditions: ['browser'],
    format: 'iife',
    globalName: 'judge',
    target: 'es2024',
    logLevel: 'silent',
  });
  expect(Object.keys(metafile.inputs).filter((input) => /native\.ts$|^node:/.test(input))).toEqual([]);
  const context = createContext(pageGlobals());
  runInContext(outputFiles[0]?.text ?? '', context);
  const call =
    (name: keyof Judge) =>
    (...parameters: readonly unknown[]): never => {
      const given = JSON.stringify(JSON.stringify(parameters));
      const said = runInContext(`JSON.stringify(judge.${name}(...JSON.parse(${given})))`, context) as string;
      return JSON.parse(said) as never;
    };
  return {
    judgeEpochs: call('judgeEpochs'),
    judgeFinality: call('judgeFinality'),
    judgeReceipt: call('judgeReceipt'),
    judgeEvidence: call('judgeEvidence'),
  };
};

describe('the vectors', () => {
  let browser: Judge;
  let network: EnclaveNetwork;

  beforeAll(async () => {
    browser = await inBrowser();
    network = (await vectorNetwork()).provision();
  });

  it('are of a network whose enclaves can be started here', () => {
    expect(toBase64(network.genesisBytes), 'write the vectors anew: npm run vectors').toBe(epochs.genesis);
    expect(finality.genesis).toBe(epochs.genesis);
  });

  it.each(epochs.cases.map((each) => [each.name, each] as const))('epochs, %s', (_name, vector) => {
    const { verdict, epoch, proofs } = vector;
    expect(inNode.judgeEpochs(epochs.genesis, epochs.parts, vector)).toEqual({ verdict, epoch });
    expect(browser.judgeEpochs(epochs.genesis, epochs.parts, vector)).toEqual({ verdict, epoch });
    const enclave = network.restart(0);
    let refused: { readonly code: string; readonly fault: unknown } | undefined;
    for (const proof of inNode.proofsIn(epochs.parts, { proofs })) {
      const answer = send(enclave, 'provision', network.provisioning({ epochs: [proof] }));
      if ('code' in answer) refused ??= answer;
      if (refused !== undefined) break;
    }
    expect(refused?.code).toBe(verdict === 'valid' ? undefined : 'EPOCH_UNPROVEN');
    // An enclave keeps what is proven, so a proof of a later epoch is one that was skipped.
    expect(refused?.fault === 'SKIPPED' ? 'WRONG_EPOCH' : (refused?.fault ?? 'valid')).toBe(verdict);
    expect(send(enclave, 'provision', network.provisioning())).toMatchObject({ reply: { epoch } });
  });

  it.each(finality.cases.map((each) => [each.name, each] as const))('finality, %s', (_name, vector) => {
    const { verdict } = vector;
    expect(inNode.judgeFinality(finality.genesis, finality.parts, vector)).toEqual({ verdict });
    expect(browser.judgeFinality(finality.genesis, finality.parts, vector)).toEqual({ verdict });
    const enclave = network.restart(0);
    const answer = send(enclave, 'execute', { ...inNode.pieceIn(finality.parts, vector), body: [] });
    expect('code' in answer ? answer.code : 'executed').toBe(vector.enclave);
    expect('code' in answer).toBe(verdict !== 'final');
    if ('code' in answer && answer.fault !== undefined) expect(answer.fault).toBe(verdict);
    expect(send(enclave, 'status', {})).toMatchObject({ reply: { height: verdict === 'final' ? 1 : 0 } });
  });

  it.each(receipts.cases.map((each) => [each.name, each] as const))('receipts, %s', (_name, vector) => {
    const { verdict } = vector;
    const chainId = receipts.chainId as ChainId;
    expect(inNode.judgeReceipt(receipts.genuine, vector, chainId)).toEqual({ verdict });
    expect(browser.judgeReceipt(receipts.genuine, vector, chainId)).toEqual({ verdict });
  });

  it.each(evidence.cases.map((each) => [each.name, each] as const))('evidence, %s', (_name, vector) => {
    const { verdict } = vector;
    const chainId = evidence.chainId as ChainId;
    expect(inNode.judgeEvidence(evidence.genuine, vector, chainId)).toEqual({ verdict });
    expect(browser.judgeEvidence(evidence.genuine, vector, chainId)).toEqual({ verdict });
  });
});
