/**
 * Moving bits: shifts, rotations and casts, by clear and by encrypted amounts.
 *
 * A shift by whole blocks is a renaming and costs nothing. Otherwise one bootstrap a block gives both of its bits where they
 * are needed (many-LUT). An encrypted amount costs one bootstrap a block for each of its bits.
 * @module
 */

import type { Block, CircuitBuilder } from '../circuit/builder.ts';
import { CircuitError } from '../circuit/errors.ts';
import { settled } from './propagate.ts';
import { blockCount, blockMax, type EncryptedInteger, type IntegerType, typeName } from './types.ts';

/** Where bit k of a result comes from: a bit of the source, or 0. */
export type BitSource = (bit: number) => number | 'zero';

/** The part of an output block that one source block gives: bits (source, target) inside the two blocks. */
type Parts = Map<number, [number, number][]>;

function partsOf(source: BitSource, type: IntegerType, i: number): Parts {
  const parts: Parts = new Map();
  for (let target = 0; target < (blockMax(type, i) === 1 ? 1 : 2); target++) {
    const from = source(2 * i + target);
    if (from === 'zero') continue;
    const list = parts.get(from >> 1) ?? [];
    list.push([from & 1, target]);
    parts.set(from >> 1, list);
  }
  return parts;
}

function moved(pairs: readonly [number, number][] | undefined, x: number): number {
  return (pairs ?? []).reduce((sum, [from, to]) => sum + (((x >> from) & 1) << to), 0);
}

/** The integer of `type` whose bit k is the source's bit `source(k)`. */
export function gather(
  builder: CircuitBuilder,
  a: EncryptedInteger,
  type: IntegerType,
  source: BitSource,
): EncryptedInteger {
  const blocks = Array.from({ length: blockCount(type) }, (_, i) => {
    const terms = [...partsOf(source, type, i)].map(([from, pairs]) => {
      const block = a.blocks[from];
      const scale = moved(pairs, 1);
      // A bit that is a block of its own, or a block that moves as a whole: linear.
      const linear = Array.from({ length: block.max + 1 }, (_, x) => moved(pairs, x) === scale * x).every(
        Boolean,
      );
      return linear ? builder.scale(block, scale) : builder.lut(block, (x) => moved(pairs, x));
    });
    return settled(builder, builder.sum(terms));
  });
  return { type, blocks };
}

/** condition ? gather(source) : a, one bootstrap a block: each block serves its old and its new place in one many-LUT. */
export function gatherIf(
  builder: CircuitBuilder,
  condition: Block,
  a: EncryptedInteger,
  source: BitSource,
): EncryptedInteger {
  const { type } = a;
  const blocks = a.blocks.map((own, i) => {
    const after = partsOf(source, type, i);
    const froms = new Set([i, ...after.keys()]);
    const terms = [...froms].map((from) => {
      const block = a.blocks[from];
      const width = block.max + 1;
      const input = builder.linear([
        [condition, width],
        [block, 1],
      ]);
      return builder.lut(input, (x) => (x >= width ? moved(after.get(from), x - width) : from === i ? x : 0));
    });
    return builder.assume(builder.sum(terms), 0, own.nodes.length === 0 ? 3 : blockMax(type, i));
  });
  return { type, blocks };
}

export type Move = 'left' | 'right' | 'rotateLeft' | 'rotateRight';

/** Bit sources of a shift or rotation by a clear amount; a right shift of a signed integer repeats the sign bit. */
export function moveSource(move: Move, amount: number, type: IntegerType): BitSource {
  const { bits, signed } = type;
  const rotated = (bit: number): number => ((bit % bits) + bits) % bits;
  switch (move) {
    case 'left':
      return (bit) => (bit >= amount ? bit - amount : 'zero');
    case 'right':
      return (bit) => (bit + amount < bits ? bit + amount : signed ? bits - 1 : 'zero');
    case 'rotateLeft':
      return (bit) => rotated(bit - amount);
    case 'rotateRight':
      return (bit) => rotated(bit + amount);
  }
}

/**
 * Shift or rotation by a clear amount.
 * @throws CircuitError INTEGER_ARGUMENT for an amount that is not an integer >= 0.
 */
export function moveClear(
  builder: CircuitBuilder,
  a: EncryptedInteger,
  amount: bigint | number,
  move: Move,
): EncryptedInteger {
  const clear = Number(amount);
  if (!Number.isSafeInteger(clear) || clear < 0) {
    throw new CircuitError('INTEGER_ARGUMENT', `an amount is an integer >= 0, not ${amount}`, 'amount');
  }
  return gather(builder, a, a.type, moveSource(move, clear, a.type));
}

/**
 * Shift or rotation by an encrypted unsigned amount, of which the low ceil(log2 bits) bits count (modulo the width where it is
 * a power of two, as on a CPU).
 * @throws CircuitError INTEGER_ARGUMENT for an amount of a signed type.
 */
export function moveBy(
  builder: CircuitBuilder,
  a: EncryptedInteger,
  amount: EncryptedInteger,
  move: Move,
): EncryptedInteger {
  if (amount.type.signed) {
    throw new CircuitError(
      'INTEGER_ARGUMENT',
      `an amount is unsigned, not ${typeName(amount.type)}`,
      'amount',
    );
  }
  const stages = Math.ceil(Math.log2(a.type.bits));
  let result = a;
  for (let stage = 0; stage < stages && stage >> 1 < amount.blocks.length; stage++) {
    const bit = builder.lut(amount.blocks[stage >> 1], (x) => (x >> (stage & 1)) & 1);
    result = gatherIf(builder, bit, result, moveSource(move, 2 ** stage, a.type));
  }
  return result;
}

/** The value in another type: wider by zeros or, from a signed type, by the sign; narrower modulo 2^bits. */
export function cast(builder: CircuitBuilder, a: EncryptedInteger, type: IntegerType): EncryptedInteger {
  const { bits, signed } = a.type;
  return gather(builder, a, type, (bit) => (bit < bits ? bit : signed ? bits - 1 : 'zero'));
}

/** A bit (0 the lowest) as 0 or 1. @throws CircuitError INTEGER_ARGUMENT. */
export function bitOf(builder: CircuitBuilder, a: EncryptedInteger, bit: number): Block {
  const { bits } = a.type;
  if (!Number.isInteger(bit) || bit < 0 || bit >= bits) {
    throw new CircuitError(
      'INTEGER_ARGUMENT',
      `${typeName(a.type)} has bits 0 to ${bits - 1}, not ${bit}`,
      'bit',
    );
  }
  const block = a.blocks[bit >> 1];
  return block.max <= 1 && (bit & 1) === 0 ? block : builder.lut(block, (x) => (x >> (bit & 1)) & 1);
}
