/**
 * Encrypted lists of blocks on the wire: what the client's secret key encrypts (a seed and 32 bits a block), and results
 * (rows under the small key, switched to 2N). Rows of the evaluator are made one at a time, when they are needed.
 * @module
 */
import { Domain, randomSeed, SEED_BYTES } from '../random.ts';
import {
  newContainer,
  openContainer,
  publicRing,
  resultRowBytes,
  seal,
  type TfheHeader,
  TORUS_BITS,
} from './container.ts';
import { rowBytes, type TorusContext } from './context.ts';
import { TfheError } from './errors.ts';
import type { TfheParameters } from './parameters.ts';
import type { TorusSecret } from './secret.ts';

/** Rounds a torus element to 32 bits. */
export const toTorus32 = (value: number): number =>
  Math.round((value - Math.floor(value + 0.5)) * 2 ** 32) | 0;

/** @throws TfheError VALUE_RANGE, SHAPE_MISMATCH */
export function checkValues(parameters: TfheParameters, values: readonly number[], limit: number): void {
  if (!Array.isArray(values) || values.length < 1 || values.length > limit) {
    throw new TfheError(
      'SHAPE_MISMATCH',
      `a list has 1 ... ${limit} blocks, not ${values?.length}`,
      'values',
    );
  }
  for (const value of values) {
    if (!Number.isInteger(value) || value < 0 || value >= parameters.boxes) {
      // The value is secret: the message must not carry it.
      throw new TfheError(
        'VALUE_RANGE',
        `a block holds an integer 0 ... ${parameters.boxes - 1}; split larger numbers into blocks`,
        'values',
      );
    }
  }
}

/** Encrypts under the secret key: the masks are those of a seed, block j's has index j. */
export function encryptSeeded(secret: TorusSecret, keyId: string, values: readonly number[]): Uint8Array {
  const { context } = secret;
  const { kernels, parameters } = context;
  const { bigDimension, delta, glweNoiseBits } = parameters;
  const { bytes, payload } = newContainer('seeded', parameters, keyId, values.length);
  const view = new DataView(payload.buffer, payload.byteOffset);
  const seed = randomSeed();
  payload.set(seed);
  const noise = kernels.arena.allocZeroed(Math.ceil(values.length / 8) * 64);
  const mask = kernels.arena.alloc(bigDimension * 8);
  context.freshNoise(noise, values.length, glweNoiseBits);
  values.forEach((value, j) => {
    expandListMask(context, mask, seed, j);
    const product = kernels.x.tfhe_dot(mask, secret.glwe, bigDimension);
    const body = product + value * delta + kernels.f64(noise, values.length)[j] * 2 ** -TORUS_BITS;
    view.setInt32(SEED_BYTES + 4 * j, toTorus32(body), true);
  });
  kernels.arena.free(mask);
  kernels.arena.freeZeroed(noise);
  return seal(bytes);
}

function expandListMask(context: TorusContext, dst: number, seed: Uint8Array, block: number): void {
  context.withStream(seed, Domain.torusListMask, block, 0, (key, nonce) =>
    context.kernels.x.tfhe_uniform(dst, context.parameters.bigDimension, key, nonce),
  );
}

/** An opened list of inputs: writes block j as a row of the evaluator. */
export interface InputList {
  readonly header: TfheHeader;
  /** Fills the row at `dst` (see rowBytes) with block j. */
  expand(dst: number, block: number): void;
}

/**
 * Opens a list encrypted under the secret or the public key.
 * @throws TfheError those of openContainer
 */
export function openInputs(context: TorusContext, bytes: Uint8Array): InputList {
  const { payload, ...header } = openContainer(bytes, ['seeded', 'compact'], { insecure: true });
  if (header.parameters.id !== context.parameters.id) {
    throw new TfheError(
      'PARAMETERS_MISMATCH',
      `the input was encrypted for ${header.parameters.name}, the key is for ${context.parameters.name}`,
      'inputs',
    );
  }
  const view = new DataView(payload.buffer, payload.byteOffset, payload.length);
  const { kernels, parameters } = context;
  const { bigDimension } = parameters;
  const torus = (offset: number): number => view.getInt32(offset, true) * 2 ** -32;
  if (header.kind === 'seeded') {
    const seed = payload.slice(0, SEED_BYTES);
    return {
      header,
      expand(dst, block) {
        expandListMask(context, dst, seed, block);
        kernels.f64(dst, rowBytes(parameters) / 8)[bigDimension] = torus(SEED_BYTES + 4 * block);
      },
    };
  }
  const ring = publicRing(parameters);
  return {
    header,
    expand(dst, block) {
      const row = kernels.f64(dst, rowBytes(parameters) / 8);
      const index = block % ring;
      // All groups before this one are full: ring mask coefficients and ring bodies.
      const start = 8 * ring * Math.floor(block / ring);
      // Coefficient `index` of mask * key: the key's coefficient i meets the mask's index - i, negated beyond X^ring.
      for (let i = 0; i < bigDimension; i++) {
        const j = index - i;
        row[i] = j >= 0 ? torus(start + 4 * j) : -torus(start + 4 * (j + ring));
      }
      row[bigDimension] = torus(start + 4 * (ring + index));
    },
  };
}

/** log2 of the values that a unit of Delta has after the modulus switch. */
const unitBits = ({ switchBits, messageBits, carryBits }: TfheParameters): number =>
  switchBits - 1 - messageBits - carryBits;

/** Packs `count` rows of n + 1 integers modulo 2N at `rows`. */
export function writeResult(context: TorusContext, keyId: string, rows: number, count: number): Uint8Array {
  const { kernels, parameters } = context;
  const { bytes, payload } = newContainer('result', parameters, keyId, count);
  const packed = kernels.arena.alloc(payload.length);
  kernels.x.tfhe_pack(packed, rows, parameters.lweDimension + 1, parameters.switchBits, count);
  payload.set(kernels.u8(packed, payload.length));
  kernels.arena.free(packed);
  return seal(bytes);
}

/**
 * Decrypts a result: one integer modulo 2 boxes for each block, the value in units of Delta.
 * @throws TfheError those of openContainer, PARAMETERS_MISMATCH, KEY_MISMATCH
 */
export function decryptResult(secret: TorusSecret, keyId: string, bytes: Uint8Array): number[] {
  const { kernels, parameters } = secret.context;
  const list = openContainer(bytes, ['result'], { insecure: true });
  checkOwner(parameters, keyId, list);
  const { lweDimension, switchBits, boxes } = parameters;
  const unit = unitBits(parameters);
  const size = resultRowBytes(parameters);
  const packed = kernels.arena.alloc(size);
  const row = kernels.arena.alloc((lweDimension + 1) * 4);
  const values = Array.from({ length: list.count }, (_, block) => {
    kernels.u8(packed, size).set(list.payload.subarray(block * size, (block + 1) * size));
    kernels.x.tfhe_unpack(row, packed, lweDimension + 1, switchBits, 1);
    const product = kernels.x.tfhe_dot32(row, secret.lwe, lweDimension);
    const phase = kernels.i32(row, lweDimension + 1)[lweDimension] - product;
    return ((phase + 2 ** (unit - 1)) >> unit) & (2 * boxes - 1);
  });
  kernels.arena.free(packed);
  kernels.arena.free(row);
  return values;
}

/**
 * Cuts a result into several, so that one circuit can answer with several files.
 * @param counts blocks of each part, in order; together the result's
 * @throws TfheError SHAPE_MISMATCH, and those of openContainer
 */
export function splitResult(bytes: Uint8Array, counts: readonly number[]): Uint8Array[] {
  const { parameters, keyId, count, payload } = openContainer(bytes, ['result'], { insecure: true });
  const whole = counts.every((part) => Number.isInteger(part) && part >= 1);
  if (!whole || counts.reduce((sum, part) => sum + part, 0) !== count) {
    throw new TfheError(
      'SHAPE_MISMATCH',
      `parts of ${counts.join(', ')} blocks do not make ${count}`,
      'counts',
    );
  }
  const size = resultRowBytes(parameters);
  let start = 0;
  return counts.map((part) => {
    const file = newContainer('result', parameters, keyId, part);
    file.payload.set(payload.subarray(start, start + part * size));
    start += part * size;
    return seal(file.bytes);
  });
}

/** @throws TfheError PARAMETERS_MISMATCH, KEY_MISMATCH */
export function checkOwner(parameters: TfheParameters, keyId: string, list: TfheHeader): void {
  if (list.parameters.id !== parameters.id) {
    throw new TfheError(
      'PARAMETERS_MISMATCH',
      `the ciphertexts are for ${list.parameters.name}, the key is for ${parameters.name}`,
      'bytes',
    );
  }
  if (list.keyId !== keyId) {
    throw new TfheError(
      'KEY_MISMATCH',
      `encrypted under key ${list.keyId}, but this is key ${keyId}: use the keys that belong together`,
      'bytes',
    );
  }
}
