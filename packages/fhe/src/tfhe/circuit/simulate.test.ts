import assert from 'node:assert/strict';
import test from 'node:test';
import type { Circuit } from './ir.ts';
import { simulate } from './simulate.ts';

/** One step that outputs its 16 boxes negacyclically. */
function single(boxes: number[], weight = 1, changes: Partial<Circuit['steps'][0]> = {}): Circuit {
  const step = {
    input: { nodes: [0], weights: [weight], constant: 0 },
    boxes,
    outputs: 1 as const,
    level: 1,
    range: { min: -100, max: 100, spacing: 1 },
    tolerance: 1,
    ...changes,
  };
  return {
    messageBits: 2,
    carryBits: 2,
    inputs: 1,
    inputRanges: [{ min: -16, max: 15, spacing: 1 }],
    steps: [step],
    outputs: [{ nodes: [1], weights: [1], constant: 0 }],
    assumptions: [],
  };
}

const boxes = Array.from({ length: 16 }, (_, i) => i + 1);

test('boxes are read mod 32 and negated from 16 on', () => {
  const circuit = single(boxes);
  for (let v = -16; v < 0; v++) assert.deepEqual(simulate(circuit, [v]), [-boxes[v + 16]]);
  for (let v = 0; v < 16; v++) assert.deepEqual(simulate(circuit, [v]), [boxes[v]]);
  assert.deepEqual(simulate(single(boxes, 3), [12]), [boxes[4]]);
});

test('several outputs are read a part of the table apart', () => {
  const circuit = {
    ...single(boxes, 1, { outputs: 4 }),
    outputs: [1, 2, 3, 4].map((node) => ({ nodes: [node], weights: [1], constant: 0 })),
  };
  assert.deepEqual(simulate(circuit, [2]), [3, 7, 11, 15]);
  assert.deepEqual(simulate(circuit, [-1]), [-16, 4, 8, 12]);
});

test('inputs, ranges, assumptions and noise are asserted', () => {
  const circuit = single(boxes, 1, { range: { min: 0, max: 6, spacing: 2 } });
  assert.deepEqual(simulate(circuit, [4]), [5]);
  assert.throws(() => simulate(circuit, [5]), { code: 'SIMULATION_RANGE' });
  assert.throws(() => simulate(circuit, [8]), { code: 'SIMULATION_RANGE' });
  assert.throws(() => simulate(circuit, [16]), { code: 'SIMULATION_INPUT' });
  assert.throws(() => simulate(circuit, [0.5]), { code: 'SIMULATION_INPUT' });
  assert.throws(() => simulate(circuit, []), { code: 'SIMULATION_INPUT' });
  const form = { nodes: [1], weights: [1], constant: 0 };
  assert.throws(() => simulate({ ...circuit, assumptions: [{ form, min: 0, max: 3 }] }, [4]), {
    code: 'SIMULATION_RANGE',
  });
  assert.throws(() => simulate({ ...circuit, outputs: [{ ...form, weights: [6] }] }, [4]), {
    code: 'SIMULATION_NOISE',
  });
  const second = {
    ...circuit.steps[0],
    input: { ...form, weights: [6] },
    range: { min: -200, max: 200, spacing: 1 },
  };
  assert.throws(() => simulate({ ...circuit, steps: [circuit.steps[0], second] }, [4]), {
    code: 'SIMULATION_NOISE',
  });
  assert.doesNotThrow(() =>
    simulate({ ...circuit, steps: [circuit.steps[0], { ...second, tolerance: 9 }] }, [4]),
  );
});
