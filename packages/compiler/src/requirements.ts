/**
 * HE4Cloud's side files: `model_requirements` and `model_hyperparams`. Only what has a meaning here is read; contexts and
 * rotation keys are the compiler's own business.
 * @module
 */
import { CompileError } from './errors.ts';

export interface CompileOptions {
  /** Samples that a typical request holds: 1 for latency, more for throughput. */
  batchSize?: number;
  /** Wanted absolute error of the score. Default 1e-4. */
  precision?: number;
  /** Where a final sigmoid is computed: exactly by the client (default), or as a polynomial by the server. */
  activation?: 'client' | 'server';
  /** [min, max] of each feature, from calibration data. */
  featureRanges?: [number, number][];
}

export const MAX_BATCH = 65_536;

/** @throws CompileError REQUIREMENTS_INVALID */
export function parseRequirements(files: {
  requirements?: Uint8Array;
  hyperparams?: Uint8Array;
}): CompileOptions {
  const options: CompileOptions = {};
  for (const [name, bytes] of Object.entries(files)) {
    if (!bytes || bytes.length === 0) continue;
    readInto(options, name, parse(name, bytes));
  }
  return options;
}

/** Checks options that came as JSON, for instance as the body of add_profile. @throws CompileError REQUIREMENTS_INVALID */
export function checkOptions(options: CompileOptions): void {
  const { batchSize, precision, activation, featureRanges } = options;
  if (batchSize !== undefined && (!Number.isInteger(batchSize) || batchSize < 1 || batchSize > MAX_BATCH)) {
    invalid('batchSize', batchSize, `an integer from 1 to ${MAX_BATCH}`);
  }
  if (precision !== undefined && !(precision >= 1e-8 && precision <= 1))
    invalid('precision', precision, 'a number from 1e-8 to 1');
  if (activation !== undefined && activation !== 'client' && activation !== 'server')
    invalid('activation', activation, '"client" or "server"');
  if (featureRanges !== undefined) {
    const fits =
      Array.isArray(featureRanges) &&
      featureRanges.every(
        (r) => Array.isArray(r) && r.length === 2 && r.every(Number.isFinite) && r[0] <= r[1],
      );
    if (!fits) invalid('featureRanges', 'given', 'a list of [min, max] pairs');
  }
}

function readInto(options: CompileOptions, name: string, json: Record<string, unknown>): void {
  const found: CompileOptions = {};
  if (json['batchSize'] !== undefined) found.batchSize = Number(json['batchSize']);
  if (json['precision'] !== undefined) found.precision = Number(json['precision']);
  if (json['activation'] !== undefined) found.activation = json['activation'] as CompileOptions['activation'];
  if (json['featureRanges'] !== undefined) found.featureRanges = json['featureRanges'] as [number, number][];
  try {
    checkOptions(found);
  } catch (error) {
    if (error instanceof CompileError)
      throw new CompileError(error.code, `${name}: ${error.message}`, {
        argument: error.argument,
        value: error.value,
      });
    throw error;
  }
  Object.assign(options, found);
}

function parse(name: string, bytes: Uint8Array): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
    if (value !== null && typeof value === 'object' && !Array.isArray(value))
      return value as Record<string, unknown>;
  } catch {}
  throw new CompileError(
    'REQUIREMENTS_INVALID',
    `the ${name} file is not a JSON object; send JSON such as {"batchSize": 16}`,
    { argument: name },
  );
}

function invalid(argument: string, value: unknown, expected: string): never {
  throw new CompileError('REQUIREMENTS_INVALID', `${argument} is ${String(value)}; give ${expected}`, {
    argument,
    value,
  });
}
