/**
 * The expansion of seeds is a wire format (docs/wire-formats.md): checked here against OpenSSL's ChaCha20 and the words
 * of that page.
 * @module
 */
import assert from 'node:assert/strict';
import { createCipheriv } from 'node:crypto';
import { test } from 'node:test';
import { Domain, SEED_BYTES } from '../random.ts';
import { overBuilds, smallContext } from '../testing/contexts.ts';
import { ERROR_SIGMA, expandMask, freshError } from './sampling.ts';
import { SecretKey } from './secret-key.ts';

const seed = Uint8Array.from({ length: SEED_BYTES }, (_, i) => 3 * i + 1);

/** 64-bit words of the stream named by domain, index and limb. */
function words(domain: number, index: number, limb: number, count: number): bigint[] {
  const iv = Buffer.alloc(16);
  iv.writeUInt32LE(domain, 4);
  iv.writeUInt32LE(index, 8);
  iv.writeUInt32LE(limb, 12);
  const stream = createCipheriv('chacha20', seed, iv).update(Buffer.alloc(8 * count));
  return Array.from({ length: count }, (_, i) => stream.readBigUInt64LE(8 * i));
}

overBuilds('expansion of seeds', (kernels) => {
  const context = smallContext(kernels, 1, 1);
  const { n, moduli } = context;

  test('a mask is drawn by digit and limb, by rejection', () => {
    const ptr = context.alloc(1);
    for (const [index, limb] of [
      [0, 0],
      [0, 1],
      [3, 2],
      [70000, 1],
    ]) {
      const q = BigInt(moduli[limb].value);
      const mask = (1n << BigInt(q.toString(2).length)) - 1n;
      const expected = words(Domain.mask, index, limb, 4 * n)
        .map((w) => w & mask)
        .filter((u) => u < q)
        .slice(0, n)
        .map((u) => Number(u > q / 2n ? u - q : u));
      assert.equal(expected.length, n);
      expandMask(context, ptr, seed, index, limb);
      assert.deepEqual([...kernels.f64(ptr, n)], expected);
    }
    context.free(ptr);
  });

  test('a secret is read two bits at a time', () => {
    const expected: number[] = [];
    for (const w of words(Domain.secret, 0, 0, n)) {
      for (let f = 0n; f < 64n && expected.length < n; f += 2n) {
        const v = Number((w >> f) & 3n);
        if (v !== 3) expected.push(v - 1);
      }
    }
    const secret = SecretKey.fromSeed(context, seed);
    const ptr = context.alloc(1);
    for (const [i, modulus] of moduli.entries()) {
      context.copyLimbs(ptr, secret.limb(i), 1);
      modulus.inverseTransform(ptr);
      const q = modulus.value;
      const got = kernels.f64(ptr, n).map((c) => c - q * Math.round(c / q) + 0);
      assert.deepEqual([...got], expected);
    }
    context.free(ptr);
    secret.dispose();
  });

  test('errors have the stated width, are centred, and differ each time', () => {
    let sum = 0;
    let squares = 0;
    const runs = 20;
    const seen = new Set<string>();
    for (let k = 0; k < runs; k++) {
      const ptr = freshError(context);
      const error = kernels.f64(ptr, n);
      for (const e of error) {
        assert.ok(Number.isInteger(e) && Math.abs(e) <= 21);
        sum += e;
        squares += e * e;
      }
      seen.add(error.slice(0, 64).join());
      kernels.arena.freeZeroed(ptr);
    }
    assert.equal(seen.size, runs);
    // Eight standard deviations of each estimate.
    const count = runs * n;
    assert.ok(Math.abs(sum / count) < (8 * ERROR_SIGMA) / Math.sqrt(count));
    assert.ok(Math.abs(squares / count / ERROR_SIGMA ** 2 - 1) < 8 * Math.sqrt(2 / count));
  });
});
