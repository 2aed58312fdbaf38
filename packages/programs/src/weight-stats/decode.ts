/**
 * Client: the three results in kilograms.
 * @module
 */
import { decodeInteger } from '@velum/fhe';
import { ProgramError } from '../errors.ts';
import { GROUP } from './circuit.ts';
import { BLOCKS, STEPS, WEIGHT } from './encode.ts';

export interface WeightResult {
  /** Kilograms, in steps of 0.1. */
  readonly min: number;
  readonly max: number;
  /** Rounded down to 0.1 kg. */
  readonly avg: number;
}

/** min or max. @param blocks decrypted. @throws ProgramError RESULT_INVALID */
export function decodeWeight(blocks: readonly number[], output: string): number {
  if (blocks.length !== BLOCKS)
    throw new ProgramError('RESULT_INVALID', `${output} has ${blocks.length} blocks, not ${BLOCKS}`, output);
  return Number(decodeInteger(blocks, WEIGHT)) / STEPS;
}

/** The average from digit sums: eight for every ten weights. @throws ProgramError RESULT_INVALID */
export function decodeAverage(blocks: readonly number[], count: number): number {
  const expected = Math.ceil(count / GROUP) * BLOCKS;
  if (blocks.length !== expected)
    throw new ProgramError('RESULT_INVALID', `avg has ${blocks.length} blocks, not ${expected}`, 'avg');
  const sum = blocks.reduce((total, digits, i) => total + digits * 4 ** (i % BLOCKS), 0);
  return Math.floor(sum / count) / STEPS;
}
