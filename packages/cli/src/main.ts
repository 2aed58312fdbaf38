/**
 * The `velum` command: parses, runs, prints errors, gives the exit code.
 * @module
 */
import { Command, CommanderError } from 'commander';
import { accountCommands } from './commands/account.ts';
import { demoCommand } from './commands/demo.ts';
import { jobCommand, jobsCommand } from './commands/jobs.ts';
import { modelCommands } from './commands/models.ts';
import { planCommand } from './commands/plan.ts';
import { predictCommand, unregisterCommand } from './commands/predict.ts';
import { serveCommand } from './commands/serve.ts';
import { tokenCommand } from './commands/token.ts';
import { EXIT, EXIT_HELP, reportOf } from './errors.ts';
import { printError } from './output.ts';
import { processTerminal, type Terminal } from './terminal.ts';

const VERSION = '0.1.0';

export function buildProgram(terminal: Terminal): Command {
  const program = new Command('velum')
    .description('Predictions on data that the service cannot read.')
    .version(VERSION)
    .addHelpText(
      'after',
      `
Examples:
  $ velum demo                                        see it work
  $ velum serve                                       run the service
  $ velum signup --username ada --email ada@example.org
  $ velum deploy fraud v1 --file model.json           as a model's owner
  $ velum predict MODEL_URL --input samples.csv       as its user

Environment:
  VELUM_URL, VELUM_TOKEN   server and token, before those stored by signup and login
  VELUM_CONFIG_DIR         where they are stored (default ~/.config/velum)
  NO_COLOR                 no colours
${EXIT_HELP}`,
    );
  const commands = [
    demoCommand(terminal),
    serveCommand(terminal),
    ...accountCommands(terminal),
    tokenCommand(terminal),
    ...modelCommands(terminal),
    predictCommand(terminal),
    unregisterCommand(terminal),
    planCommand(terminal),
    jobsCommand(terminal),
    jobCommand(terminal),
  ];
  for (const sub of commands) program.addCommand(sub);
  configure(program, terminal);
  return program;
}

/** Commander throws instead of exiting and leaves the printing of errors to us; for every sub-command. */
function configure(command: Command, terminal: Terminal): void {
  command.exitOverride().configureOutput({
    writeOut: (text) => terminal.stdout.write(text),
    writeErr: (text) => terminal.stderr.write(text),
    outputError: () => {},
  });
  for (const sub of command.commands) configure(sub, terminal);
}

/** Runs one command line (without `node` and the script) and gives the exit code. */
export async function main(argv: string[], terminal: Terminal = processTerminal()): Promise<number> {
  const program = buildProgram(terminal);
  try {
    if (argv.length === 0) {
      program.outputHelp();
      return EXIT.usage;
    }
    await program.parseAsync(argv, { from: 'user' });
    return EXIT.ok;
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return EXIT.ok; // --help, --version
    if (error instanceof CommanderError && error.code === 'commander.help') return EXIT.usage; // it printed the help
    const { report, exitCode } = reportOf(error);
    if (terminal.env['VELUM_DEBUG'] && error instanceof Error) terminal.stderr.write(`${error.stack}\n`);
    printError(terminal, argv.includes('--json'), report);
    return exitCode;
  }
}
