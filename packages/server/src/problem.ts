/**
 * Errors as problem documents (RFC 9457): type, title, status, detail, instance, and our members code and
 * hint. Whatever is not an ApiError is mapped here, and what is not foreseen says nothing but INTERNAL.
 * @module
 */
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import { ApiError, ERRORS, type ErrorCode, isStorageFull } from './errors.ts';
import { StoppedError } from './jobs/runner.ts';
import { redactUrl } from './logger.ts';

export interface Problem {
  type: string;
  title: string;
  status: number;
  detail: string;
  code: ErrorCode;
  /** Names this occurrence: the request id. */
  instance: string;
  hint: string;
  [extra: string]: unknown;
}

export function problemOf(error: ApiError, requestId: string): Problem {
  const { status, title, hint } = ERRORS[error.code];
  return {
    ...error.extra,
    type: `/errors/${error.code}`,
    title,
    status,
    detail: error.message,
    code: error.code,
    instance: `urn:uuid:${requestId}`,
    hint,
  };
}

/** From what Fastify, its plugins, the file system and the database throw to the table of errors. */
export function toApiError(error: FastifyError | Error): ApiError {
  if (error instanceof ApiError) return error;
  if (error instanceof StoppedError) return new ApiError('SHUTTING_DOWN', error.message);
  if (isStorageFull(error)) return new ApiError('STORAGE_FULL', 'there was no room for this request');
  const { code = '', statusCode, validation, validationContext } = error as FastifyError;
  if (validation) {
    const where = validationContext ?? 'request';
    return new ApiError('REQUEST_INVALID', `${where}: ${error.message}`);
  }
  switch (code) {
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
    case 'FST_INVALID_MULTIPART_CONTENT_TYPE':
      return new ApiError('MEDIA_TYPE_UNSUPPORTED', error.message);
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
    case 'FST_REQ_FILE_TOO_LARGE':
    case 'FST_PARTS_LIMIT':
    case 'FST_FILES_LIMIT':
    case 'FST_FIELDS_LIMIT':
      return new ApiError('BODY_TOO_LARGE', error.message);
    case 'FST_ERR_REOPENED_CLOSE_SERVER':
      return new ApiError('SHUTTING_DOWN', 'the server is stopping');
  }
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500) {
    return new ApiError('REQUEST_INVALID', error.message);
  }
  return new ApiError('INTERNAL', 'the request could not be completed', {}, { cause: error });
}

export function errorHandler(
  error: FastifyError | Error,
  request: FastifyRequest,
  reply: FastifyReply,
): void {
  const known = toApiError(error);
  if (known.status >= 500 && known.code !== 'SHUTTING_DOWN') {
    request.log.error({ err: known.cause ?? known }, 'request failed');
  }
  sendProblem(known, request, reply);
}

export function sendProblem(error: ApiError, request: FastifyRequest, reply: FastifyReply): void {
  if (error.status === 401) reply.header('www-authenticate', 'Bearer realm="velum"');
  const { retryAfter } = error.extra;
  if (typeof retryAfter === 'number') reply.header('retry-after', String(retryAfter));
  // The rest of a body that stopped coming would keep the connection for ever.
  if (error.code === 'UPLOAD_STALLED') reply.header('connection', 'close');
  // Let the rest of the body run off, or the next request on the connection would wait behind it for ever.
  request.raw.unpipe();
  request.raw.resume();
  reply.removeHeader('content-length');
  void reply
    .code(error.status)
    .header('content-type', 'application/problem+json')
    .send(Buffer.from(JSON.stringify(problemOf(error, request.id))));
}

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'DELETE'] as const;

export function notFoundHandler(request: FastifyRequest, reply: FastifyReply): void {
  const path = request.url.replace(/\?.*$/s, '').replace(/(?<=.)\/$/, '');
  const allowed = METHODS.filter((method) => request.server.hasRoute({ method, url: path }));
  if (allowed.length > 0) {
    reply.header('allow', allowed.join(', '));
    const detail = `${path.slice(0, 200)} takes ${allowed.join(', ')}, not ${request.method}`;
    sendProblem(new ApiError('METHOD_NOT_ALLOWED', detail), request, reply);
    return;
  }
  const detail = `${request.method} ${redactUrl(request.url).slice(0, 200)} does not exist`;
  sendProblem(new ApiError('ROUTE_NOT_FOUND', detail), request, reply);
}
