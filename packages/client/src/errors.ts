/**
 * What goes wrong in the client, as one class with a stable code, so that a program can branch on `code`
 * and a person can read `message` and `hint`. Problem documents of the service (RFC 9457) keep their code.
 * @module
 */

/** Codes that arise in the client itself; every other code comes from the service or the runtime. */
export type ClientCode =
  | 'ABORTED'
  | 'TIMEOUT'
  | 'NETWORK'
  | 'BAD_RESPONSE'
  | 'HTTP_ERROR'
  | 'URL_INVALID'
  | 'MODEL_REF_INVALID'
  | 'MODEL_UNKNOWN'
  | 'MODEL_ON_OTHER_SERVER'
  | 'NOT_ENROLLED'
  | 'JOB_FAILED'
  | 'JOB_CANCELLED'
  | 'TASK_FAILED'
  | 'TASK_CANCELLED'
  | 'TASK_NOT_FOUND'
  | 'TASK_NOT_READY'
  | 'KEYS_REPLACED'
  | 'KERNELS_MISSING'
  | 'KEY_STORE_CORRUPT'
  | 'PASSPHRASE_INVALID'
  | 'PASSPHRASE_WRONG'
  | 'PASSPHRASE_NEEDED'
  | 'WRAPPED_SECRET_INVALID';

export interface VelumErrorOptions {
  /** HTTP status when the error is an answer of the service. */
  status?: number;
  /** What to do next. */
  hint?: string;
  cause?: unknown;
  /** The rest of the service's problem document (findings, limits ...), never secrets. */
  details?: Record<string, unknown>;
}

/** An error with a stable SCREAMING_SNAKE `code` and, where one is known, a `hint` that says what to do. */
export class VelumError extends Error {
  readonly code: string;
  readonly status: number | undefined;
  readonly hint: string | undefined;
  readonly details: Record<string, unknown> | undefined;

  constructor(code: ClientCode | (string & {}), message: string, options: VelumErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'VelumError';
    this.code = code;
    this.status = options.status;
    this.hint = options.hint;
    this.details = options.details;
  }
}

/**
 * The error a non-2xx answer stands for. A problem document gives its own code; any other body (a proxy's
 * HTML page, say) becomes HTTP_ERROR and is not quoted beyond its first line.
 */
export function errorFromResponse(
  what: string,
  status: number,
  contentType: string,
  body: string,
): VelumError {
  if (/\bjson\b/i.test(contentType)) {
    try {
      const problem: unknown = JSON.parse(body);
      if (typeof problem === 'object' && problem !== null) {
        const {
          code,
          title,
          detail,
          hint,
          type,
          instance,
          status: _status,
          ...details
        } = problem as Record<string, unknown>;
        void type;
        void instance;
        if (typeof code === 'string') {
          const message = [detail, title].find((text) => typeof text === 'string' && text !== '');
          return new VelumError(code, typeof message === 'string' ? message : `${what}: ${code}`, {
            status,
            hint: typeof hint === 'string' ? hint : undefined,
            details,
          });
        }
      }
    } catch {
      // not the JSON it claims to be: fall through to the generic error
    }
  }
  const line = body.trimStart().startsWith('<') ? '' : body.trim().split('\n', 1)[0].slice(0, 200);
  return new VelumError(
    'HTTP_ERROR',
    `${what}: the server answered ${status}${line === '' ? '' : `: ${line}`}`,
    {
      status,
      hint:
        status === 401
          ? 'Sign in again: the token is missing, expired or revoked.'
          : status >= 500
            ? 'The server or a proxy before it failed; try again, then look at its log.'
            : 'Check that the URL is that of a Velum API (it ends in /api/v0.1).',
    },
  );
}
