/**
 * Loaded before a node (`--import`) by chaos alone: the wall clock is off by as many milliseconds as the file says that
 * `?file=` names. The monotonic clock is left as it is, which is what a jump of a real clock does.
 */
import { readFileSync } from 'node:fs';

/** How long what the file says may go unnoticed; reading it costs some microseconds. */
const READ_EVERY_MS = 50;

const path = new URL(import.meta.url).searchParams.get('file') ?? '';
const RealDate = Date;
let offsetMs = 0;
let readAtMs = Number.NEGATIVE_INFINITY;

const shiftedNow = (): number => {
  const nowMs = performance.now();
  if (nowMs - readAtMs > READ_EVERY_MS) {
    readAtMs = nowMs;
    try {
      offsetMs = Number(readFileSync(path, 'utf8'));
    } catch {
      offsetMs = 0;
    }
  }
  return RealDate.now() + offsetMs;
};

globalThis.Date = new Proxy(RealDate, {
  construct: (target, args, self) => Reflect.construct(target, args.length === 0 ? [shiftedNow()] : args, self) as Date,
  apply: (target) => new target(shiftedNow()).toString(),
  get: (target, name) => (name === 'now' ? shiftedNow : Reflect.get(target, name)),
});
