/** A server in a process of its own, to be killed: `node serve.ts DATA_DIR` prints its URL. */
import { startServer } from '../src/index.ts';

const server = await startServer({ dataDir: process.argv[2], port: 0 });
console.log(server.url);
process.on('SIGTERM', async () => {
  await server.close();
  process.exit(0);
});
