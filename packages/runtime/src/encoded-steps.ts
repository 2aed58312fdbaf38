/**
 * The steps of a program with their constants encoded for the parameters, run on ciphertexts.
 * @module
 */
import {
  addPlaintext,
  Ciphertext,
  type Encoder,
  type Evaluator,
  evaluatePolynomial,
  LinearTransform,
  type Plaintext,
  residueOf,
} from '@velum/fhe';
import { coefficientWeights } from './coefficients.ts';
import { EncodedGraph } from './encoded-graph.ts';
import { coefficientCapacity, Layout, type RequestShape } from './layout.ts';
import {
  type CoefficientStep,
  graphSteps,
  type LinearStep,
  type LineStep,
  lineSteps,
  type Matrix,
  type Plan,
  type PolynomialStep,
  type ScalarStep,
} from './plan.ts';
import type { PredictOptions } from './server-plan.ts';

interface Encoded {
  bytes: number;
  run(evaluator: Evaluator, inputs: readonly Ciphertext[], shape: RequestShape): Ciphertext[];
  dispose(): void;
}

export class EncodedSteps {
  readonly #steps: Encoded[];
  readonly #graph: EncodedGraph | undefined;
  /** Ciphertexts that the graph takes at a time. */
  readonly #parts: number;

  constructor(encoder: Encoder, plan: Plan) {
    this.#steps = [];
    const { packing, images = 1, parts = 1 } = plan.profile.input;
    this.#parts = parts;
    if (packing === 'graph') {
      this.#graph = new EncodedGraph(encoder, graphSteps(plan), images);
      return;
    }
    let scale = plan.profile.input.scale;
    for (const step of lineSteps(plan)) {
      const encoded = encodeStep(encoder, plan, step, scale);
      this.#steps.push(encoded.step);
      scale = encoded.scale;
    }
  }

  get bytes(): number {
    return (this.#graph?.bytes ?? 0) + this.#steps.reduce((sum, step) => sum + step.bytes, 0);
  }

  /** The inputs stay the caller's; the results are new. */
  run(
    evaluator: Evaluator,
    inputs: readonly Ciphertext[],
    shape: RequestShape,
    options: PredictOptions,
  ): Ciphertext[] {
    // Samples in slots are independent of each other: one at a time keeps memory flat and progress fine.
    const groups = shape.layout === Layout.slots ? inputs.map((input) => [input]) : [[...inputs]];
    const results: Ciphertext[] = [];
    if (this.#graph) {
      const total = (inputs.length / this.#parts) * this.#graph.length;
      let steps = 0;
      for (let first = 0; first < inputs.length; first += this.#parts) {
        const group = inputs.slice(first, first + this.#parts);
        results.push(this.#graph.run(evaluator, group, () => options.onProgress?.(++steps, total)));
      }
      return results;
    }
    const total = groups.length * this.#steps.length;
    let done = 0;
    for (const group of groups) {
      let current: Ciphertext[] = group;
      for (const step of this.#steps) {
        const next = step.run(evaluator, current, shape);
        if (current !== group) for (const ciphertext of current) ciphertext.dispose();
        current = next;
        options.onProgress?.(++done, total);
      }
      results.push(...current);
    }
    return results;
  }

  dispose(): void {
    this.#graph?.dispose();
    for (const step of this.#steps) step.dispose();
  }
}

function encodeStep(
  encoder: Encoder,
  plan: Plan,
  step: LineStep,
  scale: number,
): { step: Encoded; scale: number } {
  const { moduli } = encoder.context;
  switch (step.kind) {
    case 'coefficients': {
      const level = plan.profile.input.level;
      const after = (scale * step.weightScale) / moduli[level].value;
      return { step: encodeCoefficients(encoder, plan, step, after), scale: after };
    }
    case 'linear': {
      const after = (scale * step.weightScale) / moduli[step.level].value;
      return { step: encodeLinear(encoder, step, after), scale: after };
    }
    case 'scalars':
      return {
        step: encodeScalars(step),
        scale: (scale * step.weightScale) / moduli[step.level].value,
      };
    case 'polynomial':
      return { step: encodePolynomial(step), scale: step.outputScale };
  }
}

const constants = (plaintexts: readonly Plaintext[], run: Encoded['run']): Encoded => ({
  bytes: plaintexts.reduce((sum, p) => sum + p.bytes, 0),
  run,
  dispose: () => {
    for (const p of plaintexts) p.dispose();
  },
});

function encodeCoefficients(
  encoder: Encoder,
  plan: Plan,
  step: CoefficientStep,
  scaleAfter: number,
): Encoded {
  const { context } = encoder;
  const { matrix, weightScale } = step;
  const { level } = plan.profile.input;
  const vectors = coefficientWeights(context.n, matrix, coefficientCapacity(plan.profile));
  const weights = encoder.encodeCoefficients(vectors.weights, level, weightScale);
  const bias = encoder.encodeCoefficients(vectors.bias, level - 1, scaleAfter);
  const rowBias = Array.from(matrix.bias, (b) =>
    encoder.encodeCoefficients(new Float64Array(context.n).fill(b), level - 1, scaleAfter),
  );
  return constants([weights, bias, ...rowBias], (evaluator, inputs, shape) => {
    if (shape.layout === Layout.features) {
      return weightedSums(evaluator, inputs, matrix, level, weightScale).map((result, i) => {
        addPlaintext(result, rowBias[i % matrix.rows]);
        return result;
      });
    }
    return inputs.map((input) => {
      const product = evaluator.multiplyPlain(input, weights);
      const result = evaluator.rescale(product);
      product.dispose();
      addPlaintext(result, bias);
      return result;
    });
  });
}

function encodeLinear(encoder: Encoder, step: LinearStep, scaleAfter: number): Encoded {
  const { matrix, shape, level, weightScale } = step;
  const transform = new LinearTransform(encoder, shape, matrix.weights, level, weightScale);
  const values = new Float64Array(shape.outputPeriod);
  values.set(matrix.bias);
  const bias = encoder.encode(values, level - 1, scaleAfter);
  return {
    bytes: transform.bytes + bias.bytes,
    run: (evaluator, inputs) =>
      inputs.map((input) => {
        const result = transform.apply(evaluator, input);
        addPlaintext(result, bias);
        return result;
      }),
    dispose: () => {
      transform.dispose();
      bias.dispose();
    },
  };
}

function encodeScalars(step: ScalarStep): Encoded {
  const { matrix, level, weightScale } = step;
  return {
    bytes: matrix.weights.byteLength,
    run: (evaluator, inputs) => {
      const results = weightedSums(evaluator, inputs, matrix, level, weightScale);
      results.forEach((result, i) => {
        evaluator.addConstantInPlace(result, matrix.bias[i % matrix.rows]);
      });
      return results;
    },
    dispose: () => {},
  };
}

function encodePolynomial(step: PolynomialStep): Encoded {
  return {
    bytes: 0,
    run: (evaluator, inputs) =>
      inputs.map((input) => evaluatePolynomial(evaluator, input, step.polynomial, step.outputScale)),
    dispose: () => {},
  };
}

/** matrix x vector for each group of `columns` ciphertexts, rescaled. */
function weightedSums(
  evaluator: Evaluator,
  inputs: readonly Ciphertext[],
  matrix: Matrix,
  level: number,
  weightScale: number,
): Ciphertext[] {
  const { context } = evaluator;
  const { kernels, n, moduli } = context;
  const { rows, columns } = matrix;
  const results: Ciphertext[] = [];
  const pointers = kernels.arena.alloc(Math.max(64, columns * 4));
  const weights = kernels.arena.alloc(Math.max(64, columns * 8));
  for (let start = 0; start < inputs.length; start += columns) {
    const group = inputs.slice(start, start + columns);
    for (let row = 0; row < rows; row++) {
      const sum = new Ciphertext(context, 1, level, group[0].scale * weightScale);
      for (let i = 0; i <= level; i++) {
        const { value, inverse } = moduli[i];
        kernels
          .f64(weights, columns)
          .set(
            Array.from({ length: columns }, (_, c) =>
              residueOf(matrix.weights[row * columns + c] * weightScale, value),
            ),
          );
        for (const part of [0, 1]) {
          kernels.i32(pointers, columns).set(group.map((ciphertext) => ciphertext.limb(part, i)));
          kernels.x.v_dotscalar(sum.limb(part, i), pointers, weights, columns, n, value, inverse);
        }
      }
      results.push(evaluator.rescale(sum));
      sum.dispose();
    }
  }
  kernels.arena.free(pointers);
  kernels.arena.free(weights);
  return results;
}
