import assert from 'node:assert/strict';
import test from 'node:test';
import { CircuitBuilder } from './builder.ts';
import { circuitDepth } from './ir.ts';
import { simulate } from './simulate.ts';

const digits = [0, 1, 2, 3];

test('tables of one input share a bootstrap while its range leaves room', () => {
  const builder = new CircuitBuilder();
  const a = builder.input();
  const b = builder.input();
  const sum = builder.add(a, b);
  const circuit = builder.build([
    builder.lut(sum, (x) => x & 3),
    builder.lut(builder.add(b, a), (x) => x >> 2),
  ]);
  assert.equal(circuit.steps.length, 1);
  assert.equal(circuit.steps[0].outputs, 2);
  for (const x of digits)
    for (const y of digits) assert.deepEqual(simulate(circuit, [x, y]), [(x + y) & 3, (x + y) >> 2]);
});

test('luts takes up to 16 / width functions and refuses more', () => {
  const builder = new CircuitBuilder();
  const a = builder.input();
  const four = builder.luts(a, [(x) => x ^ 1, (x) => x * x, (x) => (x > 1 ? 8 : 0), (x) => -x / 2]);
  const circuit = builder.build(four);
  assert.equal(circuit.steps.length, 1);
  for (const x of digits) assert.deepEqual(simulate(circuit, [x]), [x ^ 1, x * x, x > 1 ? 8 : 0, 0 - x / 2]);
  const wide = builder.input(0, 8);
  assert.throws(() => builder.luts(wide, [(x) => x & 1, (x) => x >> 1]), { code: 'CIRCUIT_TABLE' });
});

test('equal tables, constant functions and clear inputs cost nothing', () => {
  const builder = new CircuitBuilder();
  const a = builder.input();
  const first = builder.lut(a, (x) => x * x);
  const second = builder.lut(a, (x) => x ** 2);
  const constant = builder.lut(a, (x) => (x >= 0 ? 7 : 1));
  const clear = builder.lut(builder.constant(2), (x) => 10 * x);
  assert.equal(builder.bootstraps, 1);
  assert.deepEqual(simulate(builder.build([first, second, constant, clear]), [3]), [9, 9, 7, 20]);
});

test('a weight moves into a free table, and into a second bootstrap only if the noise asks for it', () => {
  const builder = new CircuitBuilder();
  const small = builder.lut(builder.input(), (x) => 3 - x);
  const wide = builder.lut(builder.input(0, 15), (x) => x & 3);
  const freely = builder.linear(
    [
      [small, 8],
      [wide, 1],
    ],
    -12,
  );
  assert.equal(freely.noise, 65);
  assert.equal(builder.surcharge(freely), 0);
  const costly = builder.linear(
    [
      [wide, 8],
      [small, 1],
    ],
    -12,
  );
  assert.equal(builder.surcharge(costly), 1);
  const sign = (x: number): number => (x >= 0 ? 1 : 0);
  const circuit = builder.build([builder.lut(freely, sign), builder.lut(costly, sign)]);
  // small, wide, 8 * wide and the two signs.
  assert.equal(circuit.steps.length, 5);
  assert.equal(circuitDepth(circuit), 2);
  for (const x of digits) {
    for (let y = 0; y < 16; y++) {
      const [s, w] = [3 - x, y & 3];
      assert.deepEqual(simulate(circuit, [x, y]), [sign(8 * s + w - 12), sign(8 * w + s - 12)]);
    }
  }
});

test('a bootstrap that is only read scaled replaces the plain one', () => {
  const builder = new CircuitBuilder();
  const flag = builder.lut(builder.input(0, 15), (x) => (x > 7 ? 1 : 0));
  const out = builder.lut(
    builder.linear([
      [flag, 8],
      [builder.input(), 1],
    ]),
    (x) => (x >= 8 ? x - 8 : 0),
  );
  const circuit = builder.build([out]);
  assert.equal(circuit.steps.length, 2);
  assert.deepEqual(simulate(circuit, [9, 2]), [2]);
  assert.deepEqual(simulate(circuit, [7, 2]), [0]);
});

test('too many terms are too much noise', () => {
  const builder = new CircuitBuilder();
  const flags = Array.from({ length: 26 }, () => builder.lut(builder.input(), (x) => x & 1));
  const narrow = builder.assume(builder.sum(flags), 0, 15);
  assert.throws(() => builder.lut(narrow, (x) => x & 3), { code: 'CIRCUIT_NOISE' });
  assert.throws(() => builder.build([narrow]), { code: 'CIRCUIT_NOISE' });
  assert.doesNotThrow(() => builder.lut(builder.assume(builder.sum(flags.slice(1)), 0, 15), (x) => x & 3));
});

test('values with spacing take more noise', () => {
  const builder = new CircuitBuilder();
  const parities = Array.from({ length: 40 }, () => builder.lut(builder.input(), (x) => (x & 1) * 16));
  // 16 times a sum mod 32 is its parity, whatever the number of terms; 7 free boxes on either side take the noise.
  const parity = builder.lut(builder.sum(parities), (x) => (x / 16) % 2);
  const circuit = builder.build([parity]);
  const inputs = parities.map((_, i) => (i * 7 + (i >> 2)) & 3);
  assert.deepEqual(simulate(circuit, inputs), [inputs.reduce((sum, x) => sum + x, 0) & 1]);
});

test('ranges follow from what is summed; an assumption narrows them', () => {
  const builder = new CircuitBuilder();
  const a = builder.input();
  const b = builder.input();
  const difference = builder.sub(a, b);
  assert.deepEqual([difference.min, difference.max], [-3, 3]);
  // The node occurs on both sides: a - a + b is b.
  const back = builder.sub(a, difference);
  assert.deepEqual([back.min, back.max, back.nodes.length], [0, 3, 1]);
  const small = builder.assume(builder.add(a, b), 0, 3);
  assert.deepEqual([small.min, small.max], [0, 3]);
  assert.throws(() => builder.assume(small, 4, 5), { code: 'CIRCUIT_RANGE' });
  const circuit = builder.build([builder.lut(small, (x) => x ^ 1)]);
  assert.deepEqual(simulate(circuit, [1, 2]), [2]);
  assert.throws(() => simulate(circuit, [3, 1]), { code: 'SIMULATION_RANGE' });
});

test('steps that no output needs are dropped, levels are sorted', () => {
  const builder = new CircuitBuilder();
  const a = builder.input();
  const unused = builder.lut(a, (x) => x * 2);
  builder.lut(builder.add(unused, builder.input()), (x) => x & 1);
  const late = builder.lut(
    builder.add(
      builder.lut(a, (x) => x >> 1),
      a,
    ),
    (x) => x % 3,
  );
  const early = builder.lut(builder.scale(a, 2), (x) => x / 2);
  const circuit = builder.build([late, early]);
  assert.equal(circuit.inputs, 2);
  assert.deepEqual(
    circuit.steps.map((step) => step.level),
    [1, 1, 2],
  );
  for (const x of digits) assert.deepEqual(simulate(circuit, [x, 0]), [((x >> 1) + x) % 3, x]);
});

test('bad ranges, weights, constants and results are refused', () => {
  const builder = new CircuitBuilder();
  const a = builder.input();
  assert.throws(() => builder.input(3, 2), { code: 'CIRCUIT_RANGE' });
  assert.throws(() => builder.input(0, 32), { code: 'CIRCUIT_RANGE' });
  assert.throws(() => builder.linear([[a, 0.5]]), { code: 'CIRCUIT_WEIGHT' });
  assert.throws(() => builder.constant(0.25), { code: 'CIRCUIT_VALUE' });
  assert.throws(() => builder.lut(a, () => Number.NaN), { code: 'CIRCUIT_VALUE' });
  assert.throws(() => builder.lut(a, (x) => x / 3), { code: 'CIRCUIT_VALUE' });
  assert.throws(() => builder.lut(builder.linear([[a, 1]], 0.5), (x) => x), { code: 'CIRCUIT_VALUE' });
});
