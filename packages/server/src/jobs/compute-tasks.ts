/**
 * Predictions and programs inside a worker: plans and keys from the blob store through a cache, the computation,
 * the result back to the store.
 * @module
 */
import { TfheServerKey } from '@velum/fhe';
import type { Kernels } from '@velum/kernels';
import { loadKernels } from '@velum/kernels/node';
import { adTargeting, type Program, programNamed } from '@velum/programs';
import { decodePlan, RuntimeError, type ServerKeys, ServerPlan } from '@velum/runtime';
import type { BlobStore } from '../blobs/store.ts';
import { readAdCatalogue } from '../programs/ad-catalogue.ts';
import { ByteLru, type Cached } from './lru.ts';
import type { PredictResult, PredictTask, PrefetchTask, ProgramTask } from './protocol.ts';

type OnProgress = (done: number, total: number) => void;

class CachedServerKey implements Cached {
  readonly key: TfheServerKey;

  constructor(key: TfheServerKey) {
    this.key = key;
  }

  get bytes(): number {
    return this.key.bytesInMemory;
  }

  dispose(): void {
    this.key.free();
  }
}

export class ComputeTasks {
  readonly kernels: Kernels;
  readonly #blobs: BlobStore;
  /** Plans and keys share the bytes. A plan is touched after its keys, so it never goes before them. */
  readonly #cache: ByteLru<ServerPlan | ServerKeys | CachedServerKey>;

  /** ad_targeting on the operator's catalogue. */
  readonly #ads: Program | undefined;

  private constructor(kernels: Kernels, blobs: BlobStore, cacheBytes: number, ads: Program | undefined) {
    this.kernels = kernels;
    this.#ads = ads;
    this.#blobs = blobs;
    this.#cache = new ByteLru(cacheBytes);
  }

  static async open(
    blobs: BlobStore,
    { cacheBytes, threads, adCatalogue }: { cacheBytes: number; threads: number; adCatalogue?: string },
  ): Promise<ComputeTasks> {
    const ads = adCatalogue === undefined ? undefined : adTargeting(await readAdCatalogue(adCatalogue));
    return new ComputeTasks(await loadKernels({ threads, wide: true }), blobs, cacheBytes, ads);
  }

  async predict(task: PredictTask, onProgress: OnProgress): Promise<PredictResult> {
    const start = performance.now();
    const { plan, keys } = await this.#load(task);
    const input = await this.#blobs.read(task.inputBlob);
    const loaded = performance.now();
    const result = await plan.predict(keys, input, { onProgress });
    const computed = performance.now();
    await this.#blobs.put(task.resultBlob, [result]);
    return { bytes: result.byteLength, computeMs: computed - loaded, loadMs: loaded - start };
  }

  async program(task: ProgramTask, onProgress: OnProgress): Promise<PredictResult> {
    const start = performance.now();
    const program = task.program === this.#ads?.name ? this.#ads : programNamed(task.program);
    const input = await this.#blobs.read(task.inputBlob);
    // The header first: a key is not loaded for an input that cannot be run.
    const { bootstraps } = program.inspect(input);
    onProgress(0, bootstraps);
    const serverKey = task.keyBlob === undefined ? undefined : await this.#serverKey(task.keyBlob);
    const loaded = performance.now();
    const outputs = await program.run({ kernels: this.kernels, serverKey, onProgress }, input);
    const computed = performance.now();
    let bytes = 0;
    for (const [i, { key }] of program.outputs.entries()) {
      bytes += (await this.#blobs.put(task.resultBlobs[i], [outputs[key]])).bytes;
    }
    return { bytes, computeMs: computed - loaded, loadMs: loaded - start };
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

  async #serverKey(blob: string): Promise<TfheServerKey> {
    let cached = this.#cache.get(blob) as CachedServerKey | undefined;
    if (!cached) {
      cached = new CachedServerKey(await TfheServerKey.load(this.kernels, await this.#blobs.read(blob)));
      this.#cache.set(blob, cached);
    }
    return cached.key;
  }
}
