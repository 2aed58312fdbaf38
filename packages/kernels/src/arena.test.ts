import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Arena } from './arena.ts';
import { KernelError, type KernelErrorCode } from './errors.ts';
import { random } from './testing.ts';

const PAGE = 65536;

function fresh(maximumPages = 1024): { arena: Arena; memory: WebAssembly.Memory } {
  const memory = new WebAssembly.Memory({ initial: 1, maximum: maximumPages });
  return { arena: new Arena(memory, 1000), memory };
}

const code = (wanted: KernelErrorCode) => (error: unknown) =>
  error instanceof KernelError && error.code === wanted;

describe('Arena', () => {
  it('gives aligned blocks that do not overlap', () => {
    const { arena, memory } = fresh();
    const next = random(1);
    const blocks = Array.from({ length: 500 }, () => {
      const bytes = Math.floor(next() ** 4 * 50000);
      return { ptr: arena.alloc(bytes), bytes };
    });
    blocks.sort((a, b) => a.ptr - b.ptr);
    for (const [i, { ptr, bytes }] of blocks.entries()) {
      assert.ok(ptr >= 1000 && ptr % 64 === 0);
      const end = i + 1 < blocks.length ? blocks[i + 1].ptr : memory.buffer.byteLength;
      assert.ok(ptr + Math.max(1, bytes) <= end);
    }
    assert.equal(arena.liveBlocks, 500);
  });

  it('does not grow over 10^5 random operations', () => {
    const { arena, memory } = fresh();
    const next = random(2);
    const live: number[] = [];
    let bytes = 0;
    const sizes = new Map<number, number>();
    const limit = 4 << 20;
    for (let i = 0; i < 100_000; i++) {
      const size = Math.ceil((64 + next() ** 6 * 300_000) / 64) * 64;
      if (bytes + size <= limit && next() < 0.55) {
        const ptr = arena.alloc(size);
        sizes.set(ptr, size);
        live.push(ptr);
        bytes += size;
      } else if (live.length > 0) {
        const at = Math.floor(next() * live.length);
        const ptr = live[at];
        live[at] = live[live.length - 1];
        live.pop();
        bytes -= sizes.get(ptr) as number;
        sizes.delete(ptr);
        arena.free(ptr);
      }
      assert.equal(arena.liveBytes, bytes);
    }
    assert.ok(arena.peakBytes <= limit);
    assert.ok(memory.buffer.byteLength <= 2 * limit, `memory grew to ${memory.buffer.byteLength} bytes`);
    for (const ptr of live) arena.free(ptr);
    assert.equal(arena.liveBytes, 0);
    // Everything has been joined again: the whole of it can be had in one piece without growing.
    const before = memory.buffer.byteLength;
    arena.alloc(before - 1024);
    assert.equal(memory.buffer.byteLength, before);
  });

  it('reuses the room of one size for another', () => {
    const { arena, memory } = fresh();
    const small = Array.from({ length: 1000 }, () => arena.alloc(4096));
    const guard = arena.alloc(64);
    const before = memory.buffer.byteLength;
    for (const ptr of small) arena.free(ptr);
    for (let i = 0; i < 10; i++) arena.alloc(400_000);
    assert.equal(memory.buffer.byteLength, before);
    arena.free(guard);
  });

  it('refuses to free what is not allocated', () => {
    const { arena } = fresh();
    const ptr = arena.alloc(100);
    assert.throws(() => arena.free(ptr + 64), code('BAD_POINTER'));
    assert.throws(() => arena.free(0), code('BAD_POINTER'));
    arena.free(ptr);
    assert.throws(() => arena.free(ptr), code('BAD_POINTER'));
    assert.throws(() => arena.freeZeroed(ptr), code('BAD_POINTER'));
    for (const bytes of [-1, 1.5, Number.NaN]) assert.throws(() => arena.alloc(bytes), code('BAD_ARGUMENT'));
  });

  it('reports exhaustion and stays usable', () => {
    const { arena } = fresh(4);
    const half = arena.alloc(2 * PAGE);
    assert.throws(() => arena.alloc(3 * PAGE), code('OUT_OF_MEMORY'));
    arena.free(half);
    arena.free(arena.alloc(3 * PAGE));
    assert.equal(arena.liveBlocks, 0);
  });

  it('wipes', () => {
    const { arena, memory } = fresh();
    const secret = arena.alloc(200);
    new Uint8Array(memory.buffer, secret, 200).fill(0xee);
    arena.freeZeroed(secret);
    assert.ok(new Uint8Array(memory.buffer, secret, 200).every((byte) => byte === 0));
    const dirty = arena.alloc(200);
    new Uint8Array(memory.buffer, dirty, 200).fill(0xee);
    arena.free(dirty);
    const clean = arena.allocZeroed(200);
    assert.equal(clean, dirty);
    assert.ok(new Uint8Array(memory.buffer, clean, 200).every((byte) => byte === 0));
  });

  it('has scopes', () => {
    const { arena } = fresh();
    const scope = arena.scope();
    const [kept, lost] = [scope.alloc(100), scope.alloc(100)];
    assert.equal(scope.keep(kept), kept);
    assert.throws(() => scope.keep(kept), code('BAD_POINTER'));
    scope.close();
    scope.close();
    assert.equal(arena.liveBlocks, 1);
    assert.throws(() => arena.free(lost), code('BAD_POINTER'));
    arena.free(kept);
  });
});
