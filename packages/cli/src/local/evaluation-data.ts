/**
 * Labelled data for evaluate: a directory of .npy files, an archive of them or one file; labels from a file or from names.
 * @module
 */
import { readdir, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { readCalibration, readSamples } from '@velum/compiler';
import type { Profile } from '@velum/runtime';
import { CliError, EXIT } from '../errors.ts';
import { readBytes, readModelFile } from '../files.ts';
import { isNpy, readNpy } from '../npy.ts';
import { toRows } from './samples.ts';

export interface EvaluationData {
  rows: Float64Array[];
  /** True classes, when they are known. */
  labels?: number[];
}

/** HE-MAN's names of test data: class, dash, number. */
const NAMED = /^(\d+)-[^/]*\.npy$/;

export async function readEvaluationData(
  path: string,
  labelsPath: string | undefined,
  profile: Profile,
  limit = Number.POSITIVE_INFINITY,
): Promise<EvaluationData> {
  const found = await isDirectory(path);
  const { rows, labels: named } = found
    ? await readDirectory(path, profile, limit)
    : { rows: await readFile(path, profile, limit), labels: undefined };
  const labels = labelsPath === undefined ? named : (await readLabels(labelsPath)).slice(0, limit);
  if (labels !== undefined && labels.length !== rows.length) {
    const message = `${labelsPath ?? path} has ${labels.length} labels for ${rows.length} samples`;
    throw new CliError(
      'LABELS_COUNT',
      message,
      EXIT.badInput,
      'Give one label for each sample, in their order.',
    );
  }
  return { rows, labels };
}

async function isDirectory(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch {
    return false; // reading it says why
  }
}

async function readDirectory(path: string, profile: Profile, limit: number): Promise<EvaluationData> {
  const order = new Intl.Collator('en', { numeric: true });
  const names = (await readdir(path)).filter((name) => name.endsWith('.npy')).sort(order.compare);
  if (names.length === 0)
    throw new CliError(
      'DATA_EMPTY',
      `${path} has no .npy file`,
      EXIT.badInput,
      'Give a directory of .npy files.',
    );
  const rows: Float64Array[] = [];
  const labels: number[] = [];
  for (const name of names) {
    if (rows.length >= limit) break;
    const file = join(path, name);
    const samples = toRows(file, readNpy(file, await readBytes(file)), profile);
    const label = NAMED.exec(basename(name))?.[1];
    for (const row of samples.slice(0, limit - rows.length)) {
      rows.push(row);
      if (label !== undefined) labels.push(Number(label));
    }
  }
  // names that say the class say it for all files, or they mean something else
  return { rows, labels: labels.length === rows.length ? labels : undefined };
}

async function readFile(path: string, profile: Profile, limit: number): Promise<Float64Array[]> {
  const file = await readModelFile(path);
  if (isNpy(file.bytes)) return toRows(path, readNpy(path, file.bytes), profile).slice(0, limit);
  const shape = profile.input.shape ?? [profile.input.features];
  const rows: Float64Array[] = [];
  for (const row of readCalibration(file, shape).samples) {
    if (rows.length >= limit) break;
    rows.push(row);
  }
  return rows;
}

async function readLabels(path: string): Promise<number[]> {
  const file = await readModelFile(path);
  const values = isNpy(file.bytes)
    ? [...readNpy(path, file.bytes).values]
    : (await readSamples(file)).rows.map((row) => row[row.length - 1]);
  const wrong = values.findIndex((value) => !Number.isInteger(value) || value < 0);
  if (wrong >= 0)
    throw new CliError(
      'LABELS_INVALID',
      `label ${wrong} of ${path} is ${values[wrong]}, not the number of a class`,
      EXIT.badInput,
      'Give classes as 0, 1, 2 ..., one a line.',
    );
  return values;
}
