/**
 * The kernels in a browser, by URL; a bundler gives the URLs of `@velum/kernels/wasm/velum-fma.wasm` and
 * `.../velum-portable.wasm`.
 * @module
 */
import { type Kernels, loadKernelsFrom } from '@velum/kernels';
import { VelumError } from './errors.ts';

/** Fetches and loads the better build this engine runs. */
export async function fetchKernels(urls: { fma: string; portable: string }): Promise<Kernels> {
  const [fma, portable] = await Promise.all([fetchBytes(urls.fma), fetchBytes(urls.portable)]);
  return loadKernelsFrom({ fma, portable });
}

async function fetchBytes(url: string): Promise<ArrayBuffer> {
  const response = await fetch(url);
  if (!response.ok) {
    throw new VelumError('KERNELS_MISSING', `no kernels at ${url} (${response.status})`, {
      status: response.status,
      hint: 'Serve the files of packages/kernels/dist and give their URLs.',
    });
  }
  return response.arrayBuffer();
}
