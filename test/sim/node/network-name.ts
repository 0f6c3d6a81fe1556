/** The name from which all keys of the simulated network are derived. */
export const NETWORK = 'simulated';
