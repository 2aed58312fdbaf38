/** Every operator against onnxruntime, at least once in each form that its opsets know. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { runGraph } from '../graph/run.ts';
import { importOnnx } from './import-onnx.ts';
import { DATA_TYPE } from './schema.ts';
import { assertClose, assertModel, type CompareOptions } from './testing/compare.ts';
import {
  float,
  ints,
  type ModelSpec,
  type NodeSpec,
  scalar,
  type TensorSpec,
  weights,
  writeModel,
} from './testing/write-model.ts';

type Constants = Record<string, TensorSpec>;

/** One node on "x". */
const single = (
  op: string,
  input: number[],
  attributes: NodeSpec['attributes'] = {},
  constants: Constants = {},
  opset = 17,
): ModelSpec => ({
  opset,
  input,
  constants,
  nodes: [{ op, inputs: ['x', ...Object.keys(constants)], attributes }],
});

function cases(name: string, specs: Record<string, ModelSpec>, options?: CompareOptions): void {
  describe(name, () => {
    for (const [what, spec] of Object.entries(specs))
      test(what, async () => void (await assertModel(spec, options)));
  });
}

const w = (...shape: number[]): TensorSpec => weights(shape, shape.length + 1);

cases('Conv', {
  '1-D with bias': single('Conv', [1, 2, 9], { pads: [1, 2] }, { w: w(3, 2, 3), b: w(3) }),
  '2-D, strides, dilations and uneven pads': single(
    'Conv',
    [1, 2, 9, 8],
    { strides: [2, 3], dilations: [2, 1], pads: [1, 0, 2, 3] },
    { w: w(4, 2, 3, 2) },
  ),
  '3-D': single('Conv', [1, 2, 4, 5, 4], { strides: [1, 2, 1] }, { w: w(2, 2, 2, 3, 2) }),
  groups: single('Conv', [1, 4, 5, 5], { group: 2 }, { w: w(6, 2, 3, 3), b: w(6) }),
  depthwise: single('Conv', [1, 3, 6, 6], { group: 3 }, { w: w(3, 1, 3, 3) }),
  'depthwise with a multiplier': single('Conv', [1, 3, 4, 4], { group: 3 }, { w: w(6, 1, 3, 3) }),
  SAME_UPPER: single('Conv', [1, 1, 7, 8], { auto_pad: 'SAME_UPPER', strides: [2, 3] }, { w: w(2, 1, 4, 4) }),
  SAME_LOWER: single('Conv', [1, 1, 7, 8], { auto_pad: 'SAME_LOWER', strides: [2, 3] }, { w: w(2, 1, 4, 4) }),
  VALID: single('Conv', [1, 1, 7, 8], { auto_pad: 'VALID' }, { w: w(2, 1, 4, 4) }),
  'a batch of two': single('Conv', [2, 2, 4, 4], {}, { w: w(3, 2, 2, 2), b: w(3) }),
});

cases('ConvTranspose', {
  '1-D': single('ConvTranspose', [1, 2, 5], { strides: [2] }, { w: w(2, 3, 3) }),
  '2-D, pads, dilations, output_padding': single(
    'ConvTranspose',
    [1, 2, 4, 5],
    { strides: [2, 3], pads: [1, 0, 0, 1], dilations: [1, 2], output_padding: [1, 2] },
    { w: w(2, 3, 3, 2), b: w(3) },
  ),
  '3-D': single('ConvTranspose', [1, 1, 2, 3, 2], { strides: [2, 1, 2] }, { w: w(1, 2, 2, 2, 3) }),
  groups: single('ConvTranspose', [1, 4, 4, 4], { group: 2 }, { w: w(4, 3, 2, 2) }),
  output_shape: single(
    'ConvTranspose',
    [1, 1, 4, 4],
    { strides: [2, 2], output_shape: [8, 8] },
    { w: w(1, 2, 3, 3) },
  ),
  SAME_UPPER: single(
    'ConvTranspose',
    [1, 1, 4, 4],
    { strides: [2, 2], auto_pad: 'SAME_UPPER' },
    { w: w(1, 2, 3, 3) },
  ),
});

cases('Gemm', {
  plain: single('Gemm', [2, 3], {}, { w: w(3, 4), c: w(4) }),
  'alpha, beta, transB': single(
    'Gemm',
    [1, 3],
    { alpha: float(0.5), beta: float(-2), transB: 1 },
    { w: w(4, 3), c: w(1, 4) },
  ),
  transA: single('Gemm', [3, 2], { transA: 1 }, { w: w(3, 4), c: w(2, 1) }),
  'without C (opset 11)': single('Gemm', [1, 3], {}, { w: w(3, 2) }, 11),
  'constant on the left, encrypted C': {
    input: [3, 3],
    constants: { w: w(2, 3), zero: ints(0), two: ints(2) },
    nodes: [
      { op: 'Slice', inputs: ['x', 'zero', 'two'], outputs: ['c'] },
      { op: 'Gemm', inputs: ['w', 'x', 'c'], attributes: { beta: float(0.5), transB: 1 } },
    ],
  },
});

cases('MatMul', {
  'constant on the right': single('MatMul', [2, 3], {}, { w: w(3, 4) }),
  'constant on the left': {
    input: [3, 2],
    constants: { w: w(4, 3) },
    nodes: [{ op: 'MatMul', inputs: ['w', 'x'] }],
  },
  'batched with a shared constant': single('MatMul', [2, 2, 3], {}, { w: w(3, 4) }),
  'batched constant': single('MatMul', [2, 1, 2, 3], {}, { w: w(4, 3, 2) }),
  'batched constant on the left': {
    input: [3, 2],
    constants: { w: w(2, 4, 3) },
    nodes: [{ op: 'MatMul', inputs: ['w', 'x'] }],
  },
  'vectors on both sides': single('MatMul', [3], {}, { w: w(3) }),
  'a vector on the right': single('MatMul', [2, 3], {}, { w: w(3) }),
});

const chain = (input: number[], constants: Constants, ...nodes: NodeSpec[]): ModelSpec => ({
  input,
  constants,
  nodes,
});

cases('elementwise arithmetic', {
  'Add, broadcast channels': single('Add', [1, 3, 2, 2], {}, { c: w(3, 1, 1) }),
  'Add that widens x': single('Add', [2, 1], {}, { c: w(3, 1, 4) }),
  'Sub, constant first': chain([1, 4], { c: w(4) }, { op: 'Sub', inputs: ['c', 'x'] }),
  'Mul by a scalar': single('Mul', [1, 4], {}, { c: scalar(3) }),
  'Mul that widens x': single('Mul', [1, 4], {}, { c: w(3, 1) }),
  'Div by constants': single('Div', [1, 4], {}, { c: w(4) }),
  'Add of x to its mean': chain(
    [1, 2, 3],
    {},
    { op: 'ReduceMean', inputs: ['x'], outputs: ['m'], attributes: { axes: [2] } },
    { op: 'Sub', inputs: ['x', 'm'] },
  ),
  'Mul of tensors with broadcasting (squeeze and excitation)': chain(
    [1, 3, 2, 2],
    {},
    { op: 'GlobalAveragePool', inputs: ['x'], outputs: ['g'] },
    { op: 'Sigmoid', inputs: ['g'], outputs: ['s'] },
    { op: 'Mul', inputs: ['x', 's'] },
  ),
  'a square': chain([1, 5], {}, { op: 'Mul', inputs: ['x', 'x'] }),
  'x - x': chain(
    [1, 3],
    { c: w(3) },
    { op: 'Sub', inputs: ['x', 'x'], outputs: ['z'] },
    { op: 'Add', inputs: ['z', 'c'] },
  ),
  Neg: single('Neg', [1, 4]),
  'Sum of three': chain([1, 4], { c: w(1) }, { op: 'Sum', inputs: ['x', 'c', 'x'] }),
  Mean: chain([1, 4], { c: w(4) }, { op: 'Mean', inputs: ['x', 'c'] }),
  'Pow 1': single('Pow', [1, 4], {}, { e: scalar(1) }),
  'Pow 2': single('Pow', [1, 4], {}, { e: scalar(2) }),
  'Pow 3': single('Pow', [1, 4], {}, { e: { shape: [1], values: [3] } }),
  'Pow 7': single('Pow', [1, 4], {}, { e: scalar(7) }),
  'Where with a constant mask': chain(
    [1, 4],
    { m: { type: DATA_TYPE.BOOL, shape: [4], values: [1, 0, 0, 1] }, c: scalar(5) },
    { op: 'Where', inputs: ['m', 'x', 'c'] },
  ),
});

cases('reductions', {
  'ReduceSum, axes input': single('ReduceSum', [2, 3, 4], {}, { a: ints(-1, 0) }),
  'ReduceSum, axes attribute': single('ReduceSum', [2, 3, 4], { axes: [1], keepdims: 0 }, {}, 11),
  'ReduceSum of everything': single('ReduceSum', [2, 3]),
  'ReduceSum, nothing to do': single('ReduceSum', [2, 3], { noop_with_empty_axes: 1 }),
  'ReduceMean, axes attribute': single('ReduceMean', [2, 3, 4], { axes: [0, 2] }, {}, 13),
  'ReduceMean, axes input': single('ReduceMean', [2, 3, 4], { keepdims: 0 }, { a: ints(2) }, 18),
  GlobalAveragePool: single('GlobalAveragePool', [1, 3, 4, 5]),
  BatchNormalization: single(
    'BatchNormalization',
    [1, 3, 2, 2],
    { epsilon: float(1e-3) },
    { s: w(3), b: w(3), m: w(3), v: { shape: [3], values: [0.5, 1, 2] } },
  ),
  'BatchNormalization of a matrix, opset 9': single(
    'BatchNormalization',
    [2, 3],
    {},
    { s: w(3), b: w(3), m: w(3), v: { shape: [3], values: [0.5, 1, 2] } },
    9,
  ),
});

cases('pools', {
  'AveragePool 1-D': single('AveragePool', [1, 2, 9], { kernel_shape: [2], strides: [2] }),
  'AveragePool 3-D': single('AveragePool', [1, 1, 4, 4, 4], { kernel_shape: [2, 2, 2] }),
  'AveragePool, pads not counted': single('AveragePool', [1, 1, 5, 5], {
    kernel_shape: [3, 3],
    pads: [1, 1, 1, 1],
  }),
  'AveragePool, pads counted': single('AveragePool', [1, 1, 5, 5], {
    kernel_shape: [3, 3],
    pads: [1, 1, 1, 1],
    count_include_pad: 1,
  }),
  'AveragePool, ceil_mode': single('AveragePool', [1, 1, 6, 7], {
    kernel_shape: [3, 3],
    strides: [2, 2],
    ceil_mode: 1,
  }),
  'AveragePool, ceil_mode and pads counted': single(
    'AveragePool',
    [1, 1, 6, 6],
    { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 0, 0], ceil_mode: 1, count_include_pad: 1 },
    {},
    19,
  ),
  'AveragePool, dilations (opset 19)': single(
    'AveragePool',
    [1, 1, 7, 7],
    { kernel_shape: [2, 2], dilations: [2, 3] },
    {},
    19,
  ),
  'AveragePool, SAME_UPPER': single('AveragePool', [1, 1, 7, 7], {
    kernel_shape: [2, 2],
    strides: [2, 2],
    auto_pad: 'SAME_UPPER',
  }),
  'MaxPool 2x2': single('MaxPool', [1, 2, 4, 4], { kernel_shape: [2, 2], strides: [2, 2] }),
  'MaxPool with pads': single('MaxPool', [1, 1, 5, 5], {
    kernel_shape: [3, 3],
    strides: [2, 2],
    pads: [1, 1, 1, 1],
  }),
  'MaxPool with dilations and ceil_mode': single('MaxPool', [1, 1, 8, 8], {
    kernel_shape: [2, 2],
    strides: [3, 3],
    dilations: [2, 2],
    ceil_mode: 1,
  }),
  GlobalMaxPool: single('GlobalMaxPool', [1, 2, 3, 2]),
});

cases('activations', {
  Relu: single('Relu', [1, 9]),
  LeakyRelu: single('LeakyRelu', [1, 9], { alpha: float(0.2) }),
  'PRelu by channel': single('PRelu', [1, 3, 2, 2], {}, { s: w(3, 1, 1) }),
  'PRelu with one slope': single('PRelu', [1, 4], {}, { s: { shape: [1], values: [0.25] } }),
  'Sigmoid before a layer': chain(
    [1, 4],
    { w: w(4, 2) },
    { op: 'Sigmoid', inputs: ['x'], outputs: ['s'] },
    { op: 'MatMul', inputs: ['s', 'w'] },
  ),
  HardSigmoid: single('HardSigmoid', [1, 9], { alpha: float(0.3) }),
  Tanh: single('Tanh', [1, 9]),
  'Gelu by erf': chain(
    [1, 9],
    { r: scalar(Math.SQRT2), one: scalar(1), half: scalar(0.5) },
    { op: 'Div', inputs: ['x', 'r'], outputs: ['d'] },
    { op: 'Erf', inputs: ['d'], outputs: ['e'] },
    { op: 'Add', inputs: ['e', 'one'], outputs: ['p'] },
    { op: 'Mul', inputs: ['x', 'p'], outputs: ['m'] },
    { op: 'Mul', inputs: ['m', 'half'] },
  ),
  Gelu: single('Gelu', [1, 9], {}, {}, 20),
  Erf: single('Erf', [1, 9]),
  Softplus: single('Softplus', [1, 9]),
  HardSwish: single('HardSwish', [1, 9]),
  'Clip, inputs': single('Clip', [1, 9], {}, { a: scalar(-0.5), b: scalar(1) }),
  'Clip, attributes': single('Clip', [1, 9], { min: float(0), max: float(0.7) }, {}, 7),
  'Clip below only': single('Clip', [1, 9], {}, { a: scalar(-0.5) }),
  'Clip above only': chain([1, 9], { b: scalar(0.5) }, { op: 'Clip', inputs: ['x', '', 'b'] }),
  'Max with a constant': single('Max', [1, 9], {}, { c: scalar(0.3) }),
  'Min with a constant': single('Min', [1, 9], {}, { c: scalar(0.3) }),
  Exp: single('Exp', [1, 9]),
  Abs: single('Abs', [1, 9]),
  'Sqrt of a square': chain(
    [1, 9],
    {},
    { op: 'Mul', inputs: ['x', 'x'], outputs: ['s'] },
    { op: 'Sqrt', inputs: ['s'] },
  ),
  Elu: single('Elu', [1, 9], { alpha: float(1.5) }),
  Selu: single('Selu', [1, 9]),
  Celu: single('Celu', [1, 9], { alpha: float(0.7) }),
});

cases('movement', {
  'Flatten, axis 2': single('Flatten', [2, 3, 4], { axis: 2 }),
  'Flatten, axis 0': single('Flatten', [2, 3, 4], { axis: 0 }),
  'Flatten, axis -1': single('Flatten', [2, 3, 4], { axis: -1 }, {}, 13),
  'Reshape with 0 and -1': single('Reshape', [2, 3, 4], {}, { s: ints(0, -1) }),
  Transpose: single('Transpose', [2, 3, 4], { perm: [2, 0, 1] }),
  'Transpose, default': single('Transpose', [2, 3, 4]),
  'Transpose of ones': single('Transpose', [1, 1, 4], { perm: [1, 2, 0] }),
  'Squeeze, attribute': single('Squeeze', [1, 3, 1], { axes: [2] }, {}, 11),
  'Squeeze, input': single('Squeeze', [1, 3, 1], {}, { a: ints(-1) }),
  'Squeeze all': single('Squeeze', [1, 3, 1]),
  'Unsqueeze, attribute': single('Unsqueeze', [3], { axes: [0, 2] }, {}, 11),
  'Unsqueeze, input': single('Unsqueeze', [3], {}, { a: ints(-1, 0) }),
  'Slice, attributes': single('Slice', [4, 5], { starts: [1, -3], ends: [3, 1000] }, {}, 9),
  'Slice, negative step': single(
    'Slice',
    [4, 5],
    {},
    { s: ints(-1), e: ints(-1000), a: ints(1), t: ints(-2) },
  ),
  'Split, equal': {
    opset: 13,
    input: [4, 4],
    nodes: [
      { op: 'Split', inputs: ['x'], outputs: ['a', 'b'], attributes: { axis: 1 } },
      { op: 'Mul', inputs: ['a', 'b'] },
    ],
  },
  'Split, attribute': {
    opset: 11,
    input: [6, 2],
    nodes: [
      { op: 'Split', inputs: ['x'], outputs: ['a', 'b', 'c'], attributes: { split: [1, 2, 3] } },
      { op: 'Identity', inputs: ['c'] },
    ],
  },
  'Split, num_outputs': {
    opset: 18,
    input: [5, 2],
    nodes: [
      { op: 'Split', inputs: ['x'], outputs: ['a', 'b'], attributes: { num_outputs: 2 } },
      { op: 'Identity', inputs: ['b'] },
    ],
  },
  'Concat with a constant and itself': chain(
    [2, 2],
    { c: w(2, 3) },
    { op: 'Concat', inputs: ['x', 'c', 'x'], attributes: { axis: -1 } },
  ),
  'Pad, constant': single('Pad', [2, 3], {}, { p: ints(1, 0, 2, 1), v: scalar(0.5) }),
  'Pad, opset 2 attributes': single('Pad', [2, 3], { pads: [1, 0, 2, 1], value: float(-1) }, {}, 7),
  'Pad, edge': single('Pad', [2, 3], { mode: 'edge' }, { p: ints(1, 2, 0, 1) }),
  'Pad, reflect': single('Pad', [3, 4], { mode: 'reflect' }, { p: ints(2, 3, 1, 0) }),
  'Pad, negative': single('Pad', [3, 4], {}, { p: ints(-1, 1, 0, -2) }),
  'Pad, axes (opset 18)': {
    opset: 18,
    input: [3, 4],
    constants: { p: ints(1, 2), a: ints(1) },
    nodes: [{ op: 'Pad', inputs: ['x', 'p', '', 'a'] }],
  },
  Identity: single('Identity', [1, 3]),
  Dropout: single('Dropout', [1, 3]),
  'Cast to float': single('Cast', [1, 3], { to: DATA_TYPE.FLOAT }),
  'Gather of rows': single(
    'Gather',
    [4, 3],
    {},
    { i: { type: DATA_TYPE.INT64, shape: [2, 2], values: [0, -1, 2, 2] } },
  ),
  'Gather, axis 1': single('Gather', [2, 3], { axis: 1 }, { i: ints(2, 0) }),
  'Gather of one column': single(
    'Gather',
    [2, 3],
    { axis: 1 },
    { i: { type: DATA_TYPE.INT64, shape: [], values: [1] } },
  ),
  Expand: single('Expand', [3, 1], {}, { s: ints(2, 1, 4) }),
  Tile: single('Tile', [2, 3], {}, { r: ints(2, 3) }),
  'DepthToSpace DCR': single('DepthToSpace', [1, 8, 2, 3], { blocksize: 2 }),
  'DepthToSpace CRD': single('DepthToSpace', [1, 8, 2, 3], { blocksize: 2, mode: 'CRD' }),
});

describe('patterns of exporters', () => {
  const types = (spec: ModelSpec, options?: CompareOptions) =>
    assertModel(spec, options).then((g) => g.nodes.map((n) => (n.kind === 'function' ? n.fn.type : n.kind)));

  test('GELU by erf is one function in every order of its factors', async () => {
    const constants = { r: scalar(Math.SQRT1_2), one: scalar(1), half: scalar(0.5) };
    const erf: NodeSpec[] = [
      { op: 'Mul', inputs: ['r', 'x'], outputs: ['d'] },
      { op: 'Erf', inputs: ['d'], outputs: ['e'] },
      { op: 'Add', inputs: ['one', 'e'], outputs: ['p'] },
    ];
    const orders: NodeSpec[][] = [
      [
        { op: 'Mul', inputs: ['x', 'half'], outputs: ['h'] },
        { op: 'Mul', inputs: ['h', 'p'] },
      ],
      [
        { op: 'Mul', inputs: ['half', 'p'], outputs: ['h'] },
        { op: 'Mul', inputs: ['h', 'x'] },
      ],
    ];
    for (const order of orders) {
      assert.deepEqual(await types(chain([1, 9], constants, ...erf, ...order)), ['gelu']);
    }
  });

  test('a GELU of other units keeps its scalings', async () => {
    const spec = chain(
      [1, 9],
      { one: scalar(1) },
      { op: 'Erf', inputs: ['x'], outputs: ['e'] },
      { op: 'Add', inputs: ['e', 'one'], outputs: ['p'] },
      { op: 'Mul', inputs: ['p', 'x'] },
    );
    assert.deepEqual(await types(spec), ['affine', 'gelu', 'affine']);
  });

  test('x * sigmoid(x) is SiLU, and so is x * sigmoid(1.702 x) with scalings', async () => {
    const plain = chain(
      [1, 9],
      {},
      { op: 'Sigmoid', inputs: ['x'], outputs: ['s'] },
      { op: 'Mul', inputs: ['x', 's'] },
    );
    assert.deepEqual(await types(plain), ['silu']);
    const quick = chain(
      [1, 9],
      { k: scalar(1.702) },
      { op: 'Mul', inputs: ['x', 'k'], outputs: ['z'] },
      { op: 'Sigmoid', inputs: ['z'], outputs: ['s'] },
      { op: 'Mul', inputs: ['s', 'x'] },
    );
    assert.deepEqual(await types(quick), ['affine', 'silu', 'affine']);
  });

  test('x * relu6(x + 3) / 6 and x * HardSigmoid(x) are HardSwish', async () => {
    const clip = chain(
      [1, 9],
      { three: scalar(3), low: scalar(0), six: scalar(6) },
      { op: 'Add', inputs: ['x', 'three'], outputs: ['a'] },
      { op: 'Clip', inputs: ['a', 'low', 'six'], outputs: ['c'] },
      { op: 'Mul', inputs: ['x', 'c'], outputs: ['m'] },
      { op: 'Div', inputs: ['m', 'six'] },
    );
    assert.deepEqual(await types(clip, { range: 5 }), ['hardswish']);
    const sigmoid = chain(
      [1, 9],
      {},
      { op: 'HardSigmoid', inputs: ['x'], outputs: ['s'], attributes: { alpha: float(1 / 6) } },
      { op: 'Mul', inputs: ['x', 's'] },
    );
    assert.deepEqual(await types(sigmoid, { range: 5 }), ['hardswish']);
  });

  test('a shape computed at run time folds away', async () => {
    const spec: ModelSpec = {
      input: ['batch', 2, 3, 4],
      constants: {
        zero: { type: DATA_TYPE.INT64, shape: [], values: [0] },
        rest: ints(-1),
        axis: ints(0),
        w: w(24, 3),
      },
      nodes: [
        { op: 'Shape', inputs: ['x'], outputs: ['shape'] },
        { op: 'Gather', inputs: ['shape', 'zero'], outputs: ['n'] },
        { op: 'Unsqueeze', inputs: ['n', 'axis'], outputs: ['n1'] },
        { op: 'Concat', inputs: ['n1', 'rest'], outputs: ['to'], attributes: { axis: 0 } },
        { op: 'Cast', inputs: ['to'], outputs: ['to64'], attributes: { to: DATA_TYPE.INT64 } },
        { op: 'Reshape', inputs: ['x', 'to64'], outputs: ['flat'] },
        { op: 'MatMul', inputs: ['flat', 'w'] },
      ],
    };
    assert.deepEqual(await types(spec), ['affine']);
  });

  test('weights computed from constants fold, by the operators themselves', async () => {
    const spec: ModelSpec = {
      input: [1, 4],
      constants: { a: w(3, 5), b: w(5, 4), s: scalar(0.5), perm: ints(1, 0) },
      nodes: [
        { op: 'MatMul', inputs: ['a', 'b'], outputs: ['ab'] },
        { op: 'Transpose', inputs: ['ab'], outputs: ['t'], attributes: { perm: [1, 0] } },
        { op: 'Tanh', inputs: ['t'], outputs: ['th'] },
        { op: 'Mul', inputs: ['th', 's'], outputs: ['w'] },
        { op: 'MatMul', inputs: ['x', 'w'] },
      ],
    };
    assert.deepEqual(await types(spec), ['affine']);
  });
});

cases('constants', {
  'Constant nodes in every form': chain(
    [1, 3],
    {},
    { op: 'Constant', inputs: [], outputs: ['a'], attributes: { value: { tensor: w(3) } } },
    { op: 'Constant', inputs: [], outputs: ['b'], attributes: { value_float: float(0.5) } },
    { op: 'Constant', inputs: [], outputs: ['s'], attributes: { value_ints: [3, 1] } },
    { op: 'Constant', inputs: [], outputs: ['i'], attributes: { value_int: 1 } },
    { op: 'Add', inputs: ['x', 'a'], outputs: ['p'] },
    { op: 'Mul', inputs: ['p', 'b'], outputs: ['q'] },
    { op: 'Reshape', inputs: ['q', 's'], outputs: ['r'] },
    { op: 'Gather', inputs: ['r', 'i'] },
  ),
  'Range, ConstantOfShape, Where, Equal and integer division': chain(
    [1, 6],
    {
      zero: { type: DATA_TYPE.INT64, shape: [], values: [0] },
      one: { type: DATA_TYPE.INT64, shape: [], values: [1] },
      two: { type: DATA_TYPE.INT64, shape: [], values: [2] },
      six: { type: DATA_TYPE.INT64, shape: [], values: [6] },
      shape: ints(6),
    },
    { op: 'Range', inputs: ['zero', 'six', 'one'], outputs: ['r'] },
    { op: 'Div', inputs: ['r', 'two'], outputs: ['d'] },
    { op: 'Equal', inputs: ['d', 'one'], outputs: ['e'] },
    {
      op: 'ConstantOfShape',
      inputs: ['shape'],
      outputs: ['c'],
      attributes: { value: { tensor: { type: DATA_TYPE.INT64, shape: [1], values: [7] } } },
    },
    { op: 'Where', inputs: ['e', 'c', 'd'], outputs: ['v'] },
    { op: 'Cast', inputs: ['v'], outputs: ['f'], attributes: { to: DATA_TYPE.FLOAT } },
    { op: 'Mul', inputs: ['x', 'f'] },
  ),
});

describe('final steps', () => {
  const logits: NodeSpec = { op: 'MatMul', inputs: ['x', 'w'], outputs: ['logits'] };
  const constants = { w: w(4, 3) };
  const x = [0.1, -0.4, 0.7, 0.9];
  const graphOf = (...nodes: NodeSpec[]) =>
    importOnnx(writeModel({ input: [1, 4], constants, nodes: [logits, ...nodes] }));

  test('Softmax, ArgMax and Sigmoid are left to the client', () => {
    const plain = graphOf();
    const steps: [NodeSpec[], string][] = [
      [[{ op: 'Softmax', inputs: ['logits'] }], 'softmax'],
      [[{ op: 'Sigmoid', inputs: ['logits'] }], 'sigmoid'],
      [[{ op: 'ArgMax', inputs: ['logits'], attributes: { axis: 1 } }], 'argmax'],
      [
        [
          { op: 'Softmax', inputs: ['logits'], outputs: ['p'] },
          { op: 'ArgMax', inputs: ['p'], outputs: ['c'], attributes: { axis: 1, keepdims: 0 } },
          { op: 'Cast', inputs: ['c'], attributes: { to: DATA_TYPE.INT32 } },
        ],
        'argmax',
      ],
    ];
    for (const [nodes, final] of steps) {
      const graph = graphOf(...nodes);
      assert.equal(graph.final, final);
      assert.deepEqual(graph.output.shape, [1, 3]);
      assertClose(runGraph(graph, x)[graph.output.value], runGraph(plain, x)[plain.output.value], 1e-12);
    }
  });

  test('before opset 13 Softmax takes all dimensions from its axis on as classes', () => {
    const nodes: NodeSpec[] = [{ op: 'Softmax', inputs: ['x'] }];
    const old = importOnnx(writeModel({ opset: 12, input: [1, 4, 3], nodes }));
    assert.deepEqual(old.output.shape, [1, 12]);
    const recent = importOnnx(writeModel({ opset: 13, input: [1, 4, 3], nodes }));
    assert.deepEqual(recent.output.shape, [1, 4, 3]);
  });
});
