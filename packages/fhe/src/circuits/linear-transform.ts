/**
 * A matrix times an encrypted vector (Halevi and Shoup 2014, section 4.3; baby-step giant-step with hoisted baby
 * rotations, giant steps by Horner's rule so that they need one key; Gazelle's folding for wide matrices).
 *
 * The vector is periodic in the slots with a power-of-two period >= columns, and so is the result with its rows. The
 * diagonals are then periodic too, and stored as sub-ring plaintexts: 2p values a limb instead of N.
 * @module
 */
import type { Encoder } from '../ckks/encoder.ts';
import { FheError } from '../errors.ts';
import { DiagonalTransform } from './diagonal-transform.ts';

/** How a rows x columns matrix is laid out; depends on the shape alone, so that keys can be planned without weights. */
export interface TransformShape {
  rows: number;
  columns: number;
  /** Period of the input and of the output, powers of two. */
  inputPeriod: number;
  outputPeriod: number;
  diagonals: number;
  babySteps: number;
  giantSteps: number;
  /** Rotations that are summed after the product when rows are fewer than columns. */
  folds: number[];
}

const nextPowerOfTwo = (v: number): number => 2 ** Math.ceil(Math.log2(Math.max(1, v)));

/**
 * @param inputPeriod period of the encrypted vector; at least `columns`, default the next power of two
 * @param babySteps power of two; default balances hoisted baby rotations against giant ones
 */
export function transformShape(
  rows: number,
  columns: number,
  inputPeriod?: number,
  babySteps?: number,
): TransformShape {
  const input = inputPeriod ?? nextPowerOfTwo(columns);
  const isCount = (v: number) => Number.isInteger(v) && v >= 1;
  const isPower = (v: number) => isCount(v) && Number.isInteger(Math.log2(v));
  if (!isCount(rows) || !isCount(columns) || !isPower(input) || input < columns || !isPower(babySteps ?? 1)) {
    throw new FheError(
      'SHAPE_MISMATCH',
      `${rows} x ${columns} with period ${input} and ${babySteps} baby steps: sizes are positive, period and steps powers of two, and the period at least the columns`,
      'shape',
    );
  }
  const output = nextPowerOfTwo(rows);
  const diagonals = Math.min(input, output);
  // A baby rotation of a decomposed ciphertext costs about half a giant one, but needs a key of its own.
  const balanced = 2 ** Math.round(Math.log2(Math.sqrt(diagonals)));
  const baby = Math.min(diagonals, babySteps ?? balanced);
  const folds: number[] = [];
  for (let step = output; step < input; step *= 2) folds.push(step);
  return {
    rows,
    columns,
    inputPeriod: input,
    outputPeriod: output,
    diagonals,
    babySteps: baby,
    giantSteps: diagonals / baby,
    folds,
  };
}

/** Rotations before the rescale (one level up) and after it. */
export function transformRotations(shape: TransformShape): { before: number[]; after: number[] } {
  const before: number[] = [];
  for (let j = 1; j < shape.babySteps; j++) before.push(j);
  if (shape.giantSteps > 1) before.push(shape.babySteps);
  return { before, after: [...shape.folds] };
}

/** Diagonal `d` of the matrix by output slot; period max(inputPeriod, outputPeriod). */
export function diagonal(shape: TransformShape, weights: ArrayLike<number>, d: number): Float64Array {
  const { rows, columns, inputPeriod, outputPeriod } = shape;
  const values = new Float64Array(Math.max(inputPeriod, outputPeriod));
  for (let i = 0; i < values.length; i++) {
    const row = i % outputPeriod;
    const column = (i + d) % inputPeriod;
    if (row < rows && column < columns) values[i] = weights[row * columns + column];
  }
  return values;
}

/** A dense matrix: all diagonals are present. */
export class LinearTransform extends DiagonalTransform {
  /**
   * @param weights row-major rows x columns
   * @param level level of the input ciphertext; the result is one lower
   * @param scale scale of the weights; q_level keeps the input's scale
   */
  constructor(
    encoder: Encoder,
    shape: TransformShape,
    weights: ArrayLike<number>,
    level: number,
    scale: number,
  ) {
    if (weights.length !== shape.rows * shape.columns) {
      throw new FheError(
        'SHAPE_MISMATCH',
        `expected ${shape.rows} x ${shape.columns} weights, got ${weights.length}`,
        'weights',
      );
    }
    const { inputPeriod, outputPeriod, diagonals, babySteps } = shape;
    const offsets = Array.from({ length: diagonals }, (_, d) => d);
    super(
      encoder,
      { inputPeriod, outputPeriod, offsets, babyModulus: babySteps },
      (d) => diagonal(shape, weights, d),
      level,
      scale,
    );
  }
}
