/**
 * Programs on the service: encrypt here, run there, decrypt here. Keys are made once for each server and account; the
 * service is asked which it holds, so that a server key of 24 MB travels once.
 * @module
 */
import type { Program, ProgramKeys } from '@velum/programs';
import { VelumError } from './errors.ts';
import { listOf, stringField, stringOrNull } from './json-body.ts';
import { multipart } from './multipart.ts';
import { hasEnded, ProgramTask, parseTaskStatus, type TaskStatus } from './program-task.ts';
import type { Session } from './session.ts';
import type { ByteProgress } from './transport.ts';

export type ProgramStep =
  | 'keys'
  | 'upload keys'
  | 'encrypt'
  | 'upload'
  | 'queued'
  | 'run'
  | 'fetch'
  | 'decrypt';

export interface ProgramRunOptions {
  signal?: AbortSignal;
  /** Instead of those of the store. */
  keys?: ProgramKeys;
  /** `done` of `total`: bytes of an upload, bootstraps of a run, 0 of the rank while queued, else 0 or 1. */
  onProgress?: (step: ProgramStep, done: number, total: number, secondsLeft?: number) => void;
  /** Hears of the task as soon as it has an id. */
  onTask?: (task: ProgramTask) => void;
}

export interface ProgramRun {
  /** What the program's `decode` gives. */
  result: unknown;
  taskId: string;
  uid: string;
  bootstraps: number;
  /** Of keys: 0 when the service had them. */
  bytes: { keys: number; input: number; result: number };
  /** Milliseconds. `compute` is the service's own measure, where it gives one. */
  times: Record<
    'keys' | 'uploadKeys' | 'encrypt' | 'upload' | 'wait' | 'fetch' | 'decrypt' | 'total',
    number
  > & {
    compute?: number;
  };
}

export interface ProgramInfo {
  name: string;
  title: string;
  summary: string;
  /** Whether it computes with a server key. */
  needsKey: boolean;
}

export interface ProgramKeyInfo {
  uid: string;
  /** The key pair. */
  keyId: string;
  bytes: number;
  createdAt: string | null;
  expiresAt: string | null;
}

/** Server keys on slow lines. */
const UPLOAD_TIMEOUT_MS = 1_800_000;
const CANCEL_TIMEOUT_MS = 5_000;

export class Programs {
  readonly #session: Session;

  /** Use `Velum.programs`. */
  constructor(session: Session) {
    this.#session = session;
  }

  /** The programs that the service has. */
  async list(): Promise<ProgramInfo[]> {
    const answer = await this.#session.call('programs', `${this.#session.root}/get_use_cases`, {
      accept: 'application/json',
    });
    return listOf(answer.json(), 'programs').map((program) => ({
      name: stringField(program, 'name'),
      title: stringOrNull(program, 'title') ?? '',
      summary: stringOrNull(program, 'summary') ?? '',
      needsKey: program['needs_key'] !== false,
    }));
  }

  /** The keys that the store has for this server and account; made and stored when there are none. */
  async keys(): Promise<ProgramKeys> {
    const { ProgramKeys } = await import('@velum/programs');
    const id = await this.keyStoreId();
    const kernels = await this.#session.kernels();
    const stored = await this.#session.programKeyStore.load(id);
    if (stored !== undefined) {
      try {
        return ProgramKeys.fromBytes(kernels, stored);
      } catch (cause) {
        throw new VelumError('KEY_STORE_CORRUPT', 'the stored key of programs cannot be read', {
          hint: 'Remove it from the key store (`velum key delete --local`); the next run makes a new one.',
          cause,
        });
      }
    }
    const keys = ProgramKeys.generate(kernels);
    await this.#session.programKeyStore.save(id, keys.toBytes());
    return keys;
  }

  /** Under which the store keeps the keys of this server and account. */
  async keyStoreId(): Promise<string> {
    return `${this.#session.root} ${this.#session.hasToken ? await this.#session.accountId() : 'open'}`;
  }

  /** Uploads a server key and gives its uid. */
  async addKey(
    serverKey: Uint8Array,
    options: { signal?: AbortSignal; onProgress?: ByteProgress } = {},
  ): Promise<string> {
    const { contentType, bytes } = multipart({}, { field: 'key', name: 'server.key', bytes: serverKey });
    const answer = await this.#session.call('upload of the server key', `${this.#session.root}/add_key`, {
      method: 'POST',
      body: bytes,
      headers: { 'content-type': contentType },
      accept: 'application/json',
      timeoutMs: UPLOAD_TIMEOUT_MS,
      onProgress: () => {},
      ...options,
    });
    return stringField(answer.json() as Record<string, unknown>, 'uid');
  }

  /** The server keys that the service holds for the account. */
  async serverKeys(): Promise<ProgramKeyInfo[]> {
    const answer = await this.#session.call('keys', `${this.#session.root}/keys`, {
      accept: 'application/json',
    });
    return listOf(answer.json(), 'keys').map((key) => ({
      uid: stringField(key, 'uid'),
      keyId: stringField(key, 'key_id'),
      bytes: typeof key['bytes'] === 'number' ? key['bytes'] : 0,
      createdAt: stringOrNull(key, 'created_at'),
      expiresAt: stringOrNull(key, 'expires_at'),
    }));
  }

  /** Tasks that compute with it, or wait to, are cancelled. */
  async deleteKey(uid: string): Promise<void> {
    await this.#session.call('delete key', `${this.#session.root}/keys/${encodeURIComponent(uid)}`, {
      method: 'DELETE',
    });
  }

  /** Starts a program on an encrypted input. @param uid of the server key; none for a program that needs none */
  async start(
    name: string,
    encryptedInput: Uint8Array,
    { uid, signal }: { uid?: string; signal?: AbortSignal } = {},
  ): Promise<{ task: ProgramTask; uid: string }> {
    const form = new FormData();
    if (uid !== undefined) form.set('uid', uid);
    form.set('task_name', name);
    form.set('encrypted_input', new Blob([encryptedInput as Uint8Array<ArrayBuffer>]), 'input');
    const answer = await this.#session.call('start task', `${this.#session.root}/start_task`, {
      method: 'POST',
      body: form,
      // the same task, should the answer to a first attempt be lost
      headers: { 'idempotency-key': crypto.randomUUID() },
      idempotent: true,
      accept: 'application/json',
      timeoutMs: UPLOAD_TIMEOUT_MS,
      signal,
    });
    const body = answer.json() as Record<string, unknown>;
    return { task: this.task(stringField(body, 'task_id')), uid: stringOrNull(body, 'uid') ?? uid ?? '' };
  }

  task(id: string): ProgramTask {
    return new ProgramTask(this.#session, id);
  }

  /** Tasks of the account that are queued or running. */
  async tasks(): Promise<TaskStatus[]> {
    const answer = await this.#session.call('tasks', `${this.#session.root}/list_current_tasks`, {
      accept: 'application/json',
    });
    return listOf(answer.json(), 'tasks').map(parseTaskStatus);
  }

  /**
   * The whole round on a clear input: keys where they are missing, encryption, the task, decryption. An abort cancels the
   * task on the service.
   * @throws VelumError; ProgramError for an input that the program cannot take
   */
  async run(program: string | Program, input: unknown, options: ProgramRunOptions = {}): Promise<ProgramRun> {
    const { signal, onProgress = () => {} } = options;
    const chosen =
      typeof program === 'string' ? (await import('@velum/programs')).programNamed(program) : program;
    const times = { keys: 0, uploadKeys: 0, encrypt: 0, upload: 0, wait: 0, fetch: 0, decrypt: 0, total: 0 };
    const start = performance.now();
    let last = start;
    const lap = (part: keyof typeof times): void => {
      const now = performance.now();
      times[part] += now - last;
      last = now;
    };
    onProgress('keys', 0, 1);
    const keys = options.keys ?? (await this.keys());
    // before anything travels: most inputs that fail do so here
    onProgress('encrypt', 0, 1);
    lap('keys');
    const encrypted = await chosen.encode(keys, input);
    const { bootstraps } = chosen.inspect(encrypted);
    lap('encrypt');
    const key = chosen.needsKey ? await this.#uploadedKey(keys, lap, options) : { uid: undefined, bytes: 0 };
    onProgress('upload', 0, 1);
    const { task, uid } = await this.start(chosen.name, encrypted, { uid: key.uid, signal });
    options.onTask?.(task);
    lap('upload');
    const status = await this.#follow(task, options);
    lap('wait');
    onProgress('fetch', 0, 1);
    const outputs = await task.result(chosen, signal);
    lap('fetch');
    onProgress('decrypt', 0, 1);
    const result = chosen.decode(keys, outputs);
    lap('decrypt');
    times.total = performance.now() - start;
    return {
      result,
      taskId: task.id,
      uid,
      bootstraps,
      bytes: {
        keys: key.bytes,
        input: encrypted.length,
        result: Object.values(outputs).reduce((sum, { length }) => sum + length, 0),
      },
      times: status.computeMs === undefined ? times : { ...times, compute: status.computeMs },
    };
  }

  async #follow(task: ProgramTask, { signal, onProgress }: ProgramRunOptions): Promise<TaskStatus> {
    try {
      return await task.wait({
        signal,
        onStatus: (status) => {
          const { state, done = 0, total = 0, rank = 0, secondsLeft } = status;
          if (state === 'queued') onProgress?.('queued', 0, rank, secondsLeft);
          else onProgress?.('run', hasEnded(status) ? total : done, total, secondsLeft);
        },
      });
    } catch (error) {
      if (signal?.aborted) throw await this.#cancelled(task, error);
      throw error;
    }
  }

  /** Stops a task that nobody will come for. What to throw: whether the service has stopped it. */
  async #cancelled(task: ProgramTask, cause: unknown): Promise<VelumError> {
    try {
      await task.cancel(AbortSignal.timeout(CANCEL_TIMEOUT_MS));
      return new VelumError('ABORTED', `aborted; task ${task.id} was cancelled on the server`, { cause });
    } catch (error) {
      if (error instanceof VelumError && error.code === 'TASK_FINISHED')
        return new VelumError('ABORTED', `aborted; task ${task.id} had ended on the server`, { cause });
      const hint = 'It may still run there: cancel it when the server can be reached.';
      const message = `aborted; the server could not be told to cancel task ${task.id}`;
      return new VelumError('ABORTED', message, { hint, cause: error });
    }
  }

  /** The uid of these keys' server key, uploaded unless the service holds it. */
  async #uploadedKey(
    keys: ProgramKeys,
    lap: (part: 'keys' | 'uploadKeys') => void,
    { signal, onProgress = () => {} }: ProgramRunOptions,
  ): Promise<{ uid: string; bytes: number }> {
    const known = (await this.serverKeys()).find(({ keyId }) => keyId === keys.id);
    lap('uploadKeys');
    if (known !== undefined) return { uid: known.uid, bytes: 0 };
    const serverKey = await keys.serverKey((done, total) => onProgress('keys', done, total));
    lap('keys');
    const uid = await this.addKey(serverKey, {
      signal,
      onProgress: (done, total) => onProgress('upload keys', done, total),
    });
    lap('uploadKeys');
    return { uid, bytes: serverKey.length };
  }
}
