/**
 * program run: the whole round of a program, in this process or on a server.
 * @module
 */
import type { Command } from 'commander';
import { CliError, EXIT } from '../errors.ts';
import { note, print, printJson } from '../output.ts';
import { command, threadCount } from '../program.ts';
import { setting } from '../settings.ts';
import type { Terminal } from '../terminal.ts';
import { type NightChoice, nightOptions } from './health.ts';

interface RunCommandOptions extends NightChoice {
  input?: string;
  sample?: boolean;
  url?: string;
  keys?: string;
  passphraseFile?: string;
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
  ])
    .argument('<name>', 'weight_stats, sleep_quality, ad_targeting')
    .option(
      '--input <path>',
      'JSON (- for stdin); for weights and nights also export.xml or export.zip of Apple Health, or a table',
    )
    .option('--sample', 'print an input that the program takes, and run nothing');
  nightOptions(sub);
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

async function runAction(terminal: Terminal, name: string, options: RunCommandOptions): Promise<void> {
  const { programNamed } = await import('@velum/programs');
  const program = programNamed(name);
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
    const documents = rounds.map(({ result, ...round }) => ({ ...result, program: name, ...round }));
    printJson(terminal, options.night === 'all' ? { nights: documents } : documents[0]);
  } else {
    const { measuredText, resultText } = await import('../programs/show.ts');
    print(terminal, resultText(program, rounds));
    for (const round of rounds) note(terminal, measuredText(round));
  }
  if (rounds.some(({ agrees }) => !agrees)) {
    const hint = 'Run `npm test`: the arithmetic is broken on the machine that computed it.';
    throw new CliError('PROGRAM_DISAGREES', 'the encrypted result is not the clear one', EXIT.failure, hint);
  }
}
