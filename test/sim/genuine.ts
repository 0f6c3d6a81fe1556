/**
 * What was found genuine: simulated machines share the objects that they send, and each is checked once for all of them.
 * Of one world at a time: what is remembered weakly costs the collector more than the checks.
 */

let genuine = new Set<object>();

/** Another world begins. */
export const forgetGenuine = (): void => {
  genuine = new Set();
};

/** Notes an object whose signatures need no check again. */
export const markGenuine = (value: object): void => {
  genuine.add(value);
};

/** Whether an object's signatures are genuine, by an earlier check or this one. */
export const isGenuine = (value: object, check: () => boolean): boolean => {
  if (genuine.has(value)) return true;
  if (!check()) return false;
  genuine.add(value);
  return true;
};
