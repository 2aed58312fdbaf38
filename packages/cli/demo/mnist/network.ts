/**
 * The demo's network and its training by hand: convolution 4 @ 7 x 7, stride 3, without padding; square; dense 256 -> 30;
 * square; dense 30 -> 10. Only sums and products, so that encryption computes it as it is.
 * @module
 */

export const SIDE = 28;
export const PIXELS = SIDE * SIDE;
export const CHANNELS = 4;
export const KERNEL = 7;
export const STRIDE = 3;
const OUT = (SIDE - KERNEL) / STRIDE + 1;
export const MAPS = CHANNELS * OUT * OUT;
export const HIDDEN = 30;
export const CLASSES = 10;

/** Weights in the order of ONNX: [channel][row][column], and [output][input]. */
export interface Weights {
  convolution: Float64Array;
  convolutionBias: Float64Array;
  dense1: Float64Array;
  dense1Bias: Float64Array;
  dense2: Float64Array;
  dense2Bias: Float64Array;
}

export const newWeights = (): Weights => ({
  convolution: new Float64Array(CHANNELS * KERNEL * KERNEL),
  convolutionBias: new Float64Array(CHANNELS),
  dense1: new Float64Array(HIDDEN * MAPS),
  dense1Bias: new Float64Array(HIDDEN),
  dense2: new Float64Array(CLASSES * HIDDEN),
  dense2Bias: new Float64Array(CLASSES),
});

/** Values of every layer of one image; kept between calls, training needs them for the way back. */
export class Activations {
  readonly convolved = new Float64Array(MAPS);
  readonly squared = new Float64Array(MAPS);
  readonly hidden = new Float64Array(HIDDEN);
  readonly hiddenSquared = new Float64Array(HIDDEN);
  readonly scores = new Float64Array(CLASSES);
}

export function forward(w: Weights, x: ArrayLike<number>, a: Activations): Float64Array {
  for (let c = 0, m = 0; c < CHANNELS; c++) {
    for (let i = 0; i < OUT; i++) {
      for (let j = 0; j < OUT; j++, m++) {
        let sum = w.convolutionBias[c];
        for (let u = 0; u < KERNEL; u++) {
          const pixel = (STRIDE * i + u) * SIDE + STRIDE * j;
          const weight = (c * KERNEL + u) * KERNEL;
          for (let v = 0; v < KERNEL; v++) sum += w.convolution[weight + v] * x[pixel + v];
        }
        a.convolved[m] = sum;
        a.squared[m] = sum * sum;
      }
    }
  }
  for (let h = 0; h < HIDDEN; h++) {
    let sum = w.dense1Bias[h];
    for (let m = 0; m < MAPS; m++) sum += w.dense1[h * MAPS + m] * a.squared[m];
    a.hidden[h] = sum;
    a.hiddenSquared[h] = sum * sum;
  }
  for (let k = 0; k < CLASSES; k++) {
    let sum = w.dense2Bias[k];
    for (let h = 0; h < HIDDEN; h++) sum += w.dense2[k * HIDDEN + h] * a.hiddenSquared[h];
    a.scores[k] = sum;
  }
  return a.scores;
}

const toMaps = new Float64Array(MAPS);

/** Adds the gradient of the cross-entropy of one image to `g`; `a` as `forward` left it. */
export function backward(w: Weights, x: ArrayLike<number>, label: number, a: Activations, g: Weights): void {
  const largest = Math.max(...a.scores);
  const powers = a.scores.map((score) => Math.exp(score - largest));
  const total = powers.reduce((sum, power) => sum + power, 0);
  const toScores = powers.map((power, k) => power / total - (k === label ? 1 : 0));
  toMaps.fill(0);
  for (let k = 0; k < CLASSES; k++) {
    g.dense2Bias[k] += toScores[k];
    for (let h = 0; h < HIDDEN; h++) g.dense2[k * HIDDEN + h] += toScores[k] * a.hiddenSquared[h];
  }
  for (let h = 0; h < HIDDEN; h++) {
    let sum = 0;
    for (let k = 0; k < CLASSES; k++) sum += toScores[k] * w.dense2[k * HIDDEN + h];
    const d = 2 * a.hidden[h] * sum;
    g.dense1Bias[h] += d;
    for (let m = 0; m < MAPS; m++) {
      g.dense1[h * MAPS + m] += d * a.squared[m];
      toMaps[m] += d * w.dense1[h * MAPS + m];
    }
  }
  for (let c = 0, m = 0; c < CHANNELS; c++) {
    for (let i = 0; i < OUT; i++) {
      for (let j = 0; j < OUT; j++, m++) {
        const d = 2 * a.convolved[m] * toMaps[m];
        g.convolutionBias[c] += d;
        for (let u = 0; u < KERNEL; u++) {
          const pixel = (STRIDE * i + u) * SIDE + STRIDE * j;
          const weight = (c * KERNEL + u) * KERNEL;
          for (let v = 0; v < KERNEL; v++) g.convolution[weight + v] += d * x[pixel + v];
        }
      }
    }
  }
}
