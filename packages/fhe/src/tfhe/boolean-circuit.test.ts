/**
 * Every gate on every pair of bits, encrypted, alone and behind other gates.
 * @module
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { builds } from '../testing/contexts.ts';
import { party } from '../testing/torus-circuits.ts';
import { BooleanCircuit, type Gate } from './boolean-circuit.ts';
import { BOOLEAN } from './parameters.ts';
import { runCircuit } from './run-circuit.ts';

test('gates of the BOOLEAN set, and a full adder', async () => {
  const { client, server, free } = await party(builds[0], BOOLEAN);
  const truth: Record<Gate, (a: number, b: number) => number> = {
    and: (a, b) => a & b,
    nand: (a, b) => 1 - (a & b),
    or: (a, b) => a | b,
    nor: (a, b) => 1 - (a | b),
    xor: (a, b) => a ^ b,
    xnor: (a, b) => 1 - (a ^ b),
  };
  const gates = Object.keys(truth) as Gate[];
  const circuit = new BooleanCircuit();
  const [a, b, c] = [circuit.input(), circuit.input(), circuit.input()];
  const half = circuit.gate('xor', a, b);
  const sum = circuit.gate('xor', half, c);
  const carry = circuit.gate('or', circuit.gate('and', a, b), circuit.gate('and', half, c));
  const plain = gates.map((gate) => circuit.gate(gate, a, b));
  const negated = gates.map((gate) => circuit.gate(gate, circuit.not(a), half));
  const built = circuit.build([sum, carry, circuit.not(a), ...plain, ...negated]);
  for (let bits = 0; bits < 8; bits++) {
    const [x, y, z] = [bits & 1, (bits >> 1) & 1, bits >> 2];
    const result = client.decrypt(await runCircuit(server, built, client.encrypt([x, y, z])));
    assert.deepEqual(result, [
      (x + y + z) % 2,
      (x + y + z) >> 1,
      1 - x,
      ...gates.map((gate) => truth[gate](x, y)),
      ...gates.map((gate) => truth[gate](1 - x, x ^ y)),
    ]);
  }
  assert.throws(() => circuit.input(), RangeError);
  free();
});
