/**
 * A service of a demo's own: on a free port of this machine, in a directory that is gone afterwards.
 * @module
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface DemoService {
  url: string;
  /** Where it keeps what it is given. */
  dataDir: string;
}

/** Starts it, lets `use` work with it, and leaves nothing behind, however that ends. */
export async function withService<T>(use: (service: DemoService) => Promise<T>): Promise<T> {
  const { startServer } = await import('@velum/server');
  const directory = await mkdtemp(join(tmpdir(), 'velum-demo-'));
  try {
    const dataDir = join(directory, 'server');
    const server = await startServer({
      host: '127.0.0.1',
      port: 0,
      dataDir,
      workers: 1,
      environment: 'dev',
      trustProxy: false,
    });
    try {
      return await use({ url: server.url, dataDir });
    } finally {
      await server.close();
    }
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
