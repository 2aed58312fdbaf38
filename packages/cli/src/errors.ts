/**
 * Errors of the command and the exit codes of all: a script branches on the number, a person reads the rest.
 * @module
 */
import type { VelumError } from '@velum/client/node';
import { CommanderError } from 'commander';

export const EXIT = {
  ok: 0,
  failure: 1,
  usage: 2,
  authentication: 3,
  notFound: 4,
  badInput: 5,
  unavailable: 6,
  conflict: 7,
  interrupted: 130,
} as const;

/** Shown at the end of every help text. */
export const EXIT_HELP = `
Exit codes:
  0 done   1 failure   2 usage   3 not signed in or not allowed   4 not found
  5 bad input   6 server unavailable   7 conflict, quota or rate limit   130 interrupted`;

/** An error of the command line itself. `code` SCREAMING_SNAKE, `hint` what to do next. */
export class CliError extends Error {
  readonly code: string;
  readonly exitCode: number;
  readonly hint: string | undefined;

  constructor(code: string, message: string, exitCode: number, hint?: string) {
    super(message);
    this.name = 'CliError';
    this.code = code;
    this.exitCode = exitCode;
    this.hint = hint;
  }
}

export interface ErrorReport {
  code: string;
  message: string;
  hint?: string;
  /** What a problem document of the service says beyond that (findings ...). */
  details?: Record<string, unknown>;
}

/** What to print about an error, and the exit code it stands for. */
export function reportOf(error: unknown): { report: ErrorReport; exitCode: number } {
  if (error instanceof CliError) {
    return {
      report: { code: error.code, message: error.message, hint: error.hint },
      exitCode: error.exitCode,
    };
  }
  if (error instanceof CommanderError) {
    const message = error.message.replace(/^error: /, '');
    return { report: { code: 'USAGE', message, hint: 'See --help.' }, exitCode: EXIT.usage };
  }
  if (isVelumError(error)) {
    const { code, message, details } = error;
    const hint = COMMAND_HINTS[code] ?? error.hint;
    const more = details !== undefined && Object.keys(details).length > 0 ? { details } : {};
    return { report: { code, message, hint, ...more }, exitCode: exitCodeOf(code, error.status) };
  }
  if (error instanceof Error) {
    const { code, hint, findings } = error as { code?: unknown; hint?: unknown; findings?: unknown };
    if (typeof code === 'string') {
      const details = Array.isArray(findings) ? { details: { findings } } : {};
      return {
        report: {
          code,
          message: error.message,
          hint: typeof hint === 'string' ? hint : systemHint(code),
          ...details,
        },
        exitCode: exitCodeOfSystem(code),
      };
    }
    return {
      report: {
        code: 'INTERNAL',
        message: error.message,
        hint: 'This is a fault of velum itself; VELUM_DEBUG=1 shows where.',
      },
      exitCode: EXIT.failure,
    };
  }
  return { report: { code: 'INTERNAL', message: String(error) }, exitCode: EXIT.failure };
}

/** In the place of hints of the service, which name its routes. */
const COMMAND_HINTS: Readonly<Record<string, string>> = {
  PROGRAM_UNKNOWN: '`velum program list --url URL` shows the programs of the server.',
  SERVER_KEY_NOT_FOUND:
    '`velum key list` shows the keys that the server holds; `velum program run` with --url uploads one that is missing.',
  SERVER_KEY_MISMATCH:
    'Encrypt with the client.key that belongs to that server key: `velum program keygen` makes the two together.',
  TASK_NOT_FOUND:
    'Check the id: `velum task list` shows what is queued or running, and results are kept for a limited time.',
  TASK_FINISHED: 'There is nothing left to cancel: `velum task status TASK_ID` says how it ended.',
};

/** By name: loading the client to ask for its class would cost every command its start-up time. */
const isVelumError = (error: unknown): error is VelumError =>
  error instanceof Error && error.name === 'VelumError';

/** Of the service, without an answer that says so by its status. */
const FAILURES = new Set(['BAD_RESPONSE', 'JOB_FAILED', 'JOB_CANCELLED', 'TASK_FAILED', 'TASK_CANCELLED']);

function exitCodeOf(code: string, status: number | undefined): number {
  if (code === 'ABORTED') return EXIT.interrupted;
  if (code === 'NETWORK' || code === 'TIMEOUT') return EXIT.unavailable;
  if (code === 'MODEL_ON_OTHER_SERVER') return EXIT.authentication;
  if (code === 'QUOTA_EXCEEDED' || code === 'TASK_NOT_READY') return EXIT.conflict;
  if (status === undefined) {
    return FAILURES.has(code) ? EXIT.failure : EXIT.badInput;
  }
  if (status === 401 || status === 403) return EXIT.authentication;
  if (status === 404 || status === 410) return EXIT.notFound;
  if (status === 409 || status === 429) return EXIT.conflict;
  if (status >= 502 && status !== 505) return EXIT.unavailable;
  return status >= 500 ? EXIT.failure : EXIT.badInput;
}

function exitCodeOfSystem(code: string): number {
  if (code === 'EADDRINUSE') return EXIT.conflict;
  if (code === 'UNKNOWN_PROGRAM') return EXIT.notFound;
  return code === 'OUT_OF_MEMORY' ? EXIT.failure : EXIT.badInput;
}

function systemHint(code: string): string | undefined {
  const hints: Record<string, string> = {
    ENOENT: 'Check the path.',
    EISDIR: 'Give a file, not a directory.',
    EACCES: 'Check the permissions of the file.',
    WIRE_TRUNCATED: 'Copy the file again, or make it again with the command that wrote it.',
    WIRE_LENGTH: 'Copy the file again, or make it again with the command that wrote it.',
    WIRE_CHECKSUM: 'Copy the file again, or make it again with the command that wrote it.',
    WIRE_MAGIC: 'Copy the file again, or make it again with the command that wrote it.',
    WIRE_CONTENT: 'Make the file again with the command that wrote it.',
    NOT_FINITE: 'Replace or leave out such values before encrypting.',
    EADDRINUSE: 'Another program has this port: stop it, or choose another with --port.',
  };
  return hints[code];
}
