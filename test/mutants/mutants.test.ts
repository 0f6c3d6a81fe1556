/** Each planted mistake must be found: layers of tests that find nothing prove nothing (consensus design §5.5). */
import { describe, expect, it } from 'vitest';
import { readText } from '../support/source-tree.ts';
import { mutants } from './list.ts';
import { planted } from './mutant.ts';
import { hunt, PAGE } from './report.ts';

describe('planted mistakes', () => {
  it('are edits of text that is there, once', () => {
    for (const mutant of mutants) expect(planted(mutant, readText(mutant.file))).not.toBe(readText(mutant.file));
  });

  it('stand in the page, found by every layer that must find them; `npm run mutants -- --write` renews it', () => {
    const rows = readText(PAGE)
      .split('\n')
      .filter((line) => line.startsWith('|'))
      .map((line) => line.split('|').map((cell) => cell.trim()));
    const told = rows.slice(2).map(([, name, file, effect, ...cells]) => ({
      name,
      file,
      effect,
      found: cells.filter((cell) => /^[\d,]+$/.test(cell)).length,
    }));
    const must = mutants.map(({ name, file, effect, foundBy }) => ({
      name,
      file: `\`${file}\``,
      effect,
      found: foundBy.length,
    }));
    expect(told).toEqual(must);
  });

  // Unit tests are what fails anyway when a rule breaks: they hunt here only for what no other layer must find.
  it.each(mutants)('$name', { timeout: 300_000 }, async (mutant) => {
    const others = mutant.foundBy.filter((layer) => layer !== 'unit');
    const hunts = await hunt(mutant, others.length === 0 ? mutant.foundBy : others);
    expect(hunts.length).toBeGreaterThan(0);
    expect(hunts.filter(({ found }) => !found)).toEqual([]);
  });
});
