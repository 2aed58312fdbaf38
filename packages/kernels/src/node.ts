/**
 * Loads the kernels from the files that build.mjs wrote, with threads where they are asked for. @module
 */
import { readFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { setFlagsFromString } from 'node:v8';
import { Worker } from 'node:worker_threads';
import { KernelError } from './errors.ts';
import type { Thread } from './fork-pool.ts';
import type { ThreadStart } from './fork-thread.ts';
import type { Kernels } from './kernels.ts';
import { type LoadOptions, loadKernelsFrom } from './loader.ts';

async function read(name: string): Promise<Uint8Array<ArrayBuffer>> {
  try {
    return new Uint8Array(await readFile(new URL(`../dist/${name}`, import.meta.url)));
  } catch (error) {
    throw new KernelError(
      'KERNELS_NOT_BUILT',
      `cannot read packages/kernels/dist/${name}: run \`node packages/kernels/build.mjs\` in the repository root`,
      { cause: error },
    );
  }
}

/** V8 versions whose merging of vectors the tests of this package have run with. */
const MERGING = /^13\.6\./;
/** What lets V8 merge pairs of 128-bit vector operations into 256-bit ones, in everything, before the first call. */
const MERGE = ['--experimental-wasm-revectorize', '--no-liftoff', '--no-wasm-lazy-compilation'];

/** Whether V8 merges the vectors of the wide build here: on x86-64, with the V8 of Node 24. */
export function mergesVectors(): boolean {
  return process.arch === 'x64' && MERGING.test(process.versions.v8);
}

/**
 * The wide build, compiled with vectors merged. V8's flags belong to the process, so they are set for these 50
 * milliseconds only: no other module is compiled by the experimental pass (in this thread, which waits).
 */
function compileMerged(bytes: BufferSource): WebAssembly.Module {
  const given = [...process.execArgv, ...(process.env['NODE_OPTIONS'] ?? '').split(/\s+/)];
  const flags = MERGE.filter((flag) => !given.includes(flag));
  const opposite = (flag: string) =>
    flag.startsWith('--no-') ? flag.replace('--no-', '--') : flag.replace('--', '--no-');
  for (const flag of flags) setFlagsFromString(flag);
  try {
    return new WebAssembly.Module(bytes);
  } finally {
    for (const flag of flags) setFlagsFromString(opposite(flag));
  }
}

/** Options of {@link loadKernels}. */
export interface NodeLoadOptions extends Omit<LoadOptions, 'threads'> {
  /** 'auto' takes one thread for each processor that this process may use. Default 1. */
  threads?: number | 'auto';
  /**
   * Whether 'auto' may take the wide build, where V8 merges its vectors: transforms take two thirds of the time, after
   * 50 ms of compilation. Default false. Build 'wasm-wide' does not ask.
   */
  wide?: boolean;
}

/**
 * A new instance with its own memory. The environment variables VELUM_KERNELS (wasm-wide, wasm-fma or wasm-portable) and
 * VELUM_THREADS (a number or auto) decide where `options` do not. Threads do not keep the process alive.
 * @throws KernelError KERNELS_NOT_BUILT, and those of {@link loadKernelsFrom}
 */
export async function loadKernels(options: NodeLoadOptions = {}): Promise<Kernels> {
  const build = options.build ?? ((process.env['VELUM_KERNELS'] || 'auto') as LoadOptions['build']);
  const wanted = options.threads ?? (process.env['VELUM_THREADS'] || 1);
  const threads = wanted === 'auto' ? Math.min(64, availableParallelism()) : Number(wanted);
  const suffix = threads > 1 ? '-shared' : '';
  const takeWide = build === 'wasm-wide' || (build === 'auto' && options.wide === true && mergesVectors());
  const [bytes, fma, portable] = await Promise.all([
    takeWide ? read(`velum-wide${suffix}.wasm`) : undefined,
    read(`velum-fma${suffix}.wasm`),
    read(`velum-portable${suffix}.wasm`),
  ]);
  const wide = bytes && mergesVectors() && WebAssembly.validate(bytes) ? compileMerged(bytes) : bytes;
  return loadKernelsFrom({ ...options, build, threads, wide, fma, portable, newThread });
}

function newThread(start: ThreadStart, ended: () => void): Promise<Thread> {
  const worker = new Worker(new URL('./worker/node.ts', import.meta.url), {
    workerData: start,
    // The process's own flags may be about its main script (--input-type, --test).
    execArgv: [],
    name: 'velum-kernels',
  });
  return new Promise((resolve, reject) => {
    worker.once('message', () => {
      worker.unref();
      resolve({ terminate: () => worker.terminate() });
    });
    // After it is ready an error only ends the thread: forks go on with the others.
    worker.on('error', reject);
    worker.on('exit', (code) => {
      ended();
      reject(new KernelError('THREAD_LOST', `a thread ended with code ${code} before it was ready`));
    });
  });
}
