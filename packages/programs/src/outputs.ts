/**
 * Opening results at the client.
 * @module
 */
import { type Envelope, openEnvelope } from './envelope.ts';
import { ProgramError } from './errors.ts';
import type { ProgramKeys } from './keys.ts';

/**
 * The envelope of one output, after checking that it answers an input of these keys.
 * @throws ProgramError RESULT_INVALID (missing, damaged, no result), PROGRAM_MISMATCH, KEY_MISMATCH
 */
export function openOutput(
  keys: ProgramKeys,
  outputs: Record<string, Uint8Array>,
  program: string,
  output: string,
): Envelope {
  if (typeof outputs !== 'object' || outputs === null || !Object.hasOwn(outputs, output))
    throw new ProgramError('RESULT_INVALID', `the result of ${program} lacks "${output}"`, output);
  const envelope = openEnvelope(outputs[output], 'result', `${program}.${output}`, output);
  if (!keys.owns(envelope.tag))
    throw new ProgramError(
      'KEY_MISMATCH',
      `this result of ${program} answers an input of other keys: decrypt it with those it was encrypted with`,
      output,
    );
  return envelope;
}
