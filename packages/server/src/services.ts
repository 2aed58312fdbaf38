/**
 * What the routes work with; made once by startServer.
 * @module
 */
import type { BlobStore } from './blobs/store.ts';
import type { ServerConfig } from './config.ts';
import type { Db } from './db/open.ts';
import type { Compiler } from './jobs/compile.ts';
import type { WorkerPool } from './jobs/pool.ts';
import type { Runner } from './jobs/runner.ts';
import type { Metrics } from './metrics.ts';

export const API_PREFIX = '/api/v0.1';

export interface Services {
  config: ServerConfig;
  db: Db;
  blobs: BlobStore;
  pool: WorkerPool;
  compiler: Compiler;
  runner: Runner;
  metrics: Metrics;
  /** Signs the upload links. */
  secret: Buffer;
  /** Base of every URL handed out, without a trailing slash; set once the port is known. */
  publicUrl: string;
  /** True from the moment the server begins to stop. */
  closing: boolean;
}

export const apiUrl = (services: Services): string => services.publicUrl + API_PREFIX;

export function modelUrl(services: Services, serviceId: string, name: string, version: string): string {
  return `${apiUrl(services)}/${serviceId}/${name}/${version}/`;
}

export function jobUrl(services: Services, serviceId: string, jobId: string): string {
  return `${apiUrl(services)}/${serviceId}/${jobId}/`;
}
