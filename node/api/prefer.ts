/** The `Prefer: wait` request header (RFC 7240 §4.3), bounded. */
import { MAX_WAIT_SECONDS } from '../../protocol/api.ts';

const WAIT = /^wait\s*=\s*"?(\d{1,6})"?$/u;

/** Seconds that the client is willing to wait, at most MAX_WAIT_SECONDS; unknown preferences are ignored, as RFC 7240 asks. */
export const waitSeconds = (header: string | readonly string[] | undefined): number => {
  if (header === undefined) return 0;
  const preferences = (typeof header === 'string' ? header : header.join(',')).split(/[,;]/u);
  for (const preference of preferences) {
    const seconds = WAIT.exec(preference.trim())?.[1];
    if (seconds !== undefined) return Math.min(Number(seconds), MAX_WAIT_SECONDS);
  }
  return 0;
};
