/**
 * The OpenAPI document without a running service: the routes are registered, none of them is called.
 * @module
 */
import { buildApp, createApp } from './app.ts';
import { resolveConfig } from './config.ts';
import { Metrics } from './metrics.ts';
import type { OpenApiDocument } from './reference.ts';
import type { Services } from './services.ts';

export async function describeApi(): Promise<OpenApiDocument> {
  const config = resolveConfig({ dataDir: '.' }, {});
  const app = createApp(config);
  await buildApp(app, { config, metrics: new Metrics(), publicUrl: '' } as Services, '');
  await app.ready();
  try {
    return app.swagger() as unknown as OpenApiDocument;
  } finally {
    await app.close();
  }
}
