/**
 * The leak check of the demonstration: what is searched, for whose canaries, and the positive control.
 *
 * Hosts and observers must see no canary at all. A bank's opened results must hold no canary of the others beside what
 * its own file already told it; regulator and outsider must hold none.
 */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { AML, type Party } from './party.ts';
import { TRANSFER_COLUMNS } from '../../apps/aml/types.ts';
import { callCodec } from '../../protocol/call.ts';
import { encode } from '../../protocol/codec.ts';
import { type Canary, canariesOf } from '../leak-check/canaries.ts';
import { filesBelow, type Haystack, LeakSearch, type SearchReport } from '../leak-check/leak-check.ts';
import { PERIOD, type Consortium } from './consortium.ts';

/** What the leak check says. */
export interface LeakReport {
  readonly canaries: number;
  readonly bytesSearched: number;
  readonly hits: number;
  readonly positiveControlHits: number;
}

/** What was captured while the network ran. */
export interface Captured {
  readonly publicAnswers: readonly Haystack[];
  /** Reason codes of refusals: sealed to the caller, so no host may see them. */
  readonly sealedReasons: readonly string[];
  /** Folder of the data. */
  readonly dataDirectory: string;
  readonly seed: string;
}

/** Columns of a transfer that are opaque identifiers. */
const OPAQUE_COLUMNS = ['from_account', 'to_account', 'tx_id'];
const CONTROL_ROWS = 20;

/** Searches everything. The network may have been stopped. */
export async function checkForLeaks(consortium: Consortium, captured: Captured): Promise<LeakReport> {
  const { data, checks, progress } = consortium;
  const { seed, dataDirectory, sealedReasons } = captured;
  const tables = data.banks.map(({ name, rows }) => ({
    file: `world/bank_${name}.csv`,
    columns: TRANSFER_COLUMNS,
    rows,
  }));
  const canaries = canariesOf(tables, OPAQUE_COLUMNS, seed);
  const reasons = sealedReasons.map((text) => ({ text, origin: 'reason of a refusal' }));
  checkRecordings(consortium);
  const phase = progress.phase('Leak check', 2 + consortium.parties.length);
  const search = new LeakSearch([...canaries, ...reasons]);
  const seenByHosts = await search.search(everythingOutside(consortium, captured.publicAnswers));
  report(checks, 'no host and no observer saw anything', seenByHosts);
  phase.step();
  const inside = await searchOutputs(consortium, canaries, phase.step);
  const control = await positiveControl(consortium, new LeakSearch(canaries), dataDirectory);
  phase.step();
  phase.end();
  return {
    canaries: canaries.length,
    bytesSearched: seenByHosts.bytesSearched + inside.reduce((sum, { bytesSearched }) => sum + bytesSearched, 0),
    hits: seenByHosts.hits + inside.reduce((sum, { hits }) => sum + hits, 0),
    positiveControlHits: control,
  };
}

/** A link or a wallet that was not recorded would be searched in vain. */
function checkRecordings({ network, links, parties, checks }: Consortium): void {
  const recorded = (from: string, to: string): number =>
    links
      .get(`${from} to ${to}`)
      ?.recordings()
      .reduce((sum, { bytes }) => sum + bytes.length, 0) ?? 0;
  const names = network.nodes.map(({ name }) => name);
  for (const [index, name] of names.entries()) {
    for (const other of names.slice(index + 1)) {
      checks.that(
        `the link between ${name} and ${other} was recorded`,
        recorded(name, other) + recorded(other, name) > MIN_LINK_BYTES,
      );
    }
  }
  for (const { name, traffic } of parties)
    checks.that(`the traffic of ${name} was recorded`, traffic.exchanges.length > 0);
}

/** A link that carried the demonstration's calls carried at least this much. */
const MIN_LINK_BYTES = 10_000;

function report(checks: Consortium['checks'], name: string, { hits, leaks }: SearchReport): void {
  const places = leaks.map(
    ({ haystack, offset, encoding, origin }) => `${origin} as ${encoding} in ${haystack} at ${offset}`,
  );
  checks.that(name, hits === 0, `${hits} finds: ${places.join('; ')}`);
}

/** Disks, logs, temporary files, traffic of every link, public answers. */
async function* everythingOutside(consortium: Consortium, answers: readonly Haystack[]): AsyncGenerator<Haystack> {
  const { network, temporaryDirectory, links, parties } = consortium;
  yield* filesBelow(network.directory, 'network');
  yield* filesBelow(temporaryDirectory, 'temporary');
  for (const [name, link] of links) {
    for (const { connection, direction, bytes } of link.recordings()) {
      yield { name: `peer traffic ${name}, connection ${connection}, ${direction}`, bytes };
    }
  }
  for (const { traffic } of parties) yield* traffic.haystacks();
  yield* answers;
}

/** Each party's own outputs for the canaries of the others. The financial intelligence unit may read whole cases. */
async function searchOutputs(
  consortium: Consortium,
  canaries: readonly Canary[],
  step: () => void,
): Promise<readonly SearchReport[]> {
  const { banks, fiu, parties, data, checks } = consortium;
  const reports: SearchReport[] = [];
  for (const party of parties) {
    step();
    if (party === fiu) continue;
    const own = knownTo(party, banks, data);
    const search = new LeakSearch(canaries.filter(({ text }) => !own.has(text)));
    const found = await search.search([
      { name: `outputs of ${party.name}`, bytes: Buffer.from(party.outputs.join('\n')) },
    ]);
    report(checks, `${party.name} received nothing of the others`, found);
    reports.push(found);
  }
  return reports;
}

/** What a bank's own file already tells it; nothing for parties without data. */
function knownTo(party: Party, banks: readonly Party[], data: Consortium['data']): ReadonlySet<string> {
  const rows = data.banks[banks.indexOf(party)]?.rows ?? [];
  const known = rows.flatMap((row) => [...row, row.join(','), JSON.stringify(row)]);
  return new Set(known);
}

/** The same search where it must find something: in the plaintext files, and in a transaction that nobody sealed. */
async function positiveControl(
  { data, checks }: Consortium,
  search: LeakSearch,
  dataDirectory: string,
): Promise<number> {
  const files = data.banks.map(async ({ name }): Promise<Haystack> => {
    const file = path.join('world', `bank_${name}.csv`);
    return { name: file, bytes: await readFile(path.join(dataDirectory, file)) };
  });
  const plain = await search.search(await Promise.all(files));
  const values = search.canaries.filter(({ origin }) => !origin.includes(' row ')).length;
  checks.that(
    'the search finds every canary in the plaintext files',
    plain.canariesFound >= values,
    `${plain.canariesFound} of ${values}`,
  );
  const rows = data.banks[0]?.rows.slice(0, CONTROL_ROWS) ?? [];
  const args = JSON.stringify({ period: PERIOD, rows });
  const call = encode(callCodec, { contract: AML, method: 'submitTransfers', args, idempotencyKey: undefined });
  const body = JSON.stringify({ envelopes: [Buffer.from(call).toString('base64')] });
  const unsealed = await search.search([{ name: 'an unsealed transaction', bytes: Buffer.from(body) }]);
  checks.that(
    'the search finds canaries in an unsealed transaction',
    unsealed.hits >= rows.length,
    `${unsealed.hits} finds`,
  );
  return plain.hits + unsealed.hits;
}
