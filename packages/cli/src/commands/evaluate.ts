/**
 * evaluate: how a model does on labelled data: exact, approximated in the clear, and encrypted.
 * @module
 */
import type { Command } from 'commander';
import { millisecondsText, note, print, printJson, table } from '../output.ts';
import { command, positiveInteger, threadCount } from '../program.ts';
import { setting } from '../settings.ts';
import type { Terminal } from '../terminal.ts';

export interface EvaluateOptions {
  modelPath: string;
  data: string;
  labels?: string;
  limit?: number;
  plan?: string;
  calibrationDataPath?: string;
  threads?: number | 'auto';
  json?: boolean;
}

export function evaluateCommand(terminal: Terminal): Command {
  const sub = command('evaluate', 'accuracy of a model, plain and encrypted, and how often they agree', [
    'velum evaluate -m model.onnx --data digits/                labels from names such as 7-0.npy',
    'velum evaluate -m model.onnx --data x.npz --labels y.csv --limit 200 --json',
  ]);
  setting(sub, terminal, '-m, --model-path <path>', {
    description: 'the ONNX model, with its plan beside it or calibrated here; or a plan alone',
    required: true,
    heman: true,
  });
  setting(sub, terminal, '--data <path>', {
    description: 'inputs: a directory of .npy files, an npz or zip of them, or one .npy',
    required: true,
  });
  setting(sub, terminal, '--labels <path>', {
    description: 'true classes, in the order of the data: .csv or .npy',
  });
  setting(sub, terminal, '--limit <n>', { description: 'only the first n samples', parse: positiveInteger });
  setting(sub, terminal, '--plan <path>', { description: 'the calibrated plan (default: looked for)' });
  setting(sub, terminal, '-c, --calibration-data-path <path>', {
    description: 'calibration data, for a model without a plan',
    heman: true,
  });
  setting(sub, terminal, '--threads <n>', { description: 'threads, or auto (default)', parse: threadCount });
  return sub.action((options: EvaluateOptions) => evaluateAction(terminal, options));
}

const percent = (share: number | undefined): string =>
  share === undefined ? '-' : `${(100 * share).toFixed(2)} %`;

async function evaluateAction(terminal: Terminal, options: EvaluateOptions): Promise<void> {
  const { evaluateModel } = await import('../local/evaluate-model.ts');
  const result = await evaluateModel(terminal, options);
  if (options.json) {
    printJson(terminal, result);
    return;
  }
  const { samples, accuracy, agreement, error, times, throughput, threads } = result;
  for (const text of result.notes) note(terminal, `note: ${text}`);
  print(
    terminal,
    table(
      ['', 'accuracy', 'same decision as encrypted'],
      [
        ['plain, exact', percent(accuracy.exact), percent(agreement.exact)],
        ['plain, approximated', percent(accuracy.approximated), percent(agreement.approximated)],
        ['encrypted', percent(accuracy.encrypted), ''],
      ],
    ),
  );
  print(
    terminal,
    `\n${samples} samples; largest error of the encrypted result, relative to the largest output: ` +
      `${error.approximated.toExponential(1)} against the approximated model` +
      `${error.exact === undefined ? '' : `, ${error.exact.toExponential(1)} against the exact one`}` +
      `\ninference ${millisecondsText(throughput.millisecondsPerSample)} a sample on ${threads} thread${threads === 1 ? '' : 's'}, ` +
      `keys ${millisecondsText(times['keys'])}, in all ${millisecondsText(times['total'])}`,
  );
}
