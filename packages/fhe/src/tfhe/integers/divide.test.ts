import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { CircuitBuilder } from '../circuit/builder.ts';
import { simulate } from '../circuit/simulate.ts';
import { clearDivisions } from './divide-clear.ts';
import { agrees, agreesClear, allTypes, valuesOf, written } from './testing.ts';
import {
  blockCount,
  decodeInteger,
  encodeInteger,
  INT8,
  type IntegerType,
  maxValue,
  UINT8,
  UINT16,
  wrap,
} from './types.ts';

/** What the documentation promises, division by zero included. */
function expected(a: bigint, b: bigint, type: IntegerType): [bigint, bigint] {
  if (b === 0n) return [a < 0n ? 1n : wrap(-1n, type), a];
  return [wrap(a / b, type), a % b];
}

test('divRem by an encrypted divisor agrees in every width', () => {
  for (const type of allTypes(4)) {
    for (const carry of type.bits <= 16 ? (['chain', 'parallel'] as const) : (['auto'] as const)) {
      const division = written(
        [type, type],
        (i, a, b) => {
          const { quotient, remainder } = i.divRem(a, b);
          return [quotient, remainder];
        },
        carry,
      );
      agrees('divRem', division, type, (a, b) => expected(a, b, type), type.bits > 32 ? 4 : 12);
    }
  }
});

test('divRem of u8 and i8 is exact on a grid with all edges', () => {
  for (const type of [UINT8, INT8]) {
    const division = written([type, type], (i, a, b) => {
      const { quotient, remainder } = i.divRem(a, b);
      return [quotient, remainder];
    });
    for (let a = 0n; a < 256n; a += 17n) {
      for (let b = 0n; b < 256n; b++) {
        const [x, y] = [wrap(a, type), wrap(b, type)];
        assert.deepEqual(division.run(x, y), expected(x, y, type), `${x} / ${y}`);
      }
    }
  }
});

test('divRem by a clear divisor agrees in every width', () => {
  for (const type of allTypes()) {
    const divisors = fc.oneof(valuesOf(type), fc.constantFrom(1n, 2n, 3n, 5n, 6n, 7n, 10n, 12n, 100n, 1000n));
    const usable = divisors.filter((divisor) => divisor !== 0n && wrap(divisor, type) === divisor);
    agreesClear(
      'divRem',
      (i, a, b) => {
        const { quotient, remainder } = i.divRem(a, b);
        return [quotient, remainder];
      },
      type,
      (a, b) => expected(a, b, type),
      { clears: usable, circuits: type.bits > 12 ? 2 : 4, runs: 3 },
    );
  }
});

test('every way to divide by a clear number gives the quotient of every u8 and every divisor', () => {
  for (let divisor = 1n; divisor < 256n; divisor += divisor < 20n ? 1n : 13n) {
    const builder = new CircuitBuilder();
    const a = { type: UINT8, blocks: Array.from({ length: 4 }, () => builder.input()) };
    const quotients = clearDivisions(builder, a, divisor, 'chain').map((way) => way().blocks);
    const circuit = builder.build(quotients.flat());
    for (let value = 0n; value < 256n; value += 3n) {
      const blocks = simulate(circuit, encodeInteger(value, UINT8));
      quotients.forEach((_, way) => {
        const quotient = decodeInteger(blocks.slice(4 * way, 4 * way + 4), UINT8);
        assert.equal(quotient, value / divisor, `${value} / ${divisor} by way ${way}`);
      });
    }
  }
});

test('quotients next to multiples of the divisor are exact in wide types', () => {
  for (const bits of [16, 33, 64]) {
    const type = { bits, signed: false };
    fc.assert(
      fc.property(
        fc.bigInt({ min: 1n, max: maxValue(type) }),
        fc.bigInt({ min: 0n, max: maxValue(type) }),
        (divisor, seed) => {
          const division = written([type], (i, a) => i.div(a, divisor));
          const multiple = seed - (seed % divisor);
          for (const value of [multiple, multiple - 1n, maxValue(type)]) {
            if (value >= 0n)
              assert.deepEqual(division.run(value), [value / divisor], `${value} / ${divisor}`);
          }
        },
      ),
      { numRuns: bits === 64 ? 3 : 8 },
    );
  }
});

test('a clear divisor of 0 is refused, one above the range gives 0', () => {
  assert.throws(() => written([UINT8], (i, a) => i.div(a, 0)), { code: 'INTEGER_ARGUMENT' });
  assert.throws(() => written([UINT8], (i, a) => i.div(a, -3)), { code: 'INTEGER_ARGUMENT' });
  const division = written([UINT8], (i, a) => [i.div(a, 300), i.rem(a, 300)]);
  assert.deepEqual(division.run(255n), [0n, 255n]);
  assert.equal(division.circuit.steps.length, 0);
});

test('powers of two shift, small odd divisors go digit by digit', () => {
  const steps = (divisor: number): number =>
    written([UINT16], (i, a) => i.div(a, divisor)).circuit.steps.length;
  assert.equal(steps(16), 0);
  assert.equal(steps(8), 7);
  assert.ok(steps(3) <= 2 * blockCount(UINT16));
});
