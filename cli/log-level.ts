/** The option `--log-level`. */
import { LOG_LEVELS, type LogLevel } from '../node/logger.ts';
import { nearestName } from '../node/nearest-name.ts';
import { usageError } from './errors.ts';

/** A level by name; undefined stays undefined. Throws USAGE with the nearest name. */
export const logLevelOf = (name: string | undefined): LogLevel | undefined => {
  if (name === undefined) return undefined;
  const level = LOG_LEVELS.find((candidate) => candidate === name);
  if (level === undefined)
    throw usageError(
      `There is no log level '${name}'.`,
      `Did you mean ${nearestName(name, LOG_LEVELS)}? Levels: ${LOG_LEVELS.join(', ')}.`,
    );
  return level;
};
