import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { tfheBskEntryBytes, tfheRotateScratchBytes } from './exports-tfhe.ts';
import type { Kernels } from './kernels.ts';
import { loadKernels } from './node.ts';
import { random, withMemory } from './testing.ts';
import { makeTables, torusVector } from './tfhe-testing.ts';

const [n, N, tasks, batch] = [5, 512, 4, 3];

/** Batches of blind rotations under a key of arbitrary numbers, one batch a task. */
function rotations(kernels: Kernels): number[] {
  return withMemory(kernels, (memory) => {
    const tables = makeTables(memory, N);
    const next = random(1);
    const entries = (n * tfheBskEntryBytes(N, 1, 1)) / 8;
    const bsk = memory.f64(Array.from({ length: entries }, () => (next() - 0.5) * 2 ** 22));
    const luts = memory.i32(new Array(batch).fill(memory.f64(torusVector(N, 2))));
    const rows = memory.i32(
      Array.from({ length: tasks * batch * (n + 1) }, () => Math.floor(next() * 2 * N)),
    );
    const bytes = 16 * N * batch;
    const acc = memory.room(tasks * bytes);
    const scratch = memory.room(tasks * tfheRotateScratchBytes(N, 1, batch));
    kernels.fork(tasks, (task, x) => {
      x.tfhe_blind_rotate(
        acc + task * bytes,
        luts,
        rows + 4 * task * batch * (n + 1),
        bsk,
        n,
        N,
        1,
        1,
        23,
        tables,
        scratch + task * tfheRotateScratchBytes(N, 1, batch),
        batch,
      );
    });
    return Array.from(kernels.f64(acc, (tasks * bytes) / 8));
  });
}

describe('forks of TFHE kernels', () => {
  it('rotate with the same bits on one thread and on three, all twelve arguments passed on', async () => {
    const one = await loadKernels({ threads: 1 });
    const three = await loadKernels({ threads: 3 });
    const expected = rotations(one);
    assert.ok(new Set(expected).size > N);
    assert.deepEqual(rotations(three), expected);
    await three.close();
  });
});
