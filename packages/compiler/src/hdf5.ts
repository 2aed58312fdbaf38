/**
 * Reading HDF5 with h5wasm (the HDF5 C library in WebAssembly), in memory.
 *
 * Each file gets a worker thread of its own, which is ended afterwards. That costs about 100 ms and is
 * needed: a few altered bytes can make the library trap, corrupt its heap, print pages to stderr, or never
 * return. Here all of these end in a coded error, and the memory of a large file is given back.
 * @module
 */

import { Worker } from 'node:worker_threads';
import { Hdf5Error } from './errors.ts';
import type { Answers, Reply, Request, WorkerInput } from './hdf5-worker.ts';

export type { Tensor } from './hdf5-worker.ts';

const BASE_MILLISECONDS = 10_000;
/** Slower than any machine we know, so that only a stuck library runs into the limit. */
const BYTES_PER_MILLISECOND = 10_000;

/** An open file. Paths are absolute; nothing here works after the callback of `withHdf5` has ended. */
export interface Hdf5File {
  kind(path: string): Promise<Answers['kind']>;
  /** Names of the members of a group. */
  members(path: string): Promise<string[]>;
  /** A string attribute (scalar or 1-D), or undefined when there is none of that name and kind. */
  strings(path: string, attribute: string): Promise<string[] | undefined>;
  /** Reads a numeric dataset. Rejects with HDF5_NO_DATASET, HDF5_TYPE, HDF5_TOO_LARGE. */
  read(path: string): Promise<Answers['read']>;
  /** Path of the first dataset, depth first by name, or undefined. */
  firstDataset(): Promise<string | undefined>;
}

/** HDF5's signature, at 0 or after a user block of 512, 1024, 2048 ... bytes. */
export function isHdf5(bytes: Uint8Array): boolean {
  const signature = [0x89, 0x48, 0x44, 0x46, 0x0d, 0x0a, 0x1a, 0x0a];
  for (let at = 0; at + 8 <= bytes.length; at = at === 0 ? 512 : at * 2) {
    if (signature.every((byte, i) => bytes[at + i] === byte)) return true;
  }
  return false;
}

/**
 * Opens an HDF5 file from memory, hands it to `use`, and discards everything afterwards.
 * @param maxBytes limit for the file, and for all datasets read from it together
 * @param timeLimit milliseconds the library may work on the file; default 10 s and 1 s per 10 MB
 * @throws Hdf5Error HDF5_TOO_LARGE, HDF5_INVALID, HDF5_TIMEOUT; whatever `use` rejects with
 */
export async function withHdf5<T>(
  bytes: Uint8Array,
  maxBytes: number,
  use: (file: Hdf5File) => Promise<T>,
  timeLimit = BASE_MILLISECONDS + bytes.length / BYTES_PER_MILLISECOND,
): Promise<T> {
  if (bytes.length > maxBytes) {
    const message = `the HDF5 file has ${bytes.length} bytes: the limit is ${maxBytes}`;
    throw new Hdf5Error('HDF5_TOO_LARGE', message, { argument: 'bytes', value: bytes.length });
  }
  if (!isHdf5(bytes)) {
    throw new Hdf5Error('HDF5_INVALID', 'not a readable HDF5 file: it has no HDF5 signature; save it again');
  }
  const copy = new Uint8Array(bytes);
  const input: WorkerInput = { bytes: copy, maxBytes };
  const worker = new Worker(new URL('./hdf5-worker.ts', import.meta.url), {
    workerData: input,
    transferList: [copy.buffer],
    execArgv: [],
    stdout: true,
    stderr: true,
  });
  worker.stdout.resume();
  worker.stderr.resume();
  try {
    return await use(connect(worker, timeLimit));
  } finally {
    await worker.terminate();
  }
}

function connect(worker: Worker, timeLimit: number): Hdf5File {
  let remaining = timeLimit;
  let settle: (reply: Reply) => void = () => {};
  const died = (cause: unknown) =>
    settle({
      ok: false,
      code: 'HDF5_INVALID',
      message: `not a readable HDF5 file: the library failed on its content (${String(cause).slice(0, 200)}); save it again`,
    });
  worker.on('message', (reply: Reply) => settle(reply));
  worker.on('error', died);
  worker.on('exit', (code) => died(`exit code ${code}`));

  // One question at a time, as every caller awaits the answer.
  const ask = async <Q extends keyof Answers>(request: Request & { question: Q }): Promise<Answers[Q]> => {
    const start = performance.now();
    const reply = await new Promise<Reply>((resolve) => {
      const message = `the HDF5 library did not finish within ${Math.round(timeLimit)} ms: the file is damaged or hostile; save it again`;
      const timer = setTimeout(() => resolve({ ok: false, code: 'HDF5_TIMEOUT', message }), remaining);
      settle = (answer) => {
        clearTimeout(timer);
        resolve(answer);
      };
      worker.postMessage(request);
    });
    remaining = Math.max(1, remaining - (performance.now() - start));
    if (!reply.ok) {
      const { code, message, argument, value } = reply;
      throw new Hdf5Error(code, message, { argument, value });
    }
    return reply.answer as Answers[Q];
  };

  return {
    kind: (path) => ask({ question: 'kind', path }),
    members: (path) => ask({ question: 'members', path }),
    strings: (path, attribute) => ask({ question: 'strings', path, attribute }),
    read: (path) => ask({ question: 'read', path }),
    firstDataset: () => ask({ question: 'firstDataset', path: '/' }),
  };
}
