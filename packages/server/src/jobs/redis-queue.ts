/**
 * The queue on Redis by BullMQ, for several processes. BullMQ orders and hands out the entries; what an entry is
 * worth is decided by its row, so an entry handed out twice, or lost with Redis, does no harm. Both packages are
 * optional peers, loaded only when a URL is configured.
 * @module
 */
import type { Job, Queue, Worker } from 'bullmq';
import type { Redis, RedisOptions } from 'ioredis';
import { ConfigError } from '../errors.ts';
import type { Consume, JobQueue, Signal } from './queue.ts';

export interface RedisQueueOptions {
  url: string;
  /** In front of every key: one per installation, so that several may share a Redis. */
  prefix: string;
  leaseMilliseconds: number;
  warn(error: Error): void;
}

/** Every connection, those that BullMQ makes too, asks it before it tries to reconnect. */
interface Life {
  ended: boolean;
}

const NAME = 'work';
const CONNECT_MILLISECONDS = 5000;
/** Longer than any command takes on a Redis that lives. */
const COMMAND_MILLISECONDS = 3000;
const CLOSE_MILLISECONDS = 2000;

export class RedisQueue implements JobQueue {
  readonly shared = true;
  readonly #options: RedisQueueOptions;
  readonly #bullmq: typeof import('bullmq');
  /** Fails at once while Redis is gone. */
  readonly #client: Redis;
  /** Receives the signals. */
  readonly #subscriber: Redis;
  readonly #queue: Queue;
  #worker: Worker | undefined;
  #workerClient: Redis | undefined;
  readonly #life: Life;
  #stopped = false;
  #closed: Promise<void> | undefined;

  private constructor(
    options: RedisQueueOptions,
    bullmq: typeof import('bullmq'),
    client: Redis,
    life: Life,
  ) {
    this.#options = options;
    this.#life = life;
    this.#bullmq = bullmq;
    this.#client = client;
    const warn = (error: Error) => this.#warn(error);
    this.#subscriber = client.duplicate({ enableOfflineQueue: true, maxRetriesPerRequest: null });
    this.#subscriber.on('error', warn);
    this.#queue = new bullmq.Queue(NAME, { connection: client, prefix: options.prefix });
    this.#queue.on('error', warn);
  }

  /** Throws ConfigError REDIS_DRIVER_MISSING or REDIS_UNREACHABLE. */
  static async open(options: RedisQueueOptions): Promise<RedisQueue> {
    const missing = (cause: unknown): never => {
      throw new ConfigError(
        'REDIS_DRIVER_MISSING',
        'redisUrl is set but bullmq or ioredis is not installed: run `npm install bullmq ioredis`, or unset VELUM_REDIS_URL',
        { cause },
      );
    };
    const bullmq = await import('bullmq').catch(missing);
    const { Redis } = await import('ioredis').catch(missing);
    const life: Life = { ended: false };
    const settings: RedisOptions = {
      lazyConnect: true,
      enableOfflineQueue: false,
      maxRetriesPerRequest: null,
      connectTimeout: CONNECT_MILLISECONDS,
      commandTimeout: COMMAND_MILLISECONDS,
      retryStrategy: (times) => (life.ended ? null : Math.min(1000, times * 100)),
    };
    const client = new Redis(options.url, settings);
    let last: Error | undefined;
    client.on('error', (error: Error) => {
      last = error;
    });
    await withinTime(client.connect(), CONNECT_MILLISECONDS).catch((cause: unknown) => {
      client.disconnect();
      throw new ConfigError(
        'REDIS_UNREACHABLE',
        `Redis cannot be reached: ${(last ?? (cause as Error)).message}. Is redisUrl (VELUM_REDIS_URL) right?`,
        { cause },
      );
    });
    const queue = new RedisQueue(options, bullmq, client, life);
    await queue.#queue.waitUntilReady();
    await queue.#subscriber.subscribe(queue.#channel);
    return queue;
  }

  get available(): boolean {
    return this.#client.status === 'ready';
  }

  async push(entries: readonly string[]): Promise<void> {
    // An entry that is there already stays as it is. Nothing is kept of those that are done.
    const opts = { removeOnComplete: true, removeOnFail: true };
    await this.#queue.addBulk(
      entries.map((entry) => ({ name: 'row', data: null, opts: { ...opts, jobId: entry } })),
    );
  }

  async remove(entry: string): Promise<void> {
    await this.#queue.remove(entry);
  }

  async position(entry: string): Promise<number | undefined> {
    // BullMQ pushes on the left of the list and takes from the right.
    const key = this.#queue.toKey('wait');
    const [index, length] = await Promise.all([this.#client.lpos(key, entry), this.#client.llen(key)]);
    return index === null ? undefined : length - 1 - index;
  }

  depth(): Promise<number> {
    return this.#queue.getWaitingCount();
  }

  signal(signal: Signal): void {
    // Who misses it looks at the rows before long.
    this.#client.publish(this.#channel, JSON.stringify(signal)).catch(() => {});
  }

  onSignal(listener: (signal: Signal) => void): void {
    this.#subscriber.on('message', (_channel: string, text: string) => {
      try {
        listener(JSON.parse(text) as Signal);
      } catch (error) {
        this.#warn(error as Error);
      }
    });
  }

  onBack(listener: () => void): void {
    this.#client.on('ready', listener);
  }

  start(consume: Consume, concurrency: number): void {
    const { leaseMilliseconds, prefix } = this.#options;
    const { Worker, WaitingError } = this.#bullmq;
    this.#workerClient = this.#client.duplicate({
      enableOfflineQueue: true,
      maxRetriesPerRequest: null,
      commandTimeout: undefined,
      lazyConnect: false,
    });
    this.#workerClient.on('error', (error) => this.#warn(error));
    this.#worker = new Worker(
      NAME,
      async (job: Job, token?: string) => {
        if (!(await consume(job.id as string))) return;
        await job.moveToWait(token);
        throw new WaitingError();
      },
      {
        connection: this.#workerClient,
        prefix,
        concurrency,
        lockDuration: leaseMilliseconds,
        stalledInterval: Math.max(250, leaseMilliseconds / 2),
        // How often a row may be tried is for the row to say.
        maxStalledCount: Number.MAX_SAFE_INTEGER,
        drainDelay: 1,
        runRetryDelay: 1000,
        removeOnComplete: { count: 0 },
        removeOnFail: { count: 0 },
      },
    );
    this.#worker.on('error', (error) => this.#warn(error));
  }

  stop(): void {
    this.#stopped = true;
    void this.#worker?.pause(true).catch(() => {});
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    this.#stopped = true;
    this.#life.ended = true;
    // A Redis that is gone must not hold the process.
    const closing = this.#worker?.close(!this.available) ?? Promise.resolve();
    await withinTime(closing, CLOSE_MILLISECONDS).catch(() => {});
    await withinTime(this.#queue.close(), CLOSE_MILLISECONDS).catch(() => {});
    for (const client of [this.#subscriber, this.#workerClient, this.#client]) client?.disconnect();
  }

  get #channel(): string {
    return `${this.#options.prefix}:signals`;
  }

  #warn(error: Error): void {
    if (!this.#stopped) this.#options.warn(error);
  }
}

function withinTime<T>(promise: Promise<T>, milliseconds: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${milliseconds} ms`)), milliseconds);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}
