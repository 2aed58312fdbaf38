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

  test('encryption, decryption and key generation leave no copy of the key, its image or its product', () => {
    const context = smallContext(kernels, 1);
    const party = new Party(context);
    const { secret } = party;
    const a = party.encrypt(complexes(8, 1));
    party.decrypt(a);
    const galois = context.galoisElement(1);
    const spec = { level: 1, special: 1 };
    const keys = [
      generateRelinearizationKey(secret, spec),
      generateGaloisKey(secret, galois, spec),
      PublicKey.generate(secret, 1),
    ];
    const ptr = context.alloc(1);
    const secrets: Uint8Array[] = [];
    const { n, moduli } = context;
    const remember = () => secrets.push(copyOf(ptr));
    moduli.forEach(({ value, inverse }, i) => {
      kernels.x.v_mul(ptr, secret.limb(i), secret.limb(i), n, value, inverse);
      remember();
      kernels.x.v_permute(ptr, secret.limb(i), context.galoisTable(galois), n);
      remember();
      const key = keys[0] as SwitchingKey;
      kernels.x.v_mul(ptr, key.a(1, i), secret.limb(i), n, value, inverse);
      remember();
      context.copyLimbs(ptr, secret.limb(i), 1);
      moduli[i].inverseTransform(ptr);
      remember();
    });
    kernels.arena.freeZeroed(ptr);
    const own = moduli.map((_, i) => copyOf(secret.limb(i)));
    party.dispose();
    assert.ok(!own.some(holds), 'the key');
    assert.deepEqual(secrets.map(holds), new Array(secrets.length).fill(false));
    for (const key of keys) key.dispose();
    a.dispose();
    context.dispose();
  });
});
