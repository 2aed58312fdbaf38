/** What a demo fails with when the encrypted answer is not the plain one. @module */
import { CliError, EXIT } from '../errors.ts';

/** CliError DEMO_DISAGREES */
export const disagrees = (message: string): CliError =>
  new CliError(
    'DEMO_DISAGREES',
    message,
    EXIT.failure,
    'Run `npm test`: the arithmetic is broken on this machine.',
  );
