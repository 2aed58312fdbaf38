import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Context } from '../rlwe/context.ts';
import { Plaintext } from '../rlwe/plaintext.ts';
import {
  assertClose,
  assertCode,
  assertNoLeak,
  type Complex,
  complexes,
  conjugated,
  distance,
  overBuilds,
  real,
  reals,
  rotated,
  SCALE,
  smallContext,
} from '../testing/contexts.ts';
import { Encoder } from './encoder.ts';

/** Coefficients of a plaintext, from its values modulo q_0 (below q_0/2 in these tests). */
function coefficients(plaintext: Plaintext): Float64Array {
  const { context, runLog } = plaintext;
  const { kernels, n, moduli } = context;
  const ptr = context.alloc(1);
  const values = kernels.f64(plaintext.limb(0), plaintext.length);
  const full = kernels.f64(ptr, n);
  for (let i = 0; i < n; i++) full[i] = values[i >> runLog];
  moduli[0].inverseTransform(ptr);
  const { value: q } = moduli[0];
  const result = kernels.f64(ptr, n).map((c) => c - q * Math.round(c / q));
  context.free(ptr);
  return result;
}

/** Value at zeta^(5^j) of a real polynomial, from the definition. */
function evaluate(polynomial: Float64Array, j: number): [number, number] {
  const n = polynomial.length;
  let power = 1;
  for (let k = 0; k < j; k++) power = (power * 5) % (2 * n);
  let re = 0;
  let im = 0;
  polynomial.forEach((c, k) => {
    const angle = (Math.PI * ((power * k) % (2 * n))) / n;
    re += c * Math.cos(angle);
    im += c * Math.sin(angle);
  });
  return [re, im];
}

overBuilds('encoder', (kernels) => {
  const context: Context = smallContext(kernels, 2);
  const encoder = new Encoder(context);
  const slots = context.n / 2;
  const roundTrip = (values: Complex, scale = SCALE, full = false): Complex => {
    const plaintext = encoder.encode(values, 1, scale, full);
    const decoded = encoder.decode(coefficients(plaintext), scale, values.re.length);
    plaintext.dispose();
    return decoded;
  };
  // Rounding N coefficients by at most 1/2 moves a slot by at most N/2.
  const tolerance = (scale: number) => context.n / 2 / scale + 1e-13;

  test('slot j is the value at zeta^(5^j)', () => {
    const values = complexes(slots, 1);
    const plaintext = encoder.encode(values, 0, SCALE);
    const polynomial = coefficients(plaintext);
    for (const j of [0, 1, 2, 100, slots - 1]) {
      const [re, im] = evaluate(polynomial, j);
      assert.ok(Math.hypot(re / SCALE - values.re[j], im / SCALE - values.im[j]) < 1e-9);
    }
    plaintext.dispose();
  });

  test('real, complex, full and sparse messages come back', () => {
    fc.assert(
      fc.property(
        fc.nat({ max: 9 }),
        fc.integer(),
        fc.boolean(),
        fc.boolean(),
        fc.constantFrom(2 ** 20, 2 ** 30, SCALE),
        (logSlots, seed, complex, full, scale) => {
          const m = 2 ** logSlots;
          const values = complex ? complexes(m, seed, 3) : real(reals(m, seed, 3));
          assertClose(roundTrip(values, scale, full), values, tolerance(scale));
        },
      ),
      { numRuns: 60 },
    );
  });

  test('the rounding error has the size of the noise model', () => {
    const values = complexes(slots, 5);
    const decoded = roundTrip(values, 2 ** 20);
    let sum = 0;
    for (let i = 0; i < slots; i++) {
      sum += (decoded.re[i] - values.re[i]) ** 2 + (decoded.im[i] - values.im[i]) ** 2;
    }
    const ratio = Math.sqrt(sum / slots) / (Math.sqrt(context.n / 12) / 2 ** 20);
    assert.ok(ratio > 0.8 && ratio < 1.25, `${ratio}`);
  });

  test('a sparse message is the same message repeated, in fewer bytes', () => {
    const values = complexes(16, 2);
    const repeated = {
      re: Float64Array.from({ length: slots }, (_, i) => values.re[i % 16]),
      im: Float64Array.from({ length: slots }, (_, i) => values.im[i % 16]),
    };
    const sparse = encoder.encode(values, 1, SCALE);
    const full = encoder.encode(values, 1, SCALE, true);
    const dense = encoder.encode(repeated, 1, SCALE);
    assert.equal(sparse.length, 32);
    assert.equal(sparse.bytes * (context.n / 32), full.bytes);
    assert.deepEqual(coefficients(sparse), coefficients(full));
    const decoded = encoder.decode(coefficients(sparse), SCALE);
    assertClose(decoded, repeated, tolerance(SCALE));
    assert.ok(distance(encoder.decode(coefficients(dense), SCALE), decoded) < 1e-8);
    for (const p of [sparse, full, dense]) p.dispose();
  });

  test('an automorphism of the polynomial rotates or conjugates the slots', () => {
    const values = complexes(slots, 3);
    const plaintext = encoder.encode(values, 0, SCALE);
    const turned = new Plaintext(context, 0, SCALE, 0);
    const apply = (galois: number) => {
      const table = context.galoisTable(galois);
      kernels.x.v_permute(turned.limb(0), plaintext.limb(0), table, context.n);
      return encoder.decode(coefficients(turned), SCALE);
    };
    for (const steps of [1, -1, 7, slots - 1, slots + 2])
      assertClose(apply(context.galoisElement(steps)), rotated(values, steps), tolerance(SCALE));
    assertClose(apply(context.conjugation), conjugated(values), tolerance(SCALE));
    plaintext.dispose();
    turned.dispose();
  });

  test('coefficients are packed as they are', () => {
    const values = reals(context.n, 4, 1000);
    const plaintext = encoder.encodeCoefficients(values, 1, 8);
    const back = coefficients(plaintext);
    back.forEach((c, i) => {
      assert.equal(c, Math.round(values[i] * 8));
    });
    plaintext.dispose();
  });

  test('values above 2^53 after scaling keep their leading bits', () => {
    const plaintext = encoder.encode([3, 3], 2, 2 ** 70);
    // 3 * 2^70 modulo each prime of the chain
    for (let i = 0; i <= 2; i++) {
      const q = context.moduli[i].value;
      const expected = Number((3n << 70n) % BigInt(q));
      const got = kernels.f64(plaintext.limb(i), 1)[0];
      assert.ok((got - expected) % q === 0);
    }
    plaintext.dispose();
  });

  test('refuses wrong shapes', () => {
    const refuse = (body: () => unknown) => assertCode(kernels, 'SHAPE_MISMATCH', body);
    for (const m of [0, 3, slots * 2, slots + 1]) refuse(() => encoder.encode(new Float64Array(m), 0, SCALE));
    refuse(() => encoder.encode({ re: [1, 2], im: [1] }, 0, SCALE));
    refuse(() => encoder.encodeCoefficients([1, 2, 3], 0, SCALE));
    for (const m of [0, 3, slots * 2, 0.5, Number.NaN]) {
      refuse(() => encoder.decode(new Float64Array(context.n), SCALE, m));
    }
    refuse(() => encoder.decode(new Float64Array(8), SCALE));
  });

  test('refuses values that are not finite or do not fit, scales and levels that do not exist', () => {
    encoder.encode([1], 0, SCALE).dispose();
    const refuse = (body: () => unknown) => assertCode(kernels, 'VALUE_RANGE', body);
    for (const bad of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
      refuse(() => encoder.encode([1, bad], 0, SCALE));
      refuse(() => encoder.encode({ re: [0, 0], im: [bad, 0] }, 0, SCALE));
      refuse(() => encoder.encodeCoefficients(new Float64Array(context.n).fill(bad), 0, SCALE));
    }
    for (const scale of [0, -1, Number.NaN, Number.POSITIVE_INFINITY]) {
      refuse(() => encoder.encode([1], 0, scale));
    }
    const half = context.moduli[0].value / 2;
    refuse(() => encoder.encode([half / SCALE], 0, SCALE));
    refuse(() => encoder.encode([-half / SCALE], 0, SCALE));
    encoder.encode([(half / SCALE) * 0.999], 0, SCALE).dispose();
    encoder.encode([half / SCALE], 1, SCALE).dispose();
    refuse(() => encoder.encode([2 ** 60], 2, 2 ** 50));
    for (const level of [-1, 3, 0.5]) {
      assertCode(kernels, 'LEVEL_MISMATCH', () => encoder.encode([1], level, SCALE));
    }
    const gone = encoder.encode([1], 0, SCALE);
    gone.dispose();
    gone.dispose();
    assertCode(kernels, 'DISPOSED', () => gone.limb(0));
  });

  test('leaves nothing behind', () => {
    assertNoLeak(kernels, () => {
      for (let i = 0; i < 10; i++) roundTrip(complexes(slots, i));
    });
  });
});
