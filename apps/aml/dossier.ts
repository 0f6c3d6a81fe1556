/**
 * Writes findings up: pages of a case for the financial intelligence unit, and for each bank its own part, made here so
 * that a bank's query never touches anything but its own part. Pages stay below the size of a result.
 */
import type { FindingGroup } from './detect/cases.ts';
import { at, type TransferGraph } from './detect/graph.ts';
import type { Finding } from './detect/rules.ts';
import type { LoadedPeriod } from './periods.ts';
import { ownerOf } from './rows.ts';
import type { CaseFinding, CaseTransfer, OwnTransfer } from './types.ts';

/** What a case looks like before it has an id. */
export interface Dossier {
  readonly window: { readonly fromMinute: number; readonly toMinute: number };
  /** JSON text of each page: `{ transfers, findings }`. */
  readonly pages: readonly string[];
  readonly transferCount: number;
  readonly accountCount: number;
  /** Own parts by bank position; several where a bank has many transfers in the case. */
  readonly own: ReadonlyMap<number, readonly OwnPart[]>;
}

/** A bank's own accounts and transfers. */
export interface OwnPart {
  readonly accounts: readonly string[];
  readonly transfers: readonly OwnTransfer[];
}

const PAGE_CHARACTERS = 40_000;
const OWN_TRANSFERS_A_PART = 150;

/** Writes up one group of findings. */
export function writeDossier(
  graph: TransferGraph,
  loaded: LoadedPeriod,
  group: FindingGroup,
  modulus: number,
): Dossier {
  const position = new Map<number, number>();
  const accounts = new Set<number>();
  const transfers: CaseTransfer[] = [];
  for (const edge of group.edges) {
    position.set(edge, transfers.length);
    accounts.add(at(graph.from, edge)).add(at(graph.to, edge));
    transfers.push(caseTransfer(graph, loaded, edge));
  }
  const first = transfers[0] as CaseTransfer;
  const last = transfers[transfers.length - 1] as CaseTransfer;
  return {
    window: { fromMinute: first.minute, toMinute: last.minute },
    pages: paginate(
      transfers,
      group.findings.map((finding) => caseFinding(graph, finding, position)),
    ),
    transferCount: transfers.length,
    accountCount: accounts.size,
    own: ownParts(transfers, modulus),
  };
}

function caseTransfer(graph: TransferGraph, loaded: LoadedPeriod, edge: number): CaseTransfer {
  const index = at(graph.rank, edge);
  const row = (loaded.bodies[index] as string).split('\t') as string[] & { readonly length: 11 };
  return {
    txId: loaded.txIds[index] as string,
    minute: at(graph.minute, edge),
    from: graph.accounts[at(graph.from, edge)] as string,
    to: graph.accounts[at(graph.to, edge)] as string,
    amountPaid: row[6] as string,
    payCurrency: row[7] as string,
    amountReceived: row[8] as string,
    recvCurrency: row[9] as string,
    format: row[10] as string,
  };
}

function caseFinding(graph: TransferGraph, finding: Finding, position: ReadonlyMap<number, number>): CaseFinding {
  const transfers = finding.edges.map((edge) => position.get(edge) as number);
  const name = (account: number): string => graph.accounts[account] as string;
  switch (finding.kind) {
    case 'cycle':
      return { kind: 'cycle', transfers };
    case 'fan':
      return { kind: 'fan', account: name(finding.account), counterparties: finding.counterparties, transfers };
    case 'scatter_gather': {
      const { source, sink, middlemen } = finding;
      return { kind: 'scatter_gather', source: name(source), sink: name(sink), middlemen, transfers };
    }
  }
}

function paginate(transfers: readonly CaseTransfer[], findings: readonly CaseFinding[]): readonly string[] {
  const pages: string[] = [];
  let page: { transfers: string[]; findings: string[] } = { transfers: [], findings: [] };
  let size = 0;
  const close = (): void => {
    pages.push(`{"transfers":[${page.transfers.join()}],"findings":[${page.findings.join()}]}`);
    page = { transfers: [], findings: [] };
    size = 0;
  };
  const add = (kind: 'transfers' | 'findings', item: unknown): void => {
    const text = JSON.stringify(item);
    if (size > 0 && size + text.length > PAGE_CHARACTERS) close();
    page[kind].push(text);
    size += text.length + 1;
  };
  for (const transfer of transfers) add('transfers', transfer);
  for (const finding of findings) add('findings', finding);
  close();
  return pages;
}

function ownParts(transfers: readonly CaseTransfer[], modulus: number): ReadonlyMap<number, readonly OwnPart[]> {
  const byBank = new Map<number, { accounts: Set<string>; transfers: OwnTransfer[] }[]>();
  const add = (bank: number, own: OwnTransfer): void => {
    const parts = byBank.get(bank) ?? [];
    if (parts.length === 0) byBank.set(bank, parts);
    const open = parts[parts.length - 1];
    const isFull = open === undefined || open.transfers.length >= OWN_TRANSFERS_A_PART;
    const part = isFull ? { accounts: new Set<string>(), transfers: [] } : open;
    if (isFull) parts.push(part);
    part.transfers.push(own);
    if (own.from !== undefined) part.accounts.add(own.from);
    if (own.to !== undefined) part.accounts.add(own.to);
  };
  for (const transfer of transfers) {
    const { txId, minute, from, to, amountPaid, payCurrency, amountReceived, recvCurrency } = transfer;
    const payer = ownerOf(from.slice(0, from.indexOf(':')), modulus);
    const receiver = ownerOf(to.slice(0, to.indexOf(':')), modulus);
    const paid = { txId, minute, from, amount: amountPaid, currency: payCurrency };
    if (payer === receiver) add(payer, { ...paid, to });
    else {
      add(payer, paid);
      add(receiver, { txId, minute, to, amount: amountReceived, currency: recvCurrency });
    }
  }
  const own = new Map<number, OwnPart[]>();
  for (const [bank, parts] of byBank) {
    own.set(
      bank,
      parts.map((part) => ({ accounts: [...part.accounts].sort(), transfers: part.transfers })),
    );
  }
  return own;
}
