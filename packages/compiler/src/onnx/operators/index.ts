/**
 * All operators by name.
 * @module
 */

import type { Lower } from '../lowering.ts';
import { ACTIVATIONS } from './activations.ts';
import { ARITHMETIC } from './arithmetic.ts';
import { CONVOLUTIONS } from './convolutions.ts';
import { FINALS } from './finals.ts';
import { LINEAR } from './linear.ts';
import { CASTS, MOVEMENTS } from './movement.ts';
import { POOLS } from './pools.ts';
import { REDUCTIONS } from './reductions.ts';

/** Operators on encrypted values. */
export const OPERATORS: ReadonlyMap<string, Lower> = new Map([
  ...MOVEMENTS,
  ...CASTS,
  ...ARITHMETIC,
  ...ACTIVATIONS,
  ...LINEAR,
  ...CONVOLUTIONS,
  ...POOLS,
  ...REDUCTIONS,
  ...FINALS,
]);

/** Operators that copy elements of constants too. */
export const CONSTANT_MOVEMENTS: ReadonlyMap<string, Lower> = new Map(MOVEMENTS);
