/** The command line of a script: `--help`, and exit code 2 with the reason and the help for what it does not take. */
import { Command } from 'commander';

const USAGE_EXIT_CODE = 2;

/** The command line of `npm run <name>`; options are added by the script. Ends the process on `--help` and mistakes. */
export const commandLine = (name: string, summary: string): Command =>
  new Command(`npm run ${name} --`)
    .description(summary)
    .helpOption('-h, --help', 'print help')
    .allowExcessArguments(false)
    .showHelpAfterError()
    .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : USAGE_EXIT_CODE));
