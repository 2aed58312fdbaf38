import assert from 'node:assert/strict';
import { it } from 'node:test';
import { tfheRowStride } from './exports-tfhe.ts';
import { integers, keystream, overBuilds, random, withMemory } from './testing.ts';
import { toInteger, torusVector, toTorus } from './tfhe-testing.ts';

const words = (n: number, seed: number) => integers(n, 2 ** 31 - 1, seed).map((v) => v | 0);

/** Signed digits of a modulo 1, most significant first, on integers. */
function digits(a: number, baseLog: number, levels: number): bigint[] {
  const base = 1n << BigInt(baseLog);
  const unit = BigInt(52 - baseLog * levels);
  // round half to even, as the hardware does
  const x = toInteger(a);
  let v = x >> unit;
  const rest = x - (v << unit);
  const half = 1n << (unit - 1n);
  if (rest > half || (rest === half && v % 2n !== 0n)) v += 1n;
  const out: bigint[] = [];
  for (let l = 0; l < levels; l++) {
    let d = ((v % base) + base) % base;
    if (d >= base / 2n) d -= base;
    out.unshift(d);
    v = (v - d) / base;
  }
  return out;
}

overBuilds('LWE', (kernels) => {
  const { x } = kernels;

  it('combines rows exactly, whatever the weights', () => {
    for (const len of [1, 2, 9, 2049]) {
      withMemory(kernels, (memory) => {
        const rows = [1, 2, 3, 4, 5, 6].map((seed) => torusVector(len, seed * len));
        for (const weights of [
          [1, 1, 1, 1, 1, 1],
          [-1, 3, -5, 16, 4095, -4097],
          [2 ** 32, 1 - 2 ** 32, 0, 7, -(2 ** 31), 123456789],
        ]) {
          const dst = memory.room(8 * len);
          const ptrs = memory.i32(rows.map((row) => memory.f64(row)));
          x.tfhe_combine(dst, ptrs, memory.f64(weights), rows.length, -1.84375, len);
          const expected = Array.from({ length: len }, (_, i) => {
            const sum = rows.reduce((s, row, j) => s + BigInt(weights[j]) * toInteger(row[i]), 0n);
            return toTorus(i === len - 1 ? sum - 59n * (1n << 47n) : sum);
          });
          assert.deepEqual(Array.from(kernels.f64(dst, len)), expected);
        }
      });
    }
  });

  it('combines with fractions where the products are on the grid, and in place', () => {
    withMemory(kernels, (memory) => {
      const [a, noise, key] = [torusVector(64, 1), integers(64, 131072, 2), integers(64, 1, 3)];
      const dst = memory.f64(a);
      const ptrs = memory.i32([dst, memory.f64(noise), memory.f64(key)]);
      x.tfhe_combine(dst, ptrs, memory.f64([1, 2 ** -52, -(2 ** -23)]), 3, 0, 64);
      const expected = a.map((v, i) => toTorus(toInteger(v) + BigInt(noise[i]) - (BigInt(key[i]) << 29n)));
      assert.deepEqual(Array.from(kernels.f64(dst, 64)), expected);
    });
  });

  it('takes exact inner products', () => {
    const next = random(3);
    for (const n of [1, 4, 7, 2048]) {
      withMemory(kernels, (memory) => {
        const a = torusVector(n, n);
        const s = Array.from({ length: n }, () => Number(next() < 0.5));
        const sum = a.reduce((total, v, i) => total + toInteger(v) * BigInt(s[i]), 0n);
        assert.equal(x.tfhe_dot(memory.f64(a), memory.f64(s), n), toTorus(sum));
        const w = words(n, n);
        const sum32 = w.reduce((total, v, i) => (total + v * s[i]) | 0, 0);
        assert.equal(x.tfhe_dot32(memory.i32(w), memory.i32(s), n), sum32);
      });
    }
  });

  it('switches keys as exact integers do, for any number of rows and levels', () => {
    const [dim, n] = [48, 37];
    for (const [baseLog, levels, count] of [
      [4, 4, 1],
      [4, 4, 5],
      [3, 5, 2],
      [5, 3, 3],
      [2, 8, 4],
    ]) {
      withMemory(kernels, (memory) => {
        const stride = tfheRowStride(n);
        assert.ok(stride % 4 === 0 && stride > n);
        const ksk = words(dim * levels * stride, levels);
        const src = torusVector(count * (dim + 1), baseLog + count);
        const dst = memory.room(4 * count * (n + 1));
        x.tfhe_keyswitch(dst, memory.f64(src), memory.i32(ksk), dim, n, baseLog, levels, count);
        const expected: number[] = [];
        for (let c = 0; c < count; c++) {
          const row = src.slice(c * (dim + 1), (c + 1) * (dim + 1));
          const out = new Array<bigint>(n + 1).fill(0n);
          out[n] = BigInt(Math.round(row[dim] * 2 ** 32));
          for (let i = 0; i < dim; i++) {
            for (const [l, d] of digits(row[i], baseLog, levels).entries()) {
              const at = (i * levels + l) * stride;
              for (let j = 0; j <= n; j++) out[j] -= d * BigInt(ksk[at + j]);
            }
          }
          expected.push(...out.map((v) => Number(BigInt.asIntN(32, v))));
        }
        assert.deepEqual(Array.from(kernels.i32(dst, count * (n + 1))), expected);
      });
    }
  });

  it('makes a key-switching key that preserves phases', () => {
    const [dim, n, baseLog, levels] = [64, 70, 4, 4];
    withMemory(kernels, (memory) => {
      const next = random(9);
      const bits = (count: number) => Array.from({ length: count }, () => Number(next() < 0.5));
      const [small, big] = [bits(n), bits(dim)];
      const noise = integers(dim * levels, 8, 4);
      const [key, nonce] = [memory.u8(new Uint8Array(32).fill(7)), memory.u8(new Uint8Array(12).fill(9))];
      const bodies = memory.room(4 * dim * levels);
      const ksk = memory.room(4 * dim * levels * tfheRowStride(n));
      const [ps, pb, pn, scratch] = [
        memory.i32(small),
        memory.f64(big),
        memory.f64(noise),
        memory.room(4 * n),
      ];
      // in two chunks, as a server that yields in between does
      for (const [first, rows] of [
        [0, 100],
        [100, dim * levels - 100],
      ]) {
        const at = bodies + 4 * first;
        x.tfhe_ksk_bodies(at, pn + 8 * first, ps, pb, n, baseLog, levels, first, rows, key, nonce, scratch);
        x.tfhe_ksk_expand(ksk + 4 * first * tfheRowStride(n), at, n, first, rows, key, nonce);
      }
      const stream = keystream(kernels.u8(key, 32).slice(), kernels.u8(nonce, 12).slice(), 0, 4 * 128 * 200);
      const row = (r: number) => Array.from(kernels.i32(ksk + 4 * r * tfheRowStride(n), tfheRowStride(n)));
      for (const r of [0, 1, 99, 100, 199]) {
        const mask = Array.from({ length: n }, (_, j) => stream.readInt32LE(4 * (128 * r + j)));
        assert.deepEqual(row(r).slice(0, n), mask);
        const dot = mask.reduce((sum, a, j) => (sum + a * small[j]) | 0, 0);
        const message = big[Math.floor(r / levels)] * 2 ** (32 - baseLog * ((r % levels) + 1));
        assert.equal(row(r)[n], (dot + noise[r] + message) | 0);
        assert.deepEqual(row(r).slice(n + 1), new Array(tfheRowStride(n) - n - 1).fill(0));
      }
      const src = torusVector(dim + 1, 12);
      const dst = memory.room(4 * (n + 1));
      x.tfhe_keyswitch(dst, memory.f64(src), ksk, dim, n, baseLog, levels, 1);
      const out = kernels.i32(dst, n + 1);
      const phase32 = small.reduce((p, s, j) => (p - s * out[j]) | 0, out[n]) / 2 ** 32;
      const phase = src[dim] - big.reduce((sum, s, i) => sum + s * src[i], 0);
      const error = phase32 - phase - Math.round(phase32 - phase);
      // rounding of 64 elements to 16 bits, and 256 noises of at most 8 times digits of at most 8
      assert.ok(Math.abs(error) < 64 * 2 ** -17 + (256 * 64) / 2 ** 32, `${error}`);
    });
  });

  it('switches the modulus with the mean of the errors taken out', () => {
    const [n, bits, count] = [101, 12, 3];
    withMemory(kernels, (memory) => {
      const src = words(count * (n + 1), 8);
      const dst = memory.i32(src);
      x.tfhe_modswitch(dst, dst, n, bits, count);
      const unit = 1n << 20n;
      const floor = (a: bigint, b: bigint) => (a - (((a % b) + b) % b)) / b;
      for (let c = 0; c < count; c++) {
        const row = src.slice(c * (n + 1), (c + 1) * (n + 1)).map(BigInt);
        let errors = 0n;
        const out: bigint[] = [];
        for (const a of row.slice(0, n)) {
          const rounded = floor(a + unit / 2n, unit);
          errors += a - rounded * unit;
          out.push(rounded);
        }
        out.push(floor(2n * row[n] - errors + unit, 2n * unit));
        assert.deepEqual(
          Array.from(kernels.i32(dst + 4 * c * (n + 1), n + 1)),
          out.map((v) => Number(((v % 4096n) + 4096n) % 4096n)),
        );
      }
    });
  });

  it('switches the modulus with an unbiased error of half the usual variance', () => {
    const [n, bits, count] = [918, 12, 2000];
    const next = random(21);
    withMemory(kernels, (memory) => {
      const src = Array.from({ length: count * (n + 1) }, () => Math.floor(next() * 2 ** 32) | 0);
      const dst = memory.room(4 * src.length);
      x.tfhe_modswitch(dst, memory.i32(src), n, bits, count);
      const out = kernels.i32(dst, src.length);
      const key = Array.from({ length: n }, () => Number(next() < 0.5));
      let [sum, squares] = [0, 0];
      for (let c = 0; c < count; c++) {
        const at = c * (n + 1);
        let [before, after] = [src[at + n], out[at + n]];
        for (let i = 0; i < n; i++) {
          before -= key[i] * src[at + i];
          after -= key[i] * out[at + i];
        }
        const d = after - before / 2 ** 20;
        const error = d - 4096 * Math.round(d / 4096);
        sum += error;
        squares += error * error;
      }
      // n errors of variance 1/12 times (s - 1/2)^2 = 1/4, and the body's own; without the correction twice that
      const expected = (n / 4 + 1) / 12;
      const ratio = squares / count / expected;
      assert.ok(ratio > 0.88 && ratio < 1.13, `variance ${ratio} of the expected one`);
      assert.ok(Math.abs(sum / count) < 4 * Math.sqrt(expected / count), `mean ${sum / count}`);
    });
  });

  it('packs rows into bytes and back', () => {
    for (const bits of [1, 5, 12, 31, 32]) {
      for (const [len, count] of [
        [1, 3],
        [919, 2],
        [16, 1],
      ]) {
        withMemory(kernels, (memory) => {
          const values = words(len * count, bits + len);
          const bytes = Math.ceil((len * bits) / 8);
          const packed = memory.u8(new Uint8Array(bytes * count + 1).fill(0xaa));
          x.tfhe_pack(packed, memory.i32(values), len, bits, count);
          const expected: number[] = [];
          for (let c = 0; c < count; c++) {
            let stream = 0n;
            for (let i = len - 1; i >= 0; i--) {
              stream = (stream << BigInt(bits)) | BigInt.asUintN(bits, BigInt(values[c * len + i]));
            }
            for (let b = 0; b < bytes; b++) expected.push(Number((stream >> BigInt(8 * b)) & 255n));
          }
          assert.deepEqual(Array.from(kernels.u8(packed, bytes * count + 1)), [...expected, 0xaa]);
          const back = memory.room(4 * values.length);
          x.tfhe_unpack(back, packed, len, bits, count);
          const low = values.map((v) => Number(BigInt.asUintN(bits, BigInt(v))) | 0);
          assert.deepEqual(Array.from(kernels.i32(back, values.length)), low);
        });
      }
    }
  });

  it('packs torus elements, exactly at 52 bits and rounded below', () => {
    for (const bits of [1, 17, 32, 52]) {
      withMemory(kernels, (memory) => {
        const values = torusVector(77, bits);
        const bytes = Math.ceil((77 * bits) / 8);
        const packed = memory.room(bytes);
        x.tfhe_pack_torus(packed, memory.f64(values), 77, bits);
        const back = memory.room(8 * 77);
        x.tfhe_unpack_torus(back, packed, 77, bits);
        const unit = 2 ** -bits;
        kernels.f64(back, 77).forEach((y, i) => {
          assert.ok(y >= -0.5 && y < 0.5 && Number.isInteger(y / unit));
          const error = y - values[i] - Math.round(y - values[i]);
          assert.ok(Math.abs(error) <= unit / 2, `${bits} bits`);
          if (bits === 52) assert.equal(y, values[i]);
        });
      });
    }
  });
});
