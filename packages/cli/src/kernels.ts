/**
 * The kernels of the commands, which compute for long enough to have V8 merge vectors first.
 * @module
 */
import type { Kernels } from '@velum/kernels';
import { loadKernels as load, type NodeLoadOptions } from '@velum/kernels/node';

/** As `loadKernels` of `@velum/kernels/node`, with the fastest build that this Node runs. */
export function loadKernels(options: NodeLoadOptions = {}): Promise<Kernels> {
  return load({ wide: true, ...options });
}
