/**
 * `npm run vectors`: writes the files in `test/vectors` anew. Only a change of the protocol changes them: then every
 * verdict that differs afterwards must be meant.
 */
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { chainVectors } from '../test/fuzz/chain-vectors.ts';
import { evidenceVectors, receiptVectors } from '../test/fuzz/file-cases.ts';

const files = { ...(await chainVectors()), receipts: receiptVectors(), evidence: evidenceVectors() };
for (const [name, content] of Object.entries(files)) {
  const path = fileURLToPath(new URL(`../test/vectors/${name}.json`, import.meta.url));
  writeFileSync(path, `${JSON.stringify(content, null, 1)}\n`);
}
