/**
 * Against Microsoft SEAL 4.1 (node-seal 7): keys and ciphertexts move across in both directions, and what one library
 * encrypted and evaluated, the other one decrypts.
 * @module
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Ciphertext as SealCiphertext, SecretKey as SealSecretKey } from 'node-seal';
import { EvaluationKeys, RELINEARIZATION } from './ckks/evaluation-keys.ts';
import { Evaluator } from './ckks/evaluator.ts';
import type { Ciphertext } from './rlwe/ciphertext.ts';
import { phase } from './rlwe/encryption.ts';
import type { SecretKey } from './rlwe/secret-key.ts';
import { generateGaloisKey, generateRelinearizationKey, type SwitchingKey } from './rlwe/switching-key.ts';
import { bits, builds, Party, reals, rotated, SCALE, smallContext } from './testing/contexts.ts';
import { SealPeer, slotOfSeal } from './testing/seal.ts';

const TOLERANCE = 2 ** -16;
const context = smallContext(builds[0], 2, 1);
const party = new Party(context);
const peer = await SealPeer.open(context);
const { seal, sealContext } = peer;
const { slots } = party;
const map = slotOfSeal(context.n);
const a = reals(slots, 1);
const b = reals(slots, 2);
const spec = { level: 2, special: 1 };

const toSealOrder = (ours: Float64Array): Float64Array => Float64Array.from(map, (j) => ours[j]);
const fromSealOrder = (theirs: Float64Array): Float64Array => {
  const ours = new Float64Array(slots);
  map.forEach((j, i) => {
    ours[j] = theirs[i];
  });
  return ours;
};

function assertNear(actual: Float64Array, expected: Float64Array, what: string): void {
  actual.forEach((v, i) => {
    assert.ok(Math.abs(v - expected[i]) < TOLERANCE, `${what}: slot ${i} is ${v}, expected ${expected[i]}`);
  });
}

/** What SEAL decrypts and decodes, in our order of the slots. */
function sealDecrypts(key: SealSecretKey, ciphertext: SealCiphertext): Float64Array {
  const plaintext = new seal.Plaintext();
  new seal.Decryptor(sealContext, key).decrypt(ciphertext, plaintext);
  return fromSealOrder(new seal.CKKSEncoder(sealContext).decodeFloat64(plaintext) as Float64Array);
}

function weDecrypt(key: SecretKey, ciphertext: Ciphertext): Float64Array {
  return party.encoder.decode(phase(key, ciphertext), ciphertext.scale).re;
}

function sealEncodes(values: Float64Array) {
  const plaintext = new seal.Plaintext();
  new seal.CKKSEncoder(sealContext).encode(toSealOrder(values), SCALE, plaintext);
  return plaintext;
}

const times = (x: Float64Array, y: Float64Array) => x.map((v, i) => v * y[i]);
const plus = (x: Float64Array, y: Float64Array) => x.map((v, i) => v + y[i]);
const turn = (x: Float64Array, steps: number) => rotated({ re: x, im: x }, steps).re;

test('the map of the slots is a permutation', () => {
  assert.deepEqual(
    [...map].sort((x, y) => x - y),
    Array.from({ length: slots }, (_, i) => i),
  );
});

describe('SEAL reads what we made', () => {
  const secret = peer.secretTo(party.secret);
  party.addKeys({ ...spec, steps: [1, 3], conjugate: true, relinearization: true });
  const { evaluator } = party;
  const x = party.encrypt(a);
  const y = party.encrypt(b);
  const check = (c: Ciphertext, expected: Float64Array, what: string) => {
    assertNear(sealDecrypts(secret, peer.ciphertextTo(c)), expected, what);
    c.dispose();
  };

  test('our secret key is the same polynomial there', () => {
    const back = peer.secretFrom(secret);
    const size = context.limbBytes(context.moduli.length);
    const { kernels } = context;
    const same = Buffer.from(kernels.u8(back.limb(0), size)).equals(kernels.u8(party.secret.limb(0), size));
    assert.ok(same);
    back.dispose();
  });

  test('fresh ciphertexts at every level', () => {
    for (let level = 0; level <= 2; level++) check(party.encrypt(a, level), a, `level ${level}`);
  });

  test('sums, products, rotations, conjugates', () => {
    check(evaluator.add(x, y), plus(a, b), 'add');
    check(evaluator.multiply(x, y), times(a, b), 'multiply, degree 2');
    check(evaluator.multiplyRescale(x, y), times(a, b), 'multiply, relinearise, rescale');
    check(evaluator.rotate(x, 1), turn(a, 1), 'rotate by 1');
    check(evaluator.rotate(x, 3), turn(a, 3), 'rotate by 3');
    check(evaluator.conjugate(x), a, 'conjugate');
    const square = evaluator.multiplyRescale(x, x);
    check(evaluator.multiplyRescale(square, square), times(times(a, a), times(a, a)), 'fourth power');
    square.dispose();
  });

  test('a ciphertext is the same after the journey', () => {
    const back = peer.ciphertextFrom(peer.ciphertextTo(x));
    assert.equal(back.scale, x.scale);
    assert.deepEqual(bits(back), bits(x));
    back.dispose();
  });

  test('SEAL evaluates with our relinearisation and Galois keys', () => {
    const sealEvaluator = new seal.Evaluator(sealContext);
    const relin = peer.keysTo(new Map([[RELINEARIZATION, party.keys.get(RELINEARIZATION)]]), 'RelinKeys');
    const elements = [context.galoisElement(1), context.galoisElement(3), context.conjugation];
    const galois = peer.keysTo(new Map(elements.map((g) => [g, party.keys.get(g)])), 'GaloisKeys');
    const [u, v] = [peer.ciphertextTo(x), peer.ciphertextTo(y)];
    const product = new seal.Ciphertext();
    sealEvaluator.multiply(u, v, product);
    sealEvaluator.relinearizeInplace(product, relin);
    sealEvaluator.rescaleToNextInplace(product);
    assertNear(sealDecrypts(secret, product), times(a, b), 'SEAL relinearises with our key');
    for (const [g, expected] of [
      [elements[0], turn(a, 1)],
      [elements[1], turn(a, 3)],
      [elements[2], a],
    ] as const) {
      const turned = new seal.Ciphertext();
      sealEvaluator.applyGalois(u, g, galois, turned);
      assertNear(sealDecrypts(secret, turned), expected, `SEAL applies ${g} with our key`);
    }
  });
});

describe('we read what SEAL made', () => {
  const generator = new seal.KeyGenerator(sealContext);
  const sealSecret = generator.secretKey();
  const sealPublic = generator.createPublicKey();
  const encryptor = new seal.Encryptor(sealContext, sealPublic, sealSecret);
  const sealEvaluator = new seal.Evaluator(sealContext);
  const secret = peer.secretFrom(sealSecret);
  const sealRelin = generator.createRelinKeys();
  // SEAL turns by 3^k. Ours are the powers of 5: for even k it is one of them.
  const K = 2;
  const element = 3 ** K % (2 * context.n);
  const steps = Array.from({ length: slots }, (_, s) => s).find((s) => context.galoisElement(s) === element)!;
  const sealGalois = generator.createGaloisKeysWithSteps(Int32Array.of(K));
  const encrypted = (values: Float64Array): SealCiphertext => {
    const ciphertext = new seal.Ciphertext();
    encryptor.encryptSymmetric(sealEncodes(values), ciphertext);
    return ciphertext;
  };
  const u = encrypted(a);
  const v = encrypted(b);
  const check = (theirs: SealCiphertext, expected: Float64Array, what: string) => {
    const ours = peer.ciphertextFrom(theirs);
    assertNear(weDecrypt(secret, ours), expected, what);
    ours.dispose();
  };

  test('fresh ciphertexts, under the secret and the public key', () => {
    check(u, a, 'symmetric');
    const fresh = new seal.Ciphertext();
    encryptor.encrypt(sealEncodes(b), fresh);
    check(fresh, b, 'public key');
  });

  test('sums, products, rotations', () => {
    const sum = new seal.Ciphertext();
    sealEvaluator.add(u, v, sum);
    check(sum, plus(a, b), 'add');
    const product = new seal.Ciphertext();
    sealEvaluator.multiply(u, v, product);
    check(product, times(a, b), 'multiply, degree 2');
    sealEvaluator.relinearizeInplace(product, sealRelin);
    check(product, times(a, b), 'relinearise');
    sealEvaluator.rescaleToNextInplace(product);
    check(product, times(a, b), 'rescale');
    const turned = new seal.Ciphertext();
    sealEvaluator.rotateVector(u, K, sealGalois, turned);
    check(turned, turn(a, steps), 'rotate');
  });

  test("we encrypt with SEAL's public key", () => {
    const key = peer.publicKeyFrom(sealPublic as unknown as { saveToArray(mode: unknown): Uint8Array });
    const plaintext = party.encoder.encode(a, 1, SCALE);
    const ciphertext = key.encrypt(plaintext);
    assertNear(weDecrypt(secret, ciphertext), a, 'our decryption');
    assertNear(sealDecrypts(sealSecret, peer.ciphertextTo(ciphertext)), a, "SEAL's decryption");
    for (const c of [key, plaintext, ciphertext]) c.dispose();
  });

  test("we evaluate SEAL's ciphertexts with SEAL's keys, at every level", () => {
    const keys = new EvaluationKeys();
    keys.set(RELINEARIZATION, peer.keyFrom(sealRelin, RELINEARIZATION));
    keys.set(element, peer.keyFrom(sealGalois, element));
    const evaluator = new Evaluator(context, keys);
    const [x, y] = [peer.ciphertextFrom(u), peer.ciphertextFrom(v)];
    for (let level = 2; level >= 1; level--) {
      const [low, other] = [evaluator.dropLevel(x, level), evaluator.dropLevel(y, level)];
      const product = evaluator.multiplyRescale(low, other);
      const turned = evaluator.rotate(low, steps);
      assertNear(weDecrypt(secret, product), times(a, b), `product at level ${level}`);
      assertNear(weDecrypt(secret, turned), turn(a, steps), `rotation at level ${level}`);
      assertNear(sealDecrypts(sealSecret, peer.ciphertextTo(product)), times(a, b), 'and SEAL decrypts it');
      for (const c of [low, other, product, turned]) c.dispose();
    }
    for (const c of [x, y, keys]) c.dispose();
  });

  test('keys that we make for its secret work there', () => {
    const relin = new Map<number, SwitchingKey>([
      [RELINEARIZATION, generateRelinearizationKey(secret, spec)],
    ]);
    const galois = new Map([[element, generateGaloisKey(secret, element, spec)]]);
    const product = new seal.Ciphertext();
    sealEvaluator.multiply(u, v, product);
    sealEvaluator.relinearizeInplace(product, peer.keysTo(relin, 'RelinKeys'));
    sealEvaluator.rescaleToNextInplace(product);
    assertNear(sealDecrypts(sealSecret, product), times(a, b), 'relinearise');
    const turned = new seal.Ciphertext();
    sealEvaluator.rotateVector(u, K, peer.keysTo(galois, 'GaloisKeys'), turned);
    assertNear(sealDecrypts(sealSecret, turned), turn(a, steps), 'rotate');
    for (const key of [...relin.values(), ...galois.values()]) key.dispose();
  });
});
