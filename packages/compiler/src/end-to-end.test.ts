/** Plans of every packing: clear, simulated and encrypted runs agree with the model, sizes are exact, bad input is coded. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { sealWire, WIRE_HEADER_BYTES } from '@velum/fhe';
import type { Kernels } from '@velum/kernels';
import { loadKernels } from '@velum/kernels/node';
import {
  ClientKeys,
  decodePlan,
  encodePlan,
  type Plan,
  parseProfile,
  runClear,
  type ServerKeys,
  ServerPlan,
  simulate,
  wireSizes,
} from '@velum/runtime';
import { compileModel } from './compile.ts';
import { explainPlan } from './explain.ts';
import { type Model, predictPlain } from './model.ts';
import type { CompileOptions } from './requirements.ts';
import { largestDifference, squareNetwork, uniformRows } from './testing/models.ts';

interface Session {
  plan: Plan;
  client: ClientKeys;
  server: ServerPlan;
  keys: ServerKeys;
  publicKey: Uint8Array;
  evaluationKey: Uint8Array;
  dispose(): void;
}

let kernels: Kernels;
before(async () => {
  kernels = await loadKernels();
});

async function open(model: Model, options: CompileOptions): Promise<Session> {
  // A Buffer, as the file system gives it: its `slice` is a view.
  const plan = await decodePlan(Buffer.from(await encodePlan(await compileModel(model, options))));
  const client = ClientKeys.generate(kernels, parseProfile(JSON.parse(JSON.stringify(plan.profile))));
  const publicKey = await client.publicKey();
  const evaluationKey = await client.evaluationKey();
  const server = new ServerPlan(kernels, plan);
  const keys = await server.loadKeys(publicKey, evaluationKey);
  const dispose = (): void => {
    keys.dispose();
    server.dispose();
    client.dispose();
  };
  return { plan, client, server, keys, publicKey, evaluationKey, dispose };
}

const cases: {
  name: string;
  model: Model;
  options: CompileOptions;
  rows: number;
  packing: string;
  reach?: number;
}[] = [
  {
    name: 'linear, one sample',
    model: squareNetwork([29, 1], 'sigmoid'),
    options: {},
    rows: 1,
    packing: 'coefficients',
  },
  {
    name: 'linear, several samples in a ciphertext',
    model: squareNetwork([29, 1]),
    options: {},
    rows: 150,
    packing: 'coefficients',
  },
  {
    name: 'linear, a feature a ciphertext',
    model: squareNetwork([5, 1]),
    options: {},
    rows: 8200,
    packing: 'coefficients',
  },
  {
    name: 'linear, three classes',
    model: squareNetwork([12, 3], 'softmax'),
    options: {},
    rows: 5,
    packing: 'coefficients',
  },
  {
    name: 'linear, wider than the smallest ring',
    model: squareNetwork([5000, 1]),
    options: {},
    rows: 2,
    packing: 'coefficients',
  },
  {
    name: 'sigmoid on the server',
    model: squareNetwork([9, 1], 'sigmoid'),
    options: { activation: 'server' },
    rows: 2,
    packing: 'slots',
    reach: 4,
  },
  {
    name: 'sigmoid on the server, batch',
    model: squareNetwork([9, 1], 'sigmoid'),
    options: { activation: 'server', batchSize: 4096 },
    rows: 300,
    packing: 'batch',
    reach: 4,
  },
  {
    name: 'two squares, narrow to wide',
    model: squareNetwork([6, 20, 10, 1]),
    options: {},
    rows: 2,
    packing: 'slots',
  },
  {
    name: 'three values, argmax',
    model: squareNetwork([10, 7, 3], 'argmax'),
    options: {},
    rows: 2,
    packing: 'slots',
  },
  {
    name: 'small network, batch',
    model: squareNetwork([6, 5, 2], 'softmax'),
    options: { batchSize: 4096 },
    rows: 40,
    packing: 'batch',
  },
];

for (const { name, model, options, rows: count, packing, reach } of cases) {
  describe(name, () => {
    let session: Session;
    const rows = uniformRows(count, model.inputs, 11, reach);
    before(async () => {
      session = await open(model, options);
    });
    after(() => session.dispose());

    test('clear, simulated and encrypted runs agree with the model', async () => {
      const { plan, client, server, keys } = session;
      assert.equal(plan.profile.input.packing, packing);
      const plain = rows.map((row) =>
        predictPlain(model, row, { serverActivation: options.activation === 'server' }),
      );
      assert.ok(largestDifference(runClear(plan, rows), plain) < 1e-9);
      assert.ok(largestDifference(simulate(plan, rows), plain) < 1e-4);
      const input = await client.encrypt(rows);
      const progress: number[] = [];
      const result = await server.predict(keys, input, {
        onProgress: (done, total) => progress.push(done / total),
      });
      const decrypted = await client.decrypt(result);
      assert.equal(decrypted.length, count);
      assert.ok(largestDifference(decrypted, plain) < 1e-4, `error ${largestDifference(decrypted, plain)}`);
      assert.equal(progress.at(-1), 1);
      const sizes = wireSizes(plan.profile);
      assert.equal(input.length, sizes.input(count));
      assert.ok(input.length <= sizes.maxInput);
      assert.equal(result.length, sizes.result(count));
      assert.equal(session.publicKey.length, sizes.publicKey);
      assert.equal(session.evaluationKey.length, sizes.evaluationKey);
    });

    test('the table explains every step', () => {
      const { rows: steps, text } = explainPlan(session.plan);
      assert.equal(steps.length, session.plan.program.steps.length);
      assert.equal(steps.at(-1)?.levelAfter, 0);
      assert.match(text, /evaluation key/);
    });

    test('nothing stays in the kernel memory after a prediction', async () => {
      const { client, server, keys } = session;
      const before = kernels.arena.liveBytes;
      await client.decrypt(await server.predict(keys, await client.encrypt(rows.slice(0, 2))));
      const once = kernels.arena.liveBytes;
      await client.decrypt(await server.predict(keys, await client.encrypt(rows.slice(0, 2))));
      assert.equal(kernels.arena.liveBytes, once);
      assert.ok(once - before < 2e6, 'more than tables stayed');
    });
  });
}

describe('bad input', () => {
  let session: Session;
  const model = squareNetwork([6, 5, 1]);
  before(async () => {
    session = await open(model, { featureRanges: Array.from({ length: 6 }, () => [-1, 1]) });
  });
  after(() => session.dispose());

  const rejects = (promise: Promise<unknown>, code: string): Promise<void> =>
    assert.rejects(promise, (error: Error & { code?: string }) => {
      assert.equal(error.code, code, error.message);
      return true;
    });

  test('samples are checked before anything is encrypted', async () => {
    const { client } = session;
    await rejects(client.encrypt([]), 'NO_SAMPLES');
    await rejects(client.encrypt([[1, 2]]), 'FEATURE_COUNT');
    await rejects(client.encrypt([[1, 2, Number.NaN, 0, 0, 0]]), 'NOT_FINITE');
    await rejects(client.encrypt(Array.from({ length: 300 }, () => [0, 0, 0, 0, 0, 0])), 'TOO_MANY_SAMPLES');
  });

  test('keys and inputs of another profile are refused', async () => {
    const other = await open(squareNetwork([7, 5, 1]), {});
    const input = await other.client.encrypt(uniformRows(1, 7));
    await rejects(session.server.predict(session.keys, input), 'WIRE_PROFILE');
    await rejects(
      session.server.predict(other.keys, await session.client.encrypt(uniformRows(1, 6))),
      'WIRE_CONTENT',
    );
    await rejects(session.server.loadKeys(other.publicKey, other.evaluationKey), 'WIRE_PROFILE');
    await rejects(session.server.loadKeys(session.evaluationKey, session.publicKey), 'WIRE_KIND');
    other.dispose();
  });

  test('damaged inputs are refused and leave no memory behind', async () => {
    const { server, client, keys, plan } = session;
    const input = await client.encrypt(uniformRows(2, 6));
    const live = kernels.arena.liveBytes;
    const flipped = input.slice();
    flipped[input.length - 100] ^= 4;
    await rejects(server.predict(keys, flipped), 'WIRE_CHECKSUM');
    await rejects(server.predict(keys, input.subarray(0, input.length - 1)), 'WIRE_TRUNCATED');
    await rejects(server.predict(keys, input.subarray(0, 40)), 'WIRE_TRUNCATED');
    const payload = input.slice(WIRE_HEADER_BYTES);
    const forged = async (change: (view: DataView) => void, bytes = payload): Promise<Uint8Array> => {
      const copy = bytes.slice();
      change(new DataView(copy.buffer));
      return sealWire('input', plan.profile.id, copy);
    };
    await rejects(server.predict(keys, await forged((v) => v.setUint32(4, 1_000_000, true))), 'WIRE_CONTENT');
    await rejects(server.predict(keys, await forged((v) => v.setUint32(0, 3, true))), 'WIRE_CONTENT');
    await rejects(server.predict(keys, await forged((v) => v.setUint32(8, 1, true))), 'WIRE_CONTENT');
    // All bits set: residues above their modulus.
    await rejects(
      server.predict(
        keys,
        await forged(
          () => {},
          payload.map((b, i) => (i < 44 ? b : 255)),
        ),
      ),
      'WIRE_CONTENT',
    );
    await rejects(
      server.predict(keys, await forged(() => {}, payload.slice(0, payload.length - 8))),
      'WIRE_TRUNCATED',
    );
    assert.equal(kernels.arena.liveBytes, live);
  });

  test('a secret of one profile does not open under another', async () => {
    const secret = await session.client.exportSecret();
    const restored = await ClientKeys.fromSecret(kernels, session.plan.profile, secret);
    const rows = uniformRows(1, 6);
    const result = await session.server.predict(session.keys, await session.client.encrypt(rows));
    assert.deepEqual(await restored.decrypt(result), await session.client.decrypt(result));
    restored.dispose();
    const other = await compileModel(squareNetwork([7, 5, 1]));
    await rejects(ClientKeys.fromSecret(kernels, other.profile, secret), 'WIRE_PROFILE');
  });

  test('flooding moves a decrypted score by at most its width, and differently each time', async () => {
    const { client, server, keys } = session;
    const result = await server.predict(keys, await client.encrypt(uniformRows(1, 6)));
    const [[exact]] = await client.decrypt(result);
    const flooded = await Promise.all(
      [1, 2, 3].map(async () => (await client.decrypt(result, { flood: 0.01 }))[0][0]),
    );
    for (const value of flooded) assert.ok(Math.abs(value - exact) <= 0.01 && value !== exact);
    assert.notEqual(flooded[0], flooded[1]);
  });

  test('another secret decrypts to nonsense, not to the score', async () => {
    const stranger = ClientKeys.generate(kernels, session.plan.profile);
    const rows = uniformRows(1, 6);
    const result = await session.server.predict(session.keys, await session.client.encrypt(rows));
    const [[guess]] = await stranger.decrypt(result);
    const [[truth]] = await session.client.decrypt(result);
    assert.ok(Math.abs(guess - truth) > 0.01);
    stranger.dispose();
  });
});
