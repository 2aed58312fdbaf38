/**
 * A plan run without encryption: in the clear on floats, or in simulation with the noise that the scheme would add. Both
 * walk the same steps and the same packing as the encrypted run, so that a wrong layout or a wrong scale shows here too.
 * @module
 */
import { createParameters, diagonal, evaluateClear, NoiseModel } from '@velum/fhe';
import { applyActivation } from './activations.ts';
import { coefficientWeights } from './coefficients.ts';
import { gaussianSource } from './gaussian.ts';
import { Layout, type RequestShape, requestShape } from './layout.ts';
import { packSamples, unpackScores } from './packing.ts';
import {
  type ElementwiseStep,
  graphSteps,
  type LinearStep,
  lineSteps,
  type Matrix,
  type Plan,
  type PolynomialStep,
  type SlotMap,
} from './plan.ts';
import { checkSamples } from './samples.ts';
import { applySlotMap, repeatEach, transformsOf } from './slot-map.ts';

type Rows = readonly ArrayLike<number>[];

export interface FloatRunOptions {
  /** Skip the client's final activation: raw scores. */
  scores?: boolean;
}

/** The plan on floats, without noise. */
export function runClear(plan: Plan, rows: Rows, options: FloatRunOptions = {}): number[][] {
  return run(plan, rows, options, undefined);
}

/** The plan on floats with simulated noise. @param seed makes the run repeatable */
export function simulate(
  plan: Plan,
  rows: Rows,
  options: FloatRunOptions & { seed?: number } = {},
): number[][] {
  return run(plan, rows, options, new Noise(plan, options.seed ?? 1));
}

function run(plan: Plan, rows: Rows, options: FloatRunOptions, noise: Noise | undefined): number[][] {
  const { profile } = plan;
  checkSamples(profile, rows);
  const shape = requestShape(profile, rows.length);
  // Slots without samples hold nothing of interest here, and are most of a small batch.
  if (shape.inputs === profile.input.features || shape.layout === Layout.interleaved)
    shape.capacity = Math.min(shape.capacity, rows.length);
  let vectors: Float64Array[] = packSamples(profile, rows, shape);
  const fresh = noise?.fresh(shape) ?? 0;
  for (const vector of vectors) noise?.add(vector, fresh);
  if (profile.input.packing === 'graph') {
    const { parts = 1 } = profile.input;
    vectors = Array.from({ length: vectors.length / parts }, (_, g) =>
      runGraphSteps(plan, vectors.slice(g * parts, (g + 1) * parts), shape.capacity, noise),
    );
  }
  for (const step of lineSteps(plan)) {
    switch (step.kind) {
      case 'coefficients':
        vectors = runCoefficients(plan, step.matrix, vectors, shape);
        break;
      case 'linear':
        vectors = vectors.map((x) => runLinear(step, x, noise));
        break;
      case 'scalars':
        vectors = weightedSums(step.matrix, vectors);
        for (const vector of vectors) noise?.add(vector, noise.rescale(step.level));
        break;
      case 'polynomial':
        vectors = vectors.map((x) => {
          return noise ? noise.evaluate(step, x) : x.map((v) => evaluateClear(step.polynomial, v));
        });
        break;
    }
  }
  for (const vector of vectors) noise?.add(vector, noise.finish(shape));
  const scores = unpackScores(profile, rows.length, shape, vectors);
  return options.scores ? scores : scores.map((s) => applyActivation(profile.output.activation, s));
}

/** @param inputs the parts of `images` interleaved samples */
function runGraphSteps(
  plan: Plan,
  inputs: readonly Float64Array[],
  images: number,
  noise: Noise | undefined,
): Float64Array {
  const values = [inputs[0]];
  for (const step of graphSteps(plan)) {
    let y: Float64Array;
    switch (step.kind) {
      case 'affine':
        y = repeatEach(step.bias, images).slice();
        for (const maps of transformsOf(step.terms)) {
          for (const map of maps) {
            const x = map.part === undefined ? values[map.value] : inputs[map.part];
            applySlotMap(map, step.outputPeriod, x, images).forEach((v, i) => {
              y[i] += v;
            });
          }
          noise?.add(y, noise.slotMap(maps, step.outputPeriod));
        }
        break;
      case 'elementwise':
        y = noise
          ? noise.evaluate(step, values[step.value])
          : values[step.value].map((v) => evaluateClear(step.polynomial, v));
        break;
      case 'product':
        y = values[step.left].map((v, i) => v * values[step.right][i]);
        noise?.add(y, noise.product(step.level));
        break;
    }
    values.push(y);
  }
  return values[values.length - 1];
}

function runCoefficients(
  plan: Plan,
  matrix: Matrix,
  vectors: readonly Float64Array[],
  shape: RequestShape,
): Float64Array[] {
  if (shape.layout === Layout.features) return weightedSums(matrix, vectors);
  const n = 2 ** plan.profile.parameters.logN;
  const { weights, bias } = coefficientWeights(n, matrix, shape.capacity);
  const { start, stride, count } = shape.positions;
  const width = matrix.rows * matrix.columns;
  return vectors.map((x) => {
    const result = new Float64Array(n);
    for (let k = 0; k < count; k++) {
      const c = start + k * stride;
      let sum = bias[c];
      for (let b = 0; b < width; b++) sum += weights[b] * (c >= b ? x[c - b] : -x[c - b + n]);
      result[c] = sum;
    }
    return result;
  });
}

function weightedSums(matrix: Matrix, vectors: readonly Float64Array[]): Float64Array[] {
  const { rows, columns, weights, bias } = matrix;
  const results: Float64Array[] = [];
  for (let start = 0; start < vectors.length; start += columns) {
    for (let row = 0; row < rows; row++) {
      const sum = new Float64Array(vectors[start].length).fill(bias[row]);
      for (let c = 0; c < columns; c++) {
        const w = weights[row * columns + c];
        const x = vectors[start + c];
        for (let i = 0; i < sum.length; i++) sum[i] += w * x[i];
      }
      results.push(sum);
    }
  }
  return results;
}

function runLinear(step: LinearStep, x: Float64Array, noise: Noise | undefined): Float64Array {
  const { shape, matrix } = step;
  const period = Math.max(shape.inputPeriod, shape.outputPeriod);
  const sum = new Float64Array(period);
  for (let d = 0; d < shape.diagonals; d++) {
    const values = diagonal(shape, matrix.weights, d);
    for (let i = 0; i < period; i++) sum[i] += values[i] * x[(i + d) % x.length];
  }
  if (noise) noise.add(sum, noise.linear(step));
  let y = sum;
  for (const fold of shape.folds) y = y.map((v, i) => v + y[(i + fold) % period]);
  if (noise && shape.folds.length > 0) noise.add(y, noise.fold(step));
  return Float64Array.from(
    { length: shape.outputPeriod },
    (_, i) => y[i] + (i < matrix.rows ? matrix.bias[i] : 0),
  );
}

/** In the power basis errors grow with the powers, at the largest value. */
function powerGain({ polynomial }: PolynomialStep | ElementwiseStep, x: Float64Array): number {
  const reach = x.reduce((m, v) => Math.max(m, Math.abs(v)), 1);
  return polynomial.coefficients.reduce((sum, c, i) => sum + Math.abs(c) * reach ** Math.max(0, i - 2), 0);
}

/** Standard deviations of the errors of each operation, and the source of the errors. */
class Noise {
  readonly #plan: Plan;
  readonly #model: NoiseModel;
  readonly #moduli: readonly number[];
  readonly #special: number;
  readonly #gaussian: () => number;

  constructor(plan: Plan, seed: number) {
    const { parameters, keys } = plan.profile;
    this.#plan = plan;
    this.#model = new NoiseModel(createParameters(parameters));
    this.#moduli = parameters.q;
    this.#special = keys.evaluation.length === 0 ? 1 : Math.min(...keys.evaluation.map((k) => k.special));
    this.#gaussian = gaussianSource(seed);
  }

  add(vector: Float64Array, sigma: number): void {
    if (sigma > 0) for (let i = 0; i < vector.length; i++) vector[i] += sigma * this.#gaussian();
  }

  fresh(shape: RequestShape): number {
    const sigma = this.#model.fresh(this.#plan.profile.input.scale);
    return this.#perCoefficient(shape) ? sigma / Math.sqrt(this.#n) : sigma;
  }

  rescale(level: number): number {
    return this.#model.rescale(this.#scaleAt(level - 1));
  }

  linear(step: LinearStep): number {
    const scale = this.#scaleAt(step.level);
    const { rows, columns, weights } = step.matrix;
    let largestRow = 0;
    for (let r = 0; r < rows; r++) {
      let sum = 0;
      for (let c = 0; c < columns; c++) sum += weights[r * columns + c] ** 2;
      largestRow = Math.max(largestRow, sum);
    }
    const babies = this.#model.keySwitch(step.level, this.#special, scale) ** 2 * largestRow;
    const giants =
      step.shape.giantSteps * this.#model.keySwitch(step.level, this.#special, scale * step.weightScale) ** 2;
    return Math.sqrt(babies + giants + this.rescale(step.level) ** 2);
  }

  /** As `linear`, for a transform given by the entries of its maps; folds included. */
  slotMap(maps: readonly SlotMap[], outputPeriod: number): number {
    const [map] = maps;
    const scale = this.#scaleAt(map.level);
    const rows = new Float64Array(outputPeriod);
    for (const { weight, outputSlot } of maps)
      for (let k = 0; k < weight.length; k++) rows[outputSlot[k]] += weight[k] ** 2;
    const babies =
      this.#model.keySwitch(map.level, this.#special, scale) ** 2 * rows.reduce((m, v) => Math.max(m, v), 0);
    const giants = 256 * this.#model.keySwitch(map.level, this.#special, scale * map.weightScale) ** 2;
    const folds = Math.max(1, map.inputPeriod / outputPeriod);
    const switched =
      this.#model.keySwitch(Math.max(0, map.level - 1), this.#special, this.#scaleAt(map.level - 1)) ** 2;
    return Math.sqrt(folds * (babies + giants + this.rescale(map.level) ** 2 + switched));
  }

  product(level: number): number {
    return Math.hypot(
      this.rescale(level),
      this.#model.keySwitch(level, this.#special, this.#scaleAt(level - 1)),
    );
  }

  /** The key switches of all folds; each also doubles what was there, which the folding of values does by itself. */
  fold(step: LinearStep): number {
    const each = this.#model.keySwitch(step.level - 1, this.#special, this.#scaleAt(step.level - 1));
    return each * Math.sqrt(2 ** step.shape.folds.length);
  }

  /** The polynomial with the error that its powers and the last rescale bring. */
  evaluate(step: PolynomialStep | ElementwiseStep, x: Float64Array): Float64Array {
    const { basis } = step.polynomial;
    const y =
      basis === 'chebyshev' ? this.#chebyshev(step, x) : x.map((v) => evaluateClear(step.polynomial, v));
    this.add(y, basis === 'chebyshev' ? this.#power(step) : (1 + powerGain(step, x)) * this.#power(step));
    return y;
  }

  /** Standard deviation of what making one power adds to it. */
  #power({ level }: { level: number }): number {
    const scale = this.#scaleAt(level);
    return Math.hypot(this.#model.rescale(scale), this.#model.keySwitch(level, this.#special, scale));
  }

  /**
   * Every T_i made as the evaluator makes it, from noisy halves: how much an error grows depends on each slot's value, and
   * the bound for all of them, i^2 inside the domain, would cost several bits in every modulus.
   */
  #chebyshev(step: PolynomialStep | ElementwiseStep, x: Float64Array): Float64Array {
    const { coefficients, domain } = step.polynomial;
    const [a, b] = domain ?? [-1, 1];
    const sigma = this.#power(step);
    const powers = new Float64Array(coefficients.length).fill(1);
    return x.map((v) => {
      let sum = coefficients[0];
      for (let i = 1; i < powers.length; i++) {
        const high = i === 1 ? 1 : 2 ** Math.ceil(Math.log2(i) - 1);
        powers[i] =
          i === 1
            ? (2 * v - a - b) / (b - a)
            : 2 * powers[high] * powers[i - high] - powers[2 * high - i] + sigma * this.#gaussian();
        sum += coefficients[i] * powers[i];
      }
      return sum;
    });
  }

  /** Blinding under the public key, flooding, and the modulus switch for transport. */
  finish(shape: RequestShape): number {
    const { output, parameters } = this.#plan.profile;
    const { floodBits } = this.#plan.program;
    const zero = (this.#model.freshPublic(1) / Math.sqrt(this.#n)) ** 2;
    const flood = floodBits > 0 ? 4 ** floodBits / 3 : 0;
    const transport = (this.#model.roundingSigma() * parameters.q[0] * 2 ** -output.keep) ** 2;
    const rounding = this.#model.roundingSigma() ** 2;
    const sigma = Math.sqrt(zero + flood + transport + rounding) / output.scale;
    return this.#perCoefficient(shape) ? sigma : sigma * Math.sqrt(shape.positions.count);
  }

  get #n(): number {
    return 2 ** this.#plan.profile.parameters.logN;
  }

  #perCoefficient(shape: RequestShape): boolean {
    return shape.layout === Layout.samples || shape.layout === Layout.features;
  }

  /** Nominal scale at a level: the input's, or the output's at the end. */
  #scaleAt(level: number): number {
    const { input, output } = this.#plan.profile;
    return level <= 0 ? output.scale : Math.min(input.scale, this.#moduli[level] * 2);
  }
}
