/**
 * Medians of the kernels at n = 8192 with a 49-bit prime, all WebAssembly builds, one thread.
 *
 *   node bench/kernels.ts [--json FILE]
 *
 * The named peer is SEAL 4.1 (native, one thread): 135 us for the forward NTT of this size on the machine of
 * design.md, so the ratio only means something there. @module
 */
import { writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { fftTables, type KernelBuild, type Kernels } from '../packages/kernels/src/index.ts';
import { loadKernels } from '../packages/kernels/src/node.ts';

const N = 8192;
const BITS = 49;
/** Largest 49-bit prime that is 1 mod 2^18, so that it serves every n up to 2^17. */
const Q = 562949950537729;
const SEAL_NTT_US = 135;
const KEY_DIGITS = 8;

interface Row {
  name: string;
  /** median time of one call in microseconds */
  us: number;
  /** bytes per call, for the rows that are better read as throughput */
  bytes?: number;
}

/** Median of `samples` timings, each of enough calls to last about a millisecond. */
function median(call: () => void, samples = 60): number {
  const start = performance.now();
  let calls = 0;
  while (performance.now() - start < 20) {
    call();
    calls++;
  }
  const batch = Math.max(1, Math.round(calls / 20));
  const times: number[] = [];
  for (let s = 0; s < samples; s++) {
    const from = performance.now();
    for (let i = 0; i < batch; i++) call();
    times.push(((performance.now() - from) * 1000) / batch);
  }
  times.sort((a, b) => a - b);
  return times[samples >> 1];
}

/** A primitive 2n-th root of unity: x^((q-1)/2n) for the first x that gives one. */
function rootOfUnity(kernels: Kernels, n: number): number {
  for (let x = 3; ; x++) {
    const root = kernels.x.mod_pow(x, (Q - 1) / (2 * n), Q);
    if (kernels.x.mod_pow(root, n, Q) === Q - 1) return root;
  }
}

function measure(kernels: Kernels): Row[] {
  const { x, arena } = kernels;
  const qi = 1 / Q;
  const seed = arena.allocZeroed(64);
  let used = 0;
  const vector = () => {
    const ptr = arena.alloc(8 * N);
    kernels.u8(seed + 32, 1)[0] = used++;
    x.sample_uniform(ptr, N, Q, seed, seed + 32);
    return ptr;
  };
  const list = (ptrs: number[]) => {
    const ptr = arena.alloc(4 * ptrs.length);
    kernels.i32(ptr, ptrs.length).set(ptrs);
    return ptr;
  };
  const doubles = (values: number[]) => {
    const ptr = arena.alloc(8 * values.length);
    kernels.f64(ptr, values.length).set(values);
    return ptr;
  };
  const [a, b, c, d] = [vector(), vector(), vector(), vector()];
  const many = () => Array.from({ length: KEY_DIGITS }, vector);
  const [digits, key0, key1] = [list(many()), list(many()), list(many())];
  const tables = arena.alloc(32 * N);
  x.ntt_tables(tables, N, Q, x.ntt_min_root(N, Q, rootOfUnity(kernels, N)));
  const slots = N / 2;
  const fft = fftTables(kernels, slots);
  const packed = arena.alloc((N * BITS) / 8);
  const galois = arena.alloc(4 * N);
  x.galois_index(galois, N, 5);
  // The measured base conversion: two source limbs to four targets, with the constants of the same prime throughout.
  const limb = [Q, qi, 12345];
  const target = [Q, qi, 54321, 6789, 9876];
  const consts = doubles([...limb, ...limb, ...target, ...target, ...target, ...target]);
  const crt = doubles([Q, qi, Q, qi, 12345]);
  const [sources, targets] = [list([a, b]), list(Array.from({ length: 4 }, vector))];
  const reals = arena.alloc(8 * N);
  kernels.f64(reals, N).fill(0.123);
  const stream = 1 << 20;
  const keystream = arena.alloc(stream);
  const row = (name: string, call: () => void, bytes?: number): Row => ({ name, us: median(call), bytes });
  return [
    row('ntt_forward', () => x.ntt_forward(c, tables, N, Q, qi)),
    row('ntt_inverse', () => x.ntt_inverse(c, tables, N, Q, qi)),
    row('v_add', () => x.v_add(d, a, b, N, Q, qi)),
    row('v_mul', () => x.v_mul(d, a, b, N, Q, qi)),
    row('v_muladd', () => x.v_muladd(d, a, b, N, Q, qi)),
    row('v_mulscalar', () => x.v_mulscalar(d, a, 12345, N, Q, qi)),
    row('v_submulscalar', () => x.v_submulscalar(d, a, b, 12345, N, Q, qi)),
    row('v_mulrun (16)', () => x.v_mulrun(d, a, b, 4, N, Q, qi)),
    row(`v_dot (${KEY_DIGITS})`, () => x.v_dot(d, digits, key0, KEY_DIGITS, N, Q, qi)),
    row(`ks_dot (${KEY_DIGITS})`, () => x.ks_dot(c, d, digits, key0, key1, KEY_DIGITS, N, Q, qi)),
    row('v_permute', () => x.v_permute(d, a, galois, N)),
    row('bconv (2 -> 4)', () => x.bconv(targets, sources, consts, 2, 4, N)),
    row('crt_to_f64 (2)', () => x.crt_to_f64(d, sources, crt, 2, N)),
    row('f_quantize', () => x.f_quantize(d, reals, 2 ** 40, N, Q, qi)),
    // There and back, so that the values neither overflow nor vanish.
    row(`fft both ways (${slots})`, () => {
      x.fft_forward(reals, reals + 8 * slots, fft, slots);
      x.fft_inverse(reals, reals + 8 * slots, fft, slots);
    }),
    row('sample_uniform', () => x.sample_uniform(d, N, Q, seed, seed + 32), 8 * N),
    row('sample_ternary', () => x.sample_ternary(d, N, seed, seed + 32), 8 * N),
    row('sample_cbd', () => x.sample_cbd(d, N, seed, seed + 32), 8 * N),
    row('pack_bits (49)', () => x.pack_bits(packed, a, N, Q, BITS), (N * BITS) / 8),
    row('unpack_bits (49)', () => void x.unpack_bits(d, packed, N, Q, BITS), (N * BITS) / 8),
    row('pack_low (30)', () => x.pack_low(packed, a, N, Q, BITS, 30), (N * 30) / 8),
    row('unpack_low (30)', () => x.unpack_low(d, packed, N, 30, Q), (N * 30) / 8),
    row('chacha20', () => x.chacha20(keystream, seed, seed + 32, 0, stream / 64), stream),
  ];
}

const { values } = parseArgs({ options: { json: { type: 'string' } } });
const results: Partial<Record<KernelBuild, Row[]>> = {};
for (const build of ['wasm-wide', 'wasm-fma', 'wasm-portable'] as const) {
  results[build] = measure(await loadKernels({ build }));
}
const text = (row: Row) =>
  `${row.us.toFixed(1).padStart(9)} us${row.bytes ? `${(row.bytes / row.us).toFixed(0).padStart(6)} MB/s` : ' '.repeat(11)}`;
console.log(`n = ${N}, q = ${Q} (${BITS} bits), node ${process.version}, ${cpus()[0]?.model.trim()}`);
const builds = Object.keys(results) as KernelBuild[];
console.log(`${'kernel'.padEnd(13)}${builds.map((build) => build.padStart(23)).join('')}`);
for (const [i, { name }] of (results['wasm-fma'] ?? []).entries()) {
  const cells = builds.map((build) => text(results[build]?.[i] as Row));
  console.log(`${name.padEnd(22)}${cells.join('')}`);
}
const ntt = results['wasm-fma']?.[0].us ?? Number.NaN;
console.log(
  `SEAL 4.1 native ntt_forward on the machine of design.md: ${SEAL_NTT_US} us = ${(SEAL_NTT_US / ntt).toFixed(1)} x wasm-fma`,
);
if (values.json !== undefined) {
  const report = {
    n: N,
    q: Q,
    node: process.version,
    cpu: cpus()[0]?.model.trim(),
    sealNttUs: SEAL_NTT_US,
    results,
  };
  writeFileSync(values.json, `${JSON.stringify(report, null, 2)}\n`);
}
