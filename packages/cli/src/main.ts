/**
 * The `velum` command: parses, runs, prints errors, gives the exit code.
 * @module
 */
import { Command, CommanderError } from 'commander';
import { EXIT, EXIT_HELP, reportOf } from './errors.ts';
import { printError } from './output.ts';
import { processTerminal, type Terminal } from './terminal.ts';

const VERSION = '0.1.0';

/** What makes some of the commands; a module is loaded when one of its commands is run, or for the help of all. */
interface CommandModule {
  group: string;
  names: string[];
  load: (terminal: Terminal) => Promise<Command[]>;
}

/** Headings of the help, in its order. */
const GROUPS = {
  first: 'To see it work:',
  programs: 'Programs on encrypted values:',
  models: 'Models on a server:',
  files: 'An ONNX model with files, without a server:',
  service: 'Server and account:',
} as const;

const MODULES: CommandModule[] = [
  {
    group: GROUPS.first,
    names: ['demo'],
    load: async (terminal) => [(await import('./commands/demo.ts')).demoCommand(terminal)],
  },
  {
    group: GROUPS.programs,
    names: ['program'],
    load: async (terminal) => [(await import('./commands/program.ts')).programCommand(terminal)],
  },
  {
    group: GROUPS.programs,
    names: ['task'],
    load: async (terminal) => [(await import('./commands/task.ts')).taskCommand(terminal)],
  },
  {
    group: GROUPS.programs,
    names: ['key'],
    load: async (terminal) => [(await import('./commands/key.ts')).keyCommand(terminal)],
  },
  {
    group: GROUPS.programs,
    names: ['health'],
    load: async (terminal) => [(await import('./commands/health.ts')).healthCommand(terminal)],
  },
  {
    group: GROUPS.programs,
    names: ['worker'],
    load: async (terminal) => [(await import('./commands/worker.ts')).workerCommand(terminal)],
  },
  {
    group: GROUPS.models,
    names: ['deploy', 'models', 'undeploy'],
    load: async (terminal) => (await import('./commands/models.ts')).modelCommands(terminal),
  },
  {
    group: GROUPS.models,
    names: ['predict', 'unregister'],
    load: async (terminal) => {
      const { predictCommand, unregisterCommand } = await import('./commands/predict.ts');
      return [predictCommand(terminal), unregisterCommand(terminal)];
    },
  },
  {
    group: GROUPS.models,
    names: ['jobs', 'job'],
    load: async (terminal) => {
      const { jobCommand, jobsCommand } = await import('./commands/jobs.ts');
      return [jobsCommand(terminal), jobCommand(terminal)];
    },
  },
  {
    group: GROUPS.models,
    names: ['plan'],
    load: async (terminal) => [(await import('./commands/plan.ts')).planCommand(terminal)],
  },
  {
    group: GROUPS.files,
    names: ['keyparams'],
    load: async (terminal) => [(await import('./commands/keyparams.ts')).keyparamsCommand(terminal)],
  },
  {
    group: GROUPS.files,
    names: ['keygen'],
    load: async (terminal) => [(await import('./commands/keygen.ts')).keygenCommand(terminal)],
  },
  {
    group: GROUPS.files,
    names: ['encrypt'],
    load: async (terminal) => [(await import('./commands/encrypt.ts')).encryptCommand(terminal)],
  },
  {
    group: GROUPS.files,
    names: ['inference'],
    load: async (terminal) => [(await import('./commands/inference.ts')).inferenceCommand(terminal)],
  },
  {
    group: GROUPS.files,
    names: ['decrypt'],
    load: async (terminal) => [(await import('./commands/decrypt.ts')).decryptCommand(terminal)],
  },
  {
    group: GROUPS.files,
    names: ['evaluate'],
    load: async (terminal) => [(await import('./commands/evaluate.ts')).evaluateCommand(terminal)],
  },
  {
    group: GROUPS.service,
    names: ['serve'],
    load: async (terminal) => [(await import('./commands/serve.ts')).serveCommand(terminal)],
  },
  {
    group: GROUPS.service,
    names: ['signup', 'login', 'logout'],
    load: async (terminal) => (await import('./commands/account.ts')).accountCommands(terminal),
  },
  {
    group: GROUPS.service,
    names: ['token'],
    load: async (terminal) => [(await import('./commands/token.ts')).tokenCommand(terminal)],
  },
];

/** The program with the commands that `argv` needs: those of one module, or all when it names none. */
async function buildProgram(terminal: Terminal, argv: string[]): Promise<Command> {
  const program = new Command('velum')
    .description(
      'Models and programs on encrypted data: predictions and results that the server cannot read.',
    )
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

An ONNX model with files and no service, as with HE-MAN:
  $ velum keyparams -m model.onnx -c data.zip -o keyparams.json
  $ velum keygen -i keyparams.json -o key
  $ velum encrypt -k key -i x.npy -o x.enc
  $ velum inference -m model.onnx -k key.pub -i x.enc -o y.enc
  $ velum decrypt -k key -i y.enc -o y.npy

A program on encrypted data: weight statistics, sleep quality, ad targeting:
  $ velum program run weight_stats --input weights.json
  $ velum program run sleep_quality --input export.zip --night last --url http://127.0.0.1:5001

Environment:
  VELUM_URL, VELUM_TOKEN   server and token, before those stored by signup and login
  VELUM_CONFIG_DIR         where they are stored (default ~/.config/velum)
  NO_COLOR                 no colours
${EXIT_HELP}`,
    );
  const named = MODULES.filter(({ names }) => names.includes(argv[0]));
  const needed = argv[0] === '--version' ? [] : named.length > 0 ? named : MODULES;
  for (const { group, load } of needed)
    for (const sub of await load(terminal)) program.addCommand(sub.helpGroup(group));
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
  try {
    const program = await buildProgram(terminal, argv);
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
