/**
 * The circuits that the simulator proves, run encrypted: every kind of table (many-LUT, sign tables, scaled outputs, lazy
 * digits) with tiny parameters on both builds, a few operations with the real set.
 * @module
 */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import type { Kernels } from '@velum/kernels';
import { builds } from '../../testing/contexts.ts';
import { TfheClientKey } from '../client-key.ts';
import { MESSAGE_2_CARRY_2, type TfheLiteral, TINY_2_2, tfheParameters } from '../parameters.ts';
import { runCircuit } from '../run-circuit.ts';
import { TfheServerKey } from '../server-key.ts';
import { type Written, written } from './testing.ts';
import { INT8, UINT8, UINT16 } from './types.ts';

const insecure = { insecure: true };

async function keys(
  kernels: Kernels,
  literal: TfheLiteral,
): Promise<{ client: TfheClientKey; server: TfheServerKey }> {
  const client = TfheClientKey.generate(kernels, tfheParameters(literal, insecure));
  const server = await TfheServerKey.load(kernels, client.serverKey(), undefined, insecure);
  after(() => {
    server.free();
    client.free();
  });
  return { client, server };
}

async function encrypted(
  { client, server }: Awaited<ReturnType<typeof keys>>,
  operation: Written,
  values: readonly bigint[],
): Promise<bigint[]> {
  const inputs = client.encrypt(operation.encode(values));
  return operation.decode(client.decrypt(await runCircuit(server, operation.circuit, inputs)));
}

const arithmetic = written([UINT8, UINT8], (i, a, b) => {
  const sum = i.overflowingAdd(a, b);
  const { min, max } = i.minMax(a, b);
  const { quotient, remainder } = i.divRem(a, b);
  return [
    sum.result,
    sum.overflow,
    i.sub(a, b),
    i.mul(a, b),
    i.mul(a, 77),
    min,
    max,
    i.equal(a, b),
    i.lt(a, b),
    quotient,
    remainder,
    i.div(a, 10),
    i.rotateLeft(a, 3),
    i.shiftRight(a, b),
    i.xor(a, b),
    i.sum([a, b, a, a, b, a, b], UINT8),
  ];
});

function plain(a: bigint, b: bigint): bigint[] {
  const u = (x: bigint): bigint => BigInt.asUintN(8, x);
  const flag = (truth: boolean): bigint => (truth ? 1n : 0n);
  return [
    u(a + b),
    flag(a + b > 255n),
    u(a - b),
    u(a * b),
    u(a * 77n),
    a < b ? a : b,
    a < b ? b : a,
    flag(a === b),
    flag(a < b),
    b === 0n ? 255n : a / b,
    b === 0n ? a : a % b,
    a / 10n,
    u(a << 3n) | (a >> 5n),
    a >> (b & 7n),
    a ^ b,
    u(4n * a + 3n * b),
  ];
}

for (const kernels of builds) {
  test(`tiny parameters, ${kernels.build}: unsigned operations`, async () => {
    const pair = await keys(kernels, TINY_2_2);
    for (const [a, b] of [
      [0n, 0n],
      [255n, 1n],
      [200n, 13n],
      [90n, 90n],
    ]) {
      assert.deepEqual(await encrypted(pair, arithmetic, [a, b]), plain(a, b), `${a}, ${b}`);
    }
  });

  test(`tiny parameters, ${kernels.build}: signed and parallel operations`, async () => {
    const pair = await keys(kernels, TINY_2_2);
    const signed = written([INT8, INT8], (i, a, b) => [
      i.overflowingMul(a, b).overflow,
      i.abs(a),
      i.div(a, b),
      i.le(a, b),
      i.shiftRight(a, 3),
      i.overflowingSub(a, b).overflow,
    ]);
    assert.deepEqual(await encrypted(pair, signed, [-128n, -1n]), [1n, -128n, -128n, 1n, -16n, 0n]);
    assert.deepEqual(await encrypted(pair, signed, [100n, -30n]), [1n, 100n, -3n, 0n, 12n, 1n]);
    const wide = written([UINT16, UINT16], (i, a, b) => [i.add(a, b), i.lt(a, b), i.mul(a, b)], 'parallel');
    assert.deepEqual(await encrypted(pair, wide, [65535n, 1n]), [0n, 0n, 65535n]);
    assert.deepEqual(await encrypted(pair, wide, [12345n, 54321n]), [1130n, 1n, (12345n * 54321n) & 65535n]);
  });
}

test('the default parameters: add, compare, minMax, equal and a clear quotient', async () => {
  const pair = await keys(builds[0], MESSAGE_2_CARRY_2);
  const operations = written([UINT8, UINT8], (i, a, b) => {
    const { min, max } = i.minMax(a, b);
    return [i.add(a, b), min, max, i.equal(a, b), i.div(a, 10), i.sub(i.shiftLeft(a, 1), b)];
  });
  assert.deepEqual(await encrypted(pair, operations, [217n, 58n]), [19n, 58n, 217n, 0n, 21n, 120n]);
});
