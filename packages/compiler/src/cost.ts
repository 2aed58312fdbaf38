/**
 * A cost model of the encrypted operations, fitted to the kernels on wasm-fma (`npm run bench` prints what it rests on).
 * It ranks plans and gives users an idea of the time; it promises nothing.
 * @module
 */
import { diagonalSteps, type EvaluationKeySpec, giantGaps, polynomialDegree } from '@velum/fhe';
import {
  diagonalShape,
  type GraphStep,
  graphSteps,
  type LineStep,
  lineSteps,
  type Plan,
  transformsOf,
} from '@velum/runtime';

/** Nanoseconds per butterfly of an NTT, and per element of a pass that multiplies. */
const BUTTERFLY_NS = 0.55;
const ELEMENT_NS = 1.3;

export class CostModel {
  readonly #logN: number;
  readonly #special: number;

  /** @param special special primes of the key switches */
  constructor(logN: number, special: number) {
    this.#logN = logN;
    this.#special = special;
  }

  get #n(): number {
    return 2 ** this.#logN;
  }

  /** Milliseconds of one NTT. */
  ntt(): number {
    return (this.#n / 2) * this.#logN * BUTTERFLY_NS * 1e-6;
  }

  pass(limbs: number): number {
    return limbs * this.#n * ELEMENT_NS * 1e-6;
  }

  decompose(level: number): number {
    const digits = Math.ceil((level + 1) / this.#special);
    const transforms = level + 1 + digits * (level + 1 + this.#special) - (level + 1);
    return transforms * this.ntt() + this.pass(digits * this.#special * (level + 1));
  }

  finishSwitch(level: number): number {
    const digits = Math.ceil((level + 1) / this.#special);
    const basis = level + 1 + this.#special;
    return (
      2 * basis * this.ntt() +
      this.pass(2 * digits * basis + 2 * this.#special * (level + 1) + 4 * (level + 1))
    );
  }

  keySwitch(level: number): number {
    return this.decompose(level) + this.finishSwitch(level);
  }

  rescale(level: number): number {
    return 2 * (level + 1) * this.ntt() + this.pass(4 * level);
  }

  multiply(level: number): number {
    return this.keySwitch(level) + this.pass(6 * (level + 1));
  }

  graphStep(step: GraphStep): number {
    switch (step.kind) {
      case 'affine': {
        let sum = 0;
        for (const maps of transformsOf(step.terms)) {
          const { level } = maps[0];
          const shape = diagonalShape(maps, step.outputPeriod);
          const { babies, giants, folds } = diagonalSteps(shape);
          const gaps = giantGaps(giants).filter((g) => g !== 0).length;
          // The input itself is no rotation. One of a part alone has been counted as one since the model was fitted.
          const hoisted = babies.filter((b) => b !== 0).length;
          sum +=
            maps.length === 1
              ? this.decompose(level) + babies.length * this.finishSwitch(level)
              : maps.length * (hoisted > 0 ? this.decompose(level) + hoisted * this.finishSwitch(level) : 0);
          sum += gaps * this.keySwitch(level);
          sum += this.pass(maps.length * shape.offsets.length * 2 * (level + 1)) + this.rescale(level);
          sum += folds.reduce((n, f) => n + f.count - 1, 0) * this.keySwitch(level - 1);
        }
        return sum;
      }
      case 'elementwise':
        return this.polynomial(polynomialDegree(step.polynomial), step.level);
      case 'product':
        return this.multiply(step.level);
    }
  }

  polynomial(degree: number, level: number): number {
    return (Math.ceil(Math.log2(degree + 1)) + Math.ceil(degree / 4)) * this.multiply(level);
  }

  /** One step on one sample (`slots`), or on one group of ciphertexts (`batch`, `coefficients`). */
  step(step: LineStep, width: number): number {
    switch (step.kind) {
      case 'coefficients':
        return this.pass(8) + this.rescale(1);
      case 'linear': {
        const { shape, level } = step;
        const babies = this.decompose(level) + (shape.babySteps - 1) * this.finishSwitch(level);
        const giants = (shape.giantSteps - 1) * this.keySwitch(level);
        const products = this.pass(shape.diagonals * 2 * (level + 1));
        return (
          babies + giants + products + this.rescale(level) + shape.folds.length * this.keySwitch(level - 1)
        );
      }
      case 'scalars':
        return (
          step.matrix.rows *
          (this.pass(step.matrix.columns * 2 * (step.level + 1)) + this.rescale(step.level))
        );
      case 'polynomial':
        return width * this.polynomial(polynomialDegree(step.polynomial), step.level);
    }
  }
}

/** Bytes of a network's encoded constants: a diagonal takes a value for each slot of its period and conjugate, and each prime. */
export function constantBytes(plan: Plan): number {
  const { images = 1 } = plan.profile.input;
  let sum = 0;
  for (const step of graphSteps(plan)) {
    if (step.kind !== 'affine') continue;
    for (const maps of transformsOf(step.terms)) {
      const { inputPeriod, outputPeriod, offsets } = diagonalShape(maps, step.outputPeriod);
      const length = 2 * images * Math.max(inputPeriod, outputPeriod);
      sum += 8 * (maps[0].level + 1) * length * maps.length * offsets.length;
    }
  }
  return sum;
}

/** Server milliseconds for one full request unit of the plan: a sample, as many as share a ciphertext, or a group of ciphertexts. */
export function estimateMilliseconds(plan: Plan): number {
  const { parameters, keys, input, output } = plan.profile;
  const special = keys.evaluation.reduce((m: number, k: EvaluationKeySpec) => Math.max(m, k.special), 1);
  const model = new CostModel(parameters.logN, special);
  let width = input.packing === 'batch' ? input.features : 1;
  let sum = 0;
  for (const step of graphSteps(plan)) sum += model.graphStep(step);
  for (const step of lineSteps(plan)) {
    sum += model.step(step, width);
    if (step.kind === 'scalars') width = step.matrix.rows;
  }
  const inputs = input.packing === 'batch' ? input.features : (input.parts ?? 1);
  const results = input.packing === 'batch' ? output.values : 1;
  // Reading an input expands its mask; finishing blinds, transforms and packs.
  return sum + inputs * model.pass(6 * (input.level + 1)) + results * (7 * model.ntt() + model.pass(12));
}
