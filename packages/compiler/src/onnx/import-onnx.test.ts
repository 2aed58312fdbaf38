/** What is refused, and how; and the limits in time and memory. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ImportError } from '../errors.ts';
import { runGraph } from '../graph/run.ts';
import { entryCount } from '../graph/sparse.ts';
import { importOnnx } from './import-onnx.ts';
import { DATA_TYPE } from './schema.ts';
import { assertModel } from './testing/compare.ts';
import { ints, type ModelSpec, numbers, scalar, weights, writeModel } from './testing/write-model.ts';

function refusal(spec: ModelSpec): ImportError {
  try {
    importOnnx(writeModel(spec));
  } catch (error) {
    assert.ok(error instanceof ImportError, String(error));
    return error;
  }
  assert.fail('the model was imported');
}

const reasons = (spec: ModelSpec): string => {
  const error = refusal(spec);
  assert.equal(error.code, 'MODEL_REFUSED');
  return error.message;
};

describe('refusals', () => {
  test('name operator, node and reason, all at once', () => {
    const error = refusal({
      input: [1, 4],
      constants: { w: weights([5, 3]) },
      nodes: [
        { op: 'LSTM', name: 'rnn', inputs: ['x'], outputs: ['a'] },
        { op: 'Relu', name: 'behind', inputs: ['a'], outputs: ['b'] },
        { op: 'MatMul', name: 'dense', inputs: ['x', 'w'], outputs: ['c'] },
        { op: 'QuickGelu', name: 'gelu', domain: 'com.microsoft', inputs: ['x'], outputs: ['d'] },
        { op: 'constructor', name: 'odd', inputs: ['x'], outputs: ['e'] },
        { op: 'If', name: 'branch', inputs: ['x'], outputs: ['f'], attributes: { then_branch: 'graph' } },
        { op: 'Sum', name: 'all', inputs: ['b', 'c', 'd', 'e', 'f'], outputs: ['y'] },
      ],
    });
    assert.equal(error.code, 'MODEL_REFUSED');
    assert.deepEqual(
      error.findings.map((f) => f.importer),
      ['LSTM "rnn"', 'MatMul "dense"', 'QuickGelu "gelu"', 'constructor "odd"', 'If "branch"'],
    );
    assert.match(error.message, /MatMul "dense": factors of shape 1 x 4 and 5 x 3 do not fit/);
    assert.match(error.message, /QuickGelu "gelu": domain "com.microsoft"/);
    assert.match(error.message, /If "branch": control flow/);
  });

  test('nodes that the output does not need are not looked at', () => {
    const graph = importOnnx(
      writeModel({
        input: [1, 4],
        nodes: [
          { op: 'LSTM', inputs: ['x'], outputs: ['other'] },
          { op: 'Relu', inputs: ['x'], outputs: ['y'] },
        ],
        outputs: ['y', 'other'],
      }),
    );
    assert.equal(graph.nodes.length, 1);
    assert.match(graph.warnings[0], /output "other" is left out/);
  });

  const one = (op: string, inputs: string[], rest: Partial<ModelSpec> = {}, attributes = {}): ModelSpec => ({
    input: [1, 1, 4, 4],
    nodes: [{ op, inputs, attributes }],
    ...rest,
  });
  const table: Record<string, [ModelSpec, RegExp]> = {
    'division by encrypted values': [
      one('Div', ['c', 'x'], { constants: { c: scalar(1) } }),
      /divides by encrypted/,
    ],
    'division by zero': [one('Div', ['x', 'c'], { constants: { c: scalar(0) } }), /divisor has a zero/],
    'weights that are no numbers': [
      one('Add', ['x', 'c'], { constants: { c: scalar(Number.NaN) } }),
      /NaN or infinity/,
    ],
    'a negative power': [one('Pow', ['x', 'e'], { constants: { e: scalar(-1) } }), /exponent is -1/],
    'a product of two encrypted matrices': [one('MatMul', ['x', 'x']), /both factors/],
    'a cast to integers': [
      one('Cast', ['x'], { outputType: DATA_TYPE.INT64 }, { to: DATA_TYPE.INT64 }),
      /rounds encrypted values to int64/,
    ],
    'a kernel that does not fit': [
      one('Conv', ['x', 'w'], { constants: { w: weights([1, 2, 3, 3]) } }),
      /does not fit an input of shape 1 x 1 x 4 x 4/,
    ],
    'a kernel larger than the image': [
      one('Conv', ['x', 'w'], { constants: { w: weights([1, 1, 5, 5]) } }),
      /larger than the input/,
    ],
    'an encrypted kernel': [
      one('Conv', ['x', 'x']),
      /the kernel \(input 1\) is computed from encrypted data/,
    ],
    'a missing input': [one('Conv', ['x']), /input 1 is missing/],
    'an input nobody makes': [one('Add', ['x', 'nowhere']), /input "nowhere" is made by no earlier node/],
    'a softmax over channels': [one('Softmax', ['x'], {}, { axis: 1 }), /not the innermost/],
    'a reshape to another size': [
      one('Reshape', ['x', 's'], { constants: { s: ints(3, 5) } }),
      /does not reshape to 3 x 5/,
    ],
    'an axis outside': [one('Concat', ['x', 'x'], {}, { axis: 7 }), /axis 7 is outside/],
    'a comparison': [one('Greater', ['x', 'x'], { outputType: DATA_TYPE.BOOL }), /constants only/],
    'batch statistics': [
      one(
        'BatchNormalization',
        ['x', 's', 's', 's', 's'],
        { constants: { s: weights([1]) } },
        { training_mode: 1 },
      ),
      /training_mode/,
    ],
  };
  for (const [what, [spec, message]] of Object.entries(table)) {
    test(what, () => assert.match(reasons(spec), message));
  }

  test('a softmax inside the network', () => {
    const message = reasons({
      input: [1, 4],
      constants: { w: weights([4, 2]) },
      nodes: [
        { op: 'Softmax', name: 'attention', inputs: ['x'], outputs: ['s'] },
        { op: 'MatMul', inputs: ['s', 'w'] },
      ],
    });
    assert.match(message, /Softmax "attention": it is not the last step/);
  });
});

test('double and half precision models', () => {
  const third = 1 / 3;
  const typed = (type: number, values: number[]): ModelSpec => ({
    input: [1, 1],
    inputType: type,
    constants: { c: { type, shape: [1], values } },
    nodes: [{ op: 'Mul', inputs: ['x', 'c'] }],
  });
  const run = (spec: ModelSpec) => {
    const graph = importOnnx(writeModel(spec));
    return runGraph(graph, [3])[graph.output.value][0];
  };
  assert.equal(run(typed(DATA_TYPE.DOUBLE, [third])), 3 * third);
  assert.equal(run(typed(DATA_TYPE.FLOAT16, [0x3e00])), 4.5);
});

describe('the model as a whole', () => {
  const identity = { op: 'Identity', inputs: ['x'] };
  const table: Record<string, [ModelSpec, string, RegExp]> = {
    'an old opset': [{ opset: 6, input: [1], nodes: [identity] }, 'ONNX_OPSET', /opset 6.*version_converter/],
    'a dynamic axis': [
      { input: ['batch', 3, 'height', 8], nodes: [identity] },
      'ONNX_INPUT',
      /axis 2 of input "x" is dynamic \("height"\)/,
    ],
    'two inputs': [
      { input: [1], extraInputs: ['mask'], nodes: [{ op: 'Add', inputs: ['x', 'mask'] }] },
      'ONNX_INPUT',
      /one input, it has "x", "mask"/,
    ],
    'an integer input': [
      { input: [1], inputType: DATA_TYPE.INT64, nodes: [identity] },
      'ONNX_INPUT',
      /int64/,
    ],
    'an enormous input': [{ input: [1, 2 ** 20, 2 ** 20], nodes: [identity] }, 'ONNX_TOO_LARGE', /more than/],
    'a constant output': [
      { input: [1], constants: { c: scalar(1) }, nodes: [{ op: 'Identity', inputs: ['c'] }] },
      'ONNX_OUTPUT',
      /does not depend/,
    ],
    'an output nobody makes': [
      { input: [1], nodes: [identity], outputs: ['y'] },
      'ONNX_OUTPUT',
      /"y" is made by no node/,
    ],
  };
  for (const [what, [spec, code, message]] of Object.entries(table)) {
    test(what, () => {
      const error = refusal(spec);
      assert.equal(error.code, code);
      assert.match(error.message, message);
    });
  }

  test('initializers listed as inputs (IR version 3) and a symbolic batch', async () => {
    const graph = await assertModel({
      irVersion: 3,
      opset: 9,
      input: ['N', 4],
      constants: { w: weights([4, 2]) },
      listConstants: true,
      nodes: [{ op: 'MatMul', inputs: ['x', 'w'] }],
    });
    assert.deepEqual(graph.input.shape, [1, 4]);
  });

  test('small files cannot ask for large memory', () => {
    const huge: ModelSpec[] = [
      {
        input: [1, 1, 2000, 2000],
        constants: { s: ints(2 ** 30, 2 ** 30) },
        nodes: [{ op: 'Expand', inputs: ['x', 's'] }],
      },
      {
        input: [1, 1, 4_000_000],
        nodes: [
          {
            op: 'AveragePool',
            inputs: ['x'],
            attributes: { kernel_shape: [4_000_000], pads: [4_000_000, 4_000_000] },
          },
        ],
      },
      {
        input: [1, 2],
        constants: { s: ints(2 ** 31, 2 ** 31) },
        nodes: [
          { op: 'ConstantOfShape', inputs: ['s'], outputs: ['c'] },
          { op: 'Add', inputs: ['x', 'c'] },
        ],
      },
      {
        input: [1, 1, 1000, 1000],
        constants: { p: ints(0, 0, 0, 0, 2 ** 40, 0, 0, 0) },
        nodes: [{ op: 'Pad', inputs: ['x', 'p'] }],
      },
    ];
    for (const spec of huge) {
      const start = performance.now();
      assert.match(reasons(spec), /too large|above|more than|does not|have shape/);
      assert.ok(performance.now() - start < 2000);
    }
  });
});

test('the tail of MobileFaceNets fuses to one 128 x 15680 matrix in time', () => {
  const bytes = writeModel({
    input: [1, 320, 7, 7],
    constants: { d: weights([320, 1, 7, 7]), db: weights([320], 2), p: weights([128, 320, 1, 1], 3) },
    nodes: [
      { op: 'Conv', inputs: ['x', 'd', 'db'], outputs: ['a'], attributes: { group: 320 } },
      { op: 'Conv', inputs: ['a', 'p'], outputs: ['b'] },
      { op: 'Flatten', inputs: ['b'] },
    ],
  });
  const memory = process.memoryUsage.rss();
  const start = performance.now();
  const graph = importOnnx(bytes);
  const seconds = (performance.now() - start) / 1000;
  assert.ok(seconds < 2, `${seconds} s`);
  assert.ok(process.memoryUsage.rss() - memory < 500 * 2 ** 20);
  const [node] = graph.nodes;
  assert.ok(graph.nodes.length === 1 && node.kind === 'affine');
  const { matrix } = node.terms[0];
  assert.deepEqual([matrix.rows, matrix.columns, entryCount(matrix)], [128, 15680, 128 * 15680]);
  assert.equal(runGraph(graph, numbers(15680))[1].length, 128);
});

test('a LeNet-5 alternates affine nodes and products', () => {
  const pool = { kernel_shape: [2, 2], strides: [2, 2] };
  const bytes = writeModel({
    input: [1, 1, 32, 32],
    constants: {
      c1: weights([6, 1, 5, 5]),
      c2: weights([16, 6, 5, 5]),
      c3: weights([120, 16, 5, 5]),
      f1: weights([84, 120]),
      f2: weights([10, 84]),
      p: ints(0, 0, 0, 0, 0, 0, 0, 0),
    },
    nodes: [
      { op: 'Conv', inputs: ['x', 'c1'], outputs: ['a'] },
      { op: 'Mul', inputs: ['a', 'a'], outputs: ['b'] },
      { op: 'Pad', inputs: ['b', 'p'], outputs: ['c'] },
      { op: 'AveragePool', inputs: ['c'], outputs: ['d'], attributes: pool },
      { op: 'Conv', inputs: ['d', 'c2'], outputs: ['e'] },
      { op: 'Mul', inputs: ['e', 'e'], outputs: ['f'] },
      { op: 'AveragePool', inputs: ['f'], outputs: ['g'], attributes: pool },
      { op: 'Conv', inputs: ['g', 'c3'], outputs: ['h'] },
      { op: 'Mul', inputs: ['h', 'h'], outputs: ['i'] },
      { op: 'Flatten', inputs: ['i'], outputs: ['j'] },
      { op: 'Gemm', inputs: ['j', 'f1'], outputs: ['k'], attributes: { transB: 1 } },
      { op: 'Mul', inputs: ['k', 'k'], outputs: ['l'] },
      { op: 'Gemm', inputs: ['l', 'f2'], outputs: ['y'], attributes: { transB: 1 } },
    ],
  });
  const start = performance.now();
  const graph = importOnnx(bytes);
  assert.ok(performance.now() - start < 2000);
  const kinds = [
    'affine',
    'product',
    'affine',
    'product',
    'affine',
    'product',
    'affine',
    'product',
    'affine',
  ];
  assert.deepEqual(
    graph.nodes.map((n) => n.kind),
    kinds,
  );
});
