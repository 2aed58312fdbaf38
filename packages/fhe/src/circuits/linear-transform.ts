/**
 * A matrix times an encrypted vector (Halevi and Shoup 2014, section 4.3; baby-step giant-step with hoisted baby
 * rotations, giant steps by Horner's rule so that they need one key; Gazelle's folding for wide matrices).
 *
 * The vector is periodic in the slots with a power-of-two period >= columns, and so is the result with its rows. The
 * diagonals are then periodic too, and stored as sub-ring plaintexts: 2p values a limb instead of N.
 * @module
 */
import type { Encoder } from '../ckks/encoder.ts';
import type { Evaluator } from '../ckks/evaluator.ts';
import { FheError } from '../errors.ts';
import { writePointers } from '../ring/base-conversion.ts';
import { Ciphertext } from '../rlwe/ciphertext.ts';
import type { Plaintext } from '../rlwe/plaintext.ts';

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

/** Diagonal `d` of the matrix, shifted for its giant step; period max(inputPeriod, outputPeriod). */
export function diagonal(shape: TransformShape, weights: ArrayLike<number>, d: number): Float64Array {
  const { rows, columns, inputPeriod, outputPeriod, babySteps } = shape;
  const period = Math.max(inputPeriod, outputPeriod);
  const shift = d - (d % babySteps);
  const values = new Float64Array(period);
  for (let i = 0; i < period; i++) {
    const row = i % outputPeriod;
    const column = (i + d) % inputPeriod;
    if (row < rows && column < columns) values[(i + shift) % period] = weights[row * columns + column];
  }
  return values;
}

export class LinearTransform {
  readonly shape: TransformShape;
  readonly level: number;
  readonly scale: number;
  /** plaintexts[giant][baby]; undefined for a diagonal of zeros. */
  readonly #plaintexts: (Plaintext | undefined)[][];

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
    this.shape = shape;
    this.level = level;
    this.scale = scale;
    this.#plaintexts = [];
    try {
      for (let g = 0; g < shape.giantSteps; g++) {
        const row: (Plaintext | undefined)[] = [];
        this.#plaintexts.push(row);
        for (let j = 0; j < shape.babySteps; j++) {
          const values = diagonal(shape, weights, g * shape.babySteps + j);
          row.push(values.some((v) => v !== 0) ? encoder.encode(values, level, scale) : undefined);
        }
      }
    } catch (error) {
      this.dispose();
      throw error;
    }
  }

  get bytes(): number {
    return this.#plaintexts.flat().reduce((sum, p) => sum + (p?.bytes ?? 0), 0);
  }

  /** Matrix times vector, rescaled: level - 1, scale * this.scale / q_level. */
  apply(evaluator: Evaluator, input: Ciphertext): Ciphertext {
    if (input.level !== this.level) {
      throw new FheError(
        'LEVEL_MISMATCH',
        `the transform was encoded for level ${this.level}, the input is at ${input.level}`,
        'input',
      );
    }
    const { shape } = this;
    // All keys are looked for before anything is allocated.
    const { before, after } = transformRotations(shape);
    for (const step of [...before, ...after]) evaluator.keys?.get(evaluator.context.galoisElement(step));
    const babies = evaluator.rotateHoisted(
      input,
      Array.from({ length: shape.babySteps }, (_, j) => j),
    );
    let sum: Ciphertext | undefined;
    for (let g = shape.giantSteps - 1; g >= 0; g--) {
      const inner = this.#inner(babies, this.#plaintexts[g]);
      if (sum) {
        const rotated = evaluator.rotate(sum, shape.babySteps);
        sum.dispose();
        evaluator.addInPlace(inner, rotated);
        rotated.dispose();
      }
      sum = inner;
    }
    for (const baby of babies) baby.dispose();
    const result = evaluator.rescale(sum!);
    sum!.dispose();
    for (const step of shape.folds) {
      const rotated = evaluator.rotate(result, step);
      evaluator.addInPlace(result, rotated);
      rotated.dispose();
    }
    return result;
  }

  /** Sum of baby_j * plaintext_j in one pass over memory. */
  #inner(babies: readonly Ciphertext[], plaintexts: readonly (Plaintext | undefined)[]): Ciphertext {
    const { context, level, scale } = babies[0];
    const { kernels, n, moduli } = context;
    const result = new Ciphertext(context, 1, level, scale * this.scale);
    const used = plaintexts.map((_, j) => j).filter((j) => plaintexts[j] !== undefined);
    if (used.length === 0) {
      for (const part of [0, 1]) kernels.f64(result.limb(part, 0), (level + 1) * n).fill(0);
      return result;
    }
    const runLog = plaintexts[used[0]]!.runLog;
    for (let i = 0; i <= level; i++) {
      for (const part of [0, 1]) {
        const pointers = writePointers(kernels, [
          ...used.map((j) => babies[j].limb(part, i)),
          ...used.map((j) => plaintexts[j]!.limb(i)),
        ]);
        const { value, inverse } = moduli[i];
        const dst = result.limb(part, i);
        if (runLog === 0)
          kernels.x.v_dot(dst, pointers, pointers + 4 * used.length, used.length, n, value, inverse);
        else
          kernels.x.v_dotrun(
            dst,
            pointers,
            pointers + 4 * used.length,
            runLog,
            used.length,
            n,
            value,
            inverse,
          );
        kernels.arena.free(pointers);
      }
    }
    return result;
  }

  dispose(): void {
    for (const p of this.#plaintexts.flat()) p?.dispose();
  }
}
