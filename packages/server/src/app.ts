/**
 * The Fastify application: plugins, hooks, routes.
 * @module
 */
import { randomUUID } from 'node:crypto';
import cors from '@fastify/cors';
import helmet from '@fastify/helmet';
import multipart from '@fastify/multipart';
import rateLimit from '@fastify/rate-limit';
import Fastify, { type FastifyInstance, type FastifyServerOptions } from 'fastify';
import { registerAuthentication } from './accounts/authenticate.ts';
import { readTls } from './environment.ts';
import { ConfigError } from './errors.ts';
import { loggerOptions } from './logger.ts';
import { registerOpenApi } from './openapi.ts';
import { errorHandler, notFoundHandler } from './problem.ts';
import { accountRoutes } from './routes/accounts.ts';
import type { App } from './routes/app-type.ts';
import { blobRoutes } from './routes/blobs.ts';
import { healthRoutes } from './routes/health.ts';
import { infoRoutes } from './routes/info.ts';
import { jobRoutes } from './routes/jobs.ts';
import { modelRoutes } from './routes/models.ts';
import { predictRoutes } from './routes/predict.ts';
import { programScope } from './routes/program-scope.ts';
import { tokenRoutes } from './routes/tokens.ts';
import { uploadRoutes } from './routes/uploads.ts';
import { usageRoutes } from './routes/usage.ts';
import { userRoutes } from './routes/users.ts';
import { API_PREFIX, type Services } from './services.ts';

/** JSON bodies and the text bodies of add_profile; streams have limits of their own. */
const BODY_BYTES = 256 * 1024;

/** Throws ConfigError when the files of TLS cannot be used. */
export function createApp(config: Services['config']): FastifyInstance {
  const https = readTls(config);
  const options: FastifyServerOptions = {
    logger: loggerOptions(config.logger),
    trustProxy: config.trustProxy,
    bodyLimit: BODY_BYTES,
    genReqId: () => randomUUID(),
    requestIdHeader: false,
    // A deploy or a key on a slow line may take long; a line without any progress is cut by the upload check.
    requestTimeout: 3_600_000,
    keepAliveTimeout: 72_000,
    forceCloseConnections: 'idle',
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: 200 },
    ajv: { customOptions: { removeAdditional: false, coerceTypes: true, allErrors: false } },
  };
  try {
    return Fastify({ ...options, https } as FastifyServerOptions);
  } catch (cause) {
    throw new ConfigError(
      'TLS_INVALID',
      `the TLS key or certificate is refused: ${(cause as Error).message}`,
      {
        cause,
      },
    );
  }
}

/** Registers everything; `owner` is this server's identity in the job leases. */
export async function buildApp(app: FastifyInstance, services: Services, owner: string): Promise<void> {
  app.setErrorHandler(errorHandler);
  app.setNotFoundHandler(notFoundHandler);
  app.addHook('onRequest', async (request, reply) => {
    reply.header('x-request-id', request.id);
  });
  app.addHook('onResponse', async (request, reply) => {
    const route = request.routeOptions.url ?? 'unknown';
    const { method } = request;
    services.metrics.requests.inc({ method, route, status: String(reply.statusCode) });
    services.metrics.durations.observe({ method, route }, reply.elapsedTime / 1000);
  });

  await app.register(helmet, {
    contentSecurityPolicy: { directives: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] } },
    // Cross-origin isolated pages (shared memory for the kernels) may only load what says so.
    crossOriginResourcePolicy: { policy: 'cross-origin' },
    hsts: services.publicUrl.startsWith('https:') || services.config.tlsKey !== undefined,
  });
  // Any origin: authority is the bearer token or the signature, never a cookie.
  await app.register(cors, {
    origin: '*',
    methods: ['GET', 'POST', 'PUT', 'DELETE'],
    allowedHeaders: ['authorization', 'content-type', 'accept', 'prefer', 'idempotency-key', 'last-event-id'],
    exposedHeaders: [
      'server-timing',
      'x-request-id',
      'retry-after',
      'content-location',
      'velum-profile',
      'content-disposition',
      'status',
      'details',
      'task_id',
      'uid',
    ],
    maxAge: 600,
  });
  await app.register(rateLimit, { global: false });
  await registerOpenApi(app, () => services.publicUrl);

  await app.register(async (scope) => healthRoutes(scope as unknown as App, services));
  await app.register(async (scope) => programScope(scope, services, owner));
  await app.register(
    async (scope) => {
      const api = scope as unknown as App;
      registerAuthentication(scope, services);
      acceptLooseBodies(scope);
      infoRoutes(api);
      accountRoutes(api, services);
      tokenRoutes(api, services);
      userRoutes(api, services);
      uploadRoutes(api, services);
      predictRoutes(api, services, owner);
      jobRoutes(api, services);
      usageRoutes(api, services);
      await scope.register(async (forms) => {
        await forms.register(multipart);
        modelRoutes(forms as unknown as App, services);
      });
      await scope.register(async (uploads) => blobRoutes(uploads as unknown as App, services));
    },
    { prefix: API_PREFIX },
  );
}

/**
 * Clients of the original post JSON without a content type, or a JSON content type without a body. An empty
 * body is no body; other types arrive as text, and the route says what it makes of them.
 */
function acceptLooseBodies(scope: FastifyInstance): void {
  scope.removeAllContentTypeParsers();
  scope.addContentTypeParser('application/json', { parseAs: 'string' }, (_request, body, done) => {
    if (body === '') return done(null, undefined);
    try {
      done(null, JSON.parse(body as string) as unknown);
    } catch (error) {
      done(Object.assign(error as Error, { statusCode: 400 }), undefined);
    }
  });
  scope.addContentTypeParser('*', { parseAs: 'string' }, (_request, body, done) => {
    done(null, body === '' ? undefined : body);
  });
}
