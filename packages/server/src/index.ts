/**
 * @velum/server: the REST service. `startServer` is all that an embedder needs; `startWorkers` adds processes that compute.
 * @module
 */
export type { ServerOptions } from './config.ts';
export { describeApi } from './describe-api.ts';
export type { Environment } from './environment.ts';
export { ApiError, ConfigError, ERRORS, type ErrorCode } from './errors.ts';
export { DEFAULT_LIMITS, type Limits } from './limits.ts';
export type { LoggerOption } from './logger.ts';
export { restReference } from './reference.ts';
export { type RunningServer, startServer } from './start.ts';
export { type RunningWorkers, startWorkers, type WorkersOptions } from './start-workers.ts';
