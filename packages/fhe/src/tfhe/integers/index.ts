/**
 * Encrypted integers of 2 to 64 bits on circuits of bootstraps.
 * @module
 */

export { integerCosts, type OperationCost } from './costs.ts';
export type { Division } from './divide.ts';
export { allFlags, anyFlag, flagInteger, notFlag, oddFlags } from './flags.ts';
export { Integers, type Operand } from './integers.ts';
export type { Overflowing } from './overflow.ts';
export type { CarryMode } from './propagate.ts';
export {
  blockCount,
  blockMax,
  decodeInteger,
  type EncryptedInteger,
  encodeInteger,
  INT8,
  INT16,
  INT32,
  INT64,
  type IntegerType,
  maxValue,
  minValue,
  typeName,
  UINT8,
  UINT16,
  UINT32,
  UINT64,
} from './types.ts';
