/**
 * demo: the whole main job in one command.
 * @module
 */
import { type Command, InvalidArgumentError, Option } from 'commander';
import type { MnistReport } from '../demo/mnist.ts';
import type { DemoReport } from '../demo/run.ts';
import type { Step } from '../demo/steps.ts';
import { bytesText, millisecondsText, print, printJson, scoreText, table } from '../output.ts';
import { command } from '../program.ts';
import type { Terminal } from '../terminal.ts';

interface DemoOptions {
  mnist?: boolean;
  programs?: boolean;
  digit: number;
  out?: string;
  json?: boolean;
}

function digitNumber(text: string): number {
  if (!/^[0-9]$/.test(text)) throw new InvalidArgumentError('Give a digit from 0 to 9.');
  return Number(text);
}

export function demoCommand(terminal: Terminal): Command {
  return command('demo', 'an embedded service, a model and encrypted predictions, start to end', [
    'velum demo',
    'velum demo --json | jq .maxDifference',
    'velum demo --mnist                          a handwritten digit through an encrypted network',
    'velum demo --mnist --digit 2 --out two.svg',
    'velum demo --programs                       weights, a night and a profile through programs on a service',
    'velum demo --programs --out night.svg',
    "velum demo --programs --json | jq '.programs[] | {program, result, bootstraps}'",
  ])
    .addOption(
      new Option(
        '--mnist',
        'another demo: the five commands on a convolutional network for digits',
      ).conflicts('programs'),
    )
    .option('--programs', 'another demo: the three programs on encrypted values, over REST')
    .option('--digit <n>', 'with --mnist: which digit', digitNumber, 4)
    .option(
      '--svg, --out <path>',
      'with --mnist (the default of the two) or --programs: also write the picture',
    )
    .action((options: DemoOptions) => {
      if (options.programs) return programsAction(terminal, options);
      const mnist = options.mnist || options.out !== undefined;
      return mnist ? mnistAction(terminal, options) : serviceAction(terminal, options);
    });
}

async function serviceAction(terminal: Terminal, { json }: DemoOptions): Promise<void> {
  const { runDemo } = await import('../demo/run.ts');
  if (!json)
    print(terminal, 'Every step of an encrypted prediction, against a service started for this run:\n');
  const report = await runDemo(json ? undefined : (step) => print(terminal, stepLine(step)));
  if (json) printJson(terminal, report);
  else print(terminal, summary(report));
  if (!report.agrees) {
    const { disagrees } = await import('../demo/disagrees.ts');
    throw disagrees(
      `encrypted and plain predictions differ by ${report.maxDifference}, more than ${report.tolerance}`,
    );
  }
}

async function mnistAction(terminal: Terminal, { json, digit, out }: DemoOptions): Promise<void> {
  const { checkMnist, runMnistDemo } = await import('../demo/mnist.ts');
  await checkPicture(out);
  const report = await runMnistDemo(
    terminal,
    digit,
    json ? undefined : (step) => print(terminal, mnistLine(step)),
  );
  if (json) printJson(terminal, report);
  else print(terminal, (await import('../demo/mnist-text.ts')).mnistText(report));
  if (out !== undefined) await writePicture(out, (await import('../demo/mnist-svg.ts')).mnistSvg(report));
  checkMnist(report);
}

async function programsAction(terminal: Terminal, { json, out }: DemoOptions): Promise<void> {
  const { checkPrograms, runProgramsDemo } = await import('../demo/programs.ts');
  const { endText, keyText, runText } = await import('../demo/programs-text.ts');
  await checkPicture(out);
  if (!json)
    print(
      terminal,
      'Three programs on values that the server cannot read, on a service started for this run\n',
    );
  const report = await runProgramsDemo(
    terminal,
    json ? {} : { key: (key) => print(terminal, keyText(key)), run: (run) => print(terminal, runText(run)) },
  );
  if (json) printJson(terminal, report);
  else print(terminal, endText(report));
  if (out !== undefined)
    await writePicture(out, (await import('../demo/programs-svg.ts')).programsSvg(report));
  checkPrograms(report);
}

/** Before any work is done. */
async function checkPicture(path: string | undefined): Promise<void> {
  if (path !== undefined) await (await import('../output-files.ts')).checkOutputs([path]);
}

async function writePicture(path: string, svg: string): Promise<void> {
  const { writeOutputs } = await import('../output-files.ts');
  await writeOutputs([{ path, bytes: new TextEncoder().encode(svg) }]);
}

function mnistLine({ command: line, milliseconds, bytes, what }: MnistReport['steps'][number]): string {
  return `velum ${line.padEnd(62)} ${millisecondsText(milliseconds).padStart(9)}  ${what} ${bytesText(bytes)}`;
}

function stepLine({ actor, title, request, milliseconds, bytesUp, bytesDown }: Step): string {
  const bytes = [
    bytesUp > 0 ? `${bytesText(bytesUp)} up` : '',
    bytesDown > 0 ? `${bytesText(bytesDown)} down` : '',
  ]
    .filter((text) => text !== '')
    .join(', ');
  const what = request === undefined ? `(locally) ${title}` : request;
  return `${actor.padEnd(5)}  ${what.padEnd(62)} ${millisecondsText(milliseconds).padStart(9)}  ${bytes}`.trimEnd();
}

function summary(report: DemoReport): string {
  const { serverSaw, patients, bytes, times, maxDifference, tolerance, agrees } = report;
  const saw = serverSaw.map(
    ({ kind, bytes: size, hex, entropy }) =>
      `  ${kind.padEnd(6)} ${bytesText(size).padStart(8)}  ...${hex}...  ${entropy.toFixed(3)} bits/byte`,
  );
  const rows = patients.map((p) => [
    p.row,
    scoreText(p.encrypted),
    scoreText(p.plain),
    p.difference.toExponential(1),
    p.predicted,
    p.diagnosis,
  ]);
  return `
What the server saw, a glimpse from the middle (8 bits/byte is noise):
${saw.join('\n')}

What the user reads after decryption: the probability of a benign tumour, ${report.model.features} features each
${table(['patient', 'encrypted', 'plain', 'difference', 'predicted', 'diagnosis'], rows)}

Largest difference ${maxDifference.toExponential(2)} (${agrees ? 'within' : 'NOT WITHIN'} ${tolerance})
${bytesText(bytes.up)} up, ${bytesText(bytes.down)} down, keys ${bytesText(bytes.keys)} once
encrypt ${millisecondsText(times.encrypt)}, upload ${millisecondsText(times.upload)}, server compute ${millisecondsText(times.compute)}, decrypt ${millisecondsText(times.decrypt)}; the prediction in all ${millisecondsText(times.total)}, the demo ${millisecondsText(times.demo)}`;
}
