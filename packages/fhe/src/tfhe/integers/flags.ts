/**
 * Flags: blocks of 0 or 1, as comparisons give them. Negation is 1 - flag and costs nothing.
 * @module
 */

import type { Block, CircuitBuilder } from '../circuit/builder.ts';
import { CircuitError } from '../circuit/errors.ts';
import { allZero } from './compare.ts';
import { blockCount, type EncryptedInteger, type IntegerType } from './types.ts';

function check(flags: readonly Block[]): void {
  const wrong = flags.find((flag) => flag.min < 0 || flag.max > 1);
  if (wrong !== undefined) {
    throw new CircuitError('INTEGER_ARGUMENT', `a flag is 0 or 1, not ${wrong.min} to ${wrong.max}`, 'flags');
  }
}

export function notFlag(builder: CircuitBuilder, flag: Block): Block {
  check([flag]);
  return builder.linear([[flag, -1]], 1);
}

/** 1 where all flags are 1: one bootstrap for up to 15 flags. */
export function allFlags(builder: CircuitBuilder, flags: readonly Block[]): Block {
  check(flags);
  return allZero(
    builder,
    flags.map((flag) => notFlag(builder, flag)),
  );
}

/** 1 where any flag is 1: one bootstrap for up to 15 flags. */
export function anyFlag(builder: CircuitBuilder, flags: readonly Block[]): Block {
  check(flags);
  return notFlag(builder, allZero(builder, flags));
}

/** 1 where an odd number of flags is 1 (exclusive or): one bootstrap for up to 15 flags. */
export function oddFlags(builder: CircuitBuilder, flags: readonly Block[]): Block {
  check(flags);
  let rest = [...flags];
  while (rest.length > 1) {
    const group = builder.lut(builder.sum(rest.slice(0, 15)), (x) => x & 1);
    rest = [...rest.slice(15), group];
  }
  return rest[0] ?? builder.constant(0);
}

/** The flag as an integer 0 or 1: free. */
export function flagInteger(builder: CircuitBuilder, flag: Block, type: IntegerType): EncryptedInteger {
  check([flag]);
  const blocks = Array.from({ length: blockCount(type) }, (_, i) => (i === 0 ? flag : builder.constant(0)));
  return { type, blocks };
}
