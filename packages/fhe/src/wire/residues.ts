/**
 * Residue vectors as bit streams: ceil(log2 q) bits each, or fewer after a modulus switch for transport.
 * @module
 */
import type { Context } from '../rlwe/context.ts';
import { type ByteReader, type ByteWriter, contentError } from './reader.ts';

export function limbWireBytes(context: Context, index: number, count: number = context.n): number {
  return (count * context.moduli[index].bits) / 8;
}

/** Appends `count` residues (a multiple of 8) modulo moduli[index]. */
export function writeLimb(
  context: Context,
  writer: ByteWriter,
  ptr: number,
  index: number,
  count: number = context.n,
): void {
  const { kernels, moduli } = context;
  const { value, bits } = moduli[index];
  const size = limbWireBytes(context, index, count);
  const buffer = kernels.arena.alloc(size + 64);
  kernels.x.pack_bits(buffer, ptr, count, value, bits);
  writer.raw(kernels.u8(buffer, size));
  kernels.arena.free(buffer);
}

/** Reads `count` residues into `ptr`. @throws WireError WIRE_CONTENT when one is not below the modulus */
export function readLimb(
  context: Context,
  reader: ByteReader,
  ptr: number,
  index: number,
  count: number = context.n,
): void {
  const { kernels, moduli } = context;
  const { value, bits } = moduli[index];
  const bytes = reader.raw(limbWireBytes(context, index, count));
  const buffer = kernels.arena.alloc(bytes.length + 64);
  kernels.u8(buffer, bytes.length).set(bytes);
  const invalid = kernels.x.unpack_bits(ptr, buffer, count, value, bits);
  kernels.arena.free(buffer);
  if (invalid !== 0) throw contentError(`${invalid} residues are not below their modulus`);
}

/** Appends `count` residues switched to `keep` bits. */
export function writeSwitched(
  context: Context,
  writer: ByteWriter,
  ptr: number,
  index: number,
  count: number,
  keep: number,
): void {
  const { kernels, moduli } = context;
  const { value, bits } = moduli[index];
  const size = (count * keep) / 8;
  const buffer = kernels.arena.alloc(size + 64);
  kernels.x.pack_low(buffer, ptr, count, value, bits, keep);
  writer.raw(kernels.u8(buffer, size));
  kernels.arena.free(buffer);
}

export function readSwitched(
  context: Context,
  reader: ByteReader,
  ptr: number,
  index: number,
  count: number,
  keep: number,
): void {
  const { kernels, moduli } = context;
  const bytes = reader.raw((count * keep) / 8);
  const buffer = kernels.arena.alloc(bytes.length + 64);
  kernels.u8(buffer, bytes.length).set(bytes);
  kernels.x.unpack_low(ptr, buffer, count, keep, moduli[index].value);
  kernels.arena.free(buffer);
}
