/**
 * keyparams: calibrates a model on sample inputs and chooses the parameters of its keys.
 * @module
 */
import { type Command, InvalidArgumentError } from 'commander';
import { bytesText, millisecondsText, note, print, printJson } from '../output.ts';
import { batchCount, command, positiveInteger, positiveNumber } from '../program.ts';
import { setting } from '../settings.ts';
import type { Terminal } from '../terminal.ts';

export interface KeyparamsOptions {
  modelPath: string;
  calibrationDataPath?: string;
  keyParamsPath: string;
  planPath?: string;
  reluMode?: string;
  domainMode?: 'min-max' | 'mean-std';
  nBitsFractionalPrecision?: number;
  relativeError?: number;
  maxDepth?: number;
  keyWeight?: number;
  batch?: number | 'auto';
  report?: string;
  explain?: boolean;
  json?: boolean;
}

/** HE-MAN's lower bound, and what double precision allows. */
const PRECISION_BITS = [21, 40] as const;

function fractionalBits(text: string): number {
  const value = Number(text);
  const [low, high] = PRECISION_BITS;
  if (!/^\d+$/.test(text) || value < low || value > high)
    throw new InvalidArgumentError(`Give a whole number from ${low} to ${high}.`);
  return value;
}

function reluMode(text: string): string {
  if (!/^deg[1-9]\d*(_no_offset)?$/i.test(text))
    throw new InvalidArgumentError('Give degN or degN_no_offset, such as deg3.');
  return text.toLowerCase();
}

export function keyparamsCommand(terminal: Terminal): Command {
  const sub = command('keyparams', 'calibrate a model and choose the parameters of its keys', [
    'velum keyparams -m model.onnx -c data.zip -o keyparams.json',
    'velum keyparams -m model.onnx -c data.npz -o keyparams.json --relu-mode deg7 --report report.txt',
    'velum keyparams -m model.onnx -c data.npz -o keyparams.json --batch auto',
    'RELU_MODE=deg3 DOMAIN_MODE=mean-std velum keyparams -m model.onnx -c data.zip -o keyparams.json',
  ]);
  setting(sub, terminal, '-m, --model-path <path>', {
    description: 'the ONNX model',
    required: true,
    heman: true,
  });
  setting(sub, terminal, '-c, --calibration-data-path <path>', {
    description:
      'typical inputs: a zip or npz of .npy arrays (a model of sums and products alone needs none)',
    heman: true,
  });
  setting(sub, terminal, '-o, --key-params-path <path>', {
    description: 'keyparams.json, for keygen',
    required: true,
    heman: true,
  });
  setting(sub, terminal, '--plan-path <path>', {
    description: 'the calibrated plan, for inference (default: as keyparams.json, ending in .plan)',
  });
  setting(sub, terminal, '--relu-mode <mode>', {
    description:
      "HE-MAN's degN or degN_no_offset for every activation (default: the degrees that keep the decisions)",
    parse: reluMode,
    heman: true,
  });
  setting(sub, terminal, '--domain-mode <mode>', {
    description: 'intervals that activations are approximated on (default min-max)',
    choices: ['min-max', 'mean-std'],
    heman: true,
  });
  setting(sub, terminal, '-f, --n-bits-fractional-precision <n>', {
    description: 'bits of the result: an error of at most 2^-n of the largest output',
    parse: fractionalBits,
    heman: true,
  });
  setting(sub, terminal, '--relative-error <e>', {
    description: 'the same as a number (default 1e-4)',
    parse: positiveNumber,
  });
  setting(sub, terminal, '--max-depth <n>', {
    description: 'levels that the approximated model may take',
    parse: positiveInteger,
  });
  setting(sub, terminal, '--key-weight <ms>', {
    description: 'milliseconds of computing that a megabyte of keys is worth (default 10)',
    parse: positiveNumber,
  });
  setting(sub, terminal, '--batch <n>', {
    description:
      'inputs that come at a time: up to n, or with auto as many as are fastest, share a ciphertext (default 1)',
    parse: batchCount,
  });
  setting(sub, terminal, '--report <path>', {
    description: 'also write the approximation report: as data when the name ends in .json, else as text',
  });
  sub.option('--explain', 'also print the plan: layers, levels, rotations, times');
  return sub.action((options: KeyparamsOptions) => keyparamsAction(terminal, options));
}

async function keyparamsAction(terminal: Terminal, options: KeyparamsOptions): Promise<void> {
  const { makeKeyParams } = await import('../local/make-key-params.ts');
  const { text, explained, ...result } = await makeKeyParams(options);
  if (options.json) {
    printJson(terminal, result);
    return;
  }
  for (const warning of result.warnings) note(terminal, `warning: ${warning}`);
  if (text !== undefined) print(terminal, `${text}\n`);
  if (options.explain) print(terminal, explained);
  const { files, parameters, estimate, batch, times } = result;
  const sizes = parameters.coeff_mod_bit_sizes;
  print(
    terminal,
    [
      `parameters      ring degree ${parameters.poly_modulus_degree}, ${sizes.length} primes of ${sizes.join(' ')} bits, 128-bit security`,
      `estimates       keys ${bytesText(estimate.publicKeyBytes + estimate.evaluationKeyBytes)}, input ${bytesText(estimate.inputBytes)}, ` +
        `result ${bytesText(estimate.resultBytes)}, inference ${millisecondsText(estimate.serverMilliseconds)}` +
        (batch.samples === 1 ? '' : ` for ${batch.samples} inputs`),
      `batch           ${batch.perCiphertext} to a ciphertext, ${millisecondsText(batch.millisecondsPerSample)} for each (estimate)`,
      `written         ${files.keyParams}, ${files.plan} in ${millisecondsText(times['total'])}`,
    ].join('\n'),
  );
}
