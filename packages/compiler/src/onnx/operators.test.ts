import { DATA_TYPE } from './schema.ts';
import { cases, chain, single, w } from './testing/specs.ts';
import { float, ints, scalar } from './testing/write-model.ts';

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
