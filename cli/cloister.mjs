#!/usr/bin/env node
/** Entry of `npx cloister`: sets the project up if needed and runs the command line on the pinned Node. */
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { launch } from '../scripts/launch.mjs';
import { setUp } from '../scripts/setup.mjs';

launch(await setUp(), [join(dirname(fileURLToPath(import.meta.url)), 'main.ts'), ...process.argv.slice(2)]);
