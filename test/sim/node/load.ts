/** Loads the simulation of whole nodes. Nothing of production may have been loaded before: its edges are replaced first. */
import type { Simulation } from '../sweep.ts';
import { installHooks } from './hooks.ts';

/** The simulation of whole nodes; from now on the process has simulated clocks only. */
export const loadNodeSimulation = async (): Promise<Simulation> => {
  installHooks();
  const { nodeSimulation } = await import('./simulate.ts');
  const { installGlobals } = await import('./globals.ts');
  installGlobals();
  return nodeSimulation;
};
