/**
 * Runs a circuit on clear values with the exact semantics of the encrypted run, and asserts what an encrypted run cannot
 * see: input ranges, assumed ranges, integer inputs of bootstraps and the noise limit.
 * @module
 */

import { CircuitError } from './errors.ts';
import { BOXES, type Circuit, type LinearForm, NOISE_LIMIT } from './ir.ts';

function value(form: LinearForm, nodes: readonly number[]): number {
  return form.nodes.reduce((sum, node, i) => sum + form.weights[i] * nodes[node], form.constant);
}

/** Value mod 32, in 0 <= v < 32. */
function torus(x: number): number {
  const period = 2 * BOXES;
  return ((x % period) + period) % period;
}

/**
 * @param inputs one integer per input of the circuit, inside its range.
 * @returns the outputs in units of Delta as signed integers before the reduction mod 32; decryption gives them mod 32.
 * @throws CircuitError SIMULATION_INPUT, SIMULATION_RANGE, SIMULATION_NOISE.
 */
export function simulate(circuit: Circuit, inputs: readonly number[]): number[] {
  if (inputs.length !== circuit.inputs) {
    throw new CircuitError(
      'SIMULATION_INPUT',
      `${inputs.length} inputs for a circuit of ${circuit.inputs}`,
      'inputs',
    );
  }
  inputs.forEach((input, i) => {
    const { min, max } = circuit.inputRanges[i];
    if (!Number.isInteger(input) || input < min || input > max) {
      throw new CircuitError(
        'SIMULATION_INPUT',
        `input ${i} is ${input}, not an integer in [${min}, ${max}]`,
        'inputs',
      );
    }
  });
  const nodes = [...inputs];
  const noise = (form: LinearForm): number =>
    form.nodes.reduce((sum, node, i) => sum + (node < circuit.inputs ? 0 : form.weights[i] ** 2), 0);
  circuit.steps.forEach((step, at) => {
    const x = value(step.input, nodes);
    const { min, max, spacing } = step.range;
    if (!Number.isInteger(x) || x < min || x > max || (x - min) % spacing !== 0) {
      throw new CircuitError(
        'SIMULATION_RANGE',
        `step ${at} bootstraps ${x}, not in ${min}, ${min + spacing}, ... ${max}`,
      );
    }
    if (noise(step.input) > NOISE_LIMIT * step.tolerance) {
      throw new CircuitError('SIMULATION_NOISE', `step ${at} bootstraps noise ${noise(step.input)}`);
    }
    for (let t = 0; t < step.outputs; t++) {
      const position = torus(x + (t * BOXES) / step.outputs);
      nodes.push(position < BOXES ? step.boxes[position] : 0 - step.boxes[position - BOXES]);
    }
  });
  for (const { form, min, max } of circuit.assumptions) {
    const x = value(form, nodes);
    if (x < min || x > max)
      throw new CircuitError('SIMULATION_RANGE', `assumed [${min}, ${max}] and found ${x}`);
  }
  return circuit.outputs.map((form, at) => {
    if (noise(form) > NOISE_LIMIT)
      throw new CircuitError('SIMULATION_NOISE', `output ${at} has noise ${noise(form)}`);
    return value(form, nodes);
  });
}
