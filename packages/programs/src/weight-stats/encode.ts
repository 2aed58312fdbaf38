/**
 * Client: weights to unsigned 16-bit integers in tenths of a kilogram.
 * @module
 */
import { encodeInteger, type IntegerType, UINT16 } from '@velum/fhe';
import { field, list, ProgramError, shown } from '../errors.ts';

export const WEIGHT: IntegerType = UINT16;
/** Blocks of one weight. */
export const BLOCKS = WEIGHT.bits / 2;
/** Steps of a kilogram. */
export const STEPS = 10;
/** Weights in one run at most. */
export const MAX_WEIGHTS = 500;

const MAX_KG = (2 ** WEIGHT.bits - 1) / STEPS;
/** 64.1 * 10 is a little less than 641 in binary floating point: truncation must not take a tenth from it. */
const BINARY_ERROR = 1e-6;

/**
 * The weights in tenths of a kilogram, truncated, from {"weights_kg": [...]}.
 * @throws ProgramError INPUT_INVALID, TOO_MANY_VALUES, VALUE_RANGE
 */
export function tenthsOf(input: unknown): number[] {
  const example = '{"weights_kg": [68, 70.5]}';
  const weights = list(field(input, 'weights_kg', example), 'weights_kg', '[68, 70.5]', MAX_WEIGHTS);
  return weights.map((weight, i) => {
    const tenths = typeof weight === 'number' ? Math.floor(weight * STEPS + BINARY_ERROR) : Number.NaN;
    if (!(tenths >= 1 && tenths <= MAX_KG * STEPS))
      throw new ProgramError(
        'VALUE_RANGE',
        `weight ${i + 1} is ${shown(weight)}; weights are numbers from ${1 / STEPS} to ${MAX_KG} kg`,
        'weights_kg',
      );
    return tenths;
  });
}

/** The blocks to encrypt, weight by weight. */
export const blocksOf = (tenths: readonly number[]): number[] =>
  tenths.flatMap((value) => encodeInteger(value, WEIGHT));
