/** Stands in for `consensus/step.ts`: the real step, watched; the core of a liar does not mind that its key votes twice. */
import type { Effect } from '../../../consensus/effect.ts';
import type { Input } from '../../../consensus/input.ts';
import type { CoreState } from '../../../consensus/state.ts';
import { step as realStep, type Step } from '../../../consensus/step.ts';
import { host, type SimProcess } from './host.ts';

/** What a simulation wants to know of cores. */
export interface StepWatcher {
  isHonest(machine: number): boolean;
  onStep(process: SimProcess, input: Input, core: CoreState, effects: readonly Effect[], enteredView: boolean): void;
}

let watcher: StepWatcher | undefined;

/** Tells a watcher of every step from now on. */
export const useStepWatcher = (next: StepWatcher): void => {
  watcher = next;
};

/** Takes one input. */
export const step = (before: CoreState, input: Input): Step => {
  const view = before.current;
  const taken = realStep(before, input);
  const { current } = host();
  if (watcher === undefined) return taken;
  watcher.onStep(current, input, taken.state, taken.effects, taken.state.current !== view);
  if (watcher.isHonest(current.machine)) return taken;
  taken.state.halted = false;
  return { ...taken, effects: taken.effects.filter(({ kind }) => kind !== 'halt') };
};
