/**
 * Server: the score of a night.
 * @module
 */
import { type Block, CircuitBuilder } from '@velum/fhe';
import type { ProgramCircuit } from '../tfhe-program.ts';
import { scoreOf } from './clear.ts';
import { durationLevel, efficiencyLevel, totals } from './durations.ts';
import { DURATION_DIGITS, LAST_STAGE, START_BITS } from './encode.ts';
import { latency } from './latency.ts';

/** The circuit for so many records. */
export function sleepCircuit(count: number): ProgramCircuit {
  const builder = new CircuitBuilder();
  const records = Array.from({ length: count }, () => {
    const stage = builder.input(0, LAST_STAGE);
    return {
      start: START_BITS.map((bits) => builder.input(0, 2 ** bits - 1)),
      duration: Array.from({ length: DURATION_DIGITS }, (): Block => builder.input(0, 3)),
      inBed: builder.lut(stage, (x) => (x === 0 ? 1 : 0)),
    };
  });
  const { inBed, asleep } = totals(builder, records);
  const sum = builder.sum([
    latency(builder, records),
    durationLevel(builder, asleep),
    efficiencyLevel(builder, asleep, inBed),
  ]);
  return { circuit: builder.build([builder.lut(sum, scoreOf)]), lengths: { score: 1 } };
}
