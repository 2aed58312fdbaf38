/**
 * The ring in a kernel instance, made once for each.
 * @module
 */
import { Context } from '@velum/fhe';
import type { Kernels } from '@velum/kernels';
import { RING } from './parameters.ts';

const contexts = new WeakMap<Kernels, Context>();

export function ringContext(kernels: Kernels): Context {
  let context = contexts.get(kernels);
  if (context === undefined) {
    context = new Context(kernels, RING);
    contexts.set(kernels, context);
  }
  return context;
}
