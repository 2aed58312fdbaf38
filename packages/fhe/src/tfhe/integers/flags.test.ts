import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { CircuitBuilder } from '../circuit/builder.ts';
import { simulate } from '../circuit/simulate.ts';
import { allFlags, anyFlag, flagInteger, notFlag, oddFlags } from './flags.ts';
import { UINT8 } from './types.ts';

test('all, any, odd and not agree for any number of flags, bootstrapped ones included', () => {
  for (const count of [1, 2, 5, 15, 16, 17, 40]) {
    const builder = new CircuitBuilder();
    const flags = Array.from({ length: count }, () => builder.lut(builder.input(0, 1), (x) => 1 - x));
    const circuit = builder.build([
      allFlags(builder, flags),
      anyFlag(builder, flags),
      oddFlags(builder, flags),
      notFlag(builder, flags[0]),
      ...flagInteger(builder, flags[0], UINT8).blocks,
    ]);
    const bits = fc.oneof(
      fc.array(fc.constantFrom(0, 1), { minLength: count, maxLength: count }),
      fc.constantFrom(new Array<number>(count).fill(0), new Array<number>(count).fill(1)),
    );
    fc.assert(
      fc.property(bits, (values) => {
        const set = values.filter((x) => x === 0).length;
        const first = 1 - values[0];
        const expected = [set === count ? 1 : 0, set > 0 ? 1 : 0, set & 1, 1 - first, first, 0, 0, 0];
        assert.deepEqual(simulate(circuit, values), expected);
      }),
      { numRuns: 40 },
    );
  }
});

test('fifteen flags take one bootstrap; other blocks are refused', () => {
  const builder = new CircuitBuilder();
  const flags = Array.from({ length: 15 }, () => builder.input(0, 1));
  assert.equal(builder.build([allFlags(builder, flags)]).steps.length, 1);
  assert.throws(() => anyFlag(builder, [builder.input()]), { code: 'INTEGER_ARGUMENT' });
});
