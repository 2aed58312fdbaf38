/**
 * weight_stats: smallest, largest and average of a list of weights.
 * @module
 */
import type { Program } from '../program.ts';
import { CircuitProgram } from '../tfhe-program.ts';
import { weightCircuit } from './circuit.ts';
import { clearWeights } from './clear.ts';
import { decodeAverage, decodeWeight, type WeightResult } from './decode.ts';
import { BLOCKS, blocksOf, MAX_WEIGHTS, tenthsOf } from './encode.ts';

const NAME = 'weight_stats';

const encrypted = new CircuitProgram({
  name: NAME,
  maxValues: MAX_WEIGHTS,
  blocksPerValue: BLOCKS,
  circuit: weightCircuit,
});

export const weightStats: Program = {
  name: NAME,
  title: 'Weight statistics',
  summary: 'Smallest, largest and average of a list of weights in kilograms.',
  needsKey: true,
  outputs: [
    { key: 'avg', file: 'outputAvg.weight_stats.fheencrypted' },
    { key: 'min', file: 'outputMin.weight_stats.fheencrypted' },
    { key: 'max', file: 'outputMax.weight_stats.fheencrypted' },
  ],
  responseType: 'json',
  limits: { values: MAX_WEIGHTS, inputBytes: encrypted.inputBytes },
  encode(keys, input) {
    const tenths = tenthsOf(input);
    return encrypted.encrypt(keys, tenths.length, blocksOf(tenths));
  },
  inspect: (input) => encrypted.inspect(input),
  run: (context, input) => encrypted.run(context, input),
  decode(keys, outputs): WeightResult {
    const { values, blocks } = encrypted.decrypt(keys, outputs, 'avg');
    return {
      min: decodeWeight(encrypted.decrypt(keys, outputs, 'min').blocks, 'min'),
      max: decodeWeight(encrypted.decrypt(keys, outputs, 'max').blocks, 'max'),
      avg: decodeAverage(blocks, values),
    };
  },
  clear: clearWeights,
  sample: () => ({ weights_kg: [68, 65, 69, 70, 70.5] }),
};
