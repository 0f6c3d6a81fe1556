/** The encrypted replica: atomic heights, replay, kills, what the disk shows. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Ledger, verifyLedger } from '../../../ledger/index.ts';
import { type ChainId, height } from '../../../protocol/brand.ts';
import {
  blockHash,
  bytes32,
  chainId,
  codeOf,
  executedBlock,
  freshDirectory,
  noise,
  replicaKey,
  transactionId,
} from './support.ts';

const open = (directory: string): Promise<Ledger> => Ledger.open(directory, { replicaKey, chainId });

describe('ledger', () => {
  it('answers look-ups at every moment of a write: not there yet, or all there', async () => {
    const ledger = await open(freshDirectory());
    const seen = new Set<string>();
    for (let at = 1; at <= 60; at += 1) {
      let writing = true;
      const written = ledger.commitBlocks({ ...executedBlock(at), closesEpoch: at }).finally(() => {
        writing = false;
      });
      while (writing) {
        const found = [
          ledger.readReceipt(transactionId(`${at}/0`)) !== undefined,
          ledger.heightOfBlock(blockHash(at)) !== undefined,
          ledger.readEpochEnd(at) !== undefined,
        ];
        seen.add(String(new Set(found).size));
        await new Promise((resolve) => setImmediate(resolve));
      }
      await written;
      expect(ledger.readEpochEnd(at)).toBe(at);
    }
    expect([...seen]).toEqual(['1']);
    await ledger.close();
  });

  it('starts at height 0 and gives back everything that was committed, also after it was closed', async () => {
    const directory = freshDirectory();
    let ledger = await open(directory);
    expect(ledger.head()).toEqual({ height: 0, blockHash: undefined, finalisedHeight: 0, finalisedHash: undefined });
    for (const at of [1, 2, 3]) await ledger.commitBlocks(executedBlock(at, at * 2));
    await ledger.saveResultCertificate(height(2), noise('certificate', 900));
    for (let round = 0; round < 2; round += 1) {
      expect(ledger.head()).toEqual({
        height: 3,
        blockHash: blockHash(3),
        finalisedHeight: 3,
        finalisedHash: blockHash(3),
      });
      for (const at of [1, 2, 3]) {
        const block = executedBlock(at, at * 2);
        const { header, body, finality } = block;
        expect(ledger.readBlock(height(at))).toEqual({ height: at, blockHash: blockHash(at), header, body, finality });
        expect(ledger.readHeader(height(at))).toEqual(header);
        expect(ledger.readBody(height(at))).toEqual(body);
        expect(ledger.readFinality(height(at))).toEqual(finality);
        expect(ledger.readBlockHash(height(at))).toBe(blockHash(at));
        expect(ledger.readWriteSet(height(at))).toEqual(block.writeSet);
        expect(ledger.readStatement(height(at))).toEqual({
          statement: block.statement,
          enclaveSignature: block.enclaveSignature,
        });
        expect(ledger.readReceipts(height(at))).toEqual(
          block.receipts.map(({ transactionId: id, receipt }) => ({ transactionId: id, receipt })),
        );
        block.receipts.forEach((receipt, index) => {
          expect(ledger.readReceipt(receipt.transactionId)).toEqual({ ...receipt, height: at, index });
        });
        expect(ledger.heightOfBlock(blockHash(at))).toBe(at);
      }
      expect(ledger.readResultCertificate(height(2))).toEqual(noise('certificate', 900));
      expect(ledger.readResultCertificate(height(3))).toBeUndefined();
      await ledger.close();
      ledger = await open(directory);
    }
    await ledger.close();
    await ledger.close();
  });

  it('answers undefined for what it never had', async () => {
    await using ledger = await open(freshDirectory());
    await ledger.commitBlocks(executedBlock(1));
    for (const at of [0, 2]) {
      expect(ledger.readBlock(height(at))).toBeUndefined();
      expect(ledger.readBody(height(at))).toBeUndefined();
      expect(ledger.readReceipts(height(at))).toBeUndefined();
      expect(ledger.readStatement(height(at))).toBeUndefined();
    }
    expect(ledger.readReceipt(transactionId('unknown'))).toBeUndefined();
    expect(ledger.heightOfBlock(blockHash(9))).toBeUndefined();
  });

  it('refuses a gap and an overwrite, and takes the identical height again as done', async () => {
    await using ledger = await open(freshDirectory());
    const first = executedBlock(1);
    expect(await codeOf(ledger.commitBlocks(executedBlock(2)))).toBe('LEDGER_GAP');
    expect(await codeOf(ledger.commitBlocks(executedBlock(0)))).toBe('LEDGER_GAP');
    await ledger.commitBlocks(first);
    await ledger.commitBlocks({ ...first, finality: noise('another quorum', 260) });
    expect(ledger.readFinality(height(1))).toEqual(first.finality);
    for (const change of [
      { header: noise('other', 400) },
      { body: noise('other', 20) },
      { writeSet: noise('other', 20) },
      { statement: noise('other', 280) },
      { receipts: first.receipts.slice(1) },
      { receipts: first.receipts.map((receipt) => ({ ...receipt, outputs: [noise('other', 9)] })) },
      { blockHash: blockHash(7) },
    ]) {
      expect(await codeOf(ledger.commitBlocks({ ...first, ...change }))).toBe('LEDGER_CONFLICT');
    }
    expect(await codeOf(ledger.commitBlocks({ ...executedBlock(2), enclaveSignature: noise('short', 63) }))).toBe(
      'LEDGER_INPUT_INVALID',
    );
    expect(ledger.head().height).toBe(1);
    expect((await verifyLedger(ledger)).intact).toBe(true);
  });

  it('keeps finalised blocks that wait for body, finality or execution', async () => {
    const directory = freshDirectory();
    const [first, second, third] = [executedBlock(1), executedBlock(2), executedBlock(3)];
    let ledger = await open(directory);
    const headerOnly = ({ height: at, blockHash: hash, header }: typeof first) => ({
      height: at,
      blockHash: hash,
      header,
    });
    await ledger.storeFinalised(headerOnly(first), { ...headerOnly(second), body: second.body }, third);
    expect(await codeOf(ledger.storeFinalised(executedBlock(5)))).toBe('LEDGER_GAP');
    expect(await codeOf(ledger.storeFinalised({ ...headerOnly(first), header: noise('other', 10) }))).toBe(
      'LEDGER_CONFLICT',
    );
    await ledger.close();
    ledger = await open(directory);
    expect(ledger.head()).toEqual({ height: 0, blockHash: undefined, finalisedHeight: 3, finalisedHash: blockHash(3) });
    expect(ledger.readBody(height(1))).toBeUndefined();
    expect(ledger.readBody(height(2))).toEqual(second.body);
    expect(ledger.readWriteSet(height(2))).toBeUndefined();
    expect(ledger.heightOfBlock(blockHash(3))).toBe(3);
    await ledger.storeFinalised({ ...headerOnly(first), body: first.body });
    expect(ledger.readBlock(height(1))).toMatchObject({ body: first.body, finality: undefined });
    expect(await codeOf(ledger.commitBlocks({ ...first, body: noise('other', 9) }))).toBe('LEDGER_CONFLICT');
    for (const block of [first, second, third]) await ledger.commitBlocks(block);
    expect(ledger.head()).toMatchObject({ height: 3, finalisedHeight: 3 });
    expect(ledger.readFinality(height(1))).toEqual(first.finality);
    expect(await verifyLedger(ledger)).toMatchObject({ intact: true, heights: 3, transactions: 9 });
    await ledger.close();
  });

  it('points a transaction at its first inclusion', async () => {
    await using ledger = await open(freshDirectory());
    const first = executedBlock(1);
    const again = { ...executedBlock(2), receipts: [...executedBlock(2).receipts, ...first.receipts] };
    await ledger.commitBlocks(first);
    await ledger.commitBlocks(again);
    for (const { transactionId: id } of first.receipts) expect(ledger.readReceipt(id)?.height).toBe(1);
    expect((await verifyLedger(ledger)).intact).toBe(true);
  });

  it('replays in height order from any height and stops at the head of the call', async () => {
    await using ledger = await open(freshDirectory());
    for (let at = 1; at <= 70; at += 1) await ledger.commitBlocks(executedBlock(at, 1));
    const seen: number[] = [];
    for await (const replayed of ledger.replay(height(5))) {
      const block = executedBlock(replayed.height, 1);
      expect(replayed).toEqual({
        height: block.height,
        blockHash: block.blockHash,
        header: block.header,
        writeSet: block.writeSet,
        statement: block.statement,
        enclaveSignature: block.enclaveSignature,
      });
      seen.push(replayed.height);
    }
    expect(seen).toEqual(Array.from({ length: 66 }, (_, index) => index + 5));
    expect((await Array.fromAsync(ledger.replay())).length).toBe(70);
    expect((await Array.fromAsync(ledger.replay(height(71)))).length).toBe(0);
  });

  it('keeps large blocks: many receipts and outputs over several chunks', async () => {
    await using ledger = await open(freshDirectory());
    const block = executedBlock(1, 1500, 700);
    await ledger.commitBlocks(block);
    for (const index of [0, 1, 2, 700, 1499]) {
      const receipt = block.receipts[index];
      if (receipt !== undefined)
        expect(ledger.readReceipt(receipt.transactionId)).toEqual({ ...receipt, height: 1, index });
    }
    const tooMany = {
      ...executedBlock(2),
      receipts: Array.from({ length: 4097 }, (_, i) => ({
        transactionId: transactionId(`${i}`),
        receipt: noise('r', 1),
        outputs: [],
      })),
    };
    expect(await codeOf(ledger.commitBlocks(tooMany))).toBe('LEDGER_INPUT_INVALID');
    await ledger.commitBlocks({ ...executedBlock(2, 0), body: new Uint8Array(0), writeSet: new Uint8Array(0) });
    expect(ledger.readReceipts(height(2))).toEqual([]);
    expect(await verifyLedger(ledger)).toMatchObject({ intact: true, heights: 2, transactions: 1500 });
  });

  it('names why a directory cannot be opened', async () => {
    const directory = freshDirectory();
    const ledger = await open(directory);
    await ledger.commitBlocks(executedBlock(1));
    expect(await codeOf(open(directory))).toBe('LEDGER_LOCKED');
    await ledger.close();
    expect(await codeOf(ledger.commitBlocks(executedBlock(2)))).toBe('LEDGER_CLOSED');
    expect(() => ledger.readHeader(height(1))).toThrowError(expect.objectContaining({ code: 'LEDGER_CLOSED' }));
    const otherChain = Buffer.from(bytes32('other chain')).toString('hex') as ChainId;
    expect(await codeOf(Ledger.open(directory, { replicaKey, chainId: otherChain }))).toBe('LEDGER_WRONG_CHAIN');
    expect(await codeOf(Ledger.open(directory, { replicaKey: bytes32('other key'), chainId }))).toBe(
      'LEDGER_WRONG_KEY',
    );
    expect(await codeOf(Ledger.open(directory, { replicaKey, chainId, atLeast: height(2) }))).toBe('LEDGER_TRUNCATED');
    const again = await Ledger.open(directory, { replicaKey, chainId, atLeast: height(1) });
    await again.close();
  });

  it('shows neither payloads nor identifiers nor order on disk', async () => {
    const directory = freshDirectory();
    const ledger = await open(directory);
    for (let at = 1; at <= 20; at += 1) await ledger.commitBlocks(executedBlock(at));
    await ledger.close();
    const disk = [directory, join(directory, 'db')].flatMap((place) =>
      readdirSync(place, { withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => readFileSync(join(place, entry.name))),
    );
    const all = Buffer.concat(disk);
    const block = executedBlock(7);
    const canaries = [
      block.header,
      block.body,
      block.writeSet,
      block.statement,
      Buffer.from(block.blockHash, 'hex'),
      Buffer.from(chainId, 'hex'),
      Buffer.from(block.blockHash),
      replicaKey,
    ].concat(
      block.receipts.flatMap(({ transactionId: id, receipt, outputs }) => [
        Buffer.from(id, 'hex'),
        receipt,
        ...outputs.filter((output) => output.length > 0),
      ]),
    );
    expect(canaries.filter((canary) => all.includes(Buffer.from(canary).subarray(0, 16)))).toEqual([]);
    // Positive control: the search finds what is there.
    expect(all.includes(all.subarray(100, 116))).toBe(true);
  });

  it('detects files that are gone, and a database that was put back to an earlier state', async () => {
    const directory = freshDirectory();
    const database = join(directory, 'db');
    const marker = join(directory, 'head.mark');
    let ledger = await open(directory);
    await ledger.commitBlocks(executedBlock(1));
    await ledger.close();
    const earlier = readdirSync(database).map((name) => ({ name, content: readFileSync(join(database, name)) }));
    const earlierMarker = readFileSync(marker);
    ledger = await open(directory);
    for (let at = 2; at <= 5; at += 1) await ledger.commitBlocks(executedBlock(at));
    await ledger.close();
    const newMarker = readFileSync(marker);

    rmSync(marker);
    expect(await codeOf(open(directory))).toBe('LEDGER_CORRUPT');
    writeFileSync(marker, earlierMarker);
    await (await open(directory)).close();
    writeFileSync(marker, newMarker);
    renameSync(join(database, 'CURRENT'), join(directory, 'kept'));
    expect(await codeOf(open(directory))).toBe('LEDGER_CORRUPT');
    renameSync(join(directory, 'kept'), join(database, 'CURRENT'));
    await (await open(directory)).close();

    rmSync(database, { recursive: true });
    expect(await codeOf(open(directory))).toBe('LEDGER_TRUNCATED');
    for (const { name, content } of earlier) writeFileSync(join(database, name), content);
    expect(await codeOf(open(directory))).toBe('LEDGER_TRUNCATED');
  });

  it('loses nothing that was acknowledged before a kill and continues from there', async () => {
    const directory = freshDirectory();
    const script = `
      import { Ledger } from ${JSON.stringify(join(process.cwd(), 'ledger/index.ts'))};
      const ledger = await Ledger.open(${JSON.stringify(directory)}, { replicaKey: new Uint8Array(${JSON.stringify([...replicaKey])}), chainId: ${JSON.stringify(chainId)} });
      const hash = (n) => n.toString(16).padStart(64, '0');
      for (let height = 1; ; height += 1) {
        const part = new Uint8Array(2000).fill(height % 251);
        await ledger.commitBlocks({ height, blockHash: hash(height), header: part, body: part, writeSet: part, statement: part,
          enclaveSignature: new Uint8Array(64), receipts: [{ transactionId: hash(height), receipt: part, outputs: [part] }] });
        process.stdout.write(height + '\\n');
      }`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const exited = once(child, 'exit');
    let output = '';
    for await (const chunk of child.stdout) {
      output += String(chunk);
      if (output.split('\n').length > 150) child.kill('SIGKILL');
    }
    await exited;
    const acknowledged = Number(output.split('\n').at(-2));
    expect(acknowledged).toBeGreaterThanOrEqual(100);
    await using ledger = await open(directory);
    expect(ledger.head().height).toBeGreaterThanOrEqual(acknowledged);
    expect(await verifyLedger(ledger)).toMatchObject({ intact: true, problems: [] });
    await ledger.commitBlocks(executedBlock(ledger.head().height + 1));
  });

  it('goes on after the audit meets a problem, and reports progress', async () => {
    await using ledger = await open(freshDirectory());
    for (let at = 1; at <= 3; at += 1) await ledger.commitBlocks(executedBlock(at));
    const seen: number[] = [];
    const report = await verifyLedger(ledger, {
      checkHeight: ({ height: at }) => (at === 2 ? ['the state root differs'] : []),
      progress: (at, last) => seen.push(at * 10 + last),
    });
    expect(report).toMatchObject({
      intact: false,
      heights: 3,
      problems: [{ height: 2, record: 'content', reason: 'the state root differs' }],
    });
    expect(seen).toEqual([13, 23, 33]);
    await expect(verifyLedger(ledger, { signal: AbortSignal.abort() })).rejects.toThrow();
  });
});
