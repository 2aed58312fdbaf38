/**
 * Blocks of WebAssembly memory for the kernels: 64-byte aligned, found in free lists by size class (eight per octave,
 * segregated fit), joined with free neighbours when they come back, so that a long-running service with changing
 * sizes does not creep. All bookkeeping is outside the wasm memory: a kernel cannot damage it. @module
 */
import { KernelError } from './errors.ts';

const ALIGNMENT = 64;
const PAGE = 65536;
/** Memory grows by at least this much: each growth replaces the ArrayBuffer. */
const GROWTH = 16 * PAGE;

/** Class of a size that is a multiple of 64: blocks of a class are at least as long as any request of that class. */
function floorClass(size: number): number {
  const units = size / ALIGNMENT;
  if (units < 8) return units;
  const octave = 31 - Math.clz32(units);
  return (octave - 2) * 8 + ((units >>> (octave - 3)) & 7);
}

function ceilClass(size: number): number {
  const units = size / ALIGNMENT;
  if (units < 8) return units;
  const octave = 31 - Math.clz32(units);
  const step = 1 << (octave - 3);
  return floorClass(Math.ceil(units / step) * step * ALIGNMENT);
}

/** Allocator over one WebAssembly memory. Pointers are byte offsets, 0 is never one. */
export class Arena {
  readonly #memory: WebAssembly.Memory;
  readonly #base: number;
  readonly #live = new Map<number, number>();
  readonly #freeSize = new Map<number, number>();
  readonly #freeByEnd = new Map<number, number>();
  readonly #bins: Set<number>[] = [];
  /** While a fork is recorded: blocks to free after its join, and whether to wipe them. */
  #deferred: Map<number, boolean> | undefined;
  #top: number;
  #liveBytes = 0;
  #peakBytes = 0;

  /** @param base first byte that may be used (the module's `__heap_base`) */
  constructor(memory: WebAssembly.Memory, base: number) {
    this.#memory = memory;
    this.#base = Math.ceil(base / ALIGNMENT) * ALIGNMENT;
    this.#top = this.#base;
  }

  /** Bytes in allocated blocks, rounded up to multiples of 64. */
  get liveBytes(): number {
    return this.#liveBytes;
  }

  /** Number of allocated blocks. */
  get liveBlocks(): number {
    return this.#live.size;
  }

  /** The largest `liveBytes` so far. */
  get peakBytes(): number {
    return this.#peakBytes;
  }

  /**
   * Allocates at least `bytes` bytes with undefined content. May grow the memory, which detaches earlier views.
   * @throws KernelError BAD_ARGUMENT, OUT_OF_MEMORY
   */
  alloc(bytes: number): number {
    if (!Number.isSafeInteger(bytes) || bytes < 0) {
      throw new KernelError('BAD_ARGUMENT', `bytes must be a non-negative integer, not ${bytes}`);
    }
    const size = Math.max(ALIGNMENT, Math.ceil(bytes / ALIGNMENT) * ALIGNMENT);
    const ptr = this.#takeFree(size) ?? this.#extend(size);
    this.#live.set(ptr, size);
    this.#liveBytes += size;
    if (this.#liveBytes > this.#peakBytes) this.#peakBytes = this.#liveBytes;
    return ptr;
  }

  /** Like {@link alloc}, filled with zero bytes. */
  allocZeroed(bytes: number): number {
    const ptr = this.alloc(bytes);
    new Uint8Array(this.#memory.buffer, ptr, this.#live.get(ptr)).fill(0);
    return ptr;
  }

  /** @throws KernelError BAD_POINTER when `ptr` is not allocated (freed before, or never) */
  free(ptr: number): void {
    const size = this.#sizeOf(ptr);
    if (this.#deferred) {
      this.#deferred.set(ptr, false);
      return;
    }
    this.#live.delete(ptr);
    this.#liveBytes -= size;
    let start = ptr;
    let end = ptr + size;
    const before = this.#freeByEnd.get(start);
    if (before !== undefined) {
      this.#removeFree(before);
      start = before;
    }
    const after = this.#freeSize.get(end);
    if (after !== undefined) {
      this.#removeFree(end);
      end += after;
    }
    if (end === this.#top) this.#top = start;
    else this.#addFree(start, end - start);
  }

  /** Overwrites the block with zero bytes and frees it: for secrets. @throws KernelError BAD_POINTER */
  freeZeroed(ptr: number): void {
    const size = this.#sizeOf(ptr);
    if (this.#deferred) {
      this.#deferred.set(ptr, true);
      return;
    }
    new Uint8Array(this.#memory.buffer, ptr, size).fill(0);
    this.free(ptr);
  }

  /**
   * From now on freed blocks stay as they are until {@link releaseFrees}: recorded calls, which run later, still use
   * them. For `Kernels.fork`.
   */
  deferFrees(): void {
    this.#deferred ??= new Map();
  }

  /** Frees, and wipes where asked, what was freed since {@link deferFrees}. */
  releaseFrees(): void {
    const deferred = this.#deferred ?? [];
    this.#deferred = undefined;
    for (const [ptr, wipe] of deferred) wipe ? this.freeZeroed(ptr) : this.free(ptr);
  }

  /** A scope that frees what was allocated through it and not kept. */
  scope(): ArenaScope {
    return new ArenaScope(this);
  }

  #sizeOf(ptr: number): number {
    const size = this.#live.get(ptr);
    if (size === undefined || this.#deferred?.has(ptr)) {
      throw new KernelError(
        'BAD_POINTER',
        `pointer ${ptr} is not an allocated block: freed twice, or not from this arena`,
      );
    }
    return size;
  }

  #takeFree(size: number): number | undefined {
    for (let bin = ceilClass(size); bin < this.#bins.length; bin++) {
      const blocks = this.#bins[bin];
      if (blocks === undefined || blocks.size === 0) continue;
      const ptr = blocks.values().next().value as number;
      const found = this.#freeSize.get(ptr) as number;
      this.#removeFree(ptr);
      if (found > size) this.#addFree(ptr + size, found - size);
      return ptr;
    }
    return undefined;
  }

  #extend(size: number): number {
    const ptr = this.#top;
    const end = ptr + size;
    const have = this.#memory.buffer.byteLength;
    if (end > have) this.#grow(end - have);
    this.#top = end;
    return ptr;
  }

  #grow(missing: number): void {
    const needed = Math.ceil(missing / PAGE);
    for (const pages of [Math.max(needed, GROWTH / PAGE), needed]) {
      try {
        this.#memory.grow(pages);
        return;
      } catch (error) {
        if (!(error instanceof RangeError) && !(error instanceof TypeError)) throw error;
      }
    }
    throw new KernelError(
      'OUT_OF_MEMORY',
      `the kernels' memory cannot grow by ${missing} bytes beyond ${this.#memory.buffer.byteLength} ` +
        `(${this.#liveBytes} bytes live in ${this.#live.size} blocks): free blocks or raise maximumBytes`,
    );
  }

  #addFree(ptr: number, size: number): void {
    this.#freeSize.set(ptr, size);
    this.#freeByEnd.set(ptr + size, ptr);
    const bin = floorClass(size);
    while (this.#bins.length <= bin) this.#bins.push(new Set());
    this.#bins[bin].add(ptr);
  }

  #removeFree(ptr: number): void {
    const size = this.#freeSize.get(ptr) as number;
    this.#freeSize.delete(ptr);
    this.#freeByEnd.delete(ptr + size);
    this.#bins[floorClass(size)].delete(ptr);
  }
}

/** Allocations that end together. Close it in a `finally`. */
export class ArenaScope {
  readonly #arena: Arena;
  readonly #owned = new Set<number>();

  constructor(arena: Arena) {
    this.#arena = arena;
  }

  /** @see Arena.alloc */
  alloc(bytes: number): number {
    const ptr = this.#arena.alloc(bytes);
    this.#owned.add(ptr);
    return ptr;
  }

  /** Takes a block out of the scope; the caller frees it. @throws KernelError BAD_POINTER when it is not the scope's */
  keep(ptr: number): number {
    if (!this.#owned.delete(ptr))
      throw new KernelError('BAD_POINTER', `pointer ${ptr} does not belong to this scope`);
    return ptr;
  }

  /** Frees what is left. Closing twice is harmless. */
  close(): void {
    for (const ptr of this.#owned) this.#arena.free(ptr);
    this.#owned.clear();
  }
}
