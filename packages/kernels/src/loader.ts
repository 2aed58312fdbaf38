/**
 * Chooses and instantiates a build of the kernels from the bytes of its modules, in Node and in browsers. @module
 */
import { Arena } from './arena.ts';
import { KernelError } from './errors.ts';
import type { KernelExports } from './exports.ts';
import { ForkPool, runInline, type Thread } from './fork-pool.ts';
import type { ThreadStart } from './fork-thread.ts';
import type { KernelBuild, Kernels } from './kernels.ts';

const PAGE = 65536;
const MAX_BYTES = 65535 * PAGE;

/** Options of {@link loadKernelsFrom} and of `loadKernels` in `@velum/kernels/node`. */
export interface LoadOptions {
  /** 'auto' (default) takes wasm-wide or wasm-fma where relaxed SIMD exists and its multiply-add is fused. */
  build?: 'auto' | KernelBuild;
  /** First size of the memory in bytes, default 4 MiB. */
  initialBytes?: number;
  /** Limit of the memory in bytes, default 4 GiB - 64 KiB. */
  maximumBytes?: number;
  /** Threads that carry out forks, the calling one included: 1 (default) to 64. */
  threads?: number;
  /** How long an idle thread looks for work before it sleeps, in milliseconds, default 0.1. */
  spinMs?: number;
  /** A fork in which no task ends for this many milliseconds fails with THREAD_LOST, default 60 000. */
  lostMs?: number;
}

/** The modules' bytes: those named `-shared` when there are to be several threads. */
export interface KernelSources {
  /** Slower than `fma` unless its vectors were merged, as `@velum/kernels/node` has V8 do. */
  wide?: BufferSource | WebAssembly.Module;
  fma?: BufferSource;
  portable: BufferSource;
  /**
   * Starts a thread (a worker that calls `startThread` of fork-thread.ts and then `serve`) and returns when it is
   * ready; `ended` is to be called when it ends by itself. Needed for more than one thread.
   */
  newThread?: (start: ThreadStart, ended: () => void) => Promise<Thread>;
}

const BUILDS: readonly KernelBuild[] = ['wasm-wide', 'wasm-fma', 'wasm-portable'];
const MAX_THREADS = 64;
const STACK_BYTES = PAGE;
const SPIN_MS = 0.1;

async function instantiate(
  build: KernelBuild,
  source: BufferSource | WebAssembly.Module,
  options: KernelSources & LoadOptions,
): Promise<Kernels> {
  const threads = options.threads ?? 1;
  const shared = threads > 1;
  const maximum = Math.floor(Math.min(options.maximumBytes ?? MAX_BYTES, MAX_BYTES) / PAGE);
  const initial = Math.min(
    maximum,
    Math.max(3 + threads, Math.ceil((options.initialBytes ?? 4 << 20) / PAGE)),
  );
  if (!(maximum >= 3 + threads)) {
    throw new KernelError(
      'BAD_ARGUMENT',
      `maximumBytes must be at least ${(3 + threads) * PAGE}, not ${options.maximumBytes}`,
    );
  }
  const memory = new WebAssembly.Memory({ initial, maximum, shared });
  const module = source instanceof WebAssembly.Module ? source : await WebAssembly.compile(source);
  const instance = await WebAssembly.instantiate(module, { env: { memory } });
  const x = instance.exports as unknown as KernelExports & { __heap_base: WebAssembly.Global };
  // The other threads' stacks lie between the module's own data and the arena.
  const stacks = Math.ceil((x.__heap_base.value as number) / 64) * 64;
  const arena = new Arena(memory, stacks + (threads - 1) * STACK_BYTES);
  const common = {
    build,
    memory,
    arena,
    f64: (ptr: number, len: number) => new Float64Array(memory.buffer, ptr, len),
    i32: (ptr: number, len: number) => new Int32Array(memory.buffer, ptr, len),
    u8: (ptr: number, len: number) => new Uint8Array(memory.buffer, ptr, len),
  };
  if (!shared) {
    return {
      ...common,
      x,
      threads: 1,
      fork: (tasks, body) => runInline(tasks, body, x),
      close: async () => {},
    };
  }
  const pool = new ForkPool(arena, x, options.lostMs);
  const start = async (index: number) => {
    let thread: Thread | undefined;
    let alive = true;
    const ended = () => {
      alive = false;
      if (thread) pool.remove(thread);
    };
    const stackTop = stacks + index * STACK_BYTES;
    const spinMs = options.spinMs ?? SPIN_MS;
    thread = await options.newThread?.({ module, memory, stackTop, spinMs, fork: pool.memory }, ended);
    if (thread && alive) pool.add(thread);
  };
  try {
    // isFused runs on the main thread: threads are started by the build that is taken.
    if (isFused(x) || build === 'wasm-portable')
      await Promise.all(Array.from({ length: threads - 1 }, (_, i) => start(i + 1)));
  } catch (error) {
    await pool.close();
    throw error;
  }
  return {
    ...common,
    get x() {
      if (!pool.recording) return x;
      throw new KernelError(
        'BAD_ARGUMENT',
        'kernels.x in the body of a fork would run before what was recorded: use the functions that fork gives it',
      );
    },
    get threads() {
      return pool.threads;
    },
    fork: (tasks, body) => pool.fork(tasks, body),
    close: () => pool.close(),
  };
}

/** Relaxed madd may legally round twice: then the low half of a 100-bit product is lost and this product is wrong. */
function isFused(x: KernelExports): boolean {
  const q = 2 ** 50 - 27;
  const a = 2 ** 48 + 12345;
  const b = 2 ** 48 - 54321;
  const r = Number((BigInt(a) * BigInt(b)) % BigInt(q));
  const got = x.mod_mul(a, b, q, 1 / q);
  return (got < 0 ? got + q : got) === r;
}

/**
 * Loads the best build that runs here, or the one asked for.
 * @throws KernelError SIMD_UNAVAILABLE without WebAssembly SIMD, BUILD_UNAVAILABLE when the wanted build cannot run,
 *   BAD_ARGUMENT
 */
export async function loadKernelsFrom(sources: KernelSources & LoadOptions): Promise<Kernels> {
  const build = sources.build ?? 'auto';
  if (build !== 'auto' && !BUILDS.includes(build)) {
    throw new KernelError('BAD_ARGUMENT', `build must be auto, ${BUILDS.join(', ')}, not ${String(build)}`);
  }
  const threads = sources.threads ?? 1;
  if (!Number.isInteger(threads) || threads < 1 || threads > MAX_THREADS) {
    throw new KernelError(
      'BAD_ARGUMENT',
      `threads must be a whole number from 1 to ${MAX_THREADS}, not ${threads}`,
    );
  }
  if (threads > 1 && sources.newThread === undefined) {
    throw new KernelError(
      'BAD_ARGUMENT',
      `newThread is needed for ${threads} threads: pass it, or ask for one`,
    );
  }
  const fused = { 'wasm-wide': sources.wide, 'wasm-fma': sources.fma };
  for (const [name, source] of Object.entries(fused) as [keyof typeof fused, KernelSources['wide']][]) {
    if (build !== 'auto' && build !== name) continue;
    if (source instanceof WebAssembly.Module || (source !== undefined && WebAssembly.validate(source))) {
      const kernels = await instantiate(name, source, sources);
      if (isFused(kernels.x)) return kernels;
    }
    if (build === name) {
      throw new KernelError(
        'BUILD_UNAVAILABLE',
        `${name} needs relaxed SIMD with a fused multiply-add, which this engine or CPU lacks: use build "auto"`,
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
