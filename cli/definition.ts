/** What definitions of commands share: lazy actions, options that many commands have, and parsers of option values. */
import { type Command, InvalidArgumentError } from 'commander';

/** A command's implementation. */
export interface Implementation {
  /** Performs the command; a number that it resolves to becomes the exit code. */
  run(
    options: Readonly<Record<string, unknown>>,
    args: readonly (string | readonly string[] | undefined)[],
  ): Promise<unknown>;
}

/** An action that imports the implementation first. */
export const lazily =
  (load: () => Promise<{ readonly run: (options: never, args: never) => Promise<unknown> }>) =>
  async (...received: unknown[]): Promise<void> => {
    const command = received.at(-1) as Command;
    const { run } = (await load()) as unknown as Implementation;
    const code = await run(command.opts(), command.processedArgs);
    if (typeof code === 'number') process.exitCode = code;
  };

/** Text of examples for the end of a help page. */
export const examples = (...lines: readonly string[]): string =>
  `\nExamples:\n${lines.map((line) => `  $ cloister ${line}`).join('\n')}`;

/** A parser of whole numbers in a range. */
export const wholeNumber =
  (minimum: number, maximum: number) =>
  (text: string): number => {
    const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
    if (value >= minimum && value <= maximum) return value;
    throw new InvalidArgumentError(`It must be a whole number from ${minimum} to ${maximum}.`);
  };

/** A parser of hexadecimal digits of a length in bytes. */
export const hexDigits =
  (lengthBytes: number) =>
  (text: string): string => {
    if (text.length === 2 * lengthBytes && /^[0-9a-fA-F]*$/.test(text)) return text.toLowerCase();
    throw new InvalidArgumentError(`It must be ${2 * lengthBytes} hexadecimal digits.`);
  };

/** Collects an option that may be given several times. */
export const repeated = (value: string, earlier: readonly string[] = []): readonly string[] => [...earlier, value];

/** Collects an option that is the URL of a node and may be given several times. */
export const repeatedUrl = (value: string, earlier?: readonly string[]): readonly string[] => {
  const isHttp = URL.canParse(value) && ['http:', 'https:'].includes(new URL(value).protocol);
  if (!isHttp) throw new InvalidArgumentError('It must be a URL such as http://127.0.0.1:17701.');
  return repeated(value, earlier);
};

/** The option that every command has. */
export const withJson = (command: Command): Command => command.option('--json', 'print one JSON object on stdout');

/** Options that name a network to connect to. */
export const withNetwork = (command: Command): Command =>
  withJson(command)
    .option(
      '--dir <directory>',
      'directory of a local network: gives URLs, genesis and accounts',
      process.env['CLOISTER_DIR'],
    )
    .option('--url <url>', 'client API of a node; may be given several times', repeatedUrl)
    .option('--chain-id <hex>', 'trust anchor: the chain id', hexDigits(32))
    .option('--genesis <file>', 'trust anchor: the genesis file');

/** Options that name the account that acts. */
export const withAccount = (command: Command): Command =>
  withNetwork(command)
    .option('--account <name>', 'account of the network directory, or of the key directory')
    .option('--keystore <file>', 'encrypted keystore of the account')
    .option('--keys <directory>', 'key directory (default: $CLOISTER_KEYS or ~/.cloister/keys)')
    .option('--passphrase-file <file>', 'file with the passphrase (else $CLOISTER_PASSPHRASE, else a prompt)')
    .option('--production', 'refuse simulated enclave platforms');
