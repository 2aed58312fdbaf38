/**
 * The order of steps.
 * @module
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chain, node, randomCircuit } from '../testing/torus-circuits.ts';
import { Schedule } from './schedule.ts';

test('a schedule runs each step once, after what it reads, the longest way first', () => {
  for (let seed = 0; seed < 30; seed++) {
    const circuit = randomCircuit(2, 2, 40, seed);
    const maker = [
      ...new Array<number>(circuit.inputs).fill(-1),
      ...circuit.steps.flatMap(({ outputs }, s) => new Array<number>(outputs).fill(s)),
    ];
    const schedule = new Schedule(circuit);
    const done = new Set<number>([-1]);
    for (let wave = schedule.take(6); wave.length > 0; wave = schedule.take(6)) {
      assert.ok(wave.length <= 6);
      for (const s of wave)
        for (const n of circuit.steps[s].input.nodes) assert.ok(done.has(maker[n]), `step ${s} too early`);
      for (const s of wave) done.add(s);
    }
    assert.equal(done.size, circuit.steps.length + 1);
  }
  // Ten steps of no consequence and a chain of three: the chain starts in the first wave.
  const steps = [...new Array<number>(10).fill(0), 0, 11, 12].map((from) => ({
    input: node(from),
    boxes: new Array<number>(16).fill(0),
    outputs: 1 as const,
  }));
  const schedule = new Schedule({ ...chain(0), steps, outputs: [node(0)] });
  assert.deepEqual(schedule.take(1), [10]);
  assert.deepEqual(schedule.take(2), [11, 0]);
});
