/**
 * Integers of 2 to 64 bits as little-endian blocks of two bits (base 4), two's complement if signed.
 *
 * An integer of an odd width has a top block of one bit. Every operation takes and gives canonical blocks: 0..3, and 0..1 for
 * the top block of an odd width.
 * @module
 */

import type { Block } from '../circuit/builder.ts';
import { CircuitError } from '../circuit/errors.ts';

export interface IntegerType {
  /** 2 to 64. */
  readonly bits: number;
  readonly signed: boolean;
}

export const UINT8: IntegerType = { bits: 8, signed: false };
export const UINT16: IntegerType = { bits: 16, signed: false };
export const UINT32: IntegerType = { bits: 32, signed: false };
export const UINT64: IntegerType = { bits: 64, signed: false };
export const INT8: IntegerType = { bits: 8, signed: true };
export const INT16: IntegerType = { bits: 16, signed: true };
export const INT32: IntegerType = { bits: 32, signed: true };
export const INT64: IntegerType = { bits: 64, signed: true };

/** An integer inside a circuit: one block for each two bits, least significant first. */
export interface EncryptedInteger {
  readonly type: IntegerType;
  readonly blocks: readonly Block[];
}

/** @throws CircuitError INTEGER_TYPE unless 2 <= bits <= 64. */
export function checkType(type: IntegerType): void {
  if (!Number.isInteger(type.bits) || type.bits < 2 || type.bits > 64 || typeof type.signed !== 'boolean') {
    throw new CircuitError('INTEGER_TYPE', `an integer has 2 to 64 bits, not ${type.bits}`, 'type');
  }
}

/** Number of blocks: half the bits, rounded up. */
export function blockCount(type: IntegerType): number {
  return (type.bits + 1) >> 1;
}

/** Largest value of block i: 3, or 1 for the top block of an odd width. */
export function blockMax(type: IntegerType, i: number): number {
  return type.bits % 2 === 1 && i === blockCount(type) - 1 ? 1 : 3;
}

/** Bits of the top block: 2, or 1 for an odd width. */
export function topBits(type: IntegerType): 1 | 2 {
  return type.bits % 2 === 1 ? 1 : 2;
}

export function minValue(type: IntegerType): bigint {
  return type.signed ? -(1n << BigInt(type.bits - 1)) : 0n;
}

export function maxValue(type: IntegerType): bigint {
  return (1n << BigInt(type.signed ? type.bits - 1 : type.bits)) - 1n;
}

export function sameType(a: IntegerType, b: IntegerType): boolean {
  return a.bits === b.bits && a.signed === b.signed;
}

export function typeName(type: IntegerType): string {
  return `${type.signed ? 'i' : 'u'}${type.bits}`;
}

/** The value modulo 2^bits, as the type's integer. */
export function wrap(value: bigint, type: IntegerType): bigint {
  return type.signed ? BigInt.asIntN(type.bits, value) : BigInt.asUintN(type.bits, value);
}

/** Base-4 digits of value modulo 2^bits, least significant first. */
export function digitsOf(value: bigint, type: IntegerType): number[] {
  const bits = BigInt.asUintN(type.bits, value);
  return Array.from({ length: blockCount(type) }, (_, i) => Number((bits >> BigInt(2 * i)) & 3n));
}

/** An exact integer of a number or a bigint. @throws CircuitError INTEGER_VALUE. */
export function toBigInt(value: bigint | number, argument = 'value'): bigint {
  if (typeof value === 'bigint') return value;
  if (!Number.isSafeInteger(value)) {
    throw new CircuitError(
      'INTEGER_VALUE',
      `${value} is not a safe integer; pass a bigint for larger ones`,
      argument,
    );
  }
  return BigInt(value);
}

/**
 * Blocks to encrypt, least significant first.
 * @throws CircuitError INTEGER_VALUE where the value does not fit the type.
 */
export function encodeInteger(value: bigint | number, type: IntegerType): number[] {
  checkType(type);
  const exact = toBigInt(value);
  if (exact < minValue(type) || exact > maxValue(type)) {
    throw new CircuitError(
      'INTEGER_VALUE',
      `${exact} does not fit ${typeName(type)} (${minValue(type)} to ${maxValue(type)})`,
      'value',
    );
  }
  return digitsOf(exact, type);
}

/**
 * The integer of decrypted blocks. Blocks above 3 are allowed (digit sums whose carries were deferred: 0..31 each); the sum
 * is taken modulo 2^bits.
 */
export function decodeInteger(blocks: readonly number[], type: IntegerType): bigint {
  checkType(type);
  let value = 0n;
  blocks.forEach((block, i) => {
    value += BigInt(block) << BigInt(2 * i);
  });
  return wrap(value, type);
}
