/**
 * sleep_quality: the score of a night, 1 (excellent) to 5 (very poor).
 * @module
 */
import { ProgramError } from '../errors.ts';
import type { Program } from '../program.ts';
import { CircuitProgram } from '../tfhe-program.ts';
import { sleepCircuit } from './circuit.ts';
import { clearSleep, type SleepResult } from './clear.ts';
import { BLOCKS, blocksOf, MAX_RECORDS, recordsOf } from './encode.ts';

const NAME = 'sleep_quality';
const OUTPUT = 'score';
const SCORES = 5;

const encrypted = new CircuitProgram({
  name: NAME,
  maxValues: MAX_RECORDS,
  blocksPerValue: BLOCKS,
  circuit: sleepCircuit,
});

export const sleepQuality: Program = {
  name: NAME,
  title: 'Sleep quality',
  summary: 'The quality of a night from its sleep stages, 1 (excellent) to 5 (very poor).',
  needsKey: true,
  outputs: [{ key: OUTPUT, file: 'output.sleep_quality.fheencrypted' }],
  responseType: 'stream',
  limits: { values: MAX_RECORDS, inputBytes: encrypted.inputBytes },
  encode(keys, input) {
    const records = recordsOf(input);
    return encrypted.encrypt(keys, records.length, blocksOf(records));
  },
  inspect: (input) => encrypted.inspect(input),
  run: (context, input) => encrypted.run(context, input),
  decode(keys, outputs): SleepResult {
    const [score, ...rest] = encrypted.decrypt(keys, outputs, OUTPUT).blocks;
    if (rest.length > 0 || !(score >= 1 && score <= SCORES))
      throw new ProgramError('RESULT_INVALID', `a score is 1 to ${SCORES}, this is not one`, OUTPUT);
    return { score };
  },
  clear: clearSleep,
  sample: () => ({
    records: [
      [0, 0, 480],
      [3, 12, 95],
      [4, 95, 180],
      [5, 180, 215],
      [2, 215, 221],
      [3, 221, 465],
    ],
  }),
};
