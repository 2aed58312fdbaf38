/**
 * The kernels of the commands: a command is a program of its own, so V8's wide vectors may be used throughout.
 * @module
 */
import type { Kernels } from '@velum/kernels';
import { allowWideLanes, loadKernels as load, type NodeLoadOptions } from '@velum/kernels/node';

/** As `loadKernels` of `@velum/kernels/node`, with the fastest build that this Node runs. */
export function loadKernels(options?: NodeLoadOptions): Promise<Kernels> {
  allowWideLanes();
  return load(options);
}
