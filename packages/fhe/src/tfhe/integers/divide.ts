/**
 * Division by an encrypted divisor.
 * @module
 */

import type { Block, CircuitBuilder } from '../circuit/builder.ts';
import { bitOf, gather } from './bits.ts';
import { type CarryMode, propagate, settled } from './propagate.ts';
import { masked } from './select.ts';
import { blockCount, blockMax, type EncryptedInteger } from './types.ts';

export interface Division {
  readonly quotient: EncryptedInteger;
  readonly remainder: EncryptedInteger;
}

/** Noise that a block of the running remainder may gather, one unit a round, before it is bootstrapped for its own sake. */
const REMAINDER_NOISE = 16;

/**
 * Restoring division of unsigned integers, one quotient bit a round: the divisor is aligned instead of the remainder shifted,
 * so a round costs two bootstraps for each block of the remainder that it can change, and two.
 * By 0 the quotient is all ones and the remainder the dividend.
 */
export function divideRestoring(
  builder: CircuitBuilder,
  a: EncryptedInteger,
  divisor: EncryptedInteger,
  mode: CarryMode,
): Division {
  const { type } = a;
  const { bits } = type;
  const count = blockCount(type);
  // 2 * divisor with the bit that leaves its block, for the odd alignments.
  const wide = { bits: 2 * count + 1, signed: false };
  const doubled = gather(builder, divisor, wide, (bit) =>
    bit > 0 && bit - 1 < bits ? bit - 1 : 'zero',
  ).blocks;
  const above = setAbove(builder, divisor.blocks);
  let remainder = [...a.blocks];
  const quotientBits: Block[] = new Array(bits);
  for (let shift = bits - 1; shift >= 0; shift--) {
    const from = shift >> 1;
    const active = remainder.slice(from);
    const aligned = shift % 2 === 0 ? divisor.blocks : doubled;
    const digits = active.map((x, i) =>
      builder.linear(
        [
          [x, 1],
          [aligned[i], -1],
        ],
        3,
      ),
    );
    const difference = propagate(builder, digits, builder.constant(1), 2, mode);
    const fits = builder.lut(difference.top, (x) => x >> 2);
    // The divisor's bits beyond the remainder's: any of them makes it larger than the remainder.
    const beyond = [above[active.length]];
    const last = 2 * active.length - 1;
    if (shift % 2 === 1 && last < bits) beyond.push(bitOf(builder, divisor, last));
    const set = builder.sum(beyond);
    const bit = set.max === 0 ? fits : builder.lut(builder.sub(fits, set), (x) => (x === 1 ? 1 : 0));
    quotientBits[shift] = bit;
    const changed = active.map((x, i) => {
      const change = builder.assume(builder.sub(difference.blocks[i], x), -3, 3);
      const next = builder.add(x, masked(builder, bit, change));
      const known = builder.assume(next, 0, blockMax(type, from + i));
      return settled(builder, known, REMAINDER_NOISE);
    });
    remainder = [...remainder.slice(0, from), ...changed];
  }
  const quotient = Array.from({ length: count }, (_, i) =>
    2 * i + 1 < bits
      ? builder.linear([
          [quotientBits[2 * i], 1],
          [quotientBits[2 * i + 1], 2],
        ])
      : quotientBits[2 * i],
  );
  return {
    quotient: { type, blocks: quotient },
    remainder: { type, blocks: remainder.map((block) => settled(builder, block)) },
  };
}

/** Entry k: 1 where a block from k on is not 0. One bootstrap each: four blocks and the flag of those above them. */
function setAbove(builder: CircuitBuilder, blocks: readonly Block[]): Block[] {
  const flags: Block[] = new Array(blocks.length + 1).fill(builder.constant(0));
  for (let k = blocks.length - 1; k > 0; k--) {
    const rest = blocks.length - k <= 5 ? builder.constant(0) : flags[k + 4];
    const near = blocks.slice(k, blocks.length - k <= 5 ? blocks.length : k + 4);
    flags[k] = builder.lut(builder.sum([...near, rest]), (x) => (x > 0 ? 1 : 0));
  }
  return flags;
}
