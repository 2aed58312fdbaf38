/**
 * step_goal: the number of days on which enough steps were taken.
 * @module
 */
import type { Program } from '../../program.ts';
import { CircuitProgram } from '../../tfhe-program.ts';
import { GOAL, stepCircuit } from './circuit.ts';
import { blocksOf, daysOf, MAX_DAYS, STEPS } from './encode.ts';

const encrypted = new CircuitProgram({
  name: 'step_goal',
  maxValues: MAX_DAYS,
  blocksPerValue: STEPS.bits / 2,
  circuit: stepCircuit,
});

export const stepGoal: Program = {
  name: 'step_goal',
  title: 'Step goal',
  summary: 'On how many days the goal was reached.',
  needsKey: true,
  outputs: [{ key: 'days', file: 'output.step_goal.fheencrypted' }],
  responseType: 'stream',
  limits: { values: MAX_DAYS, inputBytes: encrypted.inputBytes },
  encode: (keys, input) => encrypted.encrypt(keys, daysOf(input).length, blocksOf(daysOf(input))),
  inspect: (input) => encrypted.inspect(input),
  run: (context, input) => encrypted.run(context, input),
  decode: (keys, outputs) => ({ days: encrypted.decrypt(keys, outputs, 'days').blocks[0] }),
  clear: (input) => ({ days: daysOf(input).filter((steps) => steps >= GOAL).length }),
  sample: () => ({ steps: [8210, 4075, 12894, 7999, 8000] }),
};
