/**
 * inference: a model on encrypted samples, with the public key alone.
 * @module
 */
import type { Command } from 'commander';
import { bytesText, millisecondsText, print, printJson } from '../output.ts';
import { command, threadCount } from '../program.ts';
import { setting } from '../settings.ts';
import type { Terminal } from '../terminal.ts';

export interface InferenceOptions {
  modelPath: string;
  keyPath: string;
  ciphertextInputPath: string;
  ciphertextOutputPath: string;
  plan?: string;
  threads?: number | 'auto';
  json?: boolean;
}

export function inferenceCommand(terminal: Terminal): Command {
  const sub = command('inference', 'run a model on encrypted samples', [
    'velum inference -m model.onnx -k key.pub -i x.enc -o y.enc',
    'velum inference -m keyparams.plan -k key.pub -i x.enc -o y.enc --threads 2 --json',
  ]);
  setting(sub, terminal, '-m, --model-path <path>', {
    description: 'the plan that keyparams wrote, or the model it was made from',
    required: true,
    heman: true,
  });
  setting(sub, terminal, '-k, --key-path <path>', {
    description: 'the public key (key.pub)',
    required: true,
    heman: true,
  });
  setting(sub, terminal, '-i, --ciphertext-input-path <path>', {
    description: 'the encrypted samples',
    required: true,
    heman: true,
  });
  setting(sub, terminal, '-o, --ciphertext-output-path <path>', {
    description: 'the encrypted result',
    required: true,
    heman: true,
  });
  setting(sub, terminal, '--plan <path>', {
    description: 'the plan of the model given with -m (default: looked for beside model and key)',
  });
  setting(sub, terminal, '--threads <n>', { description: 'threads, or auto (default)', parse: threadCount });
  return sub.action((options: InferenceOptions) => inferenceAction(terminal, options));
}

async function inferenceAction(terminal: Terminal, options: InferenceOptions): Promise<void> {
  const { inferFile } = await import('../local/infer-file.ts');
  const result = await inferFile(terminal, options);
  if (options.json) {
    printJson(terminal, result);
    return;
  }
  const { file, samples, bytes, times, threads, peakMemoryBytes } = result;
  print(
    terminal,
    `${file}  ${samples} sample${samples === 1 ? '' : 's'}, ${bytesText(bytes.output)}; inference ` +
      `${millisecondsText(times['inference'])} on ${threads} thread${threads === 1 ? '' : 's'}, in all ` +
      `${millisecondsText(times['total'])}, memory ${bytesText(peakMemoryBytes)}`,
  );
}
