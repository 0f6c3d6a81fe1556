/**
 * The logger factory: one pino root per process, one child per room.
 *
 * Messages are constant sentences, everything variable is a field. Fields that could hold a payload, a key or a
 * plaintext are redacted by name, and errors print their code and data only: the text of an unknown error may quote
 * the bytes that caused it. The composition root owns the root logger and disposes it last.
 */
import { pino } from 'pino';
import type { DestinationStream, Logger as PinoLogger } from 'pino';

import { CloisterError } from '../protocol/errors.ts';

/** Levels in rising order of silence. */
export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'silent'] as const;
/** How much is written. */
export type LogLevel = (typeof LOG_LEVELS)[number];

/** A pino logger. Rooms take this type and never import pino themselves. */
export type Logger = PinoLogger;

/** What the composition root decides about logs. */
export interface LoggerOptions {
  readonly level: LogLevel;
  /** Fields on every line, such as the validator's name. */
  readonly fields?: Readonly<Record<string, string | number>>;
}

/** Names of fields whose values never reach a log line. */
export const REDACTED_FIELDS = [
  'args',
  'authorization',
  'body',
  'bytes',
  'ciphertext',
  'contribution',
  'envelope',
  'input',
  'key',
  'output',
  'passphrase',
  'password',
  'payload',
  'plaintext',
  'privateKey',
  'result',
  'secret',
  'secretKey',
  'seed',
  'token',
] as const;

const redactPaths = REDACTED_FIELDS.flatMap((name) => [name, `*.${name}`]);

/** Source positions of an error, without the message line, which may quote foreign bytes. */
const stackFrames = (error: Error): string[] =>
  (error.stack ?? '')
    .split('\n')
    .filter((line) => line.startsWith('    at '))
    .slice(0, 6)
    .map((line) => line.slice(7));

const codeOf = (error: Error): string => ('code' in error && typeof error.code === 'string' ? error.code : error.name);

const MAX_CAUSES = 4;

/** Prints the code and data of an error and of its causes, never its message. */
export const describeError = (error: unknown, depth = 0): Record<string, unknown> => {
  if (!(error instanceof Error)) return { code: 'NOT_AN_ERROR', type: typeof error };
  const described: Record<string, unknown> =
    error instanceof CloisterError
      ? { code: error.code, data: error.data }
      : { code: codeOf(error), frames: stackFrames(error) };
  if (error.cause !== undefined && depth < MAX_CAUSES) described['cause'] = describeError(error.cause, depth + 1);
  return described;
};

const pinoOptions = (options: LoggerOptions): pino.LoggerOptions => ({
  level: options.level,
  base: { pid: process.pid, ...options.fields },
  timestamp: pino.stdTimeFunctions.isoTime,
  formatters: { level: (label) => ({ level: label }) },
  redact: { paths: redactPaths, censor: '[redacted]' },
  serializers: { err: (error: unknown) => describeError(error), error: (error: unknown) => describeError(error) },
});

/** Makes a root logger over any line sink. */
export const loggerOver = (options: LoggerOptions, sink: DestinationStream): Logger => pino(pinoOptions(options), sink);

/** The child logger of a room; give it to the room's constructor. */
export const roomLogger = (root: Logger, room: string): Logger => root.child({ room });

/** A logger that writes nothing, for tests and tools. */
export const silentLogger = (): Logger => pino({ level: 'silent' });
