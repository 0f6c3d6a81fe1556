/**
 * A long history for homes of validators, made without agreement: real keys, real enclaves inside this process, one
 * sealed call a block, and the ledger as a node writes it. Minutes instead of the hours that a network takes.
 */
import { epoch, height } from '../../protocol/brand.ts';
import { decode, encode } from '../../protocol/codec.ts';
import { genesisAnchor, type EpochAnchor, validatorSetOf } from '../../protocol/consensus/configuration.ts';
import type { Header } from '../../protocol/consensus/header.ts';
import { epochKeyOf, epochKeyStatementCodec } from '../../protocol/epoch-key.ts';
import { chainIdOf, type Genesis, genesisCodec, quorumOf } from '../../protocol/genesis.ts';
import {
  resultCertificateCodec,
  resultCertificateOf,
  resultStatementBytes,
  resultStatementCodec,
  resultStatementHash,
} from '../../protocol/result.ts';
import type { ReplyOf } from '../../enclave/boundary/messages.ts';
import { Enclave } from '../../enclave/runtime/enclave.ts';
import { ContractVm } from '../../enclave/runtime/vm/contract-vm.ts';
import { homePaths, readGenesis, readKeystore, readPassphrase, writeKeystore } from '../../node/home.ts';
import { logRecord } from '../../node/log-records.ts';
import { readProcessor } from '../../node/simulated-processor.ts';
import { openToSign, type SigningHomeState } from '../../node/storage.ts';
import { blockRecords, type ProvenBlock } from '../../node/stored-blocks.ts';
import { buildVm } from '../../scripts/build-vm.ts';
import { readFile } from 'node:fs/promises';
import type { Signer } from '../../protocol/call.ts';
import type { ExecutedBlock } from '../../ledger/blocks.ts';
import { counterContract } from '../support/counter-contract.ts';
import { seededBytes } from '../support/enclave-network.ts';
import { blockOn, certificateOn, KeyRing, pointOf, signerOf } from '../support/real-chain.ts';
import { callOf, TestWallet } from '../support/test-wallet.ts';

/** Heights that are written at once. */
const BATCH = 256;
/** One block in so many carries a call; the others are empty. */
const CALL_EVERY = 10;

interface Machine {
  readonly state: SigningHomeState;
  readonly enclave: Enclave;
  readonly hello: ReplyOf<'hello'>;
}

const openMachine = async (
  home: string,
  genesis: Genesis,
  vmBytes: Uint8Array,
  keys: KeyRing,
  seed: number,
): Promise<Machine> => {
  const paths = homePaths(home);
  const passphrase = await readPassphrase(home);
  const keystore = await readKeystore(home, passphrase);
  keys.add(signerOf(keystore.secrets.validator));
  const processor = await readProcessor(paths.processor);
  const enclave = new Enclave({
    measurement: genesis.measurement,
    vm: ContractVm.load(vmBytes),
    random: seededBytes(seed),
    heapBytes: () => 0,
  });
  const hello = enclave.handle('hello', {
    processorSecret: processor.secret,
    processorCertificate: processor.certificate,
    sealedIdentity: await readFile(paths.sealedIdentity),
  });
  const keepKeystore: Parameters<typeof openToSign>[0]['keepKeystore'] = (kept) =>
    writeKeystore(home, kept, passphrase);
  const state = await openToSign({ home, chainId: chainIdOf(genesis), ...keystore, keepKeystore });
  return { state, enclave, hello };
};

/** Brings the epoch secret into every enclave; gives the statement of its key. */
const provision = (genesis: Genesis, machines: readonly Machine[]): Uint8Array => {
  const request = { genesis: encode(genesisCodec, genesis), epochs: [], sealedEpoch: undefined, contributions: [] };
  const sealed = machines.map(({ enclave, hello }) => {
    const { outgoing } = enclave.handle('provision', request);
    return outgoing.map(({ enclaveKey, message }) => ({ to: enclaveKey, from: hello.enclaveKey, message }));
  });
  const statements = machines.map(({ enclave, hello }) => {
    const contributions = sealed
      .flat()
      .flatMap(({ to, from, message }) => (to === hello.enclaveKey ? [{ enclaveKey: from, message }] : []));
    return enclave.handle('provision', { ...request, contributions }).epochKey?.statement;
  });
  const [statement] = statements;
  if (statement === undefined) throw new TypeError('the enclaves have no epoch key');
  return statement;
};

/** What a block led to, for the ledger of any home. */
const executed = (anchor: EpochAnchor, keys: KeyRing, machines: readonly Machine[], block: ProvenBlock) => {
  const { header, body } = block;
  const { finalization } = block.proof;
  const replies = machines.map(({ enclave }) => enclave.handle('execute', { headers: [header], finalization, body }));
  const [first] = replies;
  if (first === undefined) throw new TypeError('nobody executed');
  const statement = decode(resultStatementCodec, first.statement, first.statement.length);
  const { validators } = anchor.configuration;
  const pairs = machines.map(({ hello }, index) => {
    const validator = validators.findIndex(({ enclaveKey }) => enclaveKey === hello.enclaveKey);
    const validatorSignature = keys.sign(validators[validator]?.validatorKey, resultStatementBytes(statement));
    return { validator, enclaveSignature: replies[index]?.signature ?? new Uint8Array(), validatorSignature };
  });
  const certificate = resultCertificateOf(statement, pairs, validatorSetOf(anchor.configuration));
  const records: ExecutedBlock = {
    ...blockRecords(block),
    writeSet: first.sealedWriteSet,
    receipts: first.calls,
    statement: first.statement,
    enclaveSignature: first.signature,
    resultCertificate: encode(resultCertificateCodec, certificate),
  };
  return { records, statement };
};

/** Gives founded homes that never ran a history of `heights` blocks, as the first n − f validators of the genesis. */
export const writeHistory = async (
  homes: readonly string[],
  member: Signer,
  heights: number,
  onHeight: (height: number) => void,
): Promise<void> => {
  const genesis = await readGenesis(homePaths(homes[0] ?? '').genesis);
  const anchor = genesisAnchor(genesis);
  const chainId = chainIdOf(genesis);
  const keys = new KeyRing();
  const vmBytes = await buildVm();
  await using stack = new AsyncDisposableStack();
  const machines: Machine[] = [];
  for (const [index, home] of homes.slice(0, quorumOf(genesis.validators.length)).entries()) {
    const machine = await openMachine(home, genesis, vmBytes, keys, index + 1);
    stack.use(machine.state);
    machines.push(machine);
  }
  const keyStatement = decode(epochKeyStatementCodec, provision(genesis, machines), 4096);
  const suite = 'x-wing';
  const epochPublicKey = epochKeyOf(keyStatement, suite) ?? new Uint8Array();
  const target = { chainId, keyEpoch: epoch(1), suite, epochPublicKey } as const;
  const founder = new TestWallet(target, 1, member);
  const wallet = new TestWallet(target, 2);
  const bodyAt = (number: number): Uint8Array[] => {
    const soon = height(number + 100);
    const deploy = callOf('system', 'deploy', { name: 'counter', code: counterContract, init: { start: 0 } });
    if (number === 1) return [founder.call(deploy, soon).bytes];
    if (number === 2) return [wallet.open(soon).bytes];
    return number % CALL_EVERY === 0 ? [wallet.sessionCall(callOf('counter', 'add', { by: 1 }), soon).bytes] : [];
  };
  let parent: Header | undefined;
  let stateCert: Header['stateCert'];
  let pending: ExecutedBlock[] = [];
  for (let number = 1; number <= heights; number += 1) {
    const body = bodyAt(number);
    // A millisecond each: the chain must not be ahead of the clocks that go on with it.
    const timeMs: number = (parent === undefined ? anchor.base.timeMs : parent.timeMs) + 1;
    const { id, header, justification } = blockOn(anchor, keys, parent, { body, changes: { timeMs, stateCert } });
    const finalization = certificateOn(anchor, keys, 'finalize', header);
    const block: ProvenBlock = {
      ...{ id, header, justification, body, proof: { following: [], finalization } },
      ...{ system: [], tails: [], unattached: [] },
    };
    const result = executed(anchor, keys, machines, block);
    pending.push(result.records);
    if (number % 8 === 0)
      stateCert = {
        height: height(number),
        root: result.statement.stateRoot,
        certHash: resultStatementHash(result.statement),
      };
    parent = header;
    if (pending.length < BATCH && number < heights) continue;
    const batch = pending;
    pending = [];
    await Promise.all(machines.map(({ state }) => state.ledger.commitBlocks(...batch)));
    onHeight(number);
  }
  if (parent === undefined) return;
  const last = pointOf(parent);
  for (const { state } of machines) {
    state.wal.append(
      logRecord({ kind: 'finalized', epoch: anchor.epoch, view: last.view, height: last.height, block: last.id }),
    );
    await state.wal.sync();
  }
};
