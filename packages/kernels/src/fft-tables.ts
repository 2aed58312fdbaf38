/**
 * Twiddles of the CKKS special transform (layout: fft.c). Made here because Math.cos and Math.sin are accurate to an
 * ulp and the kernels link no C library. @module
 */
import { KernelError } from './errors.ts';
import type { Kernels } from './kernels.ts';

const cache = new WeakMap<Kernels, Map<number, number>>();

/** exp(i*pi*num/den), reduced to the first octant first, so that no angle is rounded far from its exact value. */
function unit(num: number, den: number): [number, number] {
  const eighth = den / 4;
  const octant = Math.floor(num / eighth) % 8;
  const rest = num % eighth;
  const angle = (Math.PI * (octant % 2 === 0 ? rest : eighth - rest)) / den;
  const c = Math.cos(angle);
  const s = Math.sin(angle);
  const [x, y] = octant % 4 === 1 || octant % 4 === 2 ? [s, c] : [c, s];
  return [octant >= 2 && octant < 6 ? -x : x, octant >= 4 ? -y : y];
}

/**
 * Pointer to the tables for `m` slots (a power of two, 1 ... 2^16), made once per instance and never freed.
 * @throws KernelError BAD_ARGUMENT, OUT_OF_MEMORY
 */
export function fftTables(kernels: Kernels, m: number): number {
  if (!Number.isInteger(m) || m < 1 || m > 65536 || (m & (m - 1)) !== 0) {
    throw new KernelError('BAD_ARGUMENT', `m must be a power of two between 1 and 65536, not ${m}`);
  }
  let tables = cache.get(kernels);
  if (tables === undefined) cache.set(kernels, (tables = new Map()));
  const known = tables.get(m);
  if (known !== undefined) return known;
  const ptr = kernels.arena.allocZeroed(20 * m);
  const trig = kernels.f64(ptr, 2 * m);
  for (let h = 1; h < m; h *= 2) {
    for (let j = 0, power = 1; j < h; j++, power = (power * 5) % (8 * h)) {
      const [c, s] = unit(power, 4 * h);
      trig[h + j] = c;
      trig[m + h + j] = s;
    }
  }
  const swaps = kernels.i32(ptr + 16 * m, m);
  let end = 1;
  for (let i = 1, j = 0; i < m; i++) {
    // j = brv(i): a carry that runs from the top bit downwards
    let bit = m >> 1;
    for (; j & bit; bit >>= 1) j ^= bit;
    j |= bit;
    if (i < j) {
      swaps[end++] = i;
      swaps[end++] = j;
    }
  }
  swaps[0] = (end - 1) / 2;
  tables.set(m, ptr);
  return ptr;
}
