/**
 * Real processes → model: four validators at work, one of them killed and started again, a fifth that joins; afterwards
 * the logs of all five, read from their homes, must be one run of the model through both epochs. The log of a validator is
 * a trace as it is: votes, certificates and final blocks in the order in which they became durable.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { governanceOf } from '../../protocol/consensus/admission.ts';
import { genesisAnchor } from '../../protocol/consensus/configuration.ts';
import type { WalRecord } from '../../protocol/consensus/wal-record.ts';
import { verifyEd25519 } from '../../protocol/finality.ts';
import { readKeystore, readPassphrase } from '../../node/home.ts';
import { openSigningState } from '../../node/storage.ts';
import { LocalNetwork } from '../../testnet/local-network.ts';
import { connect, createAccount } from '../../wallet/index.ts';
import { runCommand } from '../support/command-line.ts';
import { eventually, statusOf, untilReady } from '../support/live-network.ts';
import { judge } from '../spec/accept.ts';
import { mergeLogs } from '../spec/merge.ts';

const readLog = async (home: string, chainId: LocalNetwork['chainId']): Promise<readonly WalRecord[]> => {
  const keystore = await readKeystore(home, await readPassphrase(home));
  await using state = await openSigningState({ home, chainId, ...keystore });
  return state.records;
};

describe('logs of real validators', () => {
  it('are one run of the model', { timeout: 600_000 }, async () => {
    const directory = await mkdtemp(join(tmpdir(), 'cloister-spec-'));
    try {
      const network = await LocalNetwork.start({ directory, logLevel: 'info', parameters: { minEpochMs: 1_000 } });
      const nodes = [...network.nodes];
      const logs = new Map<number, readonly WalRecord[]>();
      try {
        const [, victim] = network.nodes;
        const wallet = await connect({ urls: network.apis, chainId: network.chainId });
        await wallet.openSession(createAccount());
        await victim?.kill('SIGKILL', 'both');
        await wallet.openSession(createAccount());
        await victim?.start();
        await untilReady(network);
        await wallet.openSession(createAccount());
        const joiner = await network.createNode('validator-5');
        await joiner.start();
        nodes.push(joiner);
        const card = join(joiner.home, 'validator.json');
        const added = await runCommand([
          ...['validators', 'add', card, '--dir', directory, '--account', 'dev-1', '--json'],
        ]);
        expect(added.code, added.stderr).toBe(0);
        await eventually({ nodes }, 'the joiner votes', async () => (await statusOf(joiner))?.role === 'validator');
        await wallet.openSession(createAccount());
      } finally {
        await network[Symbol.asyncDispose]();
      }
      for (const node of nodes) logs.set(node.index, await readLog(node.home, network.chainId));
      const { genesis } = network;
      const run = mergeLogs(
        {
          genesis: genesisAnchor(genesis),
          governance: governanceOf(genesis),
          verifySignature: verifyEd25519,
          machineOf: ({ name }) => nodes.find((node) => node.name === name)?.index ?? -1,
          machines: nodes.map(({ index }) => index),
          liars: new Set(),
        },
        logs,
      );
      process.stderr.write(`real processes: ${run.facts.length} facts of ${run.lastView} views\n`);
      expect(run.lastEpoch).toBe(2);
      const [judgement] = await judge([run]);
      expect(judgement?.refused, judgement?.output).toBeUndefined();
      expect(judgement?.accepted, judgement?.output).toBe(true);
      const committed = run.facts.filter(({ kind }) => kind === 'Committed');
      expect(new Set(committed.map(({ by }) => by)).size).toBe(nodes.length);
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  });
});
