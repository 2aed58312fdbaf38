/**
 * Any linear map between slot vectors, given by its non-zero diagonals (Halevi and Shoup 2014, section 4.3).
 *
 * The input is periodic in the slots with period P_in, the output with P_out, both powers of two. Entry (t, s) of the map belongs to the
 * diagonal of offset (s - t) mod min(P_in, P_out); when P_out < P_in the copies of t that lie P_out apart share the entries and are summed
 * afterwards (Gazelle's folding). A layout with few distinct offsets is therefore a fast one.
 *
 * Offsets split into a baby part (modulo `babyModulus`; all babies come from one decomposition of the input) and a giant part, which is
 * walked by Horner's rule: only the gaps between giants need keys.
 *
 * An input may lie in several ciphertexts, its parts, each of period P_in with a map of its own. Their products are summed before the
 * giants are walked, so that more parts take more babies and products, but no more giants, folds or rescales.
 * @module
 */
import type { Encoder } from '../ckks/encoder.ts';
import type { Evaluator } from '../ckks/evaluator.ts';
import { FheError } from '../errors.ts';
import { writePointers } from '../ring/base-conversion.ts';
import { Ciphertext } from '../rlwe/ciphertext.ts';
import type { Plaintext } from '../rlwe/plaintext.ts';

export interface DiagonalShape {
  /** Ciphertexts of the input. Default 1. */
  parts?: number;
  inputPeriod: number;
  outputPeriod: number;
  /** Of all parts together: distinct offsets in [0, min(inputPeriod, outputPeriod)), ascending. */
  offsets: number[];
  /** Power of two. */
  babyModulus: number;
  /** Power of two, default 2: folds sum `foldRadix` copies with one key and foldRadix - 1 rotations. */
  foldRadix?: number;
}

export interface DiagonalSteps {
  /** Distinct baby rotations, ascending; may include 0. */
  babies: number[];
  /** Distinct giant rotations, ascending. */
  giants: number[];
  /** Sums of `count` copies `step` apart, after the rescale. */
  folds: { step: number; count: number }[];
}

export function diagonalSteps(shape: DiagonalShape): DiagonalSteps {
  const { offsets, babyModulus, inputPeriod, outputPeriod } = shape;
  const ascending = (values: Iterable<number>): number[] => [...new Set(values)].sort((a, b) => a - b);
  const folds: DiagonalSteps['folds'] = [];
  for (let step = outputPeriod; step < inputPeriod; ) {
    const count = Math.min(shape.foldRadix ?? 2, inputPeriod / step);
    folds.push({ step, count });
    step *= count;
  }
  return {
    babies: ascending(offsets.map((d) => d % babyModulus)),
    giants: ascending(offsets.map((d) => d - (d % babyModulus))),
    folds,
  };
}

/** Gaps of Horner's rule, from the largest giant down to zero. */
export function giantGaps(giants: readonly number[]): number[] {
  return giants.map((g, i) => g - (giants[i - 1] ?? 0)).reverse();
}

/** Rotations that need keys: before the rescale (at the input's level), and after it (one lower). */
export function diagonalRotations(shape: DiagonalShape): { before: number[]; after: number[] } {
  const { babies, giants, folds } = diagonalSteps(shape);
  const before = new Set([...babies, ...giantGaps(giants)].filter((r) => r !== 0));
  return { before: [...before], after: folds.map((f) => f.step) };
}

export class DiagonalTransform {
  readonly shape: DiagonalShape;
  readonly level: number;
  readonly scale: number;
  readonly #steps: DiagonalSteps;
  /** plaintexts[giant][part x babies + baby]. */
  readonly #plaintexts: (Plaintext | undefined)[][];

  /**
   * @param diagonal values of the diagonal of an offset, by output slot; period max(inputPeriod, outputPeriod). Undefined where a part has
   *   none
   * @param level level of the input; the result is one lower
   * @param scale scale of the entries; q_level keeps the input's scale
   */
  constructor(
    encoder: Encoder,
    shape: DiagonalShape,
    diagonal: (offset: number, part: number) => Float64Array | undefined,
    level: number,
    scale: number,
  ) {
    this.shape = shape;
    this.level = level;
    this.scale = scale;
    this.#steps = diagonalSteps(shape);
    const present = new Set(shape.offsets);
    const period = Math.max(shape.inputPeriod, shape.outputPeriod);
    const encode = (g: number, b: number, part: number): Plaintext | undefined => {
      if (!present.has(g + b)) return undefined;
      const values = diagonal(g + b, part);
      if (!values?.some((v) => v !== 0)) return undefined;
      // The product is formed g slots to the right of where it belongs and rotated back.
      const shifted = values.map((_, i) => values[(i - g + period) % period]);
      return encoder.encode(shifted, level, scale);
    };
    this.#plaintexts = this.#steps.giants.map(() => []);
    try {
      this.#steps.giants.forEach((g, k) => {
        for (let part = 0; part < (shape.parts ?? 1); part++)
          for (const b of this.#steps.babies) this.#plaintexts[k].push(encode(g, b, part));
      });
    } catch (error) {
      this.dispose();
      throw error;
    }
  }

  get bytes(): number {
    return this.#plaintexts.flat().reduce((sum, p) => sum + (p?.bytes ?? 0), 0);
  }

  /**
   * The map applied and rescaled: level - 1, scale * this.scale / q_level.
   * @param inputs the parts, at one level and scale
   * @throws FheError SHAPE_MISMATCH, LEVEL_MISMATCH, KEY_MISSING
   */
  apply(evaluator: Evaluator, ...inputs: Ciphertext[]): Ciphertext {
    const { parts = 1 } = this.shape;
    if (inputs.length !== parts) {
      throw new FheError(
        'SHAPE_MISMATCH',
        `the transform takes ${parts} ciphertexts, got ${inputs.length}`,
        'inputs',
      );
    }
    for (const { level } of inputs) {
      if (level === this.level) continue;
      throw new FheError(
        'LEVEL_MISMATCH',
        `the transform was encoded for level ${this.level}, the input is at ${level}`,
        'input',
      );
    }
    const { babies, giants, folds } = this.#steps;
    // All keys are looked for before anything is allocated.
    const { before, after } = diagonalRotations(this.shape);
    for (const step of [...before, ...after]) evaluator.keys?.get(evaluator.context.galoisElement(step));
    const rotated = inputs.flatMap((input) => evaluator.rotateHoisted(input, babies));
    let sum: Ciphertext | undefined;
    for (let k = giants.length - 1; k >= 0; k--) {
      const inner = this.#inner(rotated, this.#plaintexts[k]);
      if (sum) evaluator.addInPlace(inner, sum);
      sum?.dispose();
      const gap = giants[k] - (giants[k - 1] ?? 0);
      sum = gap === 0 ? inner : evaluator.rotate(inner, gap);
      if (sum !== inner) inner.dispose();
    }
    for (const ciphertext of rotated) ciphertext.dispose();
    let result = evaluator.rescale(sum!);
    sum!.dispose();
    for (const fold of folds) {
      const folded = foldCopies(evaluator, result, fold.step, fold.count);
      result.dispose();
      result = folded;
    }
    return result;
  }

  /** Sum of baby_j * plaintext_j over the babies of all parts, in one pass over memory. */
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
    const count = used.length;
    const lists: number[] = [];
    for (let i = 0; i <= level; i++) {
      for (const part of [0, 1]) {
        for (const j of used) lists.push(babies[j].limb(part, i));
        for (const j of used) lists.push(plaintexts[j]!.limb(i));
      }
    }
    const pointers = writePointers(kernels, lists);
    context.fork(2 * (level + 1), count * n, (task, x) => {
      const { value, inverse } = moduli[task >> 1];
      const dst = result.limb(task & 1, task >> 1);
      const at = pointers + 8 * count * task;
      if (runLog === 0) x.v_dot(dst, at, at + 4 * count, count, n, value, inverse);
      else x.v_dotrun(dst, at, at + 4 * count, runLog, count, n, value, inverse);
    });
    kernels.arena.free(pointers);
    return result;
  }

  dispose(): void {
    for (const p of this.#plaintexts.flat()) p?.dispose();
  }
}

/** Sum of the rotations 0, step, ... (count - 1) step by Horner's rule. */
function foldCopies(evaluator: Evaluator, input: Ciphertext, step: number, count: number): Ciphertext {
  let sum = input.clone();
  for (let k = 1; k < count; k++) {
    const rotated = evaluator.rotate(sum, step);
    sum.dispose();
    evaluator.addInPlace(rotated, input);
    sum = rotated;
  }
  return sum;
}
