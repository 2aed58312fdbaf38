/**
 * Circuits run encrypted give what they give in the clear: any tables, many-LUTs, linear forms, on all sets, builds and
 * numbers of threads; and the executor's manners: memory, progress, abort.
 * @module
 */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { loadKernels } from '@velum/kernels/node';
import { builds } from '../testing/contexts.ts';
import { chain, clear, insecure, node, party, randomCircuit } from '../testing/torus-circuits.ts';
import { TfheClientKey } from './client-key.ts';
import type { TfheErrorCode } from './errors.ts';
import { splitResult } from './lists.ts';
import { bivariateTable, manyTable, tableOf } from './lookup-table.ts';
import { MESSAGE_1_CARRY_1, MESSAGE_2_CARRY_2, TINY_1_1, TINY_2_2, tfheParameters } from './parameters.ts';
import { TfhePublicKey } from './public-key.ts';
import { runCircuit } from './run-circuit.ts';
import type { ExecutableCircuit } from './schedule.ts';
import { TfheServerKey } from './server-key.ts';

for (const kernels of builds) {
  for (const literal of [TINY_2_2, TINY_1_1]) {
    test(`random circuits, ${literal.name}, ${kernels.build}`, async () => {
      const before = kernels.arena.liveBlocks;
      const { parameters, client, server, free } = await party(kernels, literal);
      const key = TfhePublicKey.fromBytes(kernels, client.publicKey(), insecure);
      for (let seed = 0; seed < 20; seed++) {
        const circuit = randomCircuit(parameters.messageBits, parameters.carryBits, 1 + (seed % 14), seed);
        const values = Array.from(
          { length: circuit.inputs },
          (_, i) => (seed * 7 + i * 3) % parameters.boxes,
        );
        const list = (seed % 2 === 0 ? client : key).encrypt(values);
        const result = client.decrypt(await runCircuit(server, circuit, list));
        assert.deepEqual(result, clear(circuit, values), `seed ${seed}`);
      }
      key.free();
      free();
      assert.equal(kernels.arena.liveBlocks, before);
    });
  }
}

// Noise of the real sets leaves no room for the forms of random circuits: every table entry once, univariate, bivariate,
// many-LUT, negative and fractional.
for (const literal of [MESSAGE_2_CARRY_2, MESSAGE_1_CARRY_1]) {
  test(`every value through every kind of table, ${literal.name}`, async () => {
    const { parameters, client, server, free } = await party(builds[0], literal);
    const { boxes, messageBits, carryBits } = parameters;
    const base = 2 ** messageBits;
    const square = tableOf(parameters, (v) => (v * v) % boxes);
    const product = bivariateTable(parameters, base, (high, low) => (high * low) % base);
    const parts = manyTable(parameters, [(v) => v % base, (v) => -Math.floor(v / base)]);
    // 1/2 for 0 ... boxes - 1, and -1/2 above.
    const sign = tableOf(parameters, () => 1 / 2);
    const values = tableOf(parameters, (v) => v);
    const steps = values.flatMap((v) => [
      { input: node(v), boxes: square, outputs: 1 as const },
      { input: node(v), boxes: product, outputs: 1 as const },
      { input: node(v % (boxes / 2)), boxes: parts, outputs: 2 as const },
      { input: node(v, 1, -boxes / 2), boxes: sign, outputs: 1 as const },
    ]);
    const circuit: ExecutableCircuit = {
      messageBits,
      carryBits,
      inputs: boxes,
      steps,
      outputs: values.flatMap((v) =>
        [0, 1, 2, 3, 4].map((o) => node(boxes + 5 * v + o, 1, o === 4 ? 1 / 2 : 0)),
      ),
    };
    const result = client.decrypt(await runCircuit(server, circuit, client.encrypt(values)));
    const small = (v: number) => v % (boxes / 2);
    const expected = values.flatMap((v) => [
      (v * v) % boxes,
      ((v % base) * Math.floor(v / base)) % base,
      small(v) % base,
      (2 * boxes - Math.floor(small(v) / base)) % (2 * boxes),
      v >= boxes / 2 ? 1 : 0,
    ]);
    assert.deepEqual(result, expected);
    free();
  });
}

test('without steps, with constants, and a result cut into files', async () => {
  const [kernels] = builds;
  const { client, server, free } = await party(kernels, TINY_2_2);
  const sum = { nodes: [0, 1, 2, 0], weights: [1, 2, -1, 1], constant: 3 };
  const constant = { nodes: [], weights: [], constant: 21 };
  const circuit = { ...chain(0), inputs: 3, outputs: [sum, constant, node(2), node(1, -1), node(0)] };
  const result = await runCircuit(server, circuit, client.encrypt([4, 5, 6]));
  assert.deepEqual(client.decrypt(result), [15, 21, 6, 27, 4]);
  const parts = splitResult(result, [2, 1, 2]);
  assert.deepEqual(
    parts.map((part) => client.decrypt(part)),
    [[15, 21], [6], [27, 4]],
  );
  assert.deepEqual(splitResult(result, [5]), [result]);
  for (const counts of [[], [4], [2, 2], [3, 3], [5, 0], [6, -1], [2.5, 2.5], [Number.NaN]])
    assert.throws(() => splitResult(result, counts), { code: 'SHAPE_MISMATCH' });
  assert.throws(() => splitResult(client.encrypt([1]), [1]), { code: 'WRONG_KIND' });
  free();
});

test('any number of threads gives the same bytes, from keys loaded by any number', async () => {
  const [one, two, three] = await Promise.all([1, 2, 3].map((threads) => loadKernels({ threads })));
  after(() => Promise.all([two.close(), three.close()]));
  const parameters = tfheParameters(TINY_2_2, insecure);
  const client = TfheClientKey.generate(one, parameters);
  const key = client.serverKey();
  const circuit = randomCircuit(2, 2, 60, 5);
  const values = Array.from({ length: circuit.inputs }, (_, i) => i);
  const list = client.encrypt(values);
  const results: Uint8Array[] = [];
  for (const kernels of [one, two, three]) {
    const server = await TfheServerKey.load(kernels, key, undefined, insecure);
    assert.equal(server.id, client.id);
    results.push(await runCircuit(server, circuit, list));
    server.free();
  }
  assert.deepEqual(client.decrypt(results[0]), clear(circuit, values));
  assert.deepEqual(results[1], results[0]);
  assert.deepEqual(results[2], results[0]);
  client.free();
  assert.equal(two.arena.liveBlocks, 0);
});

test('circuits that do not fit are refused', async () => {
  const [kernels] = builds;
  const { client, server, free } = await party(kernels, TINY_2_2);
  const good: ExecutableCircuit = {
    messageBits: 2,
    carryBits: 2,
    inputs: 2,
    steps: [{ input: node(1), boxes: new Array<number>(16).fill(1), outputs: 1 }],
    outputs: [node(2)],
  };
  const list = client.encrypt([1, 2]);
  assert.deepEqual(client.decrypt(await runCircuit(server, good, list)), [1]);
  const step = good.steps[0];
  const bad: [TfheErrorCode, object][] = [
    ['PARAMETERS_MISMATCH', { carryBits: 1 }],
    ['SHAPE_MISMATCH', { inputs: 3, outputs: [node(3)] }],
    ['CIRCUIT_INVALID', { inputs: 0 }],
    ['CIRCUIT_INVALID', { outputs: [] }],
    ['CIRCUIT_INVALID', { outputs: [node(3)] }],
    ['CIRCUIT_INVALID', { outputs: [node(-1)] }],
    ['CIRCUIT_INVALID', { outputs: [node(0, 0.5)] }],
    ['CIRCUIT_INVALID', { outputs: [node(0, 1, Number.NaN)] }],
    ['CIRCUIT_INVALID', { outputs: [{ nodes: [0, 1], weights: [1], constant: 0 }] }],
    ['CIRCUIT_INVALID', { steps: [{ ...step, input: node(2) }] }],
    ['CIRCUIT_INVALID', { steps: [{ ...step, boxes: [1, 2] }] }],
    ['CIRCUIT_INVALID', { steps: [{ ...step, boxes: new Array(16).fill(Number.NaN) }] }],
    ['CIRCUIT_INVALID', { steps: [{ ...step, outputs: 3 }] }],
    ['CIRCUIT_INVALID', { steps: [{ ...step, outputs: 1e9 }] }],
  ];
  const before = kernels.arena.liveBlocks;
  for (const [code, change] of bad) {
    await assert.rejects(
      runCircuit(server, { ...good, ...change } as ExecutableCircuit, list),
      { name: 'TfheError', code },
      JSON.stringify(change),
    );
  }
  assert.equal(kernels.arena.liveBlocks, before);
  free();
});

test('memory does not grow with the length of a circuit or its inputs', async () => {
  const wide = (inputs: number): ExecutableCircuit => ({
    ...chain(0),
    inputs,
    steps: Array.from({ length: inputs }, (_, i) => ({
      input: { nodes: i === 0 ? [0] : [i, inputs + i - 1], weights: i === 0 ? [1] : [1, 1], constant: 0 },
      boxes: Array.from({ length: 16 }, (_, v) => v % 4),
      outputs: 1,
    })),
    outputs: [node(2 * inputs - 1)],
  });
  const peaks: Record<string, number[]> = { chain: [], wide: [] };
  for (const length of [20, 400]) {
    for (const [name, circuit] of Object.entries({ chain: chain(length), wide: wide(length) })) {
      const kernels = await loadKernels();
      const { client, server, free } = await party(kernels, TINY_2_2);
      const values = Array.from({ length: circuit.inputs }, (_, i) => i % 4);
      const [value] = client.decrypt(await runCircuit(server, circuit, client.encrypt(values)));
      assert.equal(value, clear(circuit, values)[0]);
      peaks[name].push(kernels.arena.peakBytes);
      free();
    }
  }
  for (const [small, large] of Object.values(peaks))
    assert.ok(large - small < 8 * 4160, `${large} bytes for 400 steps, ${small} for 20`);
});

test('progress, abort and a key that is freed in the middle', async () => {
  const [kernels] = builds;
  const { client, server, free } = await party(kernels, TINY_2_2);
  const list = client.encrypt([3]);
  const seen: [number, number, number | undefined][] = [];
  await runCircuit(server, chain(10), list, {
    onProgress: (done, total, left) => seen.push([done, total, left]),
  });
  assert.deepEqual(
    seen.map(([done, total]) => [done, total]),
    Array.from({ length: 11 }, (_, done) => [done, 10]),
  );
  assert.equal(seen[0][2], undefined);
  assert.equal(seen[10][2], 0);
  assert.ok(seen.slice(1).every(([, , left]) => left !== undefined && left >= 0 && left < 60));

  const before = kernels.arena.liveBlocks;
  const reason = new Error('the user went home');
  const abort = new AbortController();
  let last = 0;
  const run = runCircuit(server, chain(1000), list, {
    signal: abort.signal,
    onProgress(done) {
      last = done;
      if (done === 5) setTimeout(() => abort.abort(reason), 0);
    },
  });
  await assert.rejects(run, reason);
  assert.ok(last >= 5 && last < 50, `stopped after ${last} steps`);
  await assert.rejects(runCircuit(server, chain(1), list, { signal: AbortSignal.abort(reason) }), reason);
  assert.equal(kernels.arena.liveBlocks, before);

  const failing = runCircuit(server, chain(10), list, {
    onProgress(done) {
      if (done === 3) throw reason;
    },
  });
  await assert.rejects(failing, reason);
  assert.equal(kernels.arena.liveBlocks, before);

  const cut = runCircuit(server, chain(100), list, {
    onProgress(done) {
      if (done === 3) server.free();
    },
  });
  await assert.rejects(cut, { code: 'DISPOSED' });
  free();
  assert.equal(kernels.arena.liveBlocks, 0);
});

test('the event loop runs while a key is loaded and a circuit runs, and two runs share a key', async () => {
  const [kernels] = builds;
  const { client, server, free } = await party(kernels, TINY_2_2);
  let ticks = 0;
  const timer = setInterval(() => ticks++, 0);
  const lists = [client.encrypt([3]), client.encrypt([4])];
  const results = await Promise.all(lists.map((list) => runCircuit(server, chain(20), list)));
  clearInterval(timer);
  assert.deepEqual(
    results.map((result) => client.decrypt(result)),
    [[7], [8]],
  );
  assert.ok(ticks > 3, `${ticks} ticks`);
  const parts: number[] = [];
  const loaded = await TfheServerKey.load(
    kernels,
    client.serverKey(),
    (done, total) => parts.push(done / total),
    insecure,
  );
  assert.ok(
    parts.length >= 2 && parts[parts.length - 1] === 1 && parts.every((p, i) => i === 0 || p > parts[i - 1]),
  );
  assert.ok(loaded.bytesInMemory > 0);
  const generated: number[] = [];
  client.serverKey((done, total) => generated.push(done / total));
  assert.equal(generated[generated.length - 1], 1);
  loaded.free();
  free();
});
