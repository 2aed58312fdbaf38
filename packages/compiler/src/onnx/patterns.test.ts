/** Patterns that exporters write, and final steps: recognised, and equal to onnxruntime. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { runGraph } from '../graph/run.ts';
import { importOnnx } from './import-onnx.ts';
import { DATA_TYPE } from './schema.ts';
import { assertClose, assertModel, type CompareOptions } from './testing/compare.ts';
import { cases, chain, w } from './testing/specs.ts';
import { float, ints, type ModelSpec, type NodeSpec, scalar, writeModel } from './testing/write-model.ts';

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
