import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ElementwiseFunction, Graph } from '../graph/graph.ts';
import { runGraph } from '../graph/run.ts';
import { identity } from '../graph/sparse.ts';
import { calibrate } from './calibrate.ts';
import { compare } from './compare.ts';
import { forward, graphWork, peakElements } from './forward.ts';
import { report } from './report.ts';
import { images, sequential, smallCnn, uniform } from './testing/networks.ts';

const SIZE = 12;
const outputs = (graph: Graph, samples: Float64Array[]) =>
  samples.map((x) => runGraph(graph, x)[graph.output.value]);
const layer = (fn: ElementwiseFunction, size = 4) => sequential([1, size], [{ matrix: identity(size), fn }]);

test('the batched run is runGraph, for any number of samples', () => {
  const graph = smallCnn({ type: 'gelu' });
  for (const count of [1, 3, 4, 5, 9]) {
    const samples = images(count, SIZE);
    const batch = forward(graph, [samples]);
    outputs(graph, samples).forEach((y, s) => {
      y.forEach((v, i) => {
        assert.ok(Math.abs(batch[s][i] - v) < 1e-12);
      });
    });
  }
  // input 144, conv 400 and its relu 400 live together; then the input and two outputs that calibration keeps.
  assert.equal(peakElements(graph), 400 + 400 + 144 + 20);
  assert.ok(graphWork(graph) > 400 * 9 + 128 * 36 + 24 * 128 + 240);
});

test('the default target is reached: decisions agree within a point, and the report says what runGraph finds', () => {
  const graph = smallCnn({ type: 'silu' });
  const samples = images(200, SIZE);
  const c = calibrate(graph, samples);
  assert.ok(c.reached && c.comparison.agreement! >= 0.99);
  const measured = compare(graph, outputs(graph, samples), outputs(c.graph, samples));
  assert.equal(measured.agreement, c.comparison.agreement);
  assert.ok(Math.abs(measured.maxError - c.comparison.maxError) < 1e-9);
  assert.ok(c.graph.nodes.every((n) => n.kind !== 'function' || n.fn.type === 'chebyshev'));
  assert.deepEqual([...c.fits.keys()], [1, 3, 5]);
  const r = report(c);
  for (const f of r.functions) {
    assert.ok(f.domain[0] < f.range.min && f.domain[1] > f.range.max);
    assert.equal(f.depth, Math.ceil(Math.log2(f.degree + 1)));
    assert.equal(f.outside, 0);
    assert.ok(r.text.includes(f.name));
  }
  assert.match(r.text, /same decision {3}\d+\.\d\d %/);
  assert.match(r.text, /reached/);
  assert.equal(r.depth, 4 + r.functions.reduce((sum, f) => sum + f.depth, 0));
  // JSON for files: everything but the text is plain data.
  assert.deepEqual(JSON.parse(JSON.stringify(r)).functions.length, 3);
});

test('a stricter target takes higher degrees and gives a smaller error', () => {
  const graph = smallCnn({ type: 'silu' });
  const samples = images(100, SIZE);
  const loose = calibrate(graph, samples, { target: { outputError: 0.1 } });
  const strict = calibrate(graph, samples, { target: { outputError: 0.002 } });
  assert.ok(loose.reached && strict.reached);
  assert.ok(strict.comparison.relativeError <= 0.002 && loose.comparison.relativeError <= 0.1);
  assert.ok(strict.depth > loose.depth);
});

test('no level is left that the target does not need', () => {
  const graph = smallCnn({ type: 'silu' });
  const samples = images(100, SIZE);
  const target = { outputError: 0.02 };
  const { fits, depth } = calibrate(graph, samples, { target });
  assert.ok([...fits.values()].some((f) => f.approximation.degree > 3));
  const tight = calibrate(graph, samples, { target, maxDepth: depth - 1 });
  assert.ok(!tight.reached && tight.depth < depth);
  assert.match(tight.warnings.join(), /maxDepth \d+ allows no more/);
});

test('the function that matters gets the degrees: one that the output hardly sees keeps 3', () => {
  const size = 8;
  const random = uniform(4);
  const graph: Graph = {
    name: 'branches',
    input: { name: 'x', shape: [1, size] },
    output: { name: 'y', shape: [1, size], value: 3 },
    nodes: [
      { kind: 'function', name: 'faint', value: 0, fn: { type: 'relu' } },
      { kind: 'function', name: 'loud', value: 0, fn: { type: 'relu' } },
      {
        kind: 'affine',
        name: 'sum',
        terms: [
          { value: 1, matrix: identity(size, 0.001) },
          { value: 2, matrix: identity(size) },
        ],
        bias: new Float64Array(size),
      },
    ],
    final: 'none',
    warnings: [],
  };
  const samples = Array.from({ length: 100 }, () => Float64Array.from({ length: size }, random));
  const { fits, reached } = calibrate(graph, samples, { target: { outputError: 0.06 } });
  assert.ok(reached);
  assert.equal(fits.get(0)!.approximation.degree, 3);
  assert.ok(fits.get(1)!.approximation.degree > 7);
});

test('later layers are fitted on what the approximated ones before them give', () => {
  const graph = smallCnn({ type: 'relu' });
  const samples = images(100, SIZE);
  const c = calibrate(graph, samples, { degree: 3, margin: 0 });
  const seen = { min: Number.POSITIVE_INFINITY, max: Number.NEGATIVE_INFINITY };
  for (const x of samples) {
    for (const v of runGraph(c.graph, x)[5]) {
      seen.min = Math.min(seen.min, v);
      seen.max = Math.max(seen.max, v);
    }
  }
  const last = c.graph.nodes[5];
  assert.ok(last.kind === 'function' && last.fn.type === 'chebyshev' && last.value === 5);
  assert.ok(Math.abs(last.fn.domain[0] - seen.min) < 1e-9 && Math.abs(last.fn.domain[1] - seen.max) < 1e-9);
  assert.notEqual(c.exactValues[5].max, c.values[5].max);
});

test('relu mode: the polynomial of numpy.polyfit on 1000 points, the constant dropped on request', () => {
  const samples = [Float64Array.of(-1, 0.5, 1, 2)];
  const fit = (reluMode: string) => calibrate(layer({ type: 'relu' }), samples, { reluMode });
  const at = (reluMode: string, x: number) => runGraph(fit(reluMode).graph, [x, 0, 0, 0])[2][0];
  // Degree 1 in closed form: the regression line of relu over the points.
  const points = Array.from({ length: 1000 }, (_, i) => -1 + (3 * i) / 999);
  const mean = points.reduce((s, x) => s + Math.max(0, x), 0) / 1000;
  const slope =
    points.reduce((s, x) => s + (x - 0.5) * Math.max(0, x), 0) /
    points.reduce((s, x) => s + (x - 0.5) ** 2, 0);
  assert.ok(Math.abs(at('deg1', 1.5) - (mean + slope)) < 1e-12);
  assert.ok(Math.abs(at('DEG1_no_offset', 1.5) - slope * 1.5) < 1e-12);
  assert.ok(Math.abs(at('deg3_no_offset', 0)) < 1e-12 && Math.abs(at('deg3', 0)) > 0.05);
  const c = fit('deg3');
  assert.equal(report(c).functions[0].method, 'polyfit');
  assert.deepEqual(report(c).functions[0].domain, [-1, 2]);
});

test('relu mode on one side of 0: the identity, and a dead layer with a warning, where HE-MAN stops', () => {
  const positive = calibrate(layer({ type: 'relu' }), [[0.5, 1, 2, 3]], { reluMode: 'deg3' });
  assert.ok(positive.graph.nodes.every((n) => n.kind === 'affine'));
  assert.deepEqual(positive.warnings, []);
  const dead = calibrate(layer({ type: 'relu' }), [[-0.5, -1, -2, -3]], { reluMode: 'deg3' });
  assert.match(dead.graph.warnings.join(), /"relu0".*dead/);
});

test('mean-std: mu +- 3 sigma, and a warning with the share that is outside', () => {
  const samples = Array.from({ length: 50 }, (_, s) => Float64Array.of(0.1, -0.1, 0.1, s === 0 ? 9 : -0.1));
  const c = calibrate(layer({ type: 'relu' }), samples, { degree: 3, domainMode: 'mean-std' });
  const { mean, std } = c.exactValues[1];
  const { domain, outside } = c.fits.get(1)!;
  assert.ok(Math.abs(domain[0] - mean + 3 * std) < 1e-12 && Math.abs(domain[1] - mean - 3 * std) < 1e-12);
  assert.equal(outside, 1 / 200);
  assert.match(c.warnings.join(), /0\.50 % of the calibration values are outside/);
});

test('labels: accuracy of both networks, and a target on the difference', () => {
  const graph = smallCnn({ type: 'silu' });
  const samples = images(120, SIZE);
  const labels = outputs(graph, samples).map((y, s) => (s % 10 === 0 ? -1 : y.indexOf(Math.max(...y))));
  const c = calibrate(graph, samples, { labels, target: { accuracyDrop: 0.02 } });
  assert.equal(c.comparison.accuracy!.exact, 0.9);
  assert.ok(c.reached && c.comparison.accuracy!.approximated >= 0.88);
  assert.match(report(c).text, /90\.00 % exact/);
});

test('a stream larger than memory: all of it counts for the ranges, a part is kept', () => {
  const graph = layer({ type: 'silu' }, 1000);
  let walked = 0;
  const capacity = Math.floor(2 ** 20 / (8 * peakElements(graph)));
  function* stream() {
    for (let s = 0; s < 10 * capacity; s++) {
      walked++;
      yield new Float64Array(1000).fill(s === 3 ? -50 : Math.sin(s));
    }
  }
  const c = calibrate(graph, stream(), { memory: 2 ** 20, degree: 7, target: { outputError: 0.5 } });
  assert.equal(walked, 10 * capacity);
  assert.deepEqual(c.samples, { seen: 10 * capacity, kept: capacity });
  assert.equal(c.exactValues[0].min, -50);
  assert.ok(c.fits.get(1)!.domain[0] <= -50, 'also the one that was not kept is inside');
});

test('every function calibrates, and a graph without any needs nothing', () => {
  const samples = images(30, SIZE);
  const functions: ElementwiseFunction[] = [
    { type: 'tanh' },
    { type: 'leakyrelu', alpha: 0.1 },
    { type: 'clip', min: 0, max: 6 },
    { type: 'elu', alpha: 1 },
    { type: 'softplus' },
    { type: 'hardswish' },
    { type: 'abs' },
  ];
  for (const fn of functions) {
    const c = calibrate(smallCnn(fn), samples, { degree: 15 });
    assert.ok(c.comparison.relativeError < 0.3, `${fn.type}: ${c.comparison.relativeError}`);
  }
  const square = calibrate(layer({ type: 'polynomial', coefficients: [0, 0, 1] }), [[1, 2, 3, 4]]);
  assert.deepEqual([square.comparison.maxError, square.reached, square.depth], [0, true, 2]);
  assert.match(report(square).text, /No function needs an approximation/);
  assert.equal(square.integerBits, 5);
});

test('a prelu per element is as good as its polynomial', () => {
  const slopes = Float64Array.of(0, 0.5, 1, -1);
  const random = uniform(9);
  const samples = Array.from({ length: 60 }, () => Float64Array.from({ length: 4 }, random));
  const c = calibrate(layer({ type: 'prelu', slopes }), samples, { degree: 15 });
  assert.ok(c.comparison.maxError <= report(c).functions[0].maxError * 1.001);
  assert.ok(c.comparison.maxError < 0.06);
});

test('a root after an approximated layer stays inside its domain', () => {
  const graph = sequential(
    [1, 3],
    [
      { matrix: identity(3), fn: { type: 'relu' } },
      { matrix: identity(3), fn: { type: 'sqrt' } },
    ],
  );
  const random = uniform(6);
  const samples = Array.from({ length: 50 }, () => Float64Array.from({ length: 3 }, random));
  const c = calibrate(graph, samples, { degree: 7 });
  assert.equal(c.fits.get(3)!.domain[0], 0);
  assert.ok(Number.isFinite(c.comparison.maxError));
});

test('a function that is a line on its range takes no level of the budget, and no degrees', () => {
  const graph = sequential(
    [1, 2],
    [
      { matrix: identity(2, 1), bias: Float64Array.of(9, 9), fn: { type: 'relu' } },
      { matrix: identity(2), bias: Float64Array.of(-9, -9), fn: { type: 'relu' } },
      { matrix: identity(2) },
    ],
  );
  const random = uniform(3);
  const samples = Array.from({ length: 60 }, () => [random(), random()]);
  const c = calibrate(graph, samples, { maxDepth: 3 + 4, target: { outputError: 1e-6 } });
  assert.deepEqual(
    [...c.fits.values()].map((f) => [f.approximation.method === 'exact', f.approximation.degree]),
    [
      [true, 1],
      [false, c.fits.get(3)!.approximation.degree],
    ],
  );
  assert.ok(c.fits.get(3)!.approximation.degree >= 14);
  assert.match(c.warnings.join(), /maxDepth 7/);
});

test('refusals', () => {
  const graph = layer({ type: 'relu' });
  const good = [[-1, 0, 1, 2]];
  const refuses = (
    code: string,
    samples: number[][],
    options: Parameters<typeof calibrate>[2] = {},
    of = graph,
  ) => assert.throws(() => calibrate(of, samples, options), { code });
  refuses('CALIBRATION_EMPTY', []);
  refuses('CALIBRATION_SHAPE', [[1, 2, 3]]);
  refuses('CALIBRATION_SHAPE', [...good, [1, 2, 3, 4, 5]]);
  refuses('CALIBRATION_VALUE', [[1, 2, 3, Number.NaN]]);
  refuses('CALIBRATION_VALUE', [[1, 2, 3, -4]], {}, layer({ type: 'sqrt' }));
  refuses('CALIBRATION_VALUE', [[1, 2, 3, 1e5]], {}, layer({ type: 'exp' }));
  refuses('CALIBRATION_LABELS', [...good, ...good], { labels: [1, 2, 3] });
  refuses('CALIBRATION_DEPTH', good, { maxDepth: 2 });
  refuses('CALIBRATION_DEPTH', good, { maxDepth: 4, reluMode: 'deg15' });
  refuses('APPROXIMATION_DEGREE', good, { degree: 99 });
  const options = [
    { reluMode: 'deg0' },
    { reluMode: 'deg64' },
    { reluMode: 'relu3' },
    { domainMode: 'max' as 'min-max' },
    { margin: -1 },
    { margin: Number.NaN },
    { precisionBits: 20 },
    { precisionBits: 21.5 },
    { maxDepth: 0 },
    { memory: 1000 },
    { degree: 0 },
    { target: { agreement: 1.5 } },
    { target: { outputError: 0 } },
    { target: { accuracyDrop: 0.01 } },
  ];
  for (const option of options) refuses('CALIBRATION_OPTION', good, option);
});
