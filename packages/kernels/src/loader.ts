/**
 * Chooses and instantiates a build of the kernels from the bytes of its modules, in Node and in browsers. @module
 */
import { Arena } from './arena.ts';
import { KernelError } from './errors.ts';
import type { KernelExports } from './exports.ts';
import type { KernelBuild, Kernels } from './kernels.ts';

const PAGE = 65536;
const MAX_BYTES = 65535 * PAGE;

/** Options of {@link loadKernelsFrom} and of `loadKernels` in `@velum/kernels/node`. */
export interface LoadOptions {
  /** 'auto' (default) takes wasm-fma where relaxed SIMD exists and its multiply-add is fused. */
  build?: 'auto' | KernelBuild;
  /** First size of the memory in bytes, default 4 MiB. */
  initialBytes?: number;
  /** Limit of the memory in bytes, default 4 GiB - 64 KiB. */
  maximumBytes?: number;
  /** Shared memory is not supported yet. */
  shared?: false;
}

/** The modules' bytes. */
export interface KernelSources {
  fma?: BufferSource;
  portable: BufferSource;
}

async function instantiate(build: KernelBuild, source: BufferSource, options: LoadOptions): Promise<Kernels> {
  const maximum = Math.floor(Math.min(options.maximumBytes ?? MAX_BYTES, MAX_BYTES) / PAGE);
  const initial = Math.min(maximum, Math.max(4, Math.ceil((options.initialBytes ?? 4 << 20) / PAGE)));
  if (!(maximum >= 4)) {
    throw new KernelError(
      'BAD_ARGUMENT',
      `maximumBytes must be at least 262144, not ${options.maximumBytes}`,
    );
  }
  const memory = new WebAssembly.Memory({ initial, maximum });
  const { instance } = await WebAssembly.instantiate(source, { env: { memory } });
  const x = instance.exports as unknown as KernelExports & { __heap_base: WebAssembly.Global };
  const buffer = () => memory.buffer as ArrayBuffer;
  return {
    build,
    memory,
    arena: new Arena(memory, x.__heap_base.value as number),
    x,
    f64: (ptr, len) => new Float64Array(buffer(), ptr, len),
    i32: (ptr, len) => new Int32Array(buffer(), ptr, len),
    u8: (ptr, len) => new Uint8Array(buffer(), ptr, len),
  };
}

/** Relaxed madd may legally round twice: then the low half of a 100-bit product is lost and this product is wrong. */
function isFused(kernels: Kernels): boolean {
  const q = 2 ** 50 - 27;
  const a = 2 ** 48 + 12345;
  const b = 2 ** 48 - 54321;
  const r = Number((BigInt(a) * BigInt(b)) % BigInt(q));
  const got = kernels.x.mod_mul(a, b, q, 1 / q);
  return (got < 0 ? got + q : got) === r;
}

/**
 * Loads the best build that runs here, or the one asked for.
 * @throws KernelError SIMD_UNAVAILABLE without WebAssembly SIMD, BUILD_UNAVAILABLE when the wanted build cannot run,
 *   BAD_ARGUMENT
 */
export async function loadKernelsFrom(sources: KernelSources & LoadOptions): Promise<Kernels> {
  const build = sources.build ?? 'auto';
  if (build !== 'auto' && build !== 'wasm-fma' && build !== 'wasm-portable') {
    throw new KernelError(
      'BAD_ARGUMENT',
      `build must be auto, wasm-fma or wasm-portable, not ${String(build)}`,
    );
  }
  if (build !== 'wasm-portable') {
    if (sources.fma !== undefined && WebAssembly.validate(sources.fma)) {
      const kernels = await instantiate('wasm-fma', sources.fma, sources);
      if (isFused(kernels)) return kernels;
    }
    if (build === 'wasm-fma') {
      throw new KernelError(
        'BUILD_UNAVAILABLE',
        'wasm-fma needs relaxed SIMD with a fused multiply-add, which this engine or CPU lacks: use build "auto"',
      );
    }
  }
  if (!WebAssembly.validate(sources.portable)) {
    throw new KernelError(
      'SIMD_UNAVAILABLE',
      'the kernels need WebAssembly SIMD: use a newer browser or Node >= 22',
    );
  }
  return instantiate('wasm-portable', sources.portable, sources);
}
