/**
 * Server: on how many days the goal was reached.
 * @module
 */
import { CircuitBuilder, Integers } from '@velum/fhe';
import type { ProgramCircuit } from '../../tfhe-program.ts';
import { STEPS } from './encode.ts';

/** Clear, and known to the server alone: comparing with it is cheaper than with an encrypted number. */
export const GOAL = 8000;

export function stepCircuit(days: number): ProgramCircuit {
  const builder = new CircuitBuilder();
  const integers = new Integers(builder, { carry: 'chain' });
  const reached = Array.from({ length: days }, () => integers.ge(integers.input(STEPS), GOAL));
  // A sum of 14 flags fits a block (0 ... 31): adding costs nothing.
  return { circuit: builder.build([builder.sum(reached)]), lengths: { days: 1 } };
}
