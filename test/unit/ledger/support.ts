/** Builders for ledger tests: deterministic blocks of opaque bytes, and a directory that goes away with the test. */
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach } from 'vitest';
import { type BlockHash, type ChainId, height, type TransactionId } from '../../../protocol/brand.ts';
import type { ExecutedBlock } from '../../../ledger/index.ts';

/** 32 bytes that depend on the label only. */
export const bytes32 = (label: string): Uint8Array => new Uint8Array(createHash('sha256').update(label).digest());

const text32 = (label: string): string => Buffer.from(bytes32(label)).toString('hex');

/** Bytes of any length that depend on the label only and look random. */
export const noise = (label: string, length: number): Uint8Array =>
  new Uint8Array(
    createHash('shake256', { outputLength: Math.max(1, length) })
      .update(label)
      .digest(),
  ).subarray(0, length);

export const replicaKey = bytes32('replica key');
export const chainId = text32('chain') as ChainId;
export const transactionId = (label: string): TransactionId => text32(`transaction ${label}`) as TransactionId;
export const blockHash = (at: number): BlockHash => text32(`block ${at}`) as BlockHash;

/** A block with `transactions` receipts of realistic sizes. */
export const executedBlock = (at: number, transactions = 3, outputBytes = 300): ExecutedBlock => ({
  height: height(at),
  blockHash: blockHash(at),
  header: noise(`header ${at}`, 400),
  body: noise(`body ${at}`, 64 + transactions * 100),
  finality: noise(`finality ${at}`, 260),
  writeSet: noise(`writes ${at}`, 500),
  receipts: Array.from({ length: transactions }, (_, index) => ({
    transactionId: transactionId(`${at}/${index}`),
    receipt: noise(`receipt ${at}/${index}`, 150),
    outputs: index % 3 === 2 ? [] : [noise(`output ${at}/${index}`, outputBytes), new Uint8Array(0)],
  })),
  statement: noise(`statement ${at}`, 280),
  enclaveSignature: noise(`signature ${at}`, 64),
});

const directories: string[] = [];
afterEach(() => {
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true, force: true });
});

/** A fresh directory, removed after the test. */
export const freshDirectory = (): string => {
  const directory = mkdtempSync(join(tmpdir(), 'cloister-ledger-'));
  directories.push(directory);
  return directory;
};

/** The code that a promise rejects with, or 'resolved'. */
export const codeOf = async (promise: Promise<unknown>): Promise<string> => {
  try {
    await promise;
    return 'resolved';
  } catch (failure) {
    return typeof failure === 'object' && failure !== null && 'code' in failure
      ? String(failure.code)
      : String(failure);
  }
};
