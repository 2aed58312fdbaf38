/**
 * program run: the whole round of a program, in this process or on a server.
 * @module
 */
import type { Program } from '@velum/programs';
import type { Command } from 'commander';
import { CliError, EXIT } from '../errors.ts';
import { note, print, printJson } from '../output.ts';
import { command, threadCount } from '../program.ts';
import { setting } from '../settings.ts';
import type { Terminal } from '../terminal.ts';
import { type NightChoice, nightOptions } from './health.ts';

const AD_TARGETING = 'ad_targeting';

interface RunCommandOptions extends NightChoice {
  input?: string;
  sample?: boolean;
  url?: string;
  keys?: string;
  passphraseFile?: string;
  catalogue?: string;
  scores?: boolean;
  threads?: number | 'auto';
  json?: boolean;
}

export function runCommand(terminal: Terminal): Command {
  const sub = command('run', 'encrypt an input, run the program on it, decrypt the result', [
    'echo \'{"weights_kg": [68, 65, 69, 70, 70.5]}\' | velum program run weight_stats --input -',
    'velum program run weight_stats --input export.zip --url http://127.0.0.1:5001',
    'velum program run sleep_quality --input export.xml --night 2024-03-02',
    'velum program run ad_targeting --sample > profile.json',
    'velum program run ad_targeting --input profile.json --json | jq .top',
    'velum program run ad_targeting --input profile.json --catalogue weights.npy --json --scores',
  ])
    .argument('<name>', 'weight_stats, sleep_quality, ad_targeting')
    .option(
      '--input <path>',
      'JSON (- for stdin); for weights and nights also export.xml or export.zip of Apple Health, or a table',
    )
    .option('--sample', 'print an input that the program takes, and run nothing')
    .option(
      '--catalogue <path>',
      'ad_targeting in this process: a .npy of rows x 62 weights from 0 to 255 (default: 360 invented advertisements)',
    )
    .option('--scores', 'ad_targeting with --json: the score of every advertisement too');
  nightOptions(sub, ' (default: last)');
  setting(sub, terminal, '--url <url>', {
    description: 'run it on this server; without, everything runs in this process',
  });
  sub.option('-k, --keys <path>', 'a client.key of `velum program keygen`, instead of the stored keys');
  setting(sub, terminal, '--passphrase-file <path>', {
    description: "the key's passphrase: first line of this file",
  });
  setting(sub, terminal, '--threads <n>', { description: 'threads, or auto (default)', parse: threadCount });
  return sub.action((name: string, options: RunCommandOptions) => runAction(terminal, name, options));
}

/** @throws CliError USAGE; ProgramError UNKNOWN_PROGRAM; those of the catalogue */
async function programOf(name: string, options: RunCommandOptions): Promise<Program> {
  const { catalogue, scores, url, json } = options;
  const { programNamed } = await import('@velum/programs');
  const program = programNamed(name);
  const refuse = (what: string, hint: string): never => {
    throw new CliError('USAGE', what, EXIT.usage, hint);
  };
  if (name !== AD_TARGETING && (catalogue !== undefined || scores))
    refuse(`${name} has no catalogue and no scores`, `--catalogue and --scores are for ${AD_TARGETING}.`);
  if (scores && !json) refuse('--scores is for --json', 'Add --json; the table shows the best five.');
  if (catalogue === undefined) return program;
  if (url !== undefined)
    refuse(
      '--catalogue is for runs in this process: a server scores the catalogue it has',
      'Leave out --catalogue, or --url (and VELUM_URL).',
    );
  return (await import('../programs/catalogue.ts')).adTargetingOn(catalogue);
}

async function runAction(terminal: Terminal, name: string, options: RunCommandOptions): Promise<void> {
  const program = await programOf(name, options);
  if (options.sample) {
    printJson(terminal, program.sample());
    return;
  }
  if (options.input === undefined)
    throw new CliError('USAGE', '--input is missing', EXIT.usage, 'Give --input FILE, or - for stdin.');
  const { readInput } = await import('../programs/read-input.ts');
  const inputs = await readInput(terminal, name, options.input, options);
  const run =
    options.url === undefined
      ? (await import('../programs/run-here.ts')).runHere(terminal)
      : (await import('../programs/run-there.ts')).runThere(terminal);
  const rounds = await run(program, inputs, options);
  if (options.json) {
    const documents = rounds.map(({ result, scores, ...round }) => ({
      ...result,
      ...(options.scores ? { scores } : {}),
      program: name,
      ...round,
    }));
    printJson(terminal, options.night === 'all' ? { nights: documents } : documents[0]);
  } else {
    const { measuredText, resultText } = await import('../programs/show.ts');
    print(terminal, resultText(program, rounds));
    for (const round of rounds) note(terminal, measuredText(round));
  }
  if (rounds.some(({ agrees }) => agrees === false)) {
    const hint = 'Run `npm test`: the arithmetic is broken on the machine that computed it.';
    throw new CliError('PROGRAM_DISAGREES', 'the encrypted result is not the clear one', EXIT.failure, hint);
  }
}
