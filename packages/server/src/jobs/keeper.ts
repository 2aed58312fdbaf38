/**
 * Keeps leases and recovers work: what an earlier life of this process left, what a vanished process held, and
 * what a queue forgot.
 * @module
 */
import type { BlobStore } from '../blobs/store.ts';
import type { Limits } from '../limits.ts';
import { crashedOutcome } from './outcome.ts';
import type { JobQueue } from './queue.ts';
import { MOST_ATTEMPTS, type WorkName, type WorkRow } from './rows.ts';
import type { RunnerLog } from './runner.ts';
import { entryOf, resultKey, type Work, type Works } from './work.ts';

interface KeeperOptions {
  works: Works;
  queue: JobQueue;
  blobs: BlobStore;
  limits: Limits;
  owner: string;
  leaseMilliseconds: number;
  log: RunnerLog;
}

/** The runner of this process, as far as the keeper has to know it. */
interface Here {
  /** It is being worked on here. */
  active(entry: string): boolean;
  /** The keeper ended it; somebody may wait for that. */
  ended(entry: string): void;
}

export class Keeper {
  readonly #options: KeeperOptions;
  readonly #here: Here;
  readonly #works: Work<WorkName, WorkRow>[];
  #heartbeat: NodeJS.Timeout | undefined;
  #beating = false;

  constructor(options: KeeperOptions, here: Here) {
    this.#options = options;
    this.#here = here;
    this.#works = Object.values(options.works) as unknown as Work<WorkName, WorkRow>[];
  }

  async start(): Promise<void> {
    const { queue, leaseMilliseconds, log } = this.#options;
    await this.#recover(true);
    queue.onBack(() => {
      this.#requeueOwn().catch((error: unknown) => log.warn({ err: error }, 'not queued again yet'));
    });
    this.#heartbeat = setInterval(() => {
      if (this.#beating) return;
      this.#beating = true;
      this.#beat()
        .catch((error: unknown) => log.error({ err: error }, 'the lease heartbeat failed'))
        .finally(() => {
          this.#beating = false;
        });
    }, leaseMilliseconds / 4).unref();
  }

  stop(): void {
    clearInterval(this.#heartbeat);
  }

  async #beat(): Promise<void> {
    const { queue, owner } = this.#options;
    for (const work of this.#works) await work.rows.renewLeases(owner);
    await this.#recover(false);
    await this.#recoverOwn();
    if (!queue.shared || !queue.available) return;
    let rows = 0;
    for (const work of this.#works) rows += await work.rows.queuedCount();
    if (rows > (await queue.depth())) await this.#requeueOwn();
  }

  /** What waits under our lease is in the queue again, should it have forgotten. */
  async #requeueOwn(): Promise<void> {
    const { queue, owner } = this.#options;
    for (const work of this.#works) {
      const ids = await work.rows.queuedIds(owner);
      if (ids.length > 0) await queue.push(ids.map((id) => entryOf(work.rows.name, id)));
    }
  }

  async #recover(atStart: boolean): Promise<void> {
    for (const work of this.#works) {
      for (const row of await work.rows.abandoned(this.#options.owner, atStart))
        await this.#rescue(work, row);
    }
  }

  /**
   * What says Running under our own lease and is not: the database failed when it was to be ended, so long that the
   * runner gave up. The lease is renewed with the others and would never end.
   */
  async #recoverOwn(): Promise<void> {
    for (const work of this.#works) {
      for (const row of await work.rows.running(this.#options.owner)) {
        if (this.#here.active(entryOf(work.rows.name, row.id))) continue;
        // One that the database still refuses must not hold up the others.
        await this.#rescue(work, row).catch((error: unknown) =>
          this.#options.log.warn({ err: error, id: row.id }, `the ${work.noun} could not be taken back yet`),
        );
      }
    }
  }

  async #rescue(work: Work<WorkName, WorkRow>, row: WorkRow): Promise<void> {
    const { blobs, owner, limits, log, queue } = this.#options;
    const { retentionDays } = limits;
    if (row.state === 'Running') {
      const written = await Promise.all(work.resultBlobs(row).map((key) => blobs.head(key)));
      if (written.every((blob) => blob !== undefined)) {
        // Written whole before the process died: computing it again would only cost time.
        const bytesOut = written.reduce((sum, blob) => sum + blob.bytes, 0);
        const resultBlob = resultKey(row);
        const done = await work.rows.finish(row, { state: 'Completed', resultBlob, bytesOut, retentionDays });
        if (done) await this.#ended(work, row, 'recovered a finished');
        return;
      }
      if (row.lease_owner !== owner && row.attempts >= MOST_ATTEMPTS) {
        const done = await work.rows.finish(row, crashedOutcome(row.attempts, retentionDays));
        if (done) await this.#ended(work, row, 'gave up a');
        return;
      }
    }
    if (!(await work.rows.adopt(row, owner))) return;
    log.info({ id: row.id }, `recovered a ${work.noun}`);
    // A queue that cannot be reached now gets it when it is back.
    await queue.push([entryOf(work.rows.name, row.id)]).catch(() => {});
  }

  async #ended(work: Work<WorkName, WorkRow>, row: WorkRow, how: string): Promise<void> {
    this.#options.log.info({ id: row.id }, `${how} ${work.noun}`);
    const ended = await work.rows.find(row.id);
    if (!ended) return;
    work.onFinished?.(ended);
    await work.ended(ended);
    const entry = entryOf(work.rows.name, row.id);
    this.#here.ended(entry);
    this.#options.queue.signal({ kind: 'changed', entry });
  }
}
