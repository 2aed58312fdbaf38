/**
 * Forks on real threads: the same bits as one thread, many thousands of them, and every way in which they can go wrong.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { Worker } from 'node:worker_threads';
import { KernelError, type KernelErrorCode } from './errors.ts';
import { RETURNING } from './exports.ts';
import { MAX_COMMANDS, MAX_TASKS, Word } from './fork-thread.ts';
import type { Kernels } from './kernels.ts';
import { type LoadOptions, loadKernelsFrom } from './loader.ts';
import { loadKernels } from './node.ts';
import { PRIMES } from './testing.ts';

const N = 1024;
const Q = PRIMES[0];
const QI = 1 / Q;

const code = (wanted: KernelErrorCode) => (error: unknown) =>
  error instanceof KernelError && error.code === wanted;

/** `vectors` vectors of N reduced values that differ. */
function fill(kernels: Kernels, vectors: number): number {
  const ptr = kernels.arena.alloc(8 * N * vectors);
  kernels.f64(ptr, N * vectors).forEach((_, i, all) => {
    all[i] = ((i * 2654435761 + 12345) % 2 ** 40) - 2 ** 39;
  });
  return ptr;
}

/** A transform, products and a shift of vector i with its neighbour of another region. */
function work(kernels: Kernels, ptr: number, tables: number, vectors: number): void {
  kernels.fork(vectors, (i, x) => {
    const a = ptr + 8 * N * i;
    const b = ptr + 8 * N * (vectors + i);
    const scratch = kernels.arena.alloc(8 * N);
    x.ntt_forward(a, tables, N, Q, QI);
    x.v_mulscalar(scratch, b, 3 + i, N, Q, QI);
    x.v_muladd(a, scratch, b, N, Q, QI);
    x.v_copy(b, a, N);
    x.ntt_inverse(a, tables, N, Q, QI);
    kernels.arena.freeZeroed(scratch);
  });
}

function tablesOf(kernels: Kernels): number {
  const tables = kernels.arena.alloc(32 * N);
  for (let g = 3; ; g++) {
    const root = kernels.x.mod_pow(g, (Q - 1) / (2 * N), Q);
    if (kernels.x.mod_pow(root, N, Q) === Q - 1) {
      kernels.x.ntt_tables(tables, N, Q, root);
      return tables;
    }
  }
}

for (const build of ['wasm-wide', 'wasm-fma', 'wasm-portable'] as const) {
  describe(`fork, ${build}`, () => {
    let one: Kernels;
    let several: Kernels[];
    before(async () => {
      one = await loadKernels({ build, threads: 1 });
      several = await Promise.all([2, 3, 5].map((threads) => loadKernels({ build, threads })));
    });
    after(() => Promise.all(several.map((kernels) => kernels.close())));

    it('gives the bits of one thread, for any number of threads and tasks', () => {
      assert.equal(one.threads, 1);
      for (const vectors of [0, 1, 2, 3, 7, 16, 33]) {
        const result = (kernels: Kernels): Uint8Array => {
          const live = kernels.arena.liveBlocks;
          const tables = tablesOf(kernels);
          const ptr = fill(kernels, 2 * vectors);
          for (let round = 0; round < 3; round++) work(kernels, ptr, tables, vectors);
          const bits = kernels.u8(ptr, 16 * N * vectors).slice();
          kernels.arena.free(ptr);
          kernels.arena.free(tables);
          assert.equal(kernels.arena.liveBlocks, live);
          return bits;
        };
        const expected = result(one);
        for (const kernels of several) assert.deepEqual(result(kernels), expected, `${vectors} tasks`);
      }
      assert.deepEqual(
        several.map((kernels) => kernels.threads),
        [2, 3, 5],
      );
    });

    it('joins before it returns, 100 000 times', () => {
      const [kernels] = several;
      const tasks = 5;
      const ptr = kernels.arena.allocZeroed(64 * tasks);
      for (let round = 0; round < 20_000; round++) {
        // Each fork needs the one before: a late or double task would show in the sums.
        kernels.fork(tasks, (i, x) => x.v_addscalar(ptr + 64 * i, ptr + 64 * i, 1, 8, Q, QI));
        if (round % 1000 === 0)
          assert.equal(
            kernels.f64(ptr, 8 * tasks).every((v) => v === round + 1),
            true,
          );
      }
      for (let round = 0; round < 80_000; round++) {
        kernels.fork(2, (i, x) => x.v_addscalar(ptr + 64 * i, ptr + 64 * i, 1, 8, Q, QI));
      }
      const sums = Array.from(kernels.f64(ptr, 8 * tasks));
      assert.deepEqual(
        sums,
        sums.map((_, i) => (i < 16 ? 100_000 : 20_000)),
      );
      kernels.arena.free(ptr);
    });
  });
}

describe('fork', () => {
  let kernels: Kernels;
  let ptr: number;
  before(async () => {
    kernels = await loadKernels({ threads: 3 });
    ptr = kernels.arena.allocZeroed(64 * 10_000);
  });
  after(() => kernels.close());
  const increment = (tasks: number) =>
    kernels.fork(tasks, (i, x) => x.v_addscalar(ptr + 64 * i, ptr + 64 * i, 1, 8, Q, QI));
  const counts = (tasks: number) => Array.from({ length: tasks }, (_, i) => kernels.f64(ptr + 64 * i, 8)[7]);
  const clear = () => kernels.u8(ptr, 64 * 10_000).fill(0);

  it('takes more tasks and more calls than it publishes at a time', () => {
    clear();
    const tasks = 2 * MAX_TASKS + 17;
    increment(tasks);
    assert.deepEqual(counts(tasks), new Array(tasks).fill(1));
    clear();
    const calls = Math.floor(MAX_COMMANDS / 2 / 7) - 1;
    kernels.fork(5, (i, x) => {
      for (let k = 0; k < calls; k++) x.v_addscalar(ptr + 64 * i, ptr + 64 * i, 1, 8, Q, QI);
    });
    assert.deepEqual(counts(5), new Array(5).fill(calls));
    assert.throws(
      () =>
        kernels.fork(2, (_, x) => {
          for (let k = 0; k < MAX_COMMANDS; k++) x.v_neg(ptr, ptr, 0);
        }),
      code('BAD_ARGUMENT'),
    );
  });

  it('makes a fork in a fork part of its task', () => {
    clear();
    kernels.fork(3, (i, x) => {
      const at = ptr + 64 * i;
      x.v_addscalar(at, at, 1, 8, Q, QI);
      kernels.fork(4, (_, inner) => inner.v_add(at, at, at, 8, Q, QI));
    });
    assert.deepEqual(counts(3), [16, 16, 16]);
  });

  it('frees what a task frees only after the join', () => {
    clear();
    const { arena } = kernels;
    const live = arena.liveBytes;
    const seen = new Set<number>();
    kernels.fork(6, (i, x) => {
      const constant = arena.alloc(64);
      assert.ok(!seen.has(constant), 'a block was given out twice');
      seen.add(constant);
      kernels.f64(constant, 8).fill(i);
      x.v_add(ptr + 64 * i, ptr + 64 * i, constant, 8, Q, QI);
      arena[i % 2 === 0 ? 'free' : 'freeZeroed'](constant);
      assert.throws(() => arena.free(constant), code('BAD_POINTER'));
    });
    assert.deepEqual(counts(6), [0, 1, 2, 3, 4, 5]);
    assert.equal(arena.liveBytes, live);
    const wiped = [...seen].filter((_, i) => i % 2 === 1);
    for (const block of wiped) assert.deepEqual(Array.from(kernels.f64(block, 8)), new Array(8).fill(0));
  });

  it('passes on what the body throws, and goes on', () => {
    clear();
    const live = kernels.arena.liveBlocks;
    const thrown = new Error('from the body');
    assert.throws(
      () =>
        kernels.fork(4, (i, x) => {
          x.v_addscalar(ptr, ptr, 1, 8, Q, QI);
          kernels.arena.free(kernels.arena.alloc(64));
          if (i === 2) throw thrown;
        }),
      thrown,
    );
    assert.equal(kernels.arena.liveBlocks, live);
    clear();
    increment(7);
    assert.deepEqual(counts(7), new Array(7).fill(1));
  });

  it('reports a kernel that traps, on whichever thread, and goes on', () => {
    for (let round = 0; round < 200; round++) {
      const trapping = round % 5;
      assert.throws(
        () =>
          kernels.fork(5, (i, x) => {
            // Nine sources: bconv refuses.
            if (i === trapping) x.bconv(ptr, ptr, ptr, 9, 1, 8);
            else x.v_neg(ptr + 64 * i, ptr + 64 * i, 8);
          }),
        (error: unknown) => code('TASK_FAILED')(error) && String(error).includes(`task ${trapping} `),
      );
    }
    clear();
    increment(9);
    assert.deepEqual(counts(9), new Array(9).fill(1));
    assert.equal(kernels.threads, 3);
  });

  it('refuses in a body what cannot be recorded', () => {
    for (const name of RETURNING) {
      const call = (x: unknown) => (x as Record<string, () => number>)[name]();
      assert.throws(() => kernels.fork(2, (_, x) => call(x)), code('BAD_ARGUMENT'));
    }
    assert.throws(() => kernels.fork(2, () => kernels.x.v_neg(ptr, ptr, 8)), code('BAD_ARGUMENT'));
    assert.equal(typeof kernels.x.mod_mul(2, 3, Q, QI), 'number');
  });

  it('sees memory that grew since the last fork', () => {
    for (let round = 0; round < 20; round++) {
      const size = (3 + round) << 20;
      const block = kernels.arena.alloc(size);
      const half = size / 16 - ((size / 16) % 8);
      kernels.f64(block, half).fill(round);
      kernels.fork(4, (i, x) => {
        const part = (half / 4) * 8;
        x.v_copy(block + half * 8 + i * part, block + i * part, half / 4);
      });
      assert.ok(kernels.f64(block + half * 8, half).every((v) => v === round));
      // Kept until the end, so that the memory must grow.
    }
  });

  it('wakes threads that have gone to sleep', async () => {
    for (let round = 0; round < 20; round++) {
      await new Promise((resolve) => setTimeout(resolve, 5));
      clear();
      increment(64);
      assert.deepEqual(counts(64), new Array(64).fill(1));
    }
  });
});

describe('threads', () => {
  const read = (threads: number, options: LoadOptions = {}) => loadKernels({ ...options, threads });
  const bytes = (name: string) => new Uint8Array(readFileSync(new URL(`../dist/${name}`, import.meta.url)));
  const sources = { fma: bytes('velum-fma-shared.wasm'), portable: bytes('velum-portable-shared.wasm') };

  it('goes on with one thread after close', async () => {
    const kernels = await read(2);
    const ptr = kernels.arena.allocZeroed(64);
    await kernels.close();
    assert.equal(kernels.threads, 1);
    kernels.fork(3, (_, x) => x.v_addscalar(ptr, ptr, 1, 8, Q, QI));
    assert.equal(kernels.f64(ptr, 8)[0], 3);
    await kernels.close();
  });

  it('goes on with the others when a thread ends', async () => {
    const workers: Worker[] = [];
    const kernels = await loadKernelsFrom({
      ...sources,
      threads: 3,
      newThread: (start, ended) => {
        const worker = new Worker(new URL('./worker/node.ts', import.meta.url), { workerData: start });
        workers.push(worker);
        worker.on('exit', ended);
        return new Promise((resolve) => {
          worker.on('message', () => resolve({ terminate: () => worker.terminate() }));
        });
      },
    });
    const ptr = kernels.arena.allocZeroed(64 * 9);
    const increment = () => kernels.fork(9, (i, x) => x.v_addscalar(ptr + 64 * i, ptr + 64 * i, 1, 8, Q, QI));
    increment();
    for (const left of [2, 1]) {
      await workers.pop()?.terminate();
      assert.equal(kernels.threads, left);
      increment();
    }
    assert.deepEqual(Array.from(kernels.f64(ptr, 72)), new Array(72).fill(3));
    await kernels.close();
  });

  it('sleeps when there is nothing to do, and is woken by a fork', async () => {
    let control = new Int32Array(new SharedArrayBuffer(4));
    const kernels = await loadKernelsFrom({
      ...sources,
      threads: 2,
      spinMs: 100,
      newThread: async (start) => {
        control = new Int32Array(start.fork.control);
        const worker = new Worker(new URL('./worker/node.ts', import.meta.url), { workerData: start });
        worker.unref();
        await once(worker, 'message');
        return { terminate: () => worker.terminate() };
      },
    });
    const ptr = kernels.arena.allocZeroed(64 * N);
    const deadline = performance.now() + 20_000;
    for (let round = 0; round < 3; round++) {
      while (Atomics.load(control, Word.sleepers) !== 1 && performance.now() < deadline)
        await new Promise((resolve) => setTimeout(resolve, 5));
      assert.equal(Atomics.load(control, Word.sleepers), 1, 'asleep');
      kernels.fork(8, (i, x) => x.v_neg(ptr + 8 * N * i, ptr + 8 * N * i, N));
      // The processor may be late to run the other thread.
      while (Atomics.load(control, Word.sleepers) !== 0 && performance.now() < deadline);
      assert.equal(Atomics.load(control, Word.sleepers), 0, 'awake');
    }
    await kernels.close();
  });

  it('says so when a thread is lost in the middle of a task', async () => {
    const thief = `
      const { parentPort, workerData } = require('node:worker_threads');
      const control = new Int32Array(workerData.fork.control);
      parentPort.postMessage('ready');
      for (;;) {
        const left = Atomics.load(control, ${Word.ticket});
        if (left > 0 && Atomics.compareExchange(control, ${Word.ticket}, left, left - 1) === left) break;
      }
    `;
    const kernels = await loadKernelsFrom({
      ...sources,
      threads: 2,
      lostMs: 300,
      newThread: async (start) => {
        const worker = new Worker(thief, { eval: true, workerData: start });
        await once(worker, 'message');
        return { terminate: () => worker.terminate() };
      },
    });
    const ptr = kernels.arena.allocZeroed(8 * 4096);
    let error: unknown;
    // The main thread may be faster than the thief.
    for (let round = 0; round < 100_000 && error === undefined; round++) {
      try {
        kernels.fork(50, (_, x) => x.v_neg(ptr, ptr, 4096));
      } catch (e) {
        error = e;
      }
    }
    assert.ok(code('THREAD_LOST')(error), String(error));
    assert.equal(kernels.threads, 1);
    kernels.fork(2, (_, x) => x.v_neg(ptr, ptr, 8));
  });

  it('checks how many are asked for', async () => {
    for (const threads of [0, 1.5, 65, Number.NaN]) {
      await assert.rejects(read(threads), code('BAD_ARGUMENT'), String(threads));
    }
    await assert.rejects(loadKernelsFrom({ ...sources, threads: 2 }), code('BAD_ARGUMENT'));
    await assert.rejects(read(2, { maximumBytes: 4 * 65536 }), code('BAD_ARGUMENT'));
    const refused = new Error('no thread');
    await assert.rejects(
      loadKernelsFrom({ ...sources, threads: 2, newThread: () => Promise.reject(refused) }),
      refused,
    );
  });

  it('obeys VELUM_THREADS, and an explicit number before it', async () => {
    const before = process.env['VELUM_THREADS'];
    try {
      process.env['VELUM_THREADS'] = '2';
      const two = await loadKernels();
      assert.equal(two.threads, 2);
      await two.close();
      assert.equal((await loadKernels({ threads: 1 })).threads, 1);
      process.env['VELUM_THREADS'] = 'many';
      await assert.rejects(loadKernels(), code('BAD_ARGUMENT'));
      process.env['VELUM_THREADS'] = 'auto';
      const all = await loadKernels();
      assert.ok(all.threads >= 1);
      await all.close();
    } finally {
      if (before === undefined) delete process.env['VELUM_THREADS'];
      else process.env['VELUM_THREADS'] = before;
    }
  });

  it('lets the process end, asleep or not, and uses no processor when idle', () => {
    const script = `
      import { loadKernels } from ${JSON.stringify(new URL('./node.ts', import.meta.url).href)};
      const kernels = await loadKernels({ threads: 3 });
      const ptr = kernels.arena.alloc(64);
      kernels.fork(9, (_, x) => x.v_neg(ptr, ptr, 8));
      await new Promise((resolve) => setTimeout(resolve, 50));
      const before = process.cpuUsage();
      await new Promise((resolve) => setTimeout(resolve, 400));
      const { user, system } = process.cpuUsage(before);
      kernels.fork(9, (_, x) => x.v_neg(ptr, ptr, 8));
      console.log(user + system);
    `;
    const { status, stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
      encoding: 'utf8',
      timeout: 30_000,
    });
    assert.equal(status, 0, stderr);
    assert.ok(Number(stdout) < 100_000, `${stdout} us of processor time in 400 ms`);
  });
});
