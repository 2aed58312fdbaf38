/**
 * Entry of a compute worker process. Everything hostile that needs parsing (model files, keys, ciphertexts)
 * is parsed here, away from the API, the database and the other tenants' tokens.
 * @module
 */

import { openBlobStore } from '../blobs/open.ts';
import type { BlobStoreDescriptor } from '../blobs/store.ts';
import { failureOf } from './failure.ts';
import type { FromWorker, Task, ToWorker } from './protocol.ts';

const settings = JSON.parse(process.env.VELUM_WORKER ?? 'null') as {
  store: BlobStoreDescriptor;
  cacheBytes: number;
  threads: number;
  adCatalogue?: string;
} | null;
if (!settings || !process.send) {
  console.error('worker.ts is started by the server, not by hand');
  process.exit(2);
}

const parent = process.ppid;
const send = (message: FromWorker) => process.send?.(message);
// The server is gone: whatever is computed now, nobody will record it.
process.on('disconnect', () => process.exit(0));

const blobs = await openBlobStore(settings.store, { owner: false });
const { ComputeTasks } = await import('./compute-tasks.ts');
const tasks = await ComputeTasks.open(blobs, settings);

/** Between two progress messages: the computation is synchronous and must not drown in them. */
const PROGRESS_MILLISECONDS = 100;

async function run(id: number, task: Task): Promise<void> {
  let reported = performance.now();
  const onProgress = (done: number, total: number) => {
    // No event reaches this process while it computes, so the loss of the parent is looked for here.
    if (process.ppid !== parent) process.exit(0);
    if (performance.now() - reported < PROGRESS_MILLISECONDS) return;
    reported = performance.now();
    send({ type: 'progress', id, done, total });
  };
  try {
    if (task.kind === 'predict') send({ type: 'done', id, result: await tasks.predict(task, onProgress) });
    else if (task.kind === 'program')
      send({ type: 'done', id, result: await tasks.program(task, onProgress) });
    else if (task.kind === 'prefetch') send({ type: 'done', id, result: await tasks.prefetch(task) });
    else {
      // Loaded on demand: the compiler and its HDF5 reader are of no use to a predicting worker.
      const { compileTask } = await import('./compile-task.ts');
      send({ type: 'done', id, result: await compileTask(blobs, task) });
    }
  } catch (error) {
    const failure = failureOf(error);
    if (!failure.input) console.error(error);
    send({ type: 'failed', id, failure });
  }
}

process.on('message', (message: ToWorker) => {
  if (message.type === 'forget') tasks.forget(message.blobs);
  else void run(message.id, message.task);
});
send({ type: 'ready', kernels: tasks.kernels.build });
