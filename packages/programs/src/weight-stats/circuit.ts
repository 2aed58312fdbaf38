/**
 * Server: smallest and largest weight by a tree, and the sum as digits that the client adds up.
 *
 * A first-layer comparison serves both trees: one comparison and one choice give the smaller and the larger of a pair. The
 * sum needs no bootstrap at all: ten digits of 0..3 add up to 30, which a block still holds (0..31), so every ten weights
 * give eight blocks. The number of weights is public, hence the client divides, exactly.
 * @module
 */
import { type Block, type Circuit, CircuitBuilder, type EncryptedInteger, Integers } from '@velum/fhe';
import { BLOCKS, WEIGHT } from './encode.ts';

/** Fresh digits of 0..3 that one block holds the sum of. */
export const GROUP = 10;

export interface WeightCircuit {
  readonly circuit: Circuit;
  /** Blocks of each output, in this order. */
  readonly lengths: { readonly avg: number; readonly min: number; readonly max: number };
}

/** Halves a list by `choose` until one is left. */
function tournament(
  values: readonly EncryptedInteger[],
  choose: (a: EncryptedInteger, b: EncryptedInteger) => EncryptedInteger,
): EncryptedInteger {
  if (values.length === 1) return values[0];
  const winners = pairs(values).map(([a, b]) => (b === undefined ? a : choose(a, b)));
  return tournament(winners, choose);
}

function pairs<T>(values: readonly T[]): [T, T | undefined][] {
  return Array.from({ length: Math.ceil(values.length / 2) }, (_, i) => [values[2 * i], values[2 * i + 1]]);
}

/** The circuit for `count` weights. */
export function weightCircuit(count: number): WeightCircuit {
  const builder = new CircuitBuilder();
  // Trees have many comparisons side by side: the fewest bootstraps are the fastest.
  const integers = new Integers(builder, { carry: 'chain' });
  const weights = Array.from({ length: count }, () => integers.input(WEIGHT));

  const sums: Block[] = [];
  for (let i = 0; i < count; i += GROUP) sums.push(...integers.digitSum(weights.slice(i, i + GROUP), BLOCKS));

  const first = pairs(weights).map(([a, b]) =>
    b === undefined ? { min: a, max: a } : integers.minMax(a, b),
  );
  const min = tournament(
    first.map((pair) => pair.min),
    (a, b) => integers.min(a, b),
  );
  const max = tournament(
    first.map((pair) => pair.max),
    (a, b) => integers.max(a, b),
  );
  return {
    circuit: builder.build([...sums, ...min.blocks, ...max.blocks]),
    lengths: { avg: sums.length, min: BLOCKS, max: BLOCKS },
  };
}
