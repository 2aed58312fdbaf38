/**
 * The program routes as one scope of the application: their authentication and their bodies.
 * @module
 */
import multipart from '@fastify/multipart';
import type { FastifyInstance } from 'fastify';
import { registerAuthentication } from '../accounts/authenticate.ts';
import { localPrincipal } from '../accounts/local-account.ts';
import type { Services } from '../services.ts';
import type { App } from './app-type.ts';
import { keyUploadRoutes, programRoutes } from './programs.ts';
import { taskEventRoutes } from './task-events.ts';
import { taskResultRoutes } from './task-results.ts';
import { startTaskRoute, taskRoutes } from './tasks.ts';

export async function programScope(scope: FastifyInstance, services: Services, owner: string): Promise<void> {
  const open = services.config.openPrograms ? localPrincipal(services.db) : undefined;
  registerAuthentication(scope, services, { open });
  // Small forms are read by the routes, the same way for GET and POST.
  scope.removeAllContentTypeParsers();
  scope.addContentTypeParser('*', (_request, payload, done) => done(null, payload));
  const app = scope as unknown as App;
  programRoutes(app, services);
  taskRoutes(app, services);
  taskResultRoutes(app, services);
  taskEventRoutes(app, services);
  await scope.register(async (forms) => {
    await forms.register(multipart);
    keyUploadRoutes(forms as unknown as App, services);
    startTaskRoute(forms as unknown as App, services, owner);
  });
}
