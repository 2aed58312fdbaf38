/**
 * The two secret keys in kernel memory, expanded from one seed: the GLWE key, whose coefficients are also the key of the
 * big LWE, and the small LWE key. Nothing here branches on a secret or looks one up.
 * @module
 */
import { Domain } from '../random.ts';
import type { TorusContext } from './context.ts';

export class TorusSecret {
  readonly context: TorusContext;
  /** SENSITIVE. */
  readonly seed: Uint8Array;
  /** kN doubles 0 or 1: the polynomials S_0 ... S_{k-1}, one after the other. */
  readonly glwe: number;
  /** n 32-bit integers 0 or 1. */
  readonly lwe: number;

  /** @param seed 32 bytes; each parameter set has its own keys of it */
  constructor(context: TorusContext, seed: Uint8Array) {
    this.context = context;
    this.seed = seed.slice();
    const { kernels, parameters } = context;
    this.glwe = kernels.arena.alloc(parameters.bigDimension * 8);
    this.lwe = kernels.arena.alloc(parameters.lweDimension * 4);
    context.withStream(this.seed, Domain.torusGlweSecret, 0, parameters.id, (key, nonce) =>
      kernels.x.tfhe_binary(this.glwe, parameters.bigDimension, key, nonce),
    );
    const bits = kernels.arena.alloc(parameters.lweDimension * 8);
    context.withStream(this.seed, Domain.torusLweSecret, 0, parameters.id, (key, nonce) =>
      kernels.x.tfhe_binary(bits, parameters.lweDimension, key, nonce),
    );
    kernels.i32(this.lwe, parameters.lweDimension).set(kernels.f64(bits, parameters.lweDimension));
    kernels.arena.freeZeroed(bits);
  }

  /** Wipes the keys; they must not be used afterwards. */
  dispose(): void {
    const { arena } = this.context.kernels;
    arena.freeZeroed(this.glwe);
    arena.freeZeroed(this.lwe);
    this.seed.fill(0);
  }
}
