import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { KernelError, type KernelErrorCode } from './errors.ts';
import { loadKernelsFrom } from './loader.ts';
import { loadKernels } from './node.ts';

const read = (name: string) => new Uint8Array(readFileSync(new URL(`../dist/${name}`, import.meta.url)));
const [fma, portable] = [read('velum-fma.wasm'), read('velum-portable.wasm')];
const code = (wanted: KernelErrorCode) => (error: unknown) =>
  error instanceof KernelError && error.code === wanted;

describe('loader', () => {
  it('takes the fma build where it runs', async () => {
    assert.equal((await loadKernelsFrom({ fma, portable })).build, 'wasm-fma');
    assert.equal((await loadKernelsFrom({ fma, portable, build: 'wasm-portable' })).build, 'wasm-portable');
  });

  it('falls back when the fma module does not validate', async () => {
    const broken = fma.slice();
    broken.fill(0xff, 100, 200);
    assert.equal((await loadKernelsFrom({ fma: broken, portable })).build, 'wasm-portable');
    assert.equal((await loadKernelsFrom({ portable })).build, 'wasm-portable');
    await assert.rejects(
      loadKernelsFrom({ fma: broken, portable, build: 'wasm-fma' }),
      code('BUILD_UNAVAILABLE'),
    );
    await assert.rejects(loadKernelsFrom({ fma: broken, portable: broken }), code('SIMD_UNAVAILABLE'));
  });

  it('falls back when the probe finds wrong products', async () => {
    const damaged = withWrongProducts(fma);
    assert.ok(WebAssembly.validate(damaged));
    assert.equal((await loadKernelsFrom({ fma: damaged, portable })).build, 'wasm-portable');
    await assert.rejects(
      loadKernelsFrom({ fma: damaged, portable, build: 'wasm-fma' }),
      code('BUILD_UNAVAILABLE'),
    );
  });

  it('bounds the memory', async () => {
    const kernels = await loadKernelsFrom({ fma, portable, initialBytes: 1 << 20, maximumBytes: 2 << 20 });
    assert.equal(kernels.memory.buffer.byteLength, 1 << 20);
    assert.throws(() => kernels.arena.alloc(2 << 20), code('OUT_OF_MEMORY'));
    kernels.arena.alloc(1 << 20);
    await assert.rejects(loadKernelsFrom({ fma, portable, maximumBytes: 1000 }), code('BAD_ARGUMENT'));
    await assert.rejects(loadKernelsFrom({ fma, portable, build: 'wasm' as 'auto' }), code('BAD_ARGUMENT'));
  });

  it('gives views of the memory as it is now', async () => {
    const kernels = await loadKernels();
    const ptr = kernels.arena.alloc(64);
    kernels.f64(ptr, 8).fill(1.5);
    kernels.arena.alloc(32 << 20);
    assert.deepEqual(Array.from(kernels.f64(ptr, 8)), new Array(8).fill(1.5));
    assert.equal(kernels.i32(ptr, 2)[1], 0x3ff80000);
    assert.equal(kernels.u8(ptr, 8)[7], 0x3f);
  });

  it('obeys VELUM_KERNELS, and an explicit build before it', async () => {
    const before = process.env['VELUM_KERNELS'];
    try {
      process.env['VELUM_KERNELS'] = 'wasm-portable';
      assert.equal((await loadKernels()).build, 'wasm-portable');
      assert.equal((await loadKernels({ build: 'wasm-fma' })).build, 'wasm-fma');
      process.env['VELUM_KERNELS'] = 'nonsense';
      await assert.rejects(loadKernels(), code('BAD_ARGUMENT'));
    } finally {
      if (before === undefined) delete process.env['VELUM_KERNELS'];
      else process.env['VELUM_KERNELS'] = before;
    }
  });
});

/**
 * The real module with every f64x2.relaxed_nmadd (0xfd 0x88 0x02) replaced by f64x2.relaxed_madd (0xfd 0x87 0x02), which
 * has the same type: valid code whose products come out wrong, as they do where the engine rounds twice.
 */
function withWrongProducts(module: Uint8Array): Uint8Array<ArrayBuffer> {
  const bytes = module.slice();
  for (let i = 0; i + 2 < bytes.length; i++) {
    if (bytes[i] === 0xfd && bytes[i + 1] === 0x88 && bytes[i + 2] === 0x02) bytes[i + 1] = 0x87;
  }
  return bytes;
}
