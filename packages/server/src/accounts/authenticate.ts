/**
 * The hook in front of every API route: bearer token, then the rate limit of the account (of the address
 * where there is none). Routes that work without a token say `config: { public: true }`.
 * @module
 */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { ApiError } from '../errors.ts';
import type { Services } from '../services.ts';
import { type Principal, resolveToken } from './tokens.ts';

declare module 'fastify' {
  interface FastifyRequest {
    principal: Principal | null;
  }
  interface FastifyContextConfig {
    /** No bearer token is asked for. */
    public?: boolean;
    /** The strict limit of sign-up and sign-in. */
    strictLimit?: boolean;
  }
}

/** The signed-in account; only in routes that are not public. */
export function principalOf(request: FastifyRequest): Principal {
  if (!request.principal) throw new ApiError('UNAUTHENTICATED', 'the request carries no bearer token');
  return request.principal;
}

function bearer(request: FastifyRequest): string | undefined {
  return /^Bearer +(\S+) *$/i.exec(request.headers.authorization ?? '')?.[1];
}

type Limiter = ReturnType<FastifyInstance['createRateLimit']>;

async function enforce(limiter: Limiter, request: FastifyRequest): Promise<void> {
  const outcome = await limiter(request);
  if (outcome.isAllowed || !outcome.isExceeded) return;
  throw new ApiError('RATE_LIMITED', `more than ${outcome.max} requests a minute`, {
    retryAfter: Math.max(1, outcome.ttlInSeconds),
  });
}

export interface AuthenticationOptions {
  /** The account of a request without a token; without it every request needs one. */
  open?(request: FastifyRequest): Promise<Principal>;
}

export function registerAuthentication(
  app: FastifyInstance,
  services: Services,
  options: AuthenticationOptions = {},
): void {
  const { limits } = services.config;
  const general = app.createRateLimit({
    max: limits.requestsPerMinute,
    timeWindow: '1 minute',
    keyGenerator: (request) => request.principal?.account.id ?? request.ip,
  });
  const strict = app.createRateLimit({
    max: limits.authPerMinute,
    timeWindow: '1 minute',
    keyGenerator: (request) => `auth ${request.ip}`,
  });
  app.decorateRequest('principal', null);
  app.addHook('onRequest', async (request) => {
    if (services.closing) throw new ApiError('SHUTTING_DOWN', 'the server is stopping');
    const config = request.routeOptions.config as { public?: boolean; strictLimit?: boolean };
    if (config.strictLimit) return enforce(strict, request);
    if (!config.public) {
      const token = bearer(request);
      if (token) request.principal = await resolveToken(services.db, token);
      else if (options.open) request.principal = await options.open(request);
      else throw new ApiError('UNAUTHENTICATED', 'the request carries no bearer token');
    }
    return enforce(general, request);
  });
}
