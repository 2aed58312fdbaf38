/**
 * jobs, job status|result|cancel.
 * @module
 */
import { writeFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { connectRemote, type RemoteOptions } from '../context.ts';
import { CliError, EXIT } from '../errors.ts';
import { readPassphrase } from '../files.ts';
import { interruptSignal } from '../interrupt.ts';
import { print, printJson, scoreText, table } from '../output.ts';
import { groupCommand, remoteCommand } from '../program.ts';
import type { Terminal } from '../terminal.ts';

interface ResultOptions extends RemoteOptions {
  model?: string;
  passphraseFile?: string;
  output?: string;
}

export function jobsCommand(terminal: Terminal): Command {
  return remoteCommand('jobs', 'list the jobs of the account', ['velum jobs']).action(
    async (options: RemoteOptions) => {
      const { velum } = await connectRemote(terminal, options);
      const jobs = await velum.jobs();
      if (options.json) printJson(terminal, { jobs });
      else if (jobs.length === 0) print(terminal, 'No jobs.');
      else {
        const cell = (value: unknown) =>
          typeof value === 'string' || typeof value === 'number' ? value : '';
        const rows = jobs.map((j) => [cell(j['state']), cell(j['queued_at']), cell(j['job_url'])]);
        print(terminal, table(['state', 'queued', 'job url'], rows));
      }
    },
  );
}

export function jobCommand(terminal: Terminal): Command {
  const status = remoteCommand('status', 'the state of a job', ['velum job status JOB_URL'])
    .argument('<url>', 'job URL')
    .action(async (url: string, options: RemoteOptions) => {
      const { velum } = await connectRemote(terminal, options, url);
      const state = await velum.job(url).status();
      if (options.json) printJson(terminal, state);
      else {
        const more = state.reason ? `: ${state.reason.message} [${state.reason.code}]` : '';
        const part =
          state.state === 'Running' && state.progress ? ` ${Math.round(state.progress * 100)}%` : '';
        print(terminal, `${state.state}${part}${more}`);
      }
    });

  const result = remoteCommand(
    'result',
    'wait for a job, fetch its result and decrypt it with the stored keys',
    ['velum job result JOB_URL --json', 'velum job result JOB_URL --output result.velum   # still encrypted'],
  )
    .argument('<url>', 'job URL')
    .option('--model <model>', 'model of the job (default: the job says)')
    .option('--passphrase-file <path>', 'when the keys are stored under a passphrase')
    .option('--output <path>', 'write the encrypted result here instead of decrypting it')
    .action((url: string, options: ResultOptions) => resultAction(terminal, url, options));

  const cancel = remoteCommand('cancel', 'stop a job', ['velum job cancel JOB_URL'])
    .argument('<url>', 'job URL')
    .action(async (url: string, options: RemoteOptions) => {
      const { velum } = await connectRemote(terminal, options, url);
      await velum.job(url).cancel();
      if (options.json) printJson(terminal, { cancelled: url });
      else print(terminal, 'Cancelled.');
    });

  return groupCommand('job', 'state, result and end of one job', [
    'velum job status JOB_URL',
    'velum job cancel JOB_URL',
  ])
    .addCommand(status)
    .addCommand(result)
    .addCommand(cancel);
}

async function resultAction(terminal: Terminal, url: string, options: ResultOptions): Promise<void> {
  const { velum } = await connectRemote(terminal, options, url);
  const job = velum.job(url);
  const interrupt = interruptSignal();
  try {
    await job.wait({ signal: interrupt.signal });
    const bytes = await job.results(interrupt.signal);
    if (options.output !== undefined) {
      await writeFile(options.output, bytes);
      if (options.json) printJson(terminal, { output: options.output, bytes: bytes.length });
      else print(terminal, `Wrote ${bytes.length} encrypted bytes to ${options.output}.`);
      return;
    }
    const ref = options.model ?? (await job.modelUrl());
    if (ref === undefined) {
      throw new CliError(
        'MODEL_MISSING',
        'the job does not say its model',
        EXIT.usage,
        'Give --model MODEL_URL.',
      );
    }
    const model = await velum.model(ref).resume({ passphrase: await readPassphrase(options.passphraseFile) });
    const opened = await model.open(bytes);
    model.dispose();
    if (options.json) printJson(terminal, opened);
    else {
      const { predictions, labels } = opened;
      const head = ['row', ...predictions[0].map((_, k) => `value ${k}`), ...(labels ? ['label'] : [])];
      print(
        terminal,
        table(
          head,
          predictions.map((row, k) => [k, ...row.map(scoreText), ...(labels ? [labels[k]] : [])]),
        ),
      );
    }
  } finally {
    interrupt.done();
  }
}
