/**
 * Generation of the server key: the bootstrapping key (a GGSW of each bit of the small key under the GLWE key) and the
 * key-switching key (the big key's bits, scaled, under the small key). Masks are those of one public seed, so that only
 * bodies travel.
 * @module
 */
import { Domain, randomSeed, SEED_BYTES } from '../random.ts';
import { newContainer, seal, TORUS_BITS } from './container.ts';
import type { TorusContext } from './context.ts';
import type { TfheParameters } from './parameters.ts';
import type { TorusSecret } from './secret.ts';

/** Rows of one GGSW: component r and level l give row r * levels + l. */
export const ggswRows = ({ glweDimension, pbsLevels }: TfheParameters): number =>
  (glweDimension + 1) * pbsLevels;

/** Bytes of a GGSW row's body on the wire. */
export const ggswBodyBytes = ({ polynomialSize }: TfheParameters): number =>
  (polynomialSize * TORUS_BITS) / 8;

/**
 * The seeded server key. Each call draws a new one; all belong to the same pair.
 * @param onProgress called as parts are done, with done and total
 */
export function makeServerKey(
  secret: TorusSecret,
  keyId: string,
  onProgress?: (done: number, total: number) => void,
): Uint8Array {
  const { parameters } = secret.context;
  const { lweDimension } = parameters;
  const { bytes, payload } = newContainer('server-key', parameters, keyId);
  const seed = randomSeed();
  payload.set(seed);
  const total = lweDimension + 1;
  const ggswBytes = ggswRows(parameters) * ggswBodyBytes(parameters);
  const writer = new GgswWriter(secret, seed);
  try {
    for (let i = 0; i < lweDimension; i++) {
      writer.write(payload.subarray(SEED_BYTES + i * ggswBytes), i);
      onProgress?.(i + 1, total);
    }
  } finally {
    writer.dispose();
  }
  writeKeySwitchBodies(secret, seed, payload.subarray(SEED_BYTES + lweDimension * ggswBytes));
  onProgress?.(total, total);
  return seal(bytes);
}

/** Expands mask polynomial `component` of row `row` (counted over all GGSWs). Part of the wire format. */
export function expandGgswMask(
  context: TorusContext,
  dst: number,
  seed: Uint8Array,
  row: number,
  component: number,
): void {
  context.withStream(seed, Domain.torusBootstrapMask, row, component, (key, nonce) =>
    context.kernels.x.tfhe_uniform(dst, context.parameters.polynomialSize, key, nonce),
  );
}

/** Encrypts the bits of the small key, one GGSW at a time. */
class GgswWriter {
  readonly #secret: TorusSecret;
  readonly #seed: Uint8Array;
  /** The constant polynomial 1. */
  readonly #one: number;
  readonly #mask: number;
  readonly #noise: number;
  readonly #body: number;
  readonly #packed: number;
  readonly #products: number[];

  constructor(secret: TorusSecret, seed: Uint8Array) {
    const { kernels, parameters } = secret.context;
    const polynomial = () => kernels.arena.allocZeroed(parameters.polynomialSize * 8);
    this.#secret = secret;
    this.#seed = seed;
    this.#one = polynomial();
    kernels.f64(this.#one, 1)[0] = 1;
    this.#mask = polynomial();
    this.#noise = polynomial();
    this.#body = polynomial();
    this.#packed = polynomial();
    this.#products = Array.from({ length: parameters.glweDimension }, polynomial);
  }

  /** Writes the bodies of the GGSW of bit `index`. */
  write(target: Uint8Array, index: number): void {
    const { context } = this.#secret;
    const { kernels, parameters } = context;
    const { polynomialSize, glweDimension, pbsLevels, pbsBaseLog } = parameters;
    const rows = ggswRows(parameters);
    const size = ggswBodyBytes(parameters);
    const bit = kernels.i32(this.#secret.lwe, index + 1)[index];
    for (let row = 0; row < rows; row++) {
      this.#products.forEach((product, j) => {
        expandGgswMask(context, this.#mask, this.#seed, index * rows + row, j);
        context.multiply(product, this.#mask, this.#secret.glwe + 8 * j * polynomialSize, polynomialSize);
      });
      context.freshNoise(this.#noise, polynomialSize, parameters.glweNoiseBits);
      // Row (r, l) has the phase bit * g_l * (-S_r, or 1 for the body): an external product then gives bit * phase.
      const component = Math.floor(row / pbsLevels);
      const gadget = 2 ** -(pbsBaseLog * ((row % pbsLevels) + 1));
      const isBody = component === glweDimension;
      const message = isBody ? this.#one : this.#secret.glwe + 8 * component * polynomialSize;
      context.combine(
        this.#body,
        [...this.#products, this.#noise, message],
        [...this.#products.map(() => 1), 2 ** -TORUS_BITS, (isBody ? gadget : -gadget) * bit],
        polynomialSize,
      );
      kernels.x.tfhe_pack_torus(this.#packed, this.#body, polynomialSize, TORUS_BITS);
      target.set(kernels.u8(this.#packed, size), row * size);
    }
  }

  dispose(): void {
    const { arena } = this.#secret.context.kernels;
    for (const ptr of [this.#one, this.#mask, this.#noise, this.#body, this.#packed, ...this.#products])
      arena.freeZeroed(ptr);
  }
}

/** Bodies of the key-switching key: row i * levels + l holds bit i of the big key times 2^(32 - baseLog (l + 1)). */
function writeKeySwitchBodies(secret: TorusSecret, seed: Uint8Array, target: Uint8Array): void {
  const { context } = secret;
  const { kernels, parameters } = context;
  const { lweDimension, bigDimension, ksBaseLog, ksLevels, lweNoiseBits } = parameters;
  const rows = bigDimension * ksLevels;
  const bodies = kernels.arena.alloc(rows * 4);
  const noise = kernels.arena.alloc(rows * 8);
  const scratch = kernels.arena.alloc(lweDimension * 4 + 64);
  context.freshNoise(noise, rows, lweNoiseBits);
  context.withStream(seed, Domain.torusKeySwitchMask, 0, 0, (key, nonce) =>
    kernels.x.tfhe_ksk_bodies(
      bodies,
      noise,
      secret.lwe,
      secret.glwe,
      lweDimension,
      ksBaseLog,
      ksLevels,
      0,
      rows,
      key,
      nonce,
      scratch,
    ),
  );
  target.set(kernels.u8(bodies, rows * 4));
  for (const ptr of [bodies, noise, scratch]) kernels.arena.freeZeroed(ptr);
}
