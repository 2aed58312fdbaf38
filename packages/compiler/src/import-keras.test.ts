import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import type { Group } from 'h5wasm';
import { ImportError } from './errors.ts';
import {
  jsonFile,
  type Variable,
  writeHdf5,
  writeLegacyWeights,
  writeNumberedWeights,
} from './fixtures/write-hdf5.ts';
import { importModel } from './import.ts';
import { type Model, predictPlain } from './model.ts';

interface Recorded {
  architecture: { config: { layers: { class_name: string; config: { name: string } }[] } };
  weights: Record<string, Variable[]>;
  rows: number[][];
  predictions: number[][];
}
const recorded: Recorded[] = JSON.parse(
  readFileSync(new URL('./fixtures/keras3.json', import.meta.url), 'utf8'),
).models;

const hdf5File = async (build: (root: Group) => void) => ({ name: 'w.h5', bytes: await writeHdf5(build) });
const layer = (class_name: string, config: Record<string, unknown>) => ({ class_name, config });
const sequential = (...layers: unknown[]) => ({ class_name: 'Sequential', config: { name: 's', layers } });
const dense = (name: string, units: number, more: Record<string, unknown> = {}) =>
  layer('Dense', { name, units, activation: 'linear', use_bias: true, ...more });
const input = (...shape: number[]) =>
  layer('InputLayer', { name: 'in', batch_input_shape: [null, ...shape] });
const variables = (shape: [number, number], kernel: number[], bias: number[]): Variable[] => [
  { name: 'kernel', shape, values: kernel },
  { name: 'bias', shape: [shape[1]], values: bias },
];

async function load(json: unknown, weights: Record<string, Variable[]>): Promise<Model> {
  return importModel([jsonFile('m.json', json), await hdf5File((root) => writeLegacyWeights(root, weights))]);
}

function agrees(model: Model, { rows, predictions }: Recorded): void {
  rows.forEach((row, r) => {
    predictPlain(model, row).forEach((value, i) => {
      // Keras predicts in float32.
      assert.ok(Math.abs(value - predictions[r][i]) < 2e-7, `row ${r}: ${value} and ${predictions[r][i]}`);
    });
  });
}

/** Group names as Keras 3 chooses them, spelled out for the recorded models. */
const CLASS_GROUPS: Record<string, string>[] = [
  {
    dense_1: 'dense',
    dense_2: 'dense_1',
    dense: 'dense_2',
    batch_normalization: 'batch_normalization',
    batch_normalization_1: 'batch_normalization_1',
  },
  { first: 'dense', second: 'dense_1', third: 'dense_2' },
];

test('predictions of Keras 3 itself are met in every layout of the weights', async () => {
  for (const [index, model] of recorded.entries()) {
    const groups = (withNames: boolean, rename: (layer: string) => string) =>
      Object.entries(model.weights).map(([name, list]) => ({
        group: rename(name),
        variables: list,
        ...(withNames ? { layerName: name } : {}),
      }));
    const numbered = (name: string) => CLASS_GROUPS[index][name];
    const json = jsonFile('config.json', model.architecture);
    const layouts: [string, (root: Group) => void][] = [
      ['legacy', (root) => writeLegacyWeights(root, model.weights)],
      ['numbered, with names', (root) => writeNumberedWeights(root, 'layers', groups(true, numbered))],
      ['numbered, no names', (root) => writeNumberedWeights(root, 'layers', groups(false, numbered))],
      [
        'names stale',
        (root) =>
          writeNumberedWeights(
            root,
            'layers',
            groups(false, numbered).map((g) => ({ ...g, layerName: `x_${g.group}` })),
          ),
      ],
      [
        'checkpoint',
        (root) => writeNumberedWeights(root, '_layer_checkpoint_dependencies', groups(false, numbered)),
      ],
    ];
    for (const [name, build] of layouts) {
      const weights = await hdf5File(build);
      try {
        agrees(await importModel([json, weights]), model);
        agrees(await importModel([weights, json]), model);
      } catch (error) {
        throw new Error(`${name}, model ${index}`, { cause: error });
      }
    }
    const whole = await hdf5File((root) => {
      root.create_attribute('model_config', JSON.stringify(model.architecture));
      writeLegacyWeights(root.create_group('model_weights'), model.weights);
    });
    agrees(await importModel([whole]), model);
  }
});

test('Keras 2: a kernel is inputs x outputs, coefs have the highest degree first', async () => {
  const json = sequential(input(2), dense('d', 3), layer('PolyActivation', { name: 'p', coefs: [2, 0, 1] }));
  const model = await load(json, { d: variables([2, 3], [1, 2, 3, 4, 5, 6], [0, 0, 1]), p: [] });
  assert.deepEqual([model.inputs, model.outputs], [2, 3]);
  assert.deepEqual(model.layers[1], { kind: 'polynomial', name: 'p', coefficients: [1, 0, 2] });
  assert.deepEqual(predictPlain(model, [1, 10]), [1 + 2 * 41 ** 2, 1 + 2 * 52 ** 2, 1 + 2 * 64 ** 2]);
});

test('activations inside Dense, as strings and as Keras 3 objects', async () => {
  const square = {
    module: 'builtins',
    class_name: 'function',
    config: 'Custom>square',
    registered_name: 'function',
  };
  const poly = {
    class_name: 'PolyActivation',
    config: { coefs: [1, 2] },
    registered_name: 'Custom>PolyActivation',
  };
  for (const [activation, more, expected] of [
    ['square', {}, 16],
    [square, {}, 16],
    [poly, {}, 6],
    ['polynomial', { coefs: [1, 2] }, 6],
    ['linear', {}, 4],
    [null, {}, 4],
    ['sigmoid', {}, 1 / (1 + Math.exp(-4))],
  ] as const) {
    const model = await load(sequential(input(1), dense('d', 1, { activation, ...more })), {
      d: variables([1, 1], [1], [3]),
    });
    assert.equal(predictPlain(model, [1])[0], expected);
  }
});

test('adjacent dense layers are fused; Dropout and Flatten disappear', async () => {
  const json = sequential(
    input(1, 2),
    layer('Flatten', { name: 'f' }),
    dense('a', 2),
    layer('Dropout', { name: 'o', rate: 0.5 }),
    dense('b', 1),
    layer('Activation', { name: 'l', activation: 'linear' }),
  );
  const model = await load(json, {
    a: variables([2, 2], [1, 2, 3, 4], [5, 6]),
    b: variables([2, 1], [7, -8], [9]),
  });
  assert.equal(model.layers.length, 1);
  assert.equal(model.layers[0].name, 'a+b');
  assert.deepEqual(predictPlain(model, [1, 10]), [7 * (1 + 30 + 5) - 8 * (2 + 40 + 6) + 9]);
});

test('batch normalisation folds into the dense layer before it, or after it', async () => {
  const normalization = layer('BatchNormalization', {
    name: 'n',
    axis: [1],
    epsilon: 0.25,
    scale: false,
    center: true,
  });
  const n: Variable[] = [
    { name: 'beta', shape: [2], values: [1, 2] },
    { name: 'moving_mean', shape: [2], values: [3, 4] },
    { name: 'moving_variance', shape: [2], values: [0.75, 3.75] },
  ];
  const a = variables([2, 2], [1, 2, 3, 4], [5, 6]);
  const after = await load(sequential(input(2), dense('a', 2), normalization), { a, n });
  assert.deepEqual(predictPlain(after, [1, 10]), [36 - 3 + 1, (48 - 4) / 2 + 2]);
  const before = await load(sequential(input(2), normalization, dense('a', 2)), { a, n });
  const [x, y] = [1 - 3 + 1, (10 - 4) / 2 + 2];
  assert.deepEqual(predictPlain(before, [1, 10]), [x + 3 * y + 5, 2 * x + 4 * y + 6]);
  assert.deepEqual([after.layers.length, before.layers.length], [1, 1]);
});

test('every unsupported layer is named at once, with its reason', async () => {
  const json = sequential(
    input(4),
    dense('one', 3, { activation: 'relu' }),
    dense('two', 3, { activation: 'sigmoid' }),
    layer('LSTM', { name: 'three' }),
    layer('Activation', { name: 'four', activation: 'polynomial' }),
    layer('BatchNormalization', { name: 'five' }),
    layer('Activation', { name: 'six', activation: 'square' }),
    dense('seven', 0),
    dense('eight', 65537),
    dense('nine', 1, { activation: 'softmax' }),
  );
  await assert.rejects(load(json, {}), (error: ImportError) => {
    assert.equal(error.code, 'LAYER_UNSUPPORTED');
    for (const pattern of [
      /"one".*relu/,
      /"two".*sigmoid is only possible at the end/,
      /"three" \(LSTM\)/,
      /"four".*coefs/,
      /"five".*no Dense layer/,
      /"seven".*units is 0/,
      /"eight".*65536/,
      /"nine".*softmax needs/,
    ]) {
      assert.ok(
        error.findings.some(({ reason }) => pattern.test(reason)),
        `${pattern} in ${error.message}`,
      );
      assert.match(error.message, pattern);
    }
    assert.equal(error.findings.length, 8);
    return true;
  });
});

test('shapes that cannot be known or handled are refused', async () => {
  const d = variables([2, 1], [1, 2], [3]);
  for (const [json, pattern] of [
    [sequential(dense('d', 1)), /input shape is unknown/],
    [sequential(input(2, 2), dense('d', 1)), /Flatten/],
    [
      sequential(layer('InputLayer', { name: 'i', batch_shape: [null, null] }), dense('d', 1)),
      /no fixed size/,
    ],
    [sequential(input(70000), dense('d', 1)), /70000 inputs/],
    [sequential(input(2)), /no Dense layer/],
    [sequential(input(2), 'nonsense', dense('d', 1)), /not supported/],
  ] as const) {
    await assert.rejects(load(json, { d }), (error: ImportError) => {
      assert.equal(error.code, 'LAYER_UNSUPPORTED');
      assert.match(error.message, pattern);
      return true;
    });
  }
});

test('weights that do not fit are coded errors', async () => {
  const json = sequential(input(2), dense('d', 1));
  const good = variables([2, 1], [1, 2], [3]);
  const cases: [string, Record<string, Variable[]>][] = [
    ['WEIGHTS_SHAPE', { d: variables([1, 2], [1, 2], [3, 4]) }],
    ['WEIGHTS_SHAPE', { d: [good[0], { name: 'bias', shape: [2], values: [1, 2] }] }],
    ['WEIGHTS_MISSING', { d: [good[0]] }],
    ['WEIGHTS_MISSING', { other: good }],
    ['WEIGHTS_NOT_FINITE', { d: variables([2, 1], [1, Number.NaN], [3]) }],
  ];
  for (const [code, weights] of cases)
    await assert.rejects(load(json, weights), { constructor: ImportError, code });
  await assert.rejects(importModel([jsonFile('m.json', json)]), { code: 'WEIGHTS_MISSING' });
  const nothing = await hdf5File((root) => {
    root.create_group('x');
  });
  await assert.rejects(importModel([jsonFile('m.json', json), nothing]), { code: 'WEIGHTS_LAYOUT' });
  const file = await hdf5File((root) => writeLegacyWeights(root, { d: good }));
  await assert.rejects(importModel([jsonFile('m.json', json), file, file]), { code: 'MODEL_AMBIGUOUS' });
  await assert.rejects(importModel([jsonFile('m', json), jsonFile('n', json), file]), {
    code: 'MODEL_AMBIGUOUS',
  });
  const cut = { name: 'w.h5', bytes: file.bytes.slice(0, 600) };
  await assert.rejects(importModel([jsonFile('m.json', json), cut]), {
    constructor: ImportError,
    code: 'HDF5_INVALID',
  });
});
