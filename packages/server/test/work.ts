/** A worker process to be killed: `node work.ts DATA_DIR REDIS_URL LEASE_MS` prints its name. */
import { startWorkers } from '../src/index.ts';

const [dataDir, redisUrl, lease] = process.argv.slice(2);
const workers = await startWorkers({
  dataDir,
  redisUrl,
  leaseMilliseconds: Number(lease),
  computeThreads: 1,
  shutdownMilliseconds: 0,
});
// Once closed nothing holds the process, or the test waits for ever.
process.once('SIGTERM', () => void workers.close());
console.log(workers.name);
