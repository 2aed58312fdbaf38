/**
 * plan: compile a model here and show what it would cost, without a server.
 * @module
 */
import { type Command, Option } from 'commander';
import { readBytes, readModelFile } from '../files.ts';
import { bytesText, millisecondsText, print, printJson } from '../output.ts';
import { batchCount, command, positiveNumber } from '../program.ts';
import type { Terminal } from '../terminal.ts';

interface PlanOptions {
  explain?: boolean;
  batch?: number | 'auto';
  activation?: 'client' | 'server';
  precision?: number;
  requirements?: string;
  hyperparams?: string;
  json?: boolean;
}

export function planCommand(terminal: Terminal): Command {
  return command('plan', 'compile a model and show its levels, keys, sizes and times', [
    'velum plan model.json --explain',
    'velum plan network.onnx calibration.npz --explain',
    'velum plan model.json weights.h5 --explain --batch 1024 --activation server --json',
  ])
    .argument('<file...>', 'model files')
    .option('--explain', 'the whole table: levels, rotations, key bytes, ciphertext bytes, estimated time')
    .option('--batch <n>', 'samples that come at a time, or auto for a network', batchCount)
    .addOption(
      new Option('--activation <where>', 'where the final activation is applied').choices([
        'client',
        'server',
      ]),
    )
    .option('--precision <error>', 'wanted absolute error of the score', positiveNumber)
    .option('--requirements <path>', 'requirements file')
    .option('--hyperparams <path>', 'hyperparams file')
    .action((paths: string[], options: PlanOptions) => planAction(terminal, paths, options));
}

async function planAction(terminal: Terminal, paths: string[], options: PlanOptions): Promise<void> {
  const { compileFiles, explainPlan, parseRequirements } = await import('@velum/compiler');
  const files = await Promise.all(paths.map(readModelFile));
  const requirements = options.requirements ? await readBytes(options.requirements) : undefined;
  const hyperparams = options.hyperparams ? await readBytes(options.hyperparams) : undefined;
  const { plan } = await compileFiles(files, {
    ...parseRequirements({ requirements, hyperparams }),
    ...(options.batch === undefined
      ? {}
      : options.batch === 'auto'
        ? { images: options.batch }
        : { batchSize: options.batch }),
    ...(options.activation === undefined ? {} : { activation: options.activation }),
    ...(options.precision === undefined ? {} : { precision: options.precision }),
  });
  const { rows, text } = explainPlan(plan);
  if (options.json) {
    printJson(terminal, { profile: plan.profile, explain: rows });
    return;
  }
  if (options.explain) {
    print(terminal, text);
    return;
  }
  const { estimate, input, output } = plan.profile;
  print(
    terminal,
    [
      `${input.features} features -> ${output.values} value(s), up to ${input.samplesPerRequest} sample(s) per request`,
      `up ${bytesText(estimate.inputBytes)}, down ${bytesText(estimate.resultBytes)}, keys ` +
        `${bytesText(estimate.publicKeyBytes + estimate.evaluationKeyBytes)} once`,
      `server ${millisecondsText(estimate.serverMilliseconds)} (estimate), error about ${estimate.error.toExponential(1)}`,
      'More with --explain.',
    ].join('\n'),
  );
}
