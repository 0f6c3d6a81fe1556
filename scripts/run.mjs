/** Runs a TypeScript entry on the pinned Node after setting the project up: `node scripts/run.mjs FILE [arguments]`. */
import { launch } from './launch.mjs';
import { setUp } from './setup.mjs';

launch(await setUp(), process.argv.slice(2));
