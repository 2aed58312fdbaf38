/** Bytes to messages: every way to store a number, and files that are not what they claim. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import onnxProto from 'onnx-proto';
import { ImportError } from '../errors.ts';
import { importOnnx } from './import-onnx.ts';
import { isOnnx, readModel } from './read.ts';
import { DATA_TYPE } from './schema.ts';
import { readTensor } from './tensor-proto.ts';
import { ints, weights, writeModel } from './testing/write-model.ts';

const { onnx } = onnxProto;

const tensor = (fields: object) =>
  readTensor(onnx.TensorProto.encode({ name: 't', ...fields }).finish()).tensor;

const model = writeModel({
  input: [1, 2, 6, 6],
  constants: { w: weights([3, 2, 3, 3]), b: weights([3]), s: ints(0, -1), m: weights([48, 4]) },
  nodes: [
    { op: 'Conv', inputs: ['x', 'w', 'b'], outputs: ['c'], attributes: { pads: [0, 0, 0, 0] } },
    { op: 'Relu', inputs: ['c'], outputs: ['r'] },
    { op: 'Reshape', inputs: ['r', 's'], outputs: ['f'] },
    { op: 'MatMul', inputs: ['f', 'm'], outputs: ['y'] },
  ],
});

describe('tensors', () => {
  const bytesOf = (array: ArrayBufferView) =>
    new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
  const raw: [string, number, ArrayBufferView, number[]][] = [
    ['float', DATA_TYPE.FLOAT, Float32Array.of(1.5, -2), [1.5, -2]],
    ['double', DATA_TYPE.DOUBLE, Float64Array.of(0.1, -2), [0.1, -2]],
    ['int32', DATA_TYPE.INT32, Int32Array.of(-7, 2 ** 30), [-7, 2 ** 30]],
    ['int64', DATA_TYPE.INT64, BigInt64Array.of(-7n, 2n ** 40n), [-7, 2 ** 40]],
    ['uint8', DATA_TYPE.UINT8, Uint8Array.of(255, 1), [255, 1]],
    ['int8', DATA_TYPE.INT8, Int8Array.of(-128, 1), [-128, 1]],
    ['bool', DATA_TYPE.BOOL, Uint8Array.of(2, 0), [1, 0]],
    // 1.5 and -2^-24 (the smallest subnormal) in half precision; 1.5 and -2 as upper halves of float32.
    ['float16', DATA_TYPE.FLOAT16, Uint16Array.of(0x3e00, 0x8001), [1.5, -(2 ** -24)]],
    ['bfloat16', DATA_TYPE.BFLOAT16, Uint16Array.of(0x3fc0, 0xc000), [1.5, -2]],
  ];
  for (const [name, dataType, array, expected] of raw) {
    test(`${name} in raw_data`, () => {
      const read = tensor({ dataType, dims: [2], rawData: bytesOf(array) });
      assert.deepEqual(Array.from(read.values), expected);
    });
  }

  test('typed fields', () => {
    const read = (fields: object) => Array.from(tensor({ dims: [2], ...fields }).values);
    assert.deepEqual(read({ dataType: DATA_TYPE.FLOAT, floatData: [1.5, -2] }), [1.5, -2]);
    assert.deepEqual(read({ dataType: DATA_TYPE.DOUBLE, doubleData: [0.1, 3] }), [0.1, 3]);
    assert.deepEqual(read({ dataType: DATA_TYPE.INT32, int32Data: [-1, 5] }), [-1, 5]);
    assert.deepEqual(read({ dataType: DATA_TYPE.INT8, int32Data: [-1, 5] }), [-1, 5]);
    assert.deepEqual(read({ dataType: DATA_TYPE.INT64, int64Data: [-1, 2 ** 40] }), [-1, 2 ** 40]);
    assert.deepEqual(read({ dataType: DATA_TYPE.FLOAT16, int32Data: [0x3e00, 0xfc00] }), [
      1.5,
      Number.NEGATIVE_INFINITY,
    ]);
  });

  test('what is no tensor of numbers is refused with a code', () => {
    const refused: [object, string][] = [
      [{ dataType: DATA_TYPE.FLOAT, dims: [3], rawData: new Uint8Array(8) }, 'ONNX_TENSOR'],
      [{ dataType: DATA_TYPE.FLOAT, dims: [2], floatData: [1] }, 'ONNX_TENSOR'],
      [{ dataType: DATA_TYPE.FLOAT, dims: [1], floatData: [1, 2] }, 'ONNX_TENSOR'],
      [{ dataType: DATA_TYPE.FLOAT, dims: [2 ** 20], floatData: [1] }, 'ONNX_TENSOR'],
      [{ dataType: DATA_TYPE.FLOAT, dims: [2 ** 20, 2 ** 20] }, 'ONNX_TOO_LARGE'],
      [{ dataType: DATA_TYPE.FLOAT, dims: [-1], floatData: [1] }, 'ONNX_TENSOR'],
      [{ dataType: DATA_TYPE.STRING, dims: [1], stringData: [Buffer.from('a')] }, 'ONNX_TENSOR'],
      [{ dataType: 99, dims: [1], rawData: new Uint8Array(1) }, 'ONNX_TENSOR'],
      [{ dataType: DATA_TYPE.FLOAT, dims: [1], segment: { begin: 0, end: 1 } }, 'ONNX_TENSOR'],
      [
        { dataType: DATA_TYPE.FLOAT, dims: [1], externalData: [{ key: 'location', value: 'w.bin' }] },
        'ONNX_EXTERNAL_DATA',
      ],
      [{ dataType: DATA_TYPE.FLOAT, dims: [1], dataLocation: 1 }, 'ONNX_EXTERNAL_DATA'],
    ];
    for (const [fields, code] of refused) {
      assert.throws(
        () => tensor(fields),
        (e: unknown) => e instanceof ImportError && e.code === code,
        code,
      );
    }
  });
});

test('metadata, producer and opsets are read', () => {
  const bytes = onnx.ModelProto.encode({
    irVersion: 7,
    producerName: 'maker',
    opsetImport: [
      { domain: 'ai.onnx', version: 14 },
      { domain: 'other', version: 2 },
    ],
    metadataProps: [{ key: 'relu_mode', value: 'deg3' }],
    graph: { name: 'g' },
  }).finish();
  const read = readModel(bytes);
  assert.equal(read.irVersion, 7);
  assert.equal(read.producer, 'maker');
  assert.deepEqual(
    [...read.opsets],
    [
      ['', 14],
      ['other', 2],
    ],
  );
  assert.deepEqual([...read.metadata], [['relu_mode', 'deg3']]);
});

describe('hostile files', () => {
  /** Either imported, or refused with a code: never a plain error. */
  const survives = (bytes: Uint8Array): void => {
    try {
      importOnnx(bytes);
    } catch (error) {
      assert.ok(error instanceof ImportError, `${(error as Error).stack}`);
      assert.match(error.code, /^[A-Z_]+$/);
    }
  };

  test('every truncation is refused', () => {
    for (let length = 0; length < model.length; length++) {
      assert.throws(
        () => importOnnx(model.subarray(0, length)),
        (e: unknown) => e instanceof ImportError,
        `cut at ${length}`,
      );
    }
  });

  test('flipped bytes never escape as anything but a coded error', () => {
    const position = fc.integer({ min: 0, max: model.length - 1 });
    const flips = fc.array(fc.tuple(position, fc.integer({ min: 0, max: 255 })), {
      minLength: 1,
      maxLength: 4,
    });
    fc.assert(
      fc.property(flips, (changes) => {
        const bytes = Uint8Array.from(model);
        for (const [at, value] of changes) bytes[at] = value;
        survives(bytes);
      }),
      { numRuns: 4000 },
    );
  });

  test('flipped bytes of the structure, each of them', () => {
    // Up to the first weight lie the nodes; after the last one, the inputs and outputs.
    for (let at = 0; at < model.length; at++) {
      if (at > 400 && at < model.length - 60) continue;
      for (const value of [0, 1, 0x7f, 0x80, 0xff, model[at] ^ 1, model[at] ^ 0x40]) {
        const bytes = Uint8Array.from(model);
        bytes[at] = value;
        survives(bytes);
      }
    }
  });

  test('random bytes are no model', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => survives(bytes)),
      { numRuns: 2000 },
    );
  });

  test('too many nodes', () => {
    const nodes = Array.from({ length: 20_001 }, () => ({
      op: 'Relu',
      name: '',
      inputs: ['x'],
      outputs: ['y'],
    }));
    assert.throws(() => importOnnx(writeModel({ input: [1], nodes })), { code: 'ONNX_TOO_LARGE' });
  });

  test('a long chain of nodes is imported without deep recursion', () => {
    const nodes = Array.from({ length: 5000 }, (_, i) => ({
      op: 'Neg',
      inputs: [i === 0 ? 'x' : `v${i - 1}`],
      outputs: [`v${i}`],
    }));
    assert.equal(importOnnx(writeModel({ input: [1], nodes })).nodes.length, 0);
  });
});

test('isOnnx tells models from other files', () => {
  assert.ok(isOnnx(model));
  for (const text of [
    '',
    '{"class_name": "Sequential"}',
    'PK\u0003\u0004',
    '\u0089HDF\r\n\u001a\n',
    'a,b,c\n1,2,3\n',
  ]) {
    assert.ok(!isOnnx(Buffer.from(text, 'latin1')), text);
  }
  assert.ok(!isOnnx(Buffer.from([0x80, 0x04, 0x95, 0, 0, 0])), 'a pickle');
  assert.ok(!isOnnx(Buffer.from('\u0093NUMPY\u0001', 'latin1')));
});
