/**
 * predict, unregister: encrypted predictions from a file of samples.
 * @module
 */

import { type EnrollStep, type ModelClient, type Prediction, shiftWarning } from '@velum/client/node';
import { type Command, Option } from 'commander';
import { connectRemote, type RemoteOptions } from '../context.ts';
import { readPassphrase, readSampleFile } from '../files.ts';
import { interruptSignal } from '../interrupt.ts';
import { bytesText, millisecondsText, note, print, printJson, scoreText, table } from '../output.ts';
import { positiveInteger, remoteCommand } from '../program.ts';
import { progressFor } from '../progress.ts';
import { parseRows } from '../rows.ts';
import type { Terminal } from '../terminal.ts';

interface PredictCommandOptions extends RemoteOptions {
  input: string;
  rows?: string;
  async?: boolean;
  detach?: boolean;
  batch?: number;
  activation?: 'client' | 'server';
  passphraseFile?: string;
}

/** More warnings than this say nothing new. */
const SHOWN_WARNINGS = 5;

export function predictCommand(terminal: Terminal): Command {
  return remoteCommand('predict', 'encrypt samples here, predict them there, decrypt the answers here', [
    'velum predict http://127.0.0.1:5001/api/v0.1/3868.../fraud/v1/ --input x_test.h5 --rows 0:5',
    'velum predict fraud/v1 --input samples.csv --batch 1024 --json',
    'velum predict fraud/v1 --input x.npy --async',
    'velum job result $(velum predict fraud/v1 --input x.npy --detach --json | jq -r .job_url)',
  ])
    .argument('<model>', 'model URL, or NAME/VERSION of a model of your own')
    .requiredOption('--input <path>', 'samples: .h5 (also file.h5#dataset), .npy or .csv')
    .option('--rows <a:b>', 'only these rows (b excluded)')
    .option('--async', 'start a job and poll it, instead of waiting in one request')
    .option('--detach', 'start a job and leave; its answer comes by `velum job result`')
    .option('--batch <n>', 'samples per ciphertext to make the profile for', positiveInteger)
    .addOption(
      new Option('--activation <where>', 'where the final activation is applied').choices([
        'client',
        'server',
      ]),
    )
    .option(
      '--passphrase-file <path>',
      'store the secret key on the server, wrapped under the first line of this file',
    )
    .action((model: string, options: PredictCommandOptions) => predictAction(terminal, model, options));
}

async function predictAction(terminal: Terminal, ref: string, options: PredictCommandOptions): Promise<void> {
  const { readSamples } = await import('@velum/compiler');
  const samples = await readSamples(await readSampleFile(options.input));
  const [from, to] = parseRows(options.rows, samples.rows.length);
  const rows = samples.rows.slice(from, to);
  const passphrase = await readPassphrase(options.passphraseFile);
  const { velum } = await connectRemote(terminal, options, ref);
  const model = velum.model(ref);
  const interrupt = interruptSignal();
  const progress = progressFor(terminal);
  try {
    await model.enroll({
      batchSize: options.batch,
      activation: options.activation,
      passphrase,
      signal: interrupt.signal,
      onProgress: (step: EnrollStep, done, total) => progress.update(step, done, total),
    });
    progress.clear();
    if (options.detach) await detach(terminal, model, rows, from, options);
    else {
      const prediction = await model.predict(rows, {
        sync: !options.async,
        signal: interrupt.signal,
        onWarning: (warnings) => warn(terminal, options, warnings, from),
        onProgress: (step, done, total) => progress.update(step, done, total),
      });
      progress.clear();
      show(terminal, options, prediction, from);
    }
  } finally {
    progress.clear();
    interrupt.done();
    model.dispose();
  }
}

async function detach(
  terminal: Terminal,
  model: ModelClient,
  rows: number[][],
  from: number,
  options: PredictCommandOptions,
): Promise<void> {
  const job = await model.submit(rows, { onWarning: (warnings) => warn(terminal, options, warnings, from) });
  if (options.json) printJson(terminal, { job_url: job.url });
  else print(terminal, `${job.url}\nFetch the answer: velum job result ${job.url}`);
}

function warn(
  terminal: Terminal,
  options: PredictCommandOptions,
  warnings: Prediction['warnings'],
  from: number,
): void {
  if (options.json) return; // they are part of the result
  for (const warning of warnings.slice(0, SHOWN_WARNINGS)) {
    note(terminal, `warning: ${shiftWarning(warning, from).message} [${warning.code}]`);
  }
  if (warnings.length > SHOWN_WARNINGS)
    note(terminal, `warning: and ${warnings.length - SHOWN_WARNINGS} more`);
}

function show(
  terminal: Terminal,
  options: PredictCommandOptions,
  prediction: Prediction,
  from: number,
): void {
  if (options.json) {
    printJson(terminal, prediction);
    return;
  }
  const { predictions, labels, bytes, times } = prediction;
  const values = predictions[0].map((_, k) => (predictions[0].length === 1 ? 'prediction' : `value ${k}`));
  print(
    terminal,
    table(
      ['row', ...values, ...(labels === undefined ? [] : ['label'])],
      predictions.map((row, k) => [
        from + k,
        ...row.map(scoreText),
        ...(labels === undefined ? [] : [labels[k]]),
      ]),
    ),
  );
  note(
    terminal,
    `${bytesText(bytes.up)} up, ${bytesText(bytes.down)} down, keys ${bytesText(bytes.keys)} once; ` +
      `encrypt ${millisecondsText(times.encrypt)}, upload ${millisecondsText(times.upload)}, server compute ` +
      `${millisecondsText(times.compute)}, decrypt ${millisecondsText(times.decrypt)}, in all ${millisecondsText(times.total)}`,
  );
}

export function unregisterCommand(terminal: Terminal): Command {
  return remoteCommand('unregister', 'leave a model: keys, data and results are deleted there and here', [
    'velum unregister http://127.0.0.1:5001/api/v0.1/3868.../fraud/v1/',
  ])
    .argument('<model>', 'model URL, or NAME/VERSION of a model of your own')
    .action(async (ref: string, options: RemoteOptions) => {
      const { velum } = await connectRemote(terminal, options, ref);
      const model = velum.model(ref);
      await model.unregister();
      const url = await model.url();
      if (options.json) printJson(terminal, { unregistered: url });
      else print(terminal, `Unregistered from ${url}`);
    });
}
