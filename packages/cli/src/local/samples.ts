/**
 * Arrays to samples of a model and values back to arrays; what lies outside the calibrated range.
 * @module
 */
import { checkSamples, type Profile, type SampleWarning } from '@velum/runtime';
import { CliError, EXIT } from '../errors.ts';
import type { NpyArray } from '../npy.ts';
import { note } from '../output.ts';
import type { Terminal } from '../terminal.ts';

/**
 * Rows of features. An array of any shape with as many values as the model takes is one sample; one with further leading
 * extents is a batch.
 * @throws CliError INPUT_SHAPE, INPUT_EMPTY
 */
export function toRows(name: string, { shape, values }: NpyArray, profile: Profile): Float64Array[] {
  const { features } = profile.input;
  if (values.length === 0)
    throw new CliError(
      'INPUT_EMPTY',
      `${name} has no values: its shape is (${shape.join(', ')})`,
      EXIT.badInput,
      'Give at least one sample.',
    );
  // the trailing extents make a sample, those before them count samples
  let size = 1;
  let leading = shape.length;
  while (leading > 0 && size < features) size *= shape[--leading];
  if (size !== features) {
    const wanted = profile.input.shape?.join(', ') ?? features;
    throw new CliError(
      'INPUT_SHAPE',
      `${name} has shape (${shape.join(', ')}); the model takes (${wanted}), which is ${features} values, or a batch of that`,
      EXIT.badInput,
      'Reshape or resize the input as the model was trained with.',
    );
  }
  return Array.from({ length: values.length / features }, (_, i) =>
    values.subarray(i * features, (i + 1) * features),
  );
}

/** Rows in one container: bounds the memory of inference, whatever the size of a batch. */
const ROWS_AT_ONCE = 16;

/** Samples in parts, one for each container of an encrypted file. */
export function inParts<T>(rows: readonly T[], profile: Profile): T[][] {
  const { packing, samplesPerRequest, images = 1 } = profile.input;
  // a ciphertext for each sample, or for a few: nothing is lost by small parts. Otherwise many samples share one.
  const few = packing === 'slots' || packing === 'graph';
  const size = few ? Math.min(Math.max(ROWS_AT_ONCE, images), samplesPerRequest) : samplesPerRequest;
  return Array.from({ length: Math.ceil(rows.length / size) }, (_, i) =>
    rows.slice(i * size, (i + 1) * size),
  );
}

export interface RangeWarning {
  code: 'OUT_OF_RANGE';
  sample: number;
  feature: number;
  /** The feature's place in the model's input, such as `[0, 3, 14]`. */
  position: string;
  value: number;
  range: [number, number];
}

/** @throws RuntimeError NO_SAMPLES, FEATURE_COUNT, NOT_FINITE */
export function rangeWarnings(rows: readonly Float64Array[], profile: Profile): RangeWarning[] {
  return inParts(
    rows.map((row, sample) => ({ row, sample })),
    profile,
  ).flatMap((part) =>
    checkSamples(
      profile,
      part.map(({ row }) => row),
    ).map((warning) => located(warning, part[0].sample, profile.input.shape)),
  );
}

function located(
  { row, feature, value, range }: SampleWarning,
  from: number,
  shape: readonly number[] | undefined,
): RangeWarning {
  const position: number[] = [];
  let rest = feature;
  for (const extent of [...(shape ?? [])].reverse()) {
    position.unshift(rest % extent);
    rest = Math.floor(rest / extent);
  }
  return {
    code: 'OUT_OF_RANGE',
    sample: from + row,
    feature,
    position: `[${(position.length > 0 ? position : [feature]).join(', ')}]`,
    value,
    range,
  };
}

const SHOWN = 5;

export function showWarnings(terminal: Terminal, warnings: readonly RangeWarning[], count: number): void {
  for (const { sample, position, value, range } of warnings.slice(0, SHOWN))
    note(
      terminal,
      `warning: sample ${sample}: input${position} is ${value}, outside the calibrated range ${range[0]} .. ${range[1]}; the result may be wrong [OUT_OF_RANGE]`,
    );
  if (count > SHOWN) note(terminal, `warning: and ${count - SHOWN} more values outside the calibrated range`);
}

/** Predictions as one array: the output's shape, its batch extent as many as there are samples. */
export function toArray(predictions: readonly number[][], profile: Profile): NpyArray {
  const values = Float64Array.from(predictions.flat());
  const each = predictions[0].length;
  const shape = profile.output.shape ?? [each];
  // an argmax leaves fewer values than the output had
  const fits = shape.reduce((product, extent) => product * extent, 1) === each ? shape : [each];
  const count = predictions.length;
  if (fits[0] === 1 && fits.length > 1) return { shape: [count, ...fits.slice(1)], values };
  return { shape: count === 1 ? fits : [count, ...fits], values };
}
