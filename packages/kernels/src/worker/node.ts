/**
 * The entry of a thread in Node: says when it is ready and then serves forks; it never returns to its event loop.
 * @module
 */
import { parentPort, workerData } from 'node:worker_threads';
import { startThread, type ThreadStart } from '../fork-thread.ts';

const start = workerData as ThreadStart;
const runner = await startThread(start);
parentPort?.postMessage('ready');
runner.serve(start.spinMs);
