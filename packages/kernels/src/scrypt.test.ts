/** ROMix against RFC 7914 section 10 and, for whole scrypt, section 12. @module */
import assert from 'node:assert/strict';
import { pbkdf2Sync, scryptSync } from 'node:crypto';
import { test } from 'node:test';
import type { KernelBuild, Kernels } from './kernels.ts';
import { loadKernels } from './node.ts';

function romix(kernels: Kernels, block: Uint8Array, r: number, n: number): Uint8Array {
  const b = kernels.arena.alloc(128 * r);
  const v = kernels.arena.alloc(128 * r * (n + 1));
  kernels.u8(b, 128 * r).set(block);
  kernels.x.scrypt_romix(b, v, r, n);
  const out = kernels.u8(b, 128 * r).slice();
  kernels.arena.free(b);
  kernels.arena.free(v);
  return out;
}

function scrypt(kernels: Kernels, password: string, salt: string, n: number, r: number, p: number): string {
  const blocks = pbkdf2Sync(password, salt, 1, 128 * r * p, 'sha256');
  for (let lane = 0; lane < p; lane++) {
    const block = blocks.subarray(lane * 128 * r, (lane + 1) * 128 * r);
    block.set(romix(kernels, block, r, n));
  }
  return pbkdf2Sync(password, blocks, 1, 64, 'sha256').toString('hex');
}

const ROMIX_IN =
  'f7ce0b653d2d72a4108cf5abe912ffdd777616dbbb27a70e8204f3ae2d0f6fad89f68f4811d1e87bcc3bd7400a9ffd29' +
  '094f0184639574f39ae5a1315217bcd7894991447213bb226c25b54da86370fbcd984380374666bb8ffcb5bf40c254b0' +
  '67d27c51ce4ad5fed829c90b505a571b7f4d1cad6a523cda770e67bceaaf7e89';
const ROMIX_OUT =
  '79ccc193629debca047f0b70604bf6b62ce3dd4a9626e355fafc6198e6ea2b46d58413673b99b029d665c357601fb426' +
  'a0b2f4bba200ee9f0a43d19b571a9c71ef1142e65d5a266fddca832ce59faa7cac0b9cf1be2bffca300d01ee387619c4' +
  'ae12fd4438f203a0e4e1c47ec314861f4e9087cb33396a6873e8f9d2539a4b8e';

for (const build of ['wasm-fma', 'wasm-portable'] satisfies KernelBuild[]) {
  test(`${build}: ROMix of RFC 7914 section 10`, async () => {
    const kernels = await loadKernels({ build });
    const out = romix(kernels, Buffer.from(ROMIX_IN, 'hex'), 1, 16);
    assert.equal(Buffer.from(out).toString('hex'), ROMIX_OUT);
  });

  test(`${build}: scrypt of RFC 7914 section 12`, async () => {
    const kernels = await loadKernels({ build });
    const starts = { 77: ['', '', 16, 1, 1], fd: ['password', 'NaCl', 1024, 8, 16] } as const;
    for (const [start, [password, salt, n, r, p]] of Object.entries(starts)) {
      const key = scrypt(kernels, password, salt, n, r, p);
      assert.equal(key.slice(0, 2), start);
      assert.equal(key, scryptSync(password, salt, 64, { N: n, r, p }).toString('hex'));
    }
    const third = scrypt(kernels, 'pleaseletmein', 'SodiumChloride', 16384, 8, 1);
    assert.equal(third.slice(0, 32), '7023bdcb3afd7348461c06cd81fd38eb');
  });

  test(`${build}: odd block sizes against node:crypto`, async () => {
    const kernels = await loadKernels({ build });
    for (const r of [1, 2, 3, 5, 8]) {
      for (const n of [2, 4, 64]) {
        const key = scryptSync('p', `salt ${r} ${n}`, 64, { N: n, r, p: 1 }).toString('hex');
        assert.equal(scrypt(kernels, 'p', `salt ${r} ${n}`, n, r, 1), key);
      }
    }
  });
}
