import assert from 'node:assert/strict';
import { it } from 'node:test';
import { keystream, overBuilds, withMemory } from './testing.ts';

const KEY = Uint8Array.from({ length: 32 }, (_, i) => 3 * i + 1);
const NONCE = Uint8Array.from({ length: 12 }, (_, i) => 7 * i + 2);

/** Chi-square statistic of counts against expected ones, with its degrees of freedom taken out: about N(0, 1). */
function deviation(counts: number[], expected: number[]): number {
  const chi = counts.reduce((sum, c, i) => sum + (c - expected[i]) ** 2 / expected[i], 0);
  const freedom = counts.length - 1;
  return (chi - freedom) / Math.sqrt(2 * freedom);
}

overBuilds('TFHE samplers', (kernels) => {
  const { x } = kernels;
  const sample = (count: number, bytes: number, fill: (dst: number, key: number, nonce: number) => void) =>
    withMemory(kernels, (memory) => {
      const dst = memory.room(count * bytes + 64);
      kernels.u8(dst, count * bytes + 64).fill(0x55);
      fill(dst, memory.u8(KEY), memory.u8(NONCE));
      assert.ok(
        kernels.u8(dst + count * bytes, 64).every((b) => b === 0x55),
        'writes past its end',
      );
      return bytes === 8 ? Array.from(kernels.f64(dst, count)) : Array.from(kernels.i32(dst, count));
    });

  it('reads the keystream in the documented way', () => {
    const count = 333;
    const stream = keystream(KEY, NONCE, 0, 8 * count);
    assert.deepEqual(
      sample(count, 8, (dst, key, nonce) => x.tfhe_uniform(dst, count, key, nonce)),
      Array.from(
        { length: count },
        (_, i) => Number(BigInt.asIntN(52, stream.readBigUInt64LE(8 * i))) / 2 ** 52,
      ),
    );
    assert.deepEqual(
      sample(count, 4, (dst, key, nonce) => x.tfhe_uniform32(dst, count, key, nonce)),
      Array.from({ length: count }, (_, i) => stream.readInt32LE(4 * i)),
    );
    assert.deepEqual(
      sample(count, 8, (dst, key, nonce) => x.tfhe_binary(dst, count, key, nonce)),
      Array.from({ length: count }, (_, i) => (stream[i >> 3] >> (i & 7)) & 1),
    );
    for (const bits of [0, 5, 13, 30]) {
      assert.deepEqual(
        sample(count, 8, (dst, key, nonce) => x.tfhe_tuniform(dst, count, bits, key, nonce)),
        Array.from({ length: count }, (_, i) => {
          const w = BigInt.asUintN(bits + 2, BigInt(stream.readUInt32LE(4 * i)));
          return Number(((w + 1n) >> 1n) - (1n << BigInt(bits)));
        }),
      );
    }
  });

  it('gives TUniform its distribution', () => {
    const [count, bits] = [200_000, 3];
    const counts = new Array<number>(17).fill(0);
    for (const v of sample(count, 8, (dst, key, nonce) => x.tfhe_tuniform(dst, count, bits, key, nonce))) {
      counts[v + 8]++;
    }
    const expected = counts.map((_, i) => (count / 16) * (i === 0 || i === 16 ? 0.5 : 1));
    assert.ok(Math.abs(deviation(counts, expected)) < 4, counts.join(' '));
    const wide = sample(count, 8, (dst, key, nonce) => x.tfhe_tuniform(dst, count, 17, key, nonce));
    const variance = wide.reduce((sum, v) => sum + v * v, 0) / count;
    const ratio = variance / ((2 ** 35 + 1) / 6);
    assert.ok(ratio > 0.985 && ratio < 1.015, `variance ${ratio} of the expected one`);
  });

  it('gives bits and torus elements theirs', () => {
    const count = 200_000;
    const bits = sample(count, 8, (dst, key, nonce) => x.tfhe_binary(dst, count, key, nonce));
    const ones = bits.reduce((sum, b) => sum + b, 0);
    assert.ok(Math.abs(ones - count / 2) < 4 * Math.sqrt(count / 4), `${ones} ones`);
    const counts = new Array<number>(64).fill(0);
    for (const v of sample(count, 8, (dst, key, nonce) => x.tfhe_uniform(dst, count, key, nonce))) {
      counts[Math.floor((v + 0.5) * 64)]++;
    }
    assert.ok(Math.abs(deviation(counts, new Array(64).fill(count / 64))) < 4, counts.join(' '));
  });
});
