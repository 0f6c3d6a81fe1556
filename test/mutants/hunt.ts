/**
 * Child process of a hunt: `node test/mutants/hunt.ts --mutant NAME --layers a,b` plants the mistake in everything that it
 * loads from then on, lets the layers search, prints what each found as JSON.
 */
import { registerHooks } from 'node:module';
import { pathToFileURL } from 'node:url';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { ROOT } from '../support/source-tree.ts';
import { mutants } from './list.ts';
import { type Layer, planted } from './mutant.ts';

const { values } = parseArgs({ options: { mutant: { type: 'string' }, layers: { type: 'string', default: '' } } });
const mutant = mutants.find(({ name }) => name === values.mutant);
if (mutant === undefined) throw new Error(`no mutant is called ${values.mutant}`);
const target = pathToFileURL(join(ROOT, mutant.file)).href;

registerHooks({
  load: (url, context, next) => {
    const loaded = next(url, context);
    if (url !== target) return loaded;
    const source =
      typeof loaded.source === 'string' ? loaded.source : new TextDecoder().decode(loaded.source ?? undefined);
    return { ...loaded, source: planted(mutant, source) };
  },
});

const { hunts } = await import('./layers.ts');
const found = [];
for (const layer of values.layers.split(',') as Layer[]) {
  if (layer === 'unit') found.push(await (await import('./unit-hunt.ts')).huntByUnitTests(mutant));
  else found.push(hunts[layer](mutant));
}
process.stdout.write(`${JSON.stringify(found)}\n`);
