import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { crc32 } from 'node:zlib';
import { MESSAGE_1_CARRY_1, TfheClientKey, TfheServerKey, tfheParameters } from '@velum/fhe';
import { loadKernels } from '@velum/kernels/node';
import fc from 'fast-check';
import { sealEnvelope } from './envelope.ts';
import { type Program, ProgramKeys, programNamed, programs } from './index.ts';
import { sleepCircuit } from './sleep-quality/circuit.ts';
import { numberIn, pageOf, tableOf } from './testing/shared.ts';
import type { ProgramCircuit } from './tfhe-program.ts';
import { weightCircuit } from './weight-stats/circuit.ts';

const kernels = await loadKernels({ threads: 2 });
const keys = ProgramKeys.generate(kernels);
const serverKey = await TfheServerKey.load(kernels, keys.serverKey());
after(async () => {
  serverKey.free();
  keys.free();
  await kernels.close();
});

const weightStats = programNamed('weight_stats');
const sleepQuality = programNamed('sleep_quality');
const adTargeting = programNamed('ad_targeting');

const error = (code: string) => ({ name: 'ProgramError', code });

describe('encrypted, with the default parameters', () => {
  const inputs: [Program, unknown, unknown][] = [
    [weightStats, { weights_kg: [81.4] }, { min: 81.4, max: 81.4, avg: 81.4 }],
    [weightStats, { weights_kg: [70.5, 6553.5] }, { min: 70.5, max: 6553.5, avg: 3312 }],
    [
      sleepQuality,
      {
        records: [
          [0, 0, 480],
          [3, 31, 400],
          [2, 400, 470],
        ],
      },
      // 31 minutes to fall asleep (2), 439 asleep (0), 91 % (0).
      { score: 1 },
    ],
  ];
  for (const [program, input, expected] of inputs)
    test(`${program.name} ${JSON.stringify(input).slice(0, 40)}`, async () => {
      const encrypted = program.encode(keys, input);
      const { bootstraps, keyId } = program.inspect(encrypted);
      assert.equal(keyId, serverKey.id);
      const progress: number[] = [];
      const live = kernels.arena.liveBytes;
      const outputs = await program.run(
        {
          kernels,
          serverKey,
          onProgress(done, total) {
            assert.equal(total, bootstraps);
            progress.push(done);
          },
        },
        encrypted,
      );
      assert.equal(kernels.arena.liveBytes, live);
      assert.deepEqual(
        progress,
        [...progress].sort((a, b) => a - b),
      );
      assert.equal(progress.at(-1), bootstraps);
      assert.deepEqual(
        Object.keys(outputs),
        program.outputs.map(({ key }) => key),
      );
      assert.deepEqual(program.decode(keys, outputs), expected);
      assert.deepEqual(program.clear(input), expected);
    });

  test('a run stops at a signal, before it starts and while it computes', async () => {
    const encrypted = weightStats.encode(keys, { weights_kg: new Array(20).fill(70) });
    const early = AbortSignal.abort(new Error('enough'));
    await assert.rejects(weightStats.run({ kernels, serverKey, signal: early }, encrypted), /enough/);
    const ads = adTargeting.encode(keys, adTargeting.sample());
    await assert.rejects(adTargeting.run({ kernels, signal: early }, ads), /enough/);
    const controller = new AbortController();
    const live = kernels.arena.liveBytes;
    const seen: number[] = [];
    const run = weightStats.run(
      {
        kernels,
        serverKey,
        signal: controller.signal,
        onProgress(done) {
          seen.push(done);
          if (done > 0) controller.abort(new Error('enough'));
        },
      },
      encrypted,
    );
    await assert.rejects(run, /enough/);
    assert.equal(seen.length, 2);
    assert.equal(kernels.arena.liveBytes, live);
  });
});

test('bytes and bootstraps are as the pages state', () => {
  /** Envelope, header and 1379 bytes a block. */
  const resultBytes = (name: string, { lengths }: ProgramCircuit): number =>
    Object.entries(lengths).reduce(
      (sum, [key, blocks]) => sum + 32 + `${name}.${key}`.length + 4 + 40 + 1379 * blocks,
      0,
    );
  for (const { program, folder, circuit, input } of [
    {
      program: weightStats,
      folder: 'weight-stats',
      circuit: weightCircuit,
      input: (n: number) => ({ weights_kg: new Array(n).fill(70) }),
    },
    {
      program: sleepQuality,
      folder: 'sleep-quality',
      circuit: sleepCircuit,
      input: (n: number) => ({ records: new Array(n).fill([0, 0, 9]) }),
    },
  ]) {
    const stated = ['weights', 'records'].flatMap((unit) => tableOf(pageOf(folder), `${unit} | bootstraps`));
    assert.equal(stated.length, folder === 'weight-stats' ? 5 : 4);
    for (const row of stated) {
      const [values, bootstraps, up, down] = row.map(numberIn);
      const encrypted = program.encode(keys, input(values));
      assert.equal(program.inspect(encrypted).bootstraps, bootstraps, `${program.name} ${values}`);
      assert.equal(encrypted.length, up, `${program.name} ${values}`);
      assert.equal(resultBytes(program.name, circuit(values)), down, `${program.name} ${values}`);
      assert.ok(encrypted.length <= program.limits.inputBytes);
    }
  }
});

test('every program has what its users need, and its sample runs in the clear', () => {
  assert.deepEqual(
    programs.map(({ name }) => name),
    ['weight_stats', 'sleep_quality', 'ad_targeting'],
  );
  for (const program of programs) {
    assert.equal(programNamed(program.name), program);
    assert.ok(program.title && program.summary && program.outputs.length > 0);
    assert.ok(program.responseType === 'json' || program.outputs.length === 1);
    assert.deepEqual(
      JSON.parse(JSON.stringify(program.clear(program.sample()))),
      program.clear(program.sample()),
    );
    assert.ok(program.encode(keys, program.sample()).length <= program.limits.inputBytes);
  }
  assert.throws(() => programNamed('fetch_ad'), error('UNKNOWN_PROGRAM'));
  assert.throws(() => programNamed('toString'), error('UNKNOWN_PROGRAM'));
  assert.throws(() => programNamed(undefined as unknown as string), error('UNKNOWN_PROGRAM'));
});

describe('keys', () => {
  test('32 bytes bring everything back', () => {
    const again = ProgramKeys.fromBytes(kernels, keys.toBytes());
    assert.equal(keys.toBytes().length, 32);
    assert.equal(again.id, keys.id);
    assert.equal(again.id, serverKey.id);
    assert.ok(again.owns(keys.tag()));
    again.free();
    for (const use of [() => again.toBytes(), () => again.tag(), () => again.id])
      assert.throws(use, error('KEY_MISSING'));
    for (const bytes of [new Uint8Array(31), new Uint8Array(33), 'x' as unknown as Uint8Array])
      assert.throws(() => ProgramKeys.fromBytes(kernels, bytes), error('INPUT_INVALID'));
  });

  test('tags are new each time, and only their own keys know them', () => {
    const other = ProgramKeys.generate(kernels);
    const tag = keys.tag();
    assert.notDeepEqual(tag, keys.tag());
    assert.ok(keys.owns(tag) && !other.owns(tag));
    for (const i of [0, 11, 12, 19]) {
      const changed = tag.slice();
      changed[i] ^= 1;
      assert.ok(!keys.owns(changed));
    }
    assert.ok(!keys.owns(tag.subarray(0, 12)) && !keys.owns(new Uint8Array(0)));
    other.free();
  });

  test('the purposes have independent seeds', () => {
    const seeds = ['tfhe', 'ad_targeting', 'tag'].map((purpose) =>
      Buffer.from(keys.subseed(purpose)).toString('hex'),
    );
    assert.equal(new Set([...seeds, Buffer.from(keys.toBytes()).toString('hex')]).size, 4);
  });

  test('an input or a result of other keys', async () => {
    const other = ProgramKeys.generate(kernels);
    const foreign = weightStats.encode(other, { weights_kg: [70, 71] });
    await assert.rejects(weightStats.run({ kernels, serverKey }, foreign), error('KEY_MISMATCH'));
    await assert.rejects(weightStats.run({ kernels }, foreign), error('KEY_MISSING'));
    const outputs = await adTargeting.run({ kernels }, adTargeting.encode(keys, adTargeting.sample()));
    assert.throws(() => adTargeting.decode(other, outputs), error('KEY_MISMATCH'));
    other.free();
  });
});

/** With the checksum that its bytes have: after the label, over all others. */
function resealed(bytes: Uint8Array): Uint8Array {
  const at = 32 + bytes[7];
  const crc = crc32(bytes.subarray(at + 4), crc32(bytes.subarray(0, at)));
  new DataView(bytes.buffer, bytes.byteOffset).setUint32(at, crc, true);
  return bytes;
}

/** Calls `check` with copies in which one bit is changed: all bits of the first 100 bytes, then one of every 19. */
function eachFlippedBit(bytes: Uint8Array, check: (changed: Uint8Array, bit: number) => void): void {
  for (let bit = 0; bit < 8 * bytes.length; bit += bit < 800 ? 1 : 8 * Math.ceil(bytes.length / 200) + 3) {
    const changed = bytes.slice();
    changed[bit >> 3] ^= 1 << (bit & 7);
    check(changed, bit);
  }
}

describe('hostile inputs', () => {
  const envelope = (label: string, values: number, payload: Uint8Array) =>
    sealEnvelope({ direction: 'input', label, values, tag: keys.tag(), payload });
  const list = (count: number) => keys.client.encrypt(new Array(count).fill(1));

  test('wrong program, wrong length, wrong kind, wrong parameters', () => {
    const weights = weightStats.encode(keys, { weights_kg: [70, 71] });
    assert.throws(() => sleepQuality.inspect(weights), error('PROGRAM_MISMATCH'));
    assert.throws(() => adTargeting.inspect(weights), error('PROGRAM_MISMATCH'));
    assert.equal(weightStats.inspect(envelope('weight_stats', 2, list(16))).values, 2);
    const dented = list(16);
    dented[dented.length - 1] ^= 1;
    const kindless = weights.slice();
    kindless[6] = 3;
    const older = weights.slice();
    older[4] = 1;
    const invalid: Uint8Array[] = [
      envelope('weight_stats', 2, list(15)),
      envelope('weight_stats', 2, list(17)),
      envelope('weight_stats', 1, list(16)),
      envelope('weight_stats', 0, list(16)),
      envelope('weight_stats', 2, new Uint8Array(0)),
      envelope('weight_stats', 2, keys.client.publicKey()),
      envelope('weight_stats', 2, keys.client.toBytes()),
      envelope('weight_stats', 2, new Uint8Array([...list(16), 0])),
      envelope('weight_stats', 2, dented),
      resealed(kindless),
      resealed(older),
      envelope('Weight-Stats', 2, list(16)),
      weights.subarray(0, 31),
      weights.subarray(0, 40),
      weights.subarray(0, 100),
      weights.subarray(0, weights.length - 1),
      new Uint8Array(0),
      new Uint8Array(1000),
      keys.client.encrypt([1, 2]),
      'weights' as unknown as Uint8Array,
      undefined as unknown as Uint8Array,
    ];
    for (const [i, bytes] of invalid.entries())
      assert.throws(() => weightStats.inspect(bytes), error('CIPHERTEXT_INVALID'), `case ${i}`);
    const small = TfheClientKey.generate(kernels, tfheParameters(MESSAGE_1_CARRY_1));
    const foreign = envelope('weight_stats', 1, small.encrypt(new Array(8).fill(1)));
    assert.throws(() => weightStats.inspect(foreign), error('CIPHERTEXT_INVALID'));
    small.free();
    assert.throws(
      () => weightStats.inspect(envelope('weight_stats', 501, list(501 * 8))),
      error('TOO_MANY_VALUES'),
    );
    assert.throws(
      () => weightStats.inspect(envelope('weight_stats', 2 ** 32 - 1, list(1))),
      error('TOO_MANY_VALUES'),
    );
    assert.throws(
      () => sleepQuality.inspect(envelope('sleep_quality', 65, list(650))),
      error('TOO_MANY_VALUES'),
    );
  });

  test('changed or cut bytes are facts or coded errors, never anything else', () => {
    for (const program of programs) {
      const good = program.encode(keys, program.sample());
      fc.assert(
        fc.property(
          fc.array(fc.tuple(fc.nat(Math.min(120, good.length - 1)), fc.integer({ min: 0, max: 255 })), {
            maxLength: 4,
          }),
          fc.oneof({ weight: 3, arbitrary: fc.constant(good.length) }, fc.nat(good.length)),
          fc.boolean(),
          (changes, length, reseal) => {
            const bytes = good.slice(0, length);
            for (const [at, value] of changes) if (at < length) bytes[at] = value;
            // else the checksum would keep nearly all of them from the checks behind it
            if (reseal && length >= 36 + bytes[7]) resealed(bytes);
            try {
              assert.equal(typeof program.inspect(bytes).bootstraps, 'number');
            } catch (caught) {
              const { name, code } = caught as { name: string; code: string };
              assert.equal(name, 'ProgramError');
              assert.match(code, /^(CIPHERTEXT_INVALID|PROGRAM_MISMATCH|TOO_MANY_VALUES)$/);
            }
          },
        ),
        { numRuns: 300 },
      );
    }
  });

  test('any changed bit is found before a run', () => {
    for (const program of programs)
      eachFlippedBit(program.encode(keys, program.sample()), (changed, bit) => {
        assert.throws(
          () => program.inspect(changed),
          error('CIPHERTEXT_INVALID'),
          `${program.name}, bit ${bit}`,
        );
      });
    const tag = weightStats.encode(keys, { weights_kg: [70] });
    tag[20] ^= 1;
    assert.throws(() => weightStats.inspect(tag), { message: /damaged/ });
    assert.equal(weightStats.inspect(resealed(tag)).values, 1);
  });
});

test('results that are missing, swapped or cut', async () => {
  const outputs = await weightStats.run(
    { kernels, serverKey },
    weightStats.encode(keys, { weights_kg: [70, 70.3] }),
  );
  assert.deepEqual(weightStats.decode(keys, outputs), { min: 70, max: 70.3, avg: 70.1 });
  const { min, max, avg } = outputs;
  assert.equal(min.length + max.length + avg.length, 33_372);
  assert.throws(() => weightStats.decode(keys, { min, max }), error('RESULT_INVALID'));
  assert.throws(() => weightStats.decode(keys, { avg, min: max, max: min }), error('PROGRAM_MISMATCH'));
  assert.throws(
    () => weightStats.decode(keys, { avg, max, min: min.subarray(0, 60) }),
    error('RESULT_INVALID'),
  );
  assert.throws(
    () => weightStats.decode(keys, { avg, max, min: min.subarray(0, min.length - 1) }),
    error('RESULT_INVALID'),
  );
  const input = weightStats.encode(keys, { weights_kg: [70] });
  assert.throws(() => weightStats.decode(keys, { avg, max, min: input }), error('RESULT_INVALID'));
  eachFlippedBit(min, (changed, bit) =>
    assert.throws(
      () => weightStats.decode(keys, { avg, max, min: changed }),
      error('RESULT_INVALID'),
      `bit ${bit}`,
    ),
  );
  const ads = await adTargeting.run({ kernels }, adTargeting.encode(keys, adTargeting.sample()));
  const cut = { scores: ads.scores.subarray(0, ads.scores.length - 1) };
  assert.throws(() => adTargeting.decode(keys, cut), error('RESULT_INVALID'));
  eachFlippedBit(ads.scores, (changed, bit) =>
    assert.throws(() => adTargeting.decode(keys, { scores: changed }), error('RESULT_INVALID'), `bit ${bit}`),
  );
});
