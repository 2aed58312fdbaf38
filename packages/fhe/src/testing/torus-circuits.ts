/**
 * What the tests of TFHE's executor share: key pairs, circuits by hand, and the same circuits in the clear. Not exported.
 * @module
 */
import type { Kernels } from '@velum/kernels';
import { TfheClientKey } from '../tfhe/client-key.ts';
import { type TfheLiteral, tfheParameters } from '../tfhe/parameters.ts';
import type { ExecutableCircuit } from '../tfhe/schedule.ts';
import { TfheServerKey } from '../tfhe/server-key.ts';
import { random } from './contexts.ts';

export const insecure = { insecure: true };

/** Both keys of a set in one kernel instance. */
export async function party(kernels: Kernels, literal: TfheLiteral) {
  const parameters = tfheParameters(literal, insecure);
  const client = TfheClientKey.generate(kernels, parameters);
  const server = await TfheServerKey.load(kernels, client.serverKey(), undefined, insecure);
  const free = () => {
    client.free();
    server.free();
  };
  return { parameters, client, server, free };
}

export const node = (index: number, weight = 1, constant = 0) => ({
  nodes: [index],
  weights: [weight],
  constant,
});

/** What the circuit gives in the clear, modulo 2 boxes. */
export function clear(circuit: ExecutableCircuit, inputs: readonly number[]): number[] {
  const boxes = 2 ** (circuit.messageBits + circuit.carryBits);
  const mod = (v: number) => ((v % (2 * boxes)) + 2 * boxes) % (2 * boxes);
  const values = [...inputs];
  const form = ({ nodes, weights, constant }: ExecutableCircuit['outputs'][number]) =>
    mod(nodes.reduce((sum, n, i) => sum + weights[i] * values[n], constant));
  for (const { input, boxes: table, outputs } of circuit.steps) {
    const value = Math.round(form(input));
    for (let t = 0; t < outputs; t++) {
      const p = mod(value + (t * boxes) / outputs);
      values.push(p < boxes ? table[p] : -table[p - boxes]);
    }
  }
  return circuit.outputs.map(form);
}

/** A circuit of random tables, many-LUTs and forms; integers everywhere. */
export function randomCircuit(
  messageBits: number,
  carryBits: number,
  steps: number,
  seed: number,
): ExecutableCircuit {
  const next = random(seed);
  const below = (n: number) => Math.floor(next() * n);
  const boxes = 2 ** (messageBits + carryBits);
  const inputs = 3 + below(3);
  let known = inputs;
  const form = () => {
    const terms = 1 + below(3);
    const nodes = Array.from({ length: terms }, () => below(known));
    return { nodes, weights: nodes.map(() => below(5) - 2), constant: below(boxes) - 1 };
  };
  const circuit = {
    messageBits,
    carryBits,
    inputs,
    steps: Array.from({ length: steps }, () => {
      const step = {
        input: form(),
        boxes: Array.from({ length: boxes }, () => below(2 * boxes) - boxes),
        outputs: ([1, 1, 1, 2, 4] as const)[below(5)],
      };
      known += step.outputs;
      return step;
    }),
    outputs: Array.from({ length: 3 }, () => form()),
  };
  return { ...circuit, outputs: [...circuit.outputs, node(known - 1)] };
}

/** `length` steps, each of the one before. */
export const chain = (length: number): ExecutableCircuit => ({
  messageBits: 2,
  carryBits: 2,
  inputs: 1,
  steps: Array.from({ length }, (_, s) => ({
    input: node(s),
    boxes: Array.from({ length: 16 }, (_, v) => (v + 1) % 16),
    outputs: 1,
  })),
  outputs: [node(length)],
});
