import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Evaluator } from '../ckks/evaluator.ts';
import { encrypt, PublicKey } from '../rlwe/encryption.ts';
import {
  assertClose,
  assertNoLeak,
  bits,
  complexes,
  overBuilds,
  Party,
  reals,
  rotated,
  SCALE,
  smallContext,
  times,
} from '../testing/contexts.ts';
import { readResult, readSeeded, resultBytes, seededBytes, writeResult, writeSeeded } from './ciphertexts.ts';
import { WireError } from './container.ts';
import {
  EvaluationKeyWriter,
  evaluationKeyBytes,
  publicKeyBytes,
  readEvaluationKeys,
  readPublicKey,
  writePublicKey,
} from './keys.ts';
import { ByteReader, ByteWriter } from './reader.ts';

const TOLERANCE = 2 ** -18;

/** Writes value `index` of a bit stream of `width` bits a value that starts at byte `start`. */
function putBits(bytes: Uint8Array, start: number, width: number, index: number, value: bigint): void {
  for (let b = 0; b < width; b++) {
    const at = start * 8 + index * width + b;
    const bit = Number((value >> BigInt(b)) & 1n);
    bytes[at >> 3] = (bytes[at >> 3] & ~(1 << (at & 7))) | (bit << (at & 7));
  }
}

overBuilds('payloads', (kernels) => {
  const context = smallContext(kernels, 2, 2);
  const { parameters, n } = context;
  const party = new Party(context);
  const { secret, slots, encoder } = party;
  const values = complexes(slots, 1);

  function seeded(level: number): Uint8Array {
    const plaintext = encoder.encode(values, level, SCALE);
    const fresh = encrypt(secret, plaintext);
    const writer = new ByteWriter(seededBytes(parameters, level));
    writeSeeded(writer, fresh);
    assert.equal(writer.offset, writer.bytes.length);
    fresh.ciphertext.dispose();
    plaintext.dispose();
    return writer.bytes;
  }

  const galois = [0, context.galoisElement(1), context.conjugation];
  const specs = galois.map((g, i) => ({ galois: g, level: 2 - (i % 2), special: 1 + (i % 2) }));
  const evaluationKey = (() => {
    party.addKeys({ level: specs[0].level, special: specs[0].special, relinearization: true });
    party.addKeys({ level: specs[1].level, special: specs[1].special, steps: [1] });
    party.addKeys({ level: specs[2].level, special: specs[2].special, conjugate: true });
    const writer = new EvaluationKeyWriter(context, specs);
    for (const g of galois) writer.add(g, party.keys.get(g));
    return writer.finish();
  })();
  const publicKey = (() => {
    const key = PublicKey.generate(secret, 1);
    const bytes = writePublicKey(key);
    key.dispose();
    return bytes;
  })();
  const positions = { start: 3, stride: 5, count: 20 };
  const KEEP = 24;
  const result = (() => {
    const low = party.encrypt(values, 0);
    const writer = new ByteWriter(resultBytes(n, positions, KEEP));
    writeResult(writer, low, positions, KEEP);
    assert.equal(writer.offset, writer.bytes.length);
    low.dispose();
    return writer.bytes;
  })();

  const read = {
    seeded: (bytes: Uint8Array) => {
      const reader = new ByteReader(bytes);
      const ciphertext = readSeeded(context, reader, 2, SCALE);
      try {
        reader.end();
      } catch (error) {
        ciphertext.dispose();
        throw error;
      }
      return ciphertext;
    },
    publicKey: (bytes: Uint8Array) => readPublicKey(context, bytes, 1),
    evaluationKey: (bytes: Uint8Array) => readEvaluationKeys(context, bytes, specs),
    result: (bytes: Uint8Array) => {
      const reader = new ByteReader(bytes);
      const ciphertext = readResult(context, reader, positions, KEEP, SCALE);
      try {
        reader.end();
      } catch (error) {
        ciphertext.dispose();
        throw error;
      }
      return ciphertext;
    },
  };
  const good = { seeded: seeded(2), publicKey, evaluationKey, result };
  const names = Object.keys(good) as (keyof typeof good)[];

  test('fresh ciphertexts come back bit for bit, at every level, in exactly the stated bytes', () => {
    for (let level = 0; level <= 2; level++) {
      const plaintext = encoder.encode(values, level, SCALE);
      const fresh = encrypt(secret, plaintext);
      let size = 32;
      for (let i = 0; i <= level; i++) size += (n * Math.ceil(Math.log2(parameters.q[i]))) / 8;
      assert.equal(seededBytes(parameters, level), size);
      const writer = new ByteWriter(size);
      writeSeeded(writer, fresh);
      const reader = new ByteReader(writer.bytes);
      const back = readSeeded(context, reader, level, SCALE);
      reader.end();
      assertClose(party.decrypt(back), values, TOLERANCE);
      // Residues may differ by a whole modulus only at the ends of the reduced range; here they do not.
      assert.deepEqual(bits(back), bits(fresh.ciphertext));
      for (const c of [plaintext, fresh.ciphertext, back]) c.dispose();
    }
  });

  test('public keys come back and encrypt', () => {
    assert.equal(publicKey.length, publicKeyBytes(parameters, 1));
    const key = read.publicKey(publicKey);
    const plaintext = encoder.encode(values, 1, SCALE);
    const ciphertext = key.encrypt(plaintext);
    assertClose(party.decrypt(ciphertext), values, TOLERANCE);
    assert.deepEqual(writePublicKey(key), publicKey);
    for (const c of [key, plaintext, ciphertext]) c.dispose();
  });

  test('evaluation keys come back and switch', () => {
    assert.equal(evaluationKey.length, evaluationKeyBytes(parameters, specs));
    const keys = read.evaluationKey(evaluationKey);
    const evaluator = new Evaluator(context, keys);
    const x = party.encrypt(values, 1);
    const turned = evaluator.rotate(x, 1);
    assertClose(party.decrypt(turned), rotated(values, 1), TOLERANCE);
    const square = evaluator.multiplyRescale(x, x);
    assertClose(party.decrypt(square), times(values, values), TOLERANCE);
    const writer = new EvaluationKeyWriter(context, specs);
    for (const g of galois) writer.add(g, keys.get(g));
    assert.deepEqual(writer.finish(), evaluationKey);
    for (const c of [keys, x, turned, square]) c.dispose();
    const none = new EvaluationKeyWriter(context, []).finish();
    assert.equal(none.length, 4);
    readEvaluationKeys(context, none, []).dispose();
  });

  test('results carry the coefficients asked for with the precision that was kept', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 50 }),
        fc.integer({ min: 0, max: 40 }),
        fc.integer({ min: 1, max: 30 }),
        fc.integer({ min: 12, max: 50 }),
        (stride, start, count, keep) => {
          if (start + (count - 1) * stride >= n) return;
          const coefficients = reals(n, keep, 100);
          const plaintext = encoder.encodeCoefficients(coefficients, 0, SCALE);
          const { ciphertext } = encrypt(secret, plaintext);
          const where = { start, stride, count };
          const size = ((Math.ceil(count / 8) * 8 + n) * keep) / 8;
          assert.equal(resultBytes(n, where, keep), size);
          const writer = new ByteWriter(size);
          writeResult(writer, ciphertext, where, keep);
          const reader = new ByteReader(writer.bytes);
          const back = readResult(context, reader, where, keep, SCALE);
          reader.end();
          assert.equal(back.level, 0);
          const got = phaseOf(back);
          // Rounding both polynomials to 2^-keep of q: sigma sqrt((1 + 2N/3)/12) q/2^keep, ten times that at most.
          const q = parameters.q[0];
          const step = q / 2 ** keep;
          const tolerance = (10 * Math.sqrt((1 + (2 * n) / 3) / 12) * step + 100) / SCALE;
          for (let k = 0; k < count; k++) {
            const expected = coefficients[start + k * stride];
            const wrapped = Math.abs(got[start + k * stride] - expected) % (q / SCALE);
            const error = Math.min(wrapped, q / SCALE - wrapped);
            assert.ok(error <= tolerance, `${error} > ${tolerance} with ${keep} bits`);
          }
          for (const c of [plaintext, ciphertext, back]) c.dispose();
        },
      ),
      { numRuns: 25 },
    );
  });

  test('a result shows nothing of the coefficients that were not asked for', () => {
    const back = read.result(result);
    const copy = context.alloc(1);
    context.copyLimbs(copy, back.limb(0, 0), 1);
    context.moduli[0].inverseTransform(copy);
    const sent = new Set(
      Array.from({ length: positions.count }, (_, k) => positions.start + k * positions.stride),
    );
    kernels.f64(copy, n).forEach((c, i) => {
      if (!sent.has(i)) assert.ok(c === 0);
    });
    context.free(copy);
    back.dispose();
  });

  test('results refuse other levels, degrees, positions and precisions', () => {
    const low = party.encrypt([1], 0);
    const high = party.encrypt([1], 1);
    const square = party.evaluator.square(low);
    const writer = new ByteWriter(resultBytes(n, positions, KEEP));
    const refuse = (code: string, body: () => unknown) =>
      assertNoLeak(kernels, () => assert.throws(body, { code }));
    refuse('LEVEL_MISMATCH', () => writeResult(writer, high, positions, KEEP));
    refuse('DEGREE_MISMATCH', () => writeResult(writer, square, positions, KEEP));
    for (const bad of [
      { start: -1, stride: 1, count: 1 },
      { start: 0, stride: 0, count: 1 },
      { start: 0, stride: 1, count: 0 },
      { start: 0, stride: 1, count: n + 1 },
      { start: n, stride: 1, count: 1 },
      { start: 0, stride: n - 1, count: 3 },
      { start: 0.5, stride: 1, count: 1 },
      { start: 0, stride: 1, count: 2 ** 40 },
      { start: 0, stride: 1, count: Number.NaN },
    ]) {
      refuse('VALUE_RANGE', () => writeResult(writer, low, bad, KEEP));
      refuse('VALUE_RANGE', () => readResult(context, new ByteReader(result), bad, KEEP, SCALE));
    }
    for (const keep of [0, 51, -1, 1.5, Number.NaN]) {
      refuse('VALUE_RANGE', () => writeResult(writer, low, positions, keep));
      refuse('VALUE_RANGE', () => readResult(context, new ByteReader(result), positions, keep, SCALE));
    }
    for (const c of [low, high, square]) c.dispose();
  });

  test('shorter and longer files are refused', () => {
    for (const name of names) {
      const bytes = good[name];
      for (const length of [0, 1, 3, 4, 35, 36, 100, bytes.length - 1]) {
        assertNoLeak(kernels, () => assert.throws(() => read[name](bytes.slice(0, length)), WireError, name));
      }
      for (const extra of [1, 8, 1000]) {
        const longer = new Uint8Array(bytes.length + extra);
        longer.set(bytes);
        assertNoLeak(kernels, () => assert.throws(() => read[name](longer), WireError, name));
      }
    }
  });

  test('a residue that is not below its modulus is refused, wherever it is', () => {
    const q0 = parameters.q[0];
    const width = Math.ceil(Math.log2(q0));
    const starts = { seeded: 32, publicKey: 36, evaluationKey: 4 + 8 + 32 };
    for (const name of ['seeded', 'publicKey', 'evaluationKey'] as const) {
      for (const index of [0, 1, n / 2, n - 1]) {
        for (const value of [BigInt(q0), BigInt(q0) + 1n, 2n ** BigInt(width) - 1n]) {
          const bytes = good[name].slice();
          putBits(bytes, starts[name], width, index, value);
          assertNoLeak(kernels, () =>
            assert.throws(() => read[name](bytes), { name: 'WireError', code: 'WIRE_CONTENT' }),
          );
        }
        const largest = good[name].slice();
        putBits(largest, starts[name], width, index, BigInt(q0) - 1n);
        read[name](largest).dispose();
      }
    }
  });

  test('keys of another number, element, level or number of special primes are refused', () => {
    const refuse = (offset: number, value: number, width: 2 | 4 = 4) => {
      const bytes = evaluationKey.slice();
      const view = new DataView(bytes.buffer);
      if (width === 4) view.setUint32(offset, value, true);
      else view.setUint16(offset, value, true);
      assertNoLeak(kernels, () =>
        assert.throws(() => read.evaluationKey(bytes), { name: 'WireError', code: 'WIRE_CONTENT' }),
      );
    };
    for (const count of [0, 2, 4, 2 ** 32 - 1]) refuse(0, count);
    for (const element of [1, 3, 2 ** 32 - 1]) refuse(4, element);
    for (const level of [0, 1, 3, 65535]) refuse(8, level, 2);
    for (const special of [0, 2, 65535]) refuse(10, special, 2);
    const bytes = publicKey.slice();
    new DataView(bytes.buffer).setUint32(0, 2, true);
    assertNoLeak(kernels, () => assert.throws(() => read.publicKey(bytes), { code: 'WIRE_CONTENT' }));
    // The same bytes under another profile.
    for (const other of [specs.slice(1), [specs[1], specs[0], specs[2]], [...specs, specs[0]]]) {
      assert.throws(() => readEvaluationKeys(context, evaluationKey, other), WireError);
    }
  });

  test('bit flips and random bytes never give anything but a WireError, and never much memory', () => {
    const before = kernels.arena.peakBytes;
    for (const name of names) {
      fc.assert(
        fc.property(
          fc.array(fc.tuple(fc.nat({ max: good[name].length * 8 - 1 }), fc.boolean()), {
            minLength: 1,
            maxLength: 6,
          }),
          (flips) => {
            const bytes = good[name].slice();
            // Half of the flips go to the first 64 bytes, where the structure is.
            for (const [bit, early] of flips) bytes[(early ? bit % 512 : bit) >> 3] ^= 1 << (bit & 7);
            attempt(name, bytes);
          },
        ),
        { numRuns: 40 },
      );
      fc.assert(
        fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
          attempt(name, bytes);
          const sameLength = new Uint8Array(good[name].length);
          for (let i = 0; i < sameLength.length; i++)
            sameLength[i] = bytes[i % Math.max(1, bytes.length)] ?? 0;
          attempt(name, sameLength);
        }),
        { numRuns: 15 },
      );
    }
    assert.ok(kernels.arena.peakBytes - before < 4 * evaluationKey.length + 2 ** 20);
  });

  function attempt(name: keyof typeof good, bytes: Uint8Array): void {
    assertNoLeak(kernels, () => {
      try {
        read[name](bytes).dispose();
      } catch (error) {
        assert.ok(error instanceof WireError, `${name}: ${error}`);
      }
    });
  }

  /** Coefficients of the phase at level 0, divided by the scale. */
  function phaseOf(ciphertext: Parameters<Party['decrypt']>[0]): Float64Array {
    const acc = context.alloc(1);
    const { value, inverse } = context.moduli[0];
    kernels.x.v_mul(acc, ciphertext.limb(1, 0), secret.limb(0), n, value, inverse);
    kernels.x.v_add(acc, acc, ciphertext.limb(0, 0), n, value, inverse);
    context.moduli[0].inverseTransform(acc);
    const phase = kernels.f64(acc, n).map((c) => (c - value * Math.round(c / value)) / ciphertext.scale);
    context.free(acc);
    return phase;
  }
});
