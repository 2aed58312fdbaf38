/**
 * Plans for linear models: one product of coefficient-packed polynomials, no evaluation key at all. The cheapest encoding
 * that is exact enough (design.md section 3).
 * @module
 */
import { generatePrimes } from '@velum/fhe';
import type { Matrix, Plan } from '@velum/runtime';
import { draftProfile } from './draft.ts';
import type { Lowered } from './lower.ts';
import type { Model } from './model.ts';
import type { CompileOptions } from './requirements.ts';

const MODULUS_BITS = 50;
const SMALLEST_LOG_N = 12;
const LARGEST_LOG_N = 14;

/** The whole model as one matrix, if it is linear and small enough for coefficient packing. */
export function linearMatrix(lowered: Lowered): Matrix | undefined {
  const [layer] = lowered.layers;
  if (lowered.layers.length !== 1 || layer.kind !== 'dense') return undefined;
  return layer.matrix.rows * layer.matrix.columns <= 2 ** LARGEST_LOG_N ? layer.matrix : undefined;
}

/** Score bits that fit, scale bits, bits on the wire and flooding follow from the range of the score and the precision. */
export function planCoefficients(
  model: Model,
  lowered: Lowered,
  matrix: Matrix,
  options: CompileOptions,
): Plan {
  const precision = options.precision ?? 1e-4;
  let logN = SMALLEST_LOG_N;
  while (2 ** logN < matrix.rows * matrix.columns) logN++;
  const q = generatePrimes(logN, [MODULUS_BITS, MODULUS_BITS]);
  const calibrated = options.featureRanges !== undefined;
  // Without calibration scores up to 2^13 fit, which is far beyond any logistic model; with it, four times the bound.
  const scoreBits = calibrated ? Math.max(3, Math.ceil(Math.log2(lowered.bounds[0])) + 2) : 13;
  const scaleBits = Math.min(42, MODULUS_BITS - 1 - scoreBits);
  const scale = 2 ** scaleBits;
  // The errors added on purpose get half of the wanted precision: the flooding and the switch to fewer bits.
  const rounding = Math.sqrt((1 + (2 * 2 ** logN) / 3) / 12);
  const floodBits = Math.max(0, Math.floor(Math.log2((precision / 4) * scale)));
  const keep = Math.min(
    MODULUS_BITS,
    Math.max(16, Math.ceil(MODULUS_BITS - Math.log2((precision * scale) / (16 * 6 * rounding)))),
  );
  const draft = draftProfile(model, lowered, options, {
    parameters: { logN, q, p: [] },
    keys: { public: { level: 0 }, evaluation: [] },
    packing: 'coefficients',
    level: 1,
    scale,
    period: 1,
    samplesPerRequest: 65_536,
    output: { scale, period: 1, keep },
  });
  if (!calibrated) {
    const total = largestRowSum(matrix);
    // A power of two, so that the bound tells next to nothing of the weights.
    const limit = 2 ** Math.max(0, Math.floor(scoreBits - 1 - Math.log2(Math.max(total, 2 ** -20))));
    draft.input.ranges = Array.from({ length: model.inputs }, (): [number, number] => [-limit, limit]);
  }
  return {
    profile: draft,
    program: { steps: [{ kind: 'coefficients', matrix, weightScale: q[1] }], floodBits },
  };
}

function largestRowSum({ rows, columns, weights }: Matrix): number {
  let largest = 0;
  for (let r = 0; r < rows; r++) {
    let sum = 0;
    for (let c = 0; c < columns; c++) sum += Math.abs(weights[r * columns + c]);
    largest = Math.max(largest, sum);
  }
  return largest;
}
