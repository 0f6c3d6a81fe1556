/** Error codes of the command line: what only a person who types can get wrong. */
import { CloisterError, defineErrors } from '../protocol/errors.ts';

/** Codes of the cli room. */
export const cliErrors = defineErrors({
  USAGE_NO_NETWORK: {
    message: 'The command does not say which network to use.',
    hint: 'Give --dir of a local network, or --url together with --chain-id or --genesis.',
    retryable: false,
  },
  USAGE_NO_ANCHOR: {
    message: 'There is no trust anchor to verify against.',
    hint: 'Give --chain-id, or --genesis with the file of the consortium.',
    retryable: false,
  },
  USAGE_ANCHORS_DIFFER: {
    message: 'The chain id and the genesis file given are of different networks.',
    hint: 'Give the one that you have from the consortium; it must be known which of them is trusted.',
    retryable: false,
  },
  USAGE_NO_ACCOUNT: {
    message: 'The command does not say which account acts.',
    hint: 'Give --keystore FILE, or --account with a name that `cloister keys list` or the network directory has.',
    retryable: false,
  },
  USAGE_UNKNOWN_ACCOUNT: {
    message: 'There is no account of that name.',
    hint: 'Use the nearest name given, or create it with `cloister keys create`.',
    retryable: false,
  },
  USAGE_NO_PASSPHRASE: {
    message: 'A passphrase is needed and there is no terminal to ask on.',
    hint: 'Give --passphrase-file, or set CLOISTER_PASSPHRASE; for a guard file CLOISTER_GUARD_PASSPHRASE.',
    retryable: false,
  },
  USAGE_PASSPHRASE_EMPTY: {
    message: 'The passphrase is empty, so the keystore would protect nothing.',
    hint: 'Set CLOISTER_PASSPHRASE, fill the file of --passphrase-file, or type one.',
    retryable: false,
  },
  USAGE_PASSPHRASE_REPEATED: {
    message: 'The two passphrases differ.',
    hint: 'Type the same passphrase twice.',
    retryable: false,
  },
  USAGE_NOT_JSON: {
    message: 'The argument is not JSON.',
    hint: 'Write strings in double quotes, inside single quotes of the shell, or pass - and give the JSON on standard input.',
    retryable: false,
  },
  USAGE_FILE_EXISTS: {
    message: 'The file exists already and is not overwritten.',
    hint: 'Choose another name, or move the file away.',
    retryable: false,
  },
  CONFIG_FILE_MISSING: {
    message: 'A file given to the command cannot be read.',
    hint: 'Check the path and its permissions.',
    retryable: false,
  },
  CONFIG_MEMBERS_INVALID: {
    message: 'The members file is not of the expected form.',
    hint: 'Write a JSON list of { "name": …, "key": … } with keys as `cloister keys show` prints them.',
    retryable: false,
  },
  USAGE_UNKNOWN_VALIDATOR: {
    message: 'The present configuration has no member of that name.',
    hint: 'Use the nearest name given; `cloister validators list` shows all.',
    retryable: false,
  },
  CONFIG_ROTATION_INVALID: {
    message: 'The file is no rotation file.',
    hint: 'Have the operator make it with `cloister guard rotate`.',
    retryable: false,
  },
  USAGE_NO_HOME: {
    message: 'The command does not say whose evidence to list.',
    hint: 'Give --home of a validator or observer, or --dir of a local network.',
    retryable: false,
  },
  CONFIG_OTHER_CHAIN: {
    message: 'The two homes belong to different networks.',
    hint: 'Compare homes that hold the same genesis.',
    retryable: false,
  },
  EVIDENCE_INVALID: {
    message: 'The evidence file proves nothing on this chain.',
    hint: 'Do not act on it: ask whoever gave it for the original, and compare the chain id with the consortium.',
    retryable: false,
  },
  CONFIG_NO_LEDGER: {
    message: 'The directory is no validator home with a ledger.',
    hint: 'Give a home such as DIR/validator-1 of a network that has run.',
    retryable: false,
  },
  RECEIPT_INVALID: {
    message: 'The receipt file proves nothing on this chain.',
    hint: 'Do not rely on it: ask whoever gave it for the original, and compare the chain id with the consortium.',
    retryable: false,
  },
  CONTRACT_NOT_BUNDLED: {
    message: 'The contract could not be bundled.',
    hint: 'Correct the first problem named; a contract may import files of its own only.',
    retryable: false,
  },
});

/** A mistake in what was typed: always code USAGE, always exit code 2. */
export const usageError = (
  message: string,
  hint = 'Run the command with --help to see its options and examples.',
): CloisterError => new CloisterError('USAGE', { message, hint, retryable: false });
