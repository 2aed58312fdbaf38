/** The wide build: when it is taken, that V8 merges its vectors, and that nothing else is compiled so. @module */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { loadKernels, mergesVectors } from './node.ts';

const best = mergesVectors() ? 'wasm-wide' : 'wasm-fma';
const variable = 'VELUM_KERNELS';

describe('the wide build', () => {
  const before = process.env[variable];
  const restore = () => {
    if (before === undefined) delete process.env[variable];
    else process.env[variable] = before;
  };
  beforeEach(() => {
    delete process.env[variable];
  });
  afterEach(restore);

  it('is taken when asked for where it is faster, and by name everywhere', async () => {
    assert.equal((await loadKernels()).build, 'wasm-fma');
    assert.equal((await loadKernels({ wide: true })).build, best);
    assert.equal((await loadKernels({ build: 'wasm-wide' })).build, 'wasm-wide');
    const two = await loadKernels({ wide: true, threads: 2 });
    assert.deepEqual([two.build, two.threads], [best, 2]);
    await two.close();
  });

  it('gives way to a build that is named', async () => {
    assert.equal((await loadKernels({ wide: true, build: 'wasm-portable' })).build, 'wasm-portable');
    process.env[variable] = 'wasm-fma';
    assert.equal((await loadKernels({ wide: true })).build, 'wasm-fma');
    process.env[variable] = 'wasm-wide';
    assert.equal((await loadKernels()).build, 'wasm-wide');
  });

  // Where V8 is not known to merge, the two tests above show that it is not asked to.
  if (!mergesVectors()) return;

  it('is merged in its transforms and products, and nowhere compares', () => {
    // All functions are compiled with the module.
    const trace = traceOf(script('wasm-wide', 1));
    const merged = trace.match(/Decide to vectorize, (?!0 )\d+ revectorizable nodes/g);
    assert.ok((merged?.length ?? 0) > 10, `in ${merged?.length} functions`);
    const kinds = new Set(Array.from(trace.matchAll(/PackNode \[?([A-Z]\w+)/g), ([, kind]) => kind));
    assert.ok(kinds.has('F64x2Qfms') && kinds.has('Store'));
    assert.deepEqual(
      [...kinds].filter((kind) => !MERGED_RIGHT.has(kind)),
      [],
    );
  });

  it('is the only module that is: V8 gets its own flags back', () => {
    const functions = (trace: string) => trace.match(/Begin revec function/g)?.length ?? 0;
    const alone = functions(traceOf(script('wasm-wide', 1)));
    assert.ok(alone > 0);
    // Often enough for V8 to optimise what it has first compiled in haste.
    assert.equal(functions(traceOf(`${script('wasm-wide', 1)} ${script('wasm-fma', 3000)}`)), alone);
  });
});

/** What V8 13.6 merges into right code, as far as our kernels need it. Comparisons are not among them (lanes.h). */
const MERGED_RIGHT = new Set([
  ...['Load', 'Store', 'Phi', 'Simd128Splat', 'Simd128LoadTransform', 'Simd128Shuffle', 'Simd128Constant'],
  ...['F64x2Add', 'F64x2Sub', 'F64x2Mul', 'F64x2Div', 'F64x2Qfma', 'F64x2Qfms'],
  ...['S128Xor', 'S128Or', 'I32x4Add', 'I32x4Mul'],
]);

/** Loads a build and transforms zeros with it. */
function script(build: string, times: number): string {
  return `{
    const { arena, x } = await loadKernels({ build: '${build}' });
    const [n, q] = [1024, 2 ** 48];
    const [a, tables] = [arena.allocZeroed(8 * n), arena.allocZeroed(32 * n)];
    for (let i = 0; i < ${times}; i++) x.ntt_forward(a, tables, n, q, 1 / q);
  }`;
}

/** What V8 says of its merging while a script runs. Into a file: where a pipe is full, the rest of a trace is lost. */
function traceOf(text: string): string {
  const directory = mkdtempSync(join(tmpdir(), 'velum-wide-'));
  const file = join(directory, 'trace');
  const to = openSync(file, 'w');
  try {
    const loader = JSON.stringify(new URL('./node.ts', import.meta.url).href);
    const source = `const { loadKernels } = await import(${loader}); ${text}`;
    const flags = ['--trace-wasm-revectorize', '--input-type=module', '--eval'];
    const run = spawnSync(process.execPath, [...flags, source], { stdio: ['ignore', to, 'inherit'] });
    assert.equal(run.status, 0);
    return readFileSync(file, 'utf8');
  } finally {
    closeSync(to);
    rmSync(directory, { recursive: true });
  }
}
