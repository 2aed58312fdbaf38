/**
 * Keys and their bytes, and what the client refuses to encrypt.
 * @module
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertNoLeak, builds } from '../testing/contexts.ts';
import { insecure, node, party, randomCircuit } from '../testing/torus-circuits.ts';
import { TfheClientKey } from './client-key.ts';
import { TINY_2_2 } from './parameters.ts';
import { TfhePublicKey } from './public-key.ts';
import { runCircuit } from './run-circuit.ts';

test('keys, results and secrets survive their bytes; every draw is new', async () => {
  const [kernels] = builds;
  const { client, server, free } = await party(kernels, TINY_2_2);
  const again = TfheClientKey.fromBytes(kernels, client.toBytes(), insecure);
  const fromSeed = TfheClientKey.fromSeed(kernels, client.parameters, client.toBytes().slice(40));
  assert.equal(again.id, client.id);
  assert.equal(fromSeed.id, client.id);
  assert.match(client.id, /^[0-9a-f]{32}$/);
  const circuit = { ...randomCircuit(2, 2, 0, 1), inputs: 2, outputs: [node(0), node(1)] };
  for (const key of [client, again, fromSeed])
    assert.deepEqual(client.decrypt(await runCircuit(server, circuit, key.encrypt([5, 9]))), [5, 9]);
  assert.notDeepEqual(client.encrypt([1]), client.encrypt([1]));
  assert.notDeepEqual(client.publicKey(), client.publicKey());
  assert.notDeepEqual(client.serverKey(), client.serverKey());
  const fresh = TfheClientKey.generate(kernels, client.parameters);
  assert.notEqual(fresh.id, client.id);
  const list = client.encrypt([1, 2]);
  for (const key of [again, fromSeed, fresh]) key.free();
  assert.throws(() => TfheClientKey.fromSeed(kernels, client.parameters, new Uint8Array(31)), {
    code: 'SHAPE_MISMATCH',
  });
  free();
  free();
  for (const use of [() => client.encrypt([1]), () => client.toBytes(), () => client.serverKey()])
    assert.throws(use, { code: 'DISPOSED' });
  await assert.rejects(runCircuit(server, circuit, list), { code: 'DISPOSED' });
});

test('values out of range are refused without saying which', async () => {
  const [kernels] = builds;
  const { client, free } = await party(kernels, TINY_2_2);
  const key = TfhePublicKey.fromBytes(kernels, client.publicKey(), insecure);
  for (const who of [client, key]) {
    for (const bad of [-1, 16, 0.5, Number.NaN, Number.POSITIVE_INFINITY, '3', undefined]) {
      assertNoLeak(kernels, () =>
        assert.throws(
          () => who.encrypt([1, bad as number]),
          (error: { code: string; message: string }) => {
            assert.equal(error.code, 'VALUE_RANGE');
            return !error.message.includes(`${bad}`) || bad === 1;
          },
        ),
      );
    }
    for (const bad of [[], undefined, { length: 3 }, new Array(2 ** 16 + 1).fill(0)])
      assert.throws(() => who.encrypt(bad as number[]), { code: 'SHAPE_MISMATCH' });
  }
  key.free();
  assert.throws(() => key.encrypt([1]), { code: 'DISPOSED' });
  free();
});
