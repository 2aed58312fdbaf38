/**
 * Client: steps of each day to unsigned 16-bit integers, from {"steps": [...]}.
 * @module
 */
import { encodeInteger, type IntegerType, UINT16 } from '@velum/fhe';
import { field, list, ProgramError, shown } from '../../errors.ts';

export const STEPS: IntegerType = UINT16;
export const MAX_DAYS = 14;

/** @throws ProgramError INPUT_INVALID, TOO_MANY_VALUES, VALUE_RANGE */
export function daysOf(input: unknown): number[] {
  return list(field(input, 'steps', '{"steps": [8210, 4075]}'), 'steps', '[8210, 4075]', MAX_DAYS).map(
    (steps) => {
      if (!Number.isInteger(steps) || (steps as number) < 0 || (steps as number) > 65535)
        throw new ProgramError(
          'VALUE_RANGE',
          `steps are integers from 0 to 65535, not ${shown(steps)}`,
          'steps',
        );
      return steps as number;
    },
  );
}

export const blocksOf = (days: readonly number[]): number[] =>
  days.flatMap((steps) => encodeInteger(steps, STEPS));
