import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NoiseModel } from '../ckks/noise.ts';
import {
  assertClose,
  assertCode,
  assertNoLeak,
  complexes,
  distance,
  overBuilds,
  Party,
  real,
  reals,
  SCALE,
  smallContext,
} from '../testing/contexts.ts';
import { encrypt, encryptZero, PublicKey, phase } from './encryption.ts';
import { expandMask } from './sampling.ts';
import { SecretKey } from './secret-key.ts';
import { generateGaloisKey, generateRelinearizationKey, type SwitchingKey } from './switching-key.ts';

overBuilds('encryption', (kernels) => {
  const context = smallContext(kernels, 2, 2);
  const party = new Party(context);
  const { encoder, secret, slots } = party;
  const noise = new NoiseModel(context.parameters);
  const values = complexes(slots, 1);
  // Eight standard deviations: fails less than once in 10^12 runs.
  const fresh = 8 * noise.fresh(SCALE);

  test('the secret key decrypts at every level', () => {
    for (let level = 0; level <= 2; level++) {
      const ciphertext = party.encrypt(values, level);
      assert.equal(ciphertext.level, level);
      for (let limbs = 1; limbs <= level + 1; limbs++) {
        const coefficients = phase(secret, ciphertext, limbs);
        assertClose(encoder.decode(coefficients, SCALE), values, fresh);
      }
      ciphertext.dispose();
    }
  });

  test('a message above q_0 needs the other limbs', () => {
    const large = complexes(slots, 9, 2 ** 14);
    const ciphertext = party.encrypt(large, 2);
    assertClose(party.decrypt(ciphertext), large, fresh + 1e-9);
    assert.ok(distance(encoder.decode(phase(secret, ciphertext, 1), SCALE), large) > 1);
    ciphertext.dispose();
  });

  test('a sparse message decrypts as its period, with less noise', () => {
    const sparse = real(reals(8, 2));
    const plaintext = encoder.encode(sparse, 1, SCALE);
    const { ciphertext } = encrypt(secret, plaintext);
    assertClose(party.decrypt(ciphertext, 8), sparse, fresh);
    plaintext.dispose();
    ciphertext.dispose();
  });

  test('the public key encrypts at its level and below, and not above', () => {
    const key = PublicKey.generate(secret, 1);
    for (const level of [0, 1]) {
      const plaintext = encoder.encode(values, level, SCALE);
      const ciphertext = key.encrypt(plaintext);
      assertClose(party.decrypt(ciphertext), values, 8 * noise.freshPublic(SCALE));
      plaintext.dispose();
      ciphertext.dispose();
    }
    assertCode(kernels, 'KEY_LEVEL', () => key.encryptZero(2, SCALE));
    key.dispose();
  });

  test('the mask of a fresh ciphertext is expanded from its seed', () => {
    const { ciphertext, seed } = encryptZero(secret, 2, SCALE);
    const ptr = context.alloc(1);
    for (let i = 0; i <= 2; i++) {
      expandMask(context, ptr, seed, 0, i);
      assert.deepEqual(kernels.f64(ciphertext.limb(1, i), context.n), kernels.f64(ptr, context.n));
    }
    context.free(ptr);
    ciphertext.dispose();
  });

  test('two encryptions of one message share nothing', () => {
    const a = party.encrypt(values);
    const b = party.encrypt(values);
    for (const part of [0, 1]) {
      const x = kernels.f64(a.limb(part, 0), context.n);
      const y = kernels.f64(b.limb(part, 0), context.n);
      assert.ok(x.filter((v, i) => v === y[i]).length < 3);
    }
    a.dispose();
    b.dispose();
  });

  test('another key decrypts to garbage', () => {
    const other = SecretKey.generate(context);
    const ciphertext = party.encrypt(values);
    const garbage = encoder.decode(phase(other, ciphertext), SCALE);
    assert.ok(distance(garbage, values) > 2 ** 40);
    other.dispose();
    ciphertext.dispose();
  });

  test('the seed is the key: one seed, one key on every build', () => {
    const again = SecretKey.fromSeed(context, secret.exportSeed());
    const ciphertext = party.encrypt(values);
    assertClose(encoder.decode(phase(again, ciphertext), SCALE), values, fresh);
    again.dispose();
    ciphertext.dispose();
    assertCode(kernels, 'SHAPE_MISMATCH', () => SecretKey.fromSeed(context, new Uint8Array(31)));
  });

  test('a key from coefficients works and has no seed to export', () => {
    const coefficients = Float64Array.from({ length: context.n }, (_, i) => (i % 3) - 1);
    const key = SecretKey.fromCoefficients(context, coefficients);
    const plaintext = encoder.encode(values, 0, SCALE);
    const { ciphertext } = encrypt(key, plaintext);
    assertClose(encoder.decode(phase(key, ciphertext), SCALE), values, fresh);
    assertCode(kernels, 'KEY_MISSING', () => key.exportSeed());
    plaintext.dispose();
    ciphertext.dispose();
    key.dispose();
    assertCode(kernels, 'SHAPE_MISMATCH', () => SecretKey.fromCoefficients(context, [0, 1]));
  });

  test('the secret is ternary and balanced', () => {
    const key = SecretKey.generate(context);
    const ptr = context.alloc(1);
    context.copyLimbs(ptr, key.limb(1), 1);
    context.moduli[1].inverseTransform(ptr);
    const q = context.moduli[1].value;
    const count: Record<number, number> = { [-1]: 0, 0: 0, 1: 0 };
    for (const c of kernels.f64(ptr, context.n)) count[c - q * Math.round(c / q)]++;
    assert.equal(count[-1] + count[0] + count[1], context.n);
    // N/3 each, standard deviation 15
    for (const k of [-1, 0, 1]) assert.ok(Math.abs(count[k] - context.n / 3) < 120, `${count[k]}`);
    context.free(ptr);
    key.dispose();
  });

  test('refuses other contexts, missing limbs and disposed objects', () => {
    const elsewhere = new Party(smallContext(kernels, 1));
    const foreign = elsewhere.encrypt([1]);
    const own = party.encrypt([1]);
    const plain = elsewhere.encoder.encode([1], 0, SCALE);
    assertCode(kernels, 'CONTEXT_MISMATCH', () => phase(secret, foreign));
    for (const limbs of [0, 4, 1.5, -1]) {
      assertCode(kernels, 'VALUE_RANGE', () => phase(secret, own, limbs));
    }
    own.dispose();
    own.dispose();
    assertCode(kernels, 'DISPOSED', () => phase(secret, own, 1));
    const gone = SecretKey.generate(context);
    gone.dispose();
    assertCode(kernels, 'DISPOSED', () => gone.limb(0));
    assertCode(kernels, 'DISPOSED', () => gone.exportSeed());
    plain.dispose();
    foreign.dispose();
    elsewhere.dispose();
    elsewhere.context.dispose();
  });

  test('everything is given back, and the context as well', () => {
    context.galoisTable(5);
    context.galoisTable(205);
    context.conversion([0], [1]);
    assertNoLeak(kernels, () => {
      const own = smallContext(kernels, 1, 1);
      const other = new Party(own, [{ level: 1, special: 1, steps: [1, 2], relinearization: true }]);
      const key = PublicKey.generate(other.secret, 1);
      const a = other.encrypt([1, 2]);
      const b = other.evaluator.multiplyRescale(a, a);
      const c = other.evaluator.rotate(b, 1);
      for (const x of [a, b, c, key, other, own]) x.dispose();
    });
  });
});

overBuilds('secrets in memory', (kernels) => {
  /** Whether the memory holds these 64 bytes anywhere. */
  const holds = (pattern: Uint8Array) =>
    Buffer.from(kernels.memory.buffer as ArrayBuffer).indexOf(Buffer.from(pattern)) >= 0;
  const copyOf = (ptr: number) => kernels.u8(ptr, 64).slice();

  test('a disposed key is wiped', () => {
    const context = smallContext(kernels, 1);
    const secret = SecretKey.generate(context);
    const seed = secret.exportSeed();
    const limbs = context.moduli.map((_, i) => copyOf(secret.limb(i)));
    assert.ok(limbs.every(holds));
    secret.dispose();
    assert.ok(!limbs.some(holds));
    assert.ok(!holds(seed));
    context.dispose();
  });

  test('key generation leaves no copy of what it made from the key', () => {
    const context = smallContext(kernels, 1);
    const { n, moduli } = context;
    const secret = SecretKey.generate(context);
    const galois = context.galoisElement(1);
    const inverse = context.galoisElement(-1);
    const spec = { level: 1, special: 1 };
    // Allocated before, so that looking for a secret does not overwrite where it was.
    const ptr = context.alloc(1);
    const eachLimb = (make: (i: number) => void) =>
      moduli.map((_, i) => {
        make(i);
        const copy = copyOf(ptr);
        kernels.u8(ptr, context.limbBytes(1)).fill(0);
        return copy;
      });
    const multiply = (other: (i: number) => number) =>
      eachLimb((i) => {
        const { value, inverse: qi } = moduli[i];
        kernels.x.v_mul(ptr, other(i), secret.limb(i), n, value, qi);
      });
    const square = multiply((i) => secret.limb(i));
    const image = eachLimb((i) => kernels.x.v_permute(ptr, secret.limb(i), context.galoisTable(inverse), n));
    const found = (patterns: Uint8Array[]) => patterns.map(holds).filter(Boolean).length;
    /** Products of the masks with `output`, of which the last is the one that could be left. */
    const masked = (key: SwitchingKey) =>
      Array.from({ length: key.digits }, (_, d) => multiply((i) => key.a(d, i))).flat();

    const relin = generateRelinearizationKey(secret, spec);
    assert.equal(found(square), 0, 's^2');
    assert.equal(found(masked(relin)), 0, 'a s');
    const turning = generateGaloisKey(secret, galois, spec);
    assert.equal(found(image), 0, 'the image of s');
    const publicKey = PublicKey.generate(secret, 1);
    assert.equal(found(multiply((i) => publicKey.pair.limb(1, Math.min(i, 1)))), 0, 'a s of a public key');
    for (const owned of [relin, turning, publicKey, secret]) owned.dispose();
    context.free(ptr);
    context.dispose();
  });

  test('encryption and decryption leave no message behind', () => {
    const context = smallContext(kernels, 1);
    const party = new Party(context);
    const { encoder, secret } = party;
    const values = complexes(party.slots, 1);
    const bytesOf = (v: Float64Array) => new Uint8Array(v.buffer, 0, 64);
    const plaintext = encoder.encode(values, 1, SCALE);
    assert.ok(!holds(bytesOf(values.re)), 'values after encoding');
    // The polynomial of a constant is the constant.
    const constant = encoder.encode(new Array(8).fill(0.7251), 1, SCALE);
    const start = new Uint8Array(Float64Array.of(0.7251, 0).buffer);
    assert.ok(!holds(start), 'coefficients after encoding');
    constant.dispose();
    const { ciphertext } = encrypt(secret, plaintext);
    const coefficients = phase(secret, ciphertext);
    assert.ok(!holds(bytesOf(coefficients)), 'coefficients after decryption');
    const decoded = encoder.decode(coefficients, SCALE);
    assert.ok(!holds(bytesOf(decoded.re)), 'values after decoding');
    for (const owned of [plaintext, ciphertext, party, context]) owned.dispose();
  });
});
