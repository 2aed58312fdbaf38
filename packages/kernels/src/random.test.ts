import assert from 'node:assert/strict';
import { it } from 'node:test';
import fc from 'fast-check';
import { keystream, overBuilds, PRIMES, withMemory } from './testing.ts';

const seeds = fc.record({
  key: fc.uint8Array({ minLength: 32, maxLength: 32 }),
  nonce: fc.uint8Array({ minLength: 12, maxLength: 12 }),
});
const lengths = fc.integer({ min: 1, max: 60 }).map((blocks) => 8 * blocks);

function words(key: Uint8Array, nonce: Uint8Array, count: number): bigint[] {
  const bytes = keystream(key, nonce, 0, 8 * count);
  return Array.from({ length: count }, (_, i) => bytes.readBigUInt64LE(8 * i));
}

const popcount = (v: bigint) => v.toString(2).replaceAll('0', '').length;

overBuilds('ChaCha20', (kernels) => {
  const { x } = kernels;
  const run = (key: Uint8Array, nonce: Uint8Array, counter: number, blocks: number) =>
    withMemory(kernels, (memory) => {
      const dst = memory.room(64 * blocks + 64);
      kernels.u8(dst, 64 * blocks + 64).fill(0xa5);
      x.chacha20(dst, memory.u8(key), memory.u8(nonce), counter, blocks);
      assert.ok(
        kernels.u8(dst + 64 * blocks, 64).every((byte) => byte === 0xa5),
        'wrote past the end',
      );
      return Buffer.from(kernels.u8(dst, 64 * blocks));
    });

  it('gives the keystream block of RFC 8439, section 2.3.2', () => {
    const key = Uint8Array.from({ length: 32 }, (_, i) => i);
    const nonce = Buffer.from('000000090000004a00000000', 'hex');
    assert.equal(
      run(key, nonce, 1, 1).toString('hex'),
      '10f1e7e4d13b5915500fdd1fa32071c4c7d1f4c733c068030422aa9ac3d46c4e' +
        'd2826446079faa0914c2d705d98b02a2b5129cd1de164eb9cbd083e8a2503c4e',
    );
  });

  it('encrypts the message of RFC 8439, section 2.4.2', () => {
    const key = Uint8Array.from({ length: 32 }, (_, i) => i);
    const nonce = Buffer.from('000000000000004a00000000', 'hex');
    const text =
      "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it.";
    const stream = run(key, nonce, 1, 2);
    const cipher = Buffer.from(text).map((byte, i) => byte ^ stream[i]);
    assert.equal(
      Buffer.from(cipher).toString('hex'),
      '6e2e359a2568f98041ba0728dd0d6981e97e7aec1d4360c20a27afccfd9fae0b' +
        'f91b65c5524733ab8f593dabcd62b3571639d624e65152ab8f530c359f0861d8' +
        '07ca0dbf500d6a6156a38e088a22b65e52bc514d16ccf806818ce91ab7793736' +
        '5af90bbf74a35be6b40b8eedf2785e42874d',
    );
  });

  it('gives the zero-key keystream of RFC 8439, appendix A.1', () => {
    const zero = run(new Uint8Array(32), new Uint8Array(12), 0, 2).toString('hex');
    assert.ok(zero.startsWith('76b8e0ada0f13d90405d6ae55386bd28bdd219b8a08ded1aa836efcc8b770dc7'));
    assert.ok(zero.slice(128).startsWith('9f07e7be5551387a98ba977c732d080dcb0f29a048e3656912c6533e32ee7aed'));
  });

  it('agrees with OpenSSL for any counter and length', () => {
    fc.assert(
      fc.property(
        seeds,
        fc.integer({ min: 0, max: 2 ** 32 - 40 }),
        fc.integer({ min: 0, max: 13 }),
        ({ key, nonce }, counter, blocks) => {
          assert.deepEqual(run(key, nonce, counter, blocks), keystream(key, nonce, counter, 64 * blocks));
        },
      ),
      { numRuns: 50 },
    );
  });
});

overBuilds('samplers', (kernels) => {
  const { x } = kernels;

  it('uniform follows its wire format', () => {
    fc.assert(
      fc.property(seeds, lengths, fc.constantFrom(...PRIMES, 536903681), ({ key, nonce }, n, q) => {
        const mask = (1n << BigInt(q.toString(2).length)) - 1n;
        const accepted = words(key, nonce, 4 * n + 200)
          .map((w) => Number(w & mask))
          .filter((u) => u < q)
          .slice(0, n)
          .map((u) => (u > q / 2 ? u - q : u));
        assert.equal(accepted.length, n);
        withMemory(kernels, (memory) => {
          const dst = memory.room(8 * n);
          x.sample_uniform(dst, n, q, memory.u8(key), memory.u8(nonce));
          assert.deepEqual(Array.from(kernels.f64(dst, n)), accepted);
        });
      }),
      { numRuns: 50 },
    );
  });

  it('ternary and centred binomial follow theirs', () => {
    fc.assert(
      fc.property(seeds, lengths, ({ key, nonce }, n) => {
        const ternary = words(key, nonce, n + 8)
          .flatMap((w) => Array.from({ length: 32 }, (_, f) => Number((w >> BigInt(2 * f)) & 3n)))
          .filter((v) => v !== 3)
          .slice(0, n)
          .map((v) => v - 1);
        const cbd = words(key, nonce, n).map(
          (w) => popcount(w & 0x1fffffn) - popcount((w >> 21n) & 0x1fffffn),
        );
        withMemory(kernels, (memory) => {
          // A double after the end shows whether the sampler writes past it.
          const dst = memory.f64(new Array(n + 1).fill(77));
          x.sample_ternary(dst, n, memory.u8(key), memory.u8(nonce));
          assert.deepEqual(Array.from(kernels.f64(dst, n + 1)), [...ternary, 77]);
          x.sample_cbd(dst, n, memory.u8(key), memory.u8(nonce));
          assert.deepEqual(Array.from(kernels.f64(dst, n + 1)), [...cbd, 77]);
        });
      }),
      { numRuns: 50 },
    );
  });

  it('have the stated moments and ends', () => {
    const n = 1 << 16;
    withMemory(kernels, (memory) => {
      const [dst, key, nonce] = [
        memory.room(8 * n),
        memory.u8(new Uint8Array(32).fill(7)),
        memory.u8(new Uint8Array(12)),
      ];
      const moments = () => {
        const values = kernels.f64(dst, n);
        const mean = values.reduce((s, v) => s + v, 0) / n;
        return [mean, values.reduce((s, v) => s + (v - mean) ** 2, 0) / n];
      };
      x.sample_cbd(dst, n, key, nonce);
      const [mean, variance] = moments();
      assert.ok(Math.abs(mean) < 0.06 && Math.abs(variance - 10.5) < 0.3, `${mean} ${variance}`);
      x.sample_ternary(dst, n, key, nonce);
      const [balance, spread] = moments();
      // Both ends of the centered range, (q-1)/2 and -(q-1)/2, are there, and nothing beyond them.
      const [q, many] = [65537, 1 << 19];
      const wide = memory.room(8 * many);
      x.sample_uniform(wide, many, q, key, nonce);
      const [low, high] = kernels
        .f64(wide, many)
        .reduce(([a, b], v) => [Math.min(a, v), Math.max(b, v)], [0, 0]);
      assert.deepEqual([low, high], [(1 - q) / 2, (q - 1) / 2]);
      assert.ok(Math.abs(balance) < 0.015 && Math.abs(spread - 2 / 3) < 0.01, `${balance} ${spread}`);
    });
  });
});
