/** The root logger of a process and the destination that it owns. */
import { LogSink } from './log-sink.ts';
import { type Logger, loggerOver, type LoggerOptions } from './logger.ts';

/** Where log lines go. */
export type LogDestination = { readonly kind: 'stderr' } | { readonly kind: 'file'; readonly path: string };

/** The root logger with its file or descriptor; disposing it writes what is buffered. */
export interface RootLogger extends AsyncDisposable {
  readonly logger: Logger;
}

/** Opens the destination and makes the root logger of this process. */
export const createRootLogger = (options: LoggerOptions, destination: LogDestination): RootLogger => {
  const sink = destination.kind === 'file' ? LogSink.toFile(destination.path) : LogSink.toStderr();
  return { logger: loggerOver(options, sink), [Symbol.asyncDispose]: () => sink[Symbol.asyncDispose]() };
};
