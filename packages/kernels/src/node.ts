/**
 * Loads the kernels from the files that build.mjs wrote. @module
 */
import { readFile } from 'node:fs/promises';
import { KernelError } from './errors.ts';
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

/**
 * A new instance with its own memory. The environment variable VELUM_KERNELS (wasm-fma or wasm-portable) decides where
 * `options.build` does not.
 * @throws KernelError KERNELS_NOT_BUILT, and those of {@link loadKernelsFrom}
 */
export async function loadKernels(options: LoadOptions = {}): Promise<Kernels> {
  const wanted = process.env['VELUM_KERNELS'] as LoadOptions['build'] | '' | undefined;
  const [fma, portable] = await Promise.all([read('velum-fma.wasm'), read('velum-portable.wasm')]);
  return loadKernelsFrom({ ...options, build: options.build ?? (wanted || 'auto'), fma, portable });
}
