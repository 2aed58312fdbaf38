/**
 * The wide build rests on an experimental pass of V8 that merges vectors, so here every test of the kernels and of the
 * schemes runs on what that pass makes: all builds, optimised from the first call on (--no-liftoff). A V8 that passes may
 * be listed in packages/kernels/src/node.ts. @module
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { globSync } from 'node:fs';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const MERGED = ['--no-liftoff', '--experimental-wasm-revectorize'];
const LOAD = `
  import { allowWideLanes, loadKernels } from './packages/kernels/src/node.ts';
  const allowed = allowWideLanes();
  const kernels = await loadKernels();
  console.log(allowed, kernels.build);
`;

/** A function is compiled when it is first called; zeros will do. */
const CALLS = [
  'ntt_forward(a, t, n, q, qi)',
  'ntt_inverse(a, t, n, q, qi)',
  'v_mul(a, a, a, n, q, qi)',
  'ks_dot(a, t, p, p, p, 2, n, q, qi)',
];
const CALL = `${LOAD}
  const [n, q] = [64, 2 ** 48];
  const qi = 1 / q;
  const [a, t, p] = [8 * n, 32 * n, 64].map((bytes) => kernels.arena.allocZeroed(bytes));
  kernels.i32(p, 2).fill(a);
  ${CALLS.map((call) => `kernels.x.${call};`).join('\n')}
`;

function node(args: string[], environment: Record<string, string> = {}) {
  // Without NODE_TEST_CONTEXT the inner `node --test` would believe it is a part of this run.
  const { NODE_TEST_CONTEXT: _, VELUM_KERNELS: __, ...clean } = process.env;
  return spawnSync(process.execPath, args, {
    cwd: root,
    env: { ...clean, ...environment },
    encoding: 'utf8',
    maxBuffer: 256 << 20,
  });
}
const load = (flags: string[], environment?: Record<string, string>) =>
  node([...flags, '--input-type=module', '--eval', LOAD], environment).stdout;

describe('the wide build', () => {
  // Elsewhere the narrow one is taken, which is all that there is to see.
  if (process.arch !== 'x64' || !process.versions.v8.startsWith('13.6.')) {
    it('is left alone on this machine', () => assert.equal(load([]), 'false wasm-fma\n'));
    return;
  }

  it('is taken where it is allowed, unless the environment names another', () => {
    assert.equal(load([]), 'true wasm-wide\n');
    assert.equal(load([], { VELUM_KERNELS: 'wasm-fma' }), 'false wasm-fma\n');
    assert.equal(load([], { VELUM_KERNELS: 'wasm-portable' }), 'false wasm-portable\n');
  });

  it('is merged: the transforms, the products and the inner products', () => {
    const flags = [...MERGED, '--trace-wasm-revectorize', '--input-type=module'];
    const trace = node([...flags, '--eval', CALL]).stdout;
    const merged = trace.match(/Decide to vectorize, (?!0 )\d+ revectorizable nodes/g) ?? [];
    assert.ok(merged.length >= CALLS.length, `V8 merged something in ${merged.length} functions`);
  });

  for (const part of ['kernels', 'fhe']) {
    it(`passes the tests of ${part}, merged and optimised`, () => {
      const files = globSync(`packages/${part}/src/**/*.test.ts`, { cwd: root });
      assert.ok(files.length >= 10);
      const run = node([...MERGED, '--test', '--test-concurrency=2', '--test-reporter=spec', ...files]);
      const [passed, failed] = ['pass', 'fail'].map((what) =>
        Number(new RegExp(`^ℹ ${what} (\\d+)$`, 'm').exec(run.stdout)?.[1]),
      );
      assert.ok(
        run.status === 0 && failed === 0 && passed > 100,
        `${run.stdout.slice(-8000)}\n${run.stderr.slice(-2000)}`,
      );
    });
  }
});
