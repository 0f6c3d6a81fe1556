/** Run by the lifecycle test: ten clusters, one after the other; the process must then end without being told to. */
import { Cluster } from './cluster.ts';

const CYCLES = 10;
for (let cycle = 0; cycle < CYCLES; cycle += 1) {
  const cluster = await Cluster.start(2);
  await cluster[Symbol.asyncDispose]();
}
await new Promise((resolve) => setImmediate(resolve));
const sockets = process.getActiveResourcesInfo().filter((name) => name.startsWith('TCP')).length;
process.stdout.write(JSON.stringify({ cycles: CYCLES, sockets }));
