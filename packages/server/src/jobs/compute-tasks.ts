/**
 * Predictions inside a worker: plans and keys from the blob store through a cache, the runtime, the result
 * back to the store.
 * @module
 */
import type { Kernels } from '@velum/kernels';
import { loadKernels } from '@velum/kernels/node';
import { decodePlan, RuntimeError, type ServerKeys, ServerPlan } from '@velum/runtime';
import type { BlobStore } from '../blobs/store.ts';
import { ByteLru } from './lru.ts';
import type { PredictResult, PredictTask, PrefetchTask } from './protocol.ts';

export class ComputeTasks {
  readonly kernels: Kernels;
  readonly #blobs: BlobStore;
  /** Plans and keys share the bytes. A plan is touched after its keys, so it never goes before them. */
  readonly #cache: ByteLru<ServerPlan | ServerKeys>;

  private constructor(kernels: Kernels, blobs: BlobStore, cacheBytes: number) {
    this.kernels = kernels;
    this.#blobs = blobs;
    this.#cache = new ByteLru(cacheBytes);
  }

  static async open(blobs: BlobStore, cacheBytes: number): Promise<ComputeTasks> {
    return new ComputeTasks(await loadKernels(), blobs, cacheBytes);
  }

  async predict(task: PredictTask, onProgress: (fraction: number) => void): Promise<PredictResult> {
    const start = performance.now();
    const { plan, keys } = await this.#load(task);
    const input = await this.#blobs.read(task.inputBlob);
    const loaded = performance.now();
    const result = await plan.predict(keys, input, {
      onProgress: (done, total) => onProgress(total > 0 ? done / total : 0),
    });
    const computed = performance.now();
    await this.#blobs.put(task.resultBlob, [result]);
    return { bytes: result.byteLength, computeMs: computed - loaded, loadMs: loaded - start };
  }

  async prefetch(task: PrefetchTask): Promise<null> {
    await this.#load(task);
    return null;
  }

  forget(blobs: readonly string[]): void {
    for (const entry of this.#cache.keys()) {
      if (entry.split('+').some((blob) => blobs.includes(blob))) this.#cache.delete(entry);
    }
  }

  async #load(task: PredictTask | PrefetchTask): Promise<{ plan: ServerPlan; keys: ServerKeys }> {
    const { planBlob, evaluationBlob } = task;
    let plan = this.#cache.get(planBlob) as ServerPlan | undefined;
    if (!plan) {
      const decoded = await decodePlan(await this.#blobs.read(planBlob));
      if (decoded.profile.id !== task.profileId) {
        throw new RuntimeError('PROFILE_INVALID', 'the stored plan is of another profile');
      }
      plan = new ServerPlan(this.kernels, decoded);
      this.#cache.set(planBlob, plan);
    }
    const keysEntry = `${task.publicBlob}+${evaluationBlob}`;
    let keys = this.#cache.get(keysEntry) as ServerKeys | undefined;
    if (!keys) {
      keys = await plan.loadKeys(
        await this.#blobs.read(task.publicBlob),
        await this.#blobs.read(evaluationBlob),
      );
      this.#cache.set(keysEntry, keys, [planBlob]);
    }
    this.#cache.get(planBlob);
    return { plan, keys };
  }
}
