/**
 * What every call of one connection shares: base URL, token, transport, kernels, key store, tracing.
 * @module
 */
import type { Kernels } from '@velum/kernels';
import { API_PATH } from './address.ts';
import { VelumError } from './errors.ts';
import { type Answer, type HttpOptions, type RequestOptions, request, stream } from './http.ts';
import { type KeyStore, MemoryKeyStore } from './key-store.ts';
import { MemoryProgramKeyStore, type ProgramKeyStore } from './program-key-store.ts';
import { type Transport, webTransport } from './transport.ts';

/** One step of the client as it happened: work on this machine or, with `request`, over the wire. */
export interface StepTrace {
  what: string;
  milliseconds: number;
  /** The path is without its query: presigned URLs are secrets. */
  request?: { method: string; path: string; status: number; bytesUp: number; bytesDown: number };
}

export interface ConnectOptions {
  /** The kernels, or how to load them; needed for keys and predictions only. */
  kernels?: Kernels | (() => Promise<Kernels>);
  /** Default: memory, so keys are gone when the process ends. */
  keyStore?: KeyStore;
  /** Of the keys of programs. Default: memory. */
  programKeyStore?: ProgramKeyStore;
  /** Limit of one request, default 60 s. */
  timeoutMs?: number;
  /** Limit of a synchronous prediction, default 1000 s. */
  predictTimeoutMs?: number;
  /** Further attempts of an idempotent request whose connection failed, default 3. */
  retries?: number;
  transport?: Transport;
  /** Hears of every step when it has ended: for logs and demonstrations. */
  onStep?: (trace: StepTrace) => void;
}

export class Session {
  /** `http://host:port/api/v0.1` */
  readonly base: string;
  readonly predictTimeoutMs: number;
  readonly keyStore: KeyStore;
  readonly programKeyStore: ProgramKeyStore;
  readonly #token: string | undefined;
  readonly #http: HttpOptions;
  readonly #onStep: ConnectOptions['onStep'];
  #kernels: ConnectOptions['kernels'];
  #accountId: Promise<string> | undefined;

  constructor(base: string, token: string | undefined, options: ConnectOptions = {}) {
    this.base = base;
    this.#token = token;
    this.predictTimeoutMs = options.predictTimeoutMs ?? 1_000_000;
    this.keyStore = options.keyStore ?? new MemoryKeyStore();
    this.programKeyStore = options.programKeyStore ?? new MemoryProgramKeyStore();
    this.#kernels = options.kernels;
    this.#onStep = options.onStep;
    this.#http = {
      transport: options.transport ?? webTransport(),
      timeoutMs: options.timeoutMs ?? 60_000,
      retries: options.retries ?? 3,
    };
  }

  /** `http://host:port`, where the routes of programs lie. */
  get root(): string {
    return this.base.slice(0, -API_PATH.length);
  }

  /** Whether there is a token; a service in dev runs programs without. */
  get hasToken(): boolean {
    return this.#token !== undefined;
  }

  /** A request whose answer comes bit by bit. */
  stream(what: string, url: string, options: RequestOptions = {}): Promise<Response> {
    return stream(this.#http, what, url, { token: this.#token, ...options });
  }

  /** A request to the service, with the token. */
  call(what: string, url: string, options: RequestOptions = {}): Promise<Answer> {
    return this.#send(what, url, { token: this.#token, ...options });
  }

  /** A PUT to a presigned URL: it authorises itself and may be another host's, so no token goes along. */
  put(what: string, url: string, bytes: Uint8Array, options: RequestOptions = {}): Promise<Answer> {
    const headers = { 'content-type': 'application/octet-stream' };
    return this.#send(what, url, { ...options, method: 'PUT', body: bytes, headers });
  }

  /** Work on this machine, told to `onStep`. */
  async local<T>(what: string, work: () => Promise<T>): Promise<T> {
    const start = performance.now();
    const value = await work();
    this.#onStep?.({ what, milliseconds: performance.now() - start });
    return value;
  }

  async kernels(): Promise<Kernels> {
    if (this.#kernels === undefined) {
      throw new VelumError('KERNELS_MISSING', 'keys and predictions need the kernels', {
        hint: 'In Node connect with @velum/client/node; in a browser pass { kernels: () => fetchKernels(urls) }.',
      });
    }
    if (typeof this.#kernels === 'function') this.#kernels = await this.#kernels();
    return this.#kernels;
  }

  /** The id of the account behind the token; asked for once. */
  accountId(): Promise<string> {
    this.#accountId ??= this.call('account', `${this.base}/account`, { accept: 'application/json' }).then(
      (answer) => {
        const account = answer.json() as { id?: unknown };
        if (typeof account.id !== 'string') throw new VelumError('BAD_RESPONSE', 'the account has no id');
        return account.id;
      },
    );
    // a failed look-up may be tried again
    this.#accountId.catch(() => {
      this.#accountId = undefined;
    });
    return this.#accountId;
  }

  async #send(what: string, url: string, options: RequestOptions): Promise<Answer> {
    const start = performance.now();
    const answer = await request(this.#http, what, url, options);
    this.#onStep?.({
      what,
      milliseconds: performance.now() - start,
      request: {
        method: options.method ?? 'GET',
        path: new URL(url).pathname,
        status: answer.status,
        bytesUp: options.body instanceof Uint8Array ? options.body.length : 0,
        bytesDown: answer.bytes.length,
      },
    });
    return answer;
  }
}
