import assert from 'node:assert/strict';
import { it } from 'node:test';
import fc from 'fast-check';
import {
  assertResidues,
  centered,
  integers,
  mod,
  overBuilds,
  PRIMES,
  random,
  residues,
  withMemory,
} from './testing.ts';

const lengths = fc.integer({ min: 1, max: 30 }).map((blocks) => 8 * blocks);

/** Little-endian bit stream of n*bits/8 bytes. */
function stream(values: bigint[], bits: number): Buffer {
  let all = 0n;
  for (let i = values.length - 1; i >= 0; i--) all = (all << BigInt(bits)) | values[i];
  const bytes = (values.length * bits) / 8;
  return Buffer.from(all.toString(16).padStart(2 * bytes, '0'), 'hex').reverse();
}

overBuilds('bit streams', (kernels) => {
  const { x } = kernels;
  const guard = 0x5a;

  it('pack canonical values and give them back centered', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...PRIMES),
        lengths,
        fc.nat(),
        fc.integer({ min: 0, max: 3 }),
        (q, n, seed, spare) => {
          const bits = Math.min(52, q.toString(2).length + spare);
          const values = residues(n, q, seed + 1);
          const bytes = (n * bits) / 8;
          withMemory(kernels, (memory) => {
            // An odd address: byte buffers need no alignment.
            const packed = memory.room(bytes + 16) + 3;
            kernels.u8(packed, bytes + 8).fill(guard);
            const src = memory.f64(values);
            x.pack_bits(packed, src, n, q, bits);
            const want = stream(
              values.map((v) => mod(BigInt(v), q)),
              bits,
            );
            assert.deepEqual(Buffer.from(kernels.u8(packed, bytes)), want);
            assert.ok(
              kernels.u8(packed + bytes, 8).every((byte) => byte === guard),
              'wrote past the end',
            );
            assert.equal(x.unpack_bits(src, packed, n, q, bits), 0);
            assert.deepEqual(
              Array.from(kernels.f64(src, n)),
              values.map((v) => Number(centered(BigInt(v), q))),
            );
          });
        },
      ),
      { numRuns: 80 },
    );
  });

  it('work for every width', () => {
    for (let bits = 1; bits <= 52; bits++) {
      const n = 72;
      const next = random(bits);
      const values = Array.from({ length: n }, (_, i) =>
        i < 4 ? 2 ** bits - 1 : Math.floor(next() * 2 ** bits),
      );
      withMemory(kernels, (memory) => {
        const packed = memory.u8(stream(values.map(BigInt), bits));
        const dst = memory.room(8 * n);
        // A modulus above every value, so that nothing is centered away from what was written.
        const q = 2 ** 52 * 2 - 1;
        assert.equal(x.unpack_bits(dst, packed, n, q, bits), 0);
        assert.deepEqual(Array.from(kernels.f64(dst, n)), values);
        const again = memory.room((n * bits) / 8);
        x.pack_bits(again, dst, n, q, bits);
        assert.deepEqual(kernels.u8(again, (n * bits) / 8), kernels.u8(packed, (n * bits) / 8));
      });
    }
  });

  it('count values that are not below q', () => {
    fc.assert(
      fc.property(fc.constantFrom(...PRIMES), lengths, fc.nat(), (q, n, seed) => {
        const bits = q.toString(2).length;
        const next = random(seed + 1);
        const values = Array.from({ length: n }, () => {
          const choice = next();
          return choice < 0.3 ? q : choice < 0.5 ? 2 ** bits - 1 : Math.floor(next() * q);
        });
        withMemory(kernels, (memory) => {
          const packed = memory.u8(stream(values.map(BigInt), bits));
          const [dst, again, stored] = [memory.room(8 * n), memory.room(8 * n), memory.i32([-1, -1])];
          const count = x.unpack_bits(dst, packed, n, q, bits);
          assert.equal(count, values.filter((v) => v >= q).length);
          x.unpack_check(again, packed, n, q, bits, stored);
          assert.deepEqual(Array.from(kernels.i32(stored, 2)), [count, -1]);
          assert.deepEqual(kernels.f64(again, n), kernels.f64(dst, n));
        });
      }),
      { numRuns: 40 },
    );
  });

  it('do not read past the end of the memory', () => {
    const n = 8;
    const bits = 49;
    const bytes = (n * bits) / 8;
    const end = kernels.memory.buffer.byteLength;
    withMemory(kernels, (memory) => {
      const dst = memory.room(8 * n);
      // Whatever lies in the last bytes of the memory is put back.
      const tail = kernels.u8(end - bytes, bytes);
      const saved = tail.slice();
      tail.fill(0);
      assert.equal(x.unpack_bits(dst, end - bytes, n, PRIMES[1], bits), 0);
      tail.set(saved);
    });
  });

  it('keep the top bits within half a unit, and give them back', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...PRIMES),
        lengths,
        fc.nat(),
        fc.integer({ min: 1, max: 50 }),
        (q, n, seed, keep) => {
          const values = integers(n, (q - 1) / 2, seed + 1);
          const bits = q.toString(2).length;
          withMemory(kernels, (memory) => {
            const packed = memory.room((n * keep) / 8);
            const dst = memory.f64(values);
            x.pack_low(packed, dst, n, q, bits, keep);
            const raw = Buffer.from(kernels.u8(packed, (n * keep) / 8))
              .reverse()
              .toString('hex');
            const all = BigInt(`0x${raw || '0'}`);
            const [Q, K] = [BigInt(q), 1n << BigInt(keep)];
            const kept = values.map((_, i) => (all >> BigInt(i * keep)) % K);
            for (const [i, v] of values.entries()) {
              // |kept*q - canonical*2^keep| <= q*(1/2 + 1/8), modulo q*2^keep
              const error = centered(kept[i] * Q - mod(BigInt(v), q) * K, Q * K);
              assert.ok((error < 0n ? -error : error) * 8n <= Q * 5n, `value ${v} kept as ${kept[i]}`);
            }
            x.unpack_low(dst, packed, n, keep, q);
            for (const [i, got] of kernels.f64(dst, n).entries()) {
              assert.ok(Number.isInteger(got) && Math.abs(got) <= q / 2 + 1);
              // |got*2^keep - kept*q| <= 2^keep*(1/2 + 1/8), modulo q*2^keep
              const error = centered(BigInt(got) * K - kept[i] * Q, Q * K);
              assert.ok((error < 0n ? -error : error) * 8n <= K * 5n, `${kept[i]} came back as ${got}`);
            }
          });
        },
      ),
      { numRuns: 80 },
    );
  });

  it('are unchanged by a pack and unpack round trip', () => {
    const [q, n] = [PRIMES[1], 128];
    withMemory(kernels, (memory) => {
      const values = residues(n, q, 3);
      const [src, packed] = [memory.f64(values), memory.room((n * 49) / 8)];
      x.pack_bits(packed, src, n, q, 49);
      x.unpack_bits(src, packed, n, q, 49);
      assertResidues(kernels.f64(src, n), values.map(BigInt), q);
    });
  });
});
