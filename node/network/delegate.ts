/**
 * Puts own methods in front of an object of a library, leaving everything else to it.
 */

/** An object that behaves as `target`, except for the properties of `own`. */
export const delegate = <Target extends object>(target: Target, own: Partial<Target>): Target =>
  new Proxy(target, {
    get: (_target, name) => {
      const value: unknown = Reflect.get(own, name) ?? Reflect.get(target, name);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
