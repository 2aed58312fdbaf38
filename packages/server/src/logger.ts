/**
 * Logging: pino through Fastify, off by default, and never with secrets. Headers are not logged at all;
 * the redaction list is the second fence for what a later log call might add.
 * @module
 */
import type { FastifyServerOptions } from 'fastify';

/** false, a level name, or a pino configuration such as `{ level: 'info', stream }`. */
export type LoggerOption = false | string | (Record<string, unknown> & { level?: string });

const SECRETS = [
  'authorization',
  'password',
  'token',
  'passphrase',
  'secret',
  'req.headers.authorization',
  'headers.authorization',
  'body.password',
  'body.token',
];

/** The URL without the signature of a presigned link. */
export function redactUrl(url: string): string {
  return url.replace(/([?&](?:signature|token)=)[^&]*/gi, '$1[redacted]');
}

export function loggerOptions(option: LoggerOption): FastifyServerOptions['logger'] {
  if (option === false || option === 'silent') return false;
  const base = typeof option === 'string' ? { level: option } : option;
  return {
    ...base,
    redact: { paths: SECRETS, censor: '[redacted]' },
    serializers: {
      req: (request: { method: string; url: string; ip?: string; id?: string }) => ({
        method: request.method,
        url: redactUrl(request.url),
        remoteAddress: request.ip,
      }),
      res: (reply: { statusCode: number }) => ({ statusCode: reply.statusCode }),
    },
  } as FastifyServerOptions['logger'];
}
