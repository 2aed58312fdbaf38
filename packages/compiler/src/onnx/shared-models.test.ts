import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { unzipSync } from 'fflate';
import { parseNpy } from '../npy.ts';
import { importOnnx } from './import-onnx.ts';
import { countOf } from './shapes.ts';
import { assertAgrees, assertModel } from './testing/compare.ts';
import { weights } from './testing/write-model.ts';

const shared = fileURLToPath(new URL('../../../../../shared/data/he-man/', import.meta.url));

/** Samples of an archive of npy arrays, cut into inputs of `size` values. */
function samples(file: string, size: number, limit: number): Float64Array[] {
  const found: Float64Array[] = [];
  for (const bytes of Object.values(unzipSync(readFileSync(file)))) {
    const { values } = parseNpy(bytes);
    for (let at = 0; at + size <= values.length && found.length < limit; at += size) {
      found.push(Float64Array.from(values.subarray(at, at + size)));
    }
  }
  return found;
}

/** An input of that size within the range that an archive's name and single array give. */
function scalarCalibration(file: string, size: number): Float64Array {
  const { values } = parseNpy(Object.values(unzipSync(readFileSync(file)))[0]);
  return Float64Array.from({ length: size }, (_, i) => values[i % values.length]);
}

test('the MNIST networks agree with onnxruntime', async () => {
  const model = `${shared}mnist/mnist.onnx`;
  if (existsSync(model)) {
    const bytes = readFileSync(model);
    for (const x of samples(`${shared}mnist/calibration-data.zip`, 28 * 28, 20)) {
      const graph = await assertAgrees(bytes, { x });
      assert.deepEqual(
        graph.nodes.map((n) => n.kind),
        ['affine', 'product', 'affine', 'product', 'affine'],
      );
    }
    const bad = parseNpy(readFileSync(`${shared}mnist/input.npy`));
    assert.equal(bad.values.length, 32 * 32, 'the file that does not fit the model');
    return;
  }
  await assertModel(squareNetwork, { range: 1 });
});

/** The shape of HE-MAN's demo network, for where the shared data is not. */
const squareNetwork = {
  opset: 9,
  input: [1, 1, 28, 28],
  constants: {
    w: weights([4, 1, 7, 7]),
    b: weights([4], 2),
    w1: weights([256, 30], 3, 0.1),
    b1: weights([30], 4),
    w2: weights([30, 10], 5, 0.1),
    b2: weights([10], 6),
  },
  nodes: [
    { op: 'Conv', inputs: ['x', 'w', 'b'], outputs: ['c'], attributes: { strides: [3, 3] } },
    { op: 'Mul', inputs: ['c', 'c'], outputs: ['s'] },
    { op: 'Flatten', inputs: ['s'], outputs: ['f'] },
    { op: 'Gemm', inputs: ['f', 'w1', 'b1'], outputs: ['g'] },
    { op: 'Mul', inputs: ['g', 'g'], outputs: ['h'] },
    { op: 'Gemm', inputs: ['h', 'w2', 'b2'], outputs: ['y'] },
  ],
};

test('every test model of HE-MAN agrees with onnxruntime on its calibration ranges', async () => {
  const folder = `${shared}test-models`;
  if (!existsSync(folder)) {
    await assertModel(squareNetwork, { range: 4 });
    return;
  }
  const archives = readdirSync(`${folder}/calibration-data`);
  let models = 0;
  for (const group of ['models', 'models-approximated', 'models-fixed-depth']) {
    for (const file of readdirSync(`${folder}/${group}`)) {
      const bytes = readFileSync(`${folder}/${group}/${file}`);
      const size = countOf(importOnnx(bytes).input.shape);
      for (const archive of archives) {
        await assertAgrees(bytes, {
          x: scalarCalibration(`${folder}/calibration-data/${archive}`, size),
        });
      }
      // The archives hold constants; numbers that differ find a permutation gone wrong.
      await assertAgrees(bytes);
      models++;
    }
  }
  assert.ok(models >= 20, `only ${models} models were found`);
});
