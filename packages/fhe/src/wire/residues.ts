/**
 * Residue vectors as bit streams: ceil(log2 q) bits each, or fewer after a modulus switch for transport.
 * @module
 */
import { type Context, TRANSFORM_PASSES } from '../rlwe/context.ts';
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

/** One limb on the wire: where its residues go, and its modulus. */
export interface WireLimb {
  ptr: number;
  index: number;
}

/** Reads whole limbs that follow each other, on all threads. @throws WireError WIRE_CONTENT, WIRE_TRUNCATED */
export function readLimbs(context: Context, reader: ByteReader, limbs: readonly WireLimb[]): void {
  const { kernels, n, moduli } = context;
  const sizes = limbs.map(({ index }) => limbWireBytes(context, index));
  const bytes = reader.raw(sizes.reduce((sum, size) => sum + size, 0));
  const buffer = kernels.arena.alloc(bytes.length + 64);
  const counts = kernels.arena.alloc(4 * limbs.length);
  kernels.u8(buffer, bytes.length).set(bytes);
  let next = buffer;
  const starts = sizes.map((size) => {
    next += size;
    return next - size;
  });
  context.fork(limbs.length, TRANSFORM_PASSES * n, (i, x) => {
    const { value, bits } = moduli[limbs[i].index];
    x.unpack_check(limbs[i].ptr, starts[i], n, value, bits, counts + 4 * i);
  });
  const invalid = kernels.i32(counts, limbs.length).reduce((sum, count) => sum + count, 0);
  kernels.arena.free(counts);
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
