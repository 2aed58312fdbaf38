/**
 * A real server on an ephemeral port with a data directory of its own, and a user who talks to it.
 * @module
 */
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Kernels } from '@velum/kernels';
import { loadKernels } from '@velum/kernels/node';
import { ClientKeys, type Profile, parseProfile } from '@velum/runtime';
import type { ServerOptions } from '../src/config.ts';
import { startWithServices } from '../src/start.ts';

export type Rig = Awaited<ReturnType<typeof startRig>>;

export async function temporaryDirectory(): Promise<string> {
  return mkdtemp(join(tmpdir(), 'velum-server-'));
}

/** `dataDir` given: the caller removes it. */
export async function startRig(options: ServerOptions = {}) {
  const dataDir = options.dataDir ?? (await temporaryDirectory());
  const cleanUp = async () => {
    if (options.dataDir === undefined) await rm(dataDir, { recursive: true, force: true });
  };
  const started = await startWithServices({
    host: '127.0.0.1',
    port: 0,
    shutdownMilliseconds: 200,
    ...options,
    dataDir,
    limits: { authPerMinute: 10_000, ...options.limits },
  }).catch(async (error: unknown) => {
    await cleanUp();
    throw error;
  });
  return {
    ...started,
    dataDir,
    api: started.server.apiUrl,
    url: started.server.url,
    async close() {
      await started.server.close();
      await cleanUp();
    },
  };
}

export interface Answer {
  status: number;
  headers: Headers;
  bytes: Uint8Array<ArrayBuffer>;
  text: string;
  // Tests look into answers of many shapes.
  // biome-ignore lint/suspicious/noExplicitAny: see above
  json: any;
}

export async function request(
  method: string,
  url: string,
  options: { token?: string; body?: BodyInit; headers?: Record<string, string>; signal?: AbortSignal } = {},
): Promise<Answer> {
  const headers = { ...options.headers };
  if (options.token) headers.authorization = `Bearer ${options.token}`;
  const response = await fetch(url, { method, headers, body: options.body, signal: options.signal });
  const bytes = new Uint8Array(await response.arrayBuffer());
  const text = new TextDecoder().decode(bytes);
  const isJson = /json/.test(response.headers.get('content-type') ?? '');
  return {
    status: response.status,
    headers: response.headers,
    bytes,
    text,
    json: isJson ? JSON.parse(text) : undefined,
  };
}

export const jsonBody = (value: unknown) => ({
  body: JSON.stringify(value),
  headers: { 'content-type': 'application/json' },
});

export const PASSWORD = 'correct horse battery';

export class User {
  readonly api: string;
  readonly name: string;
  readonly token: string;
  readonly id: string;
  readonly serviceId: string;

  constructor(api: string, name: string, token: string, id: string, serviceId: string) {
    this.api = api;
    this.name = name;
    this.token = token;
    this.id = id;
    this.serviceId = serviceId;
  }

  static async signUp(api: string, name = `user-${randomBytes(4).toString('hex')}`): Promise<User> {
    const answer = await request(
      'POST',
      `${api}/accounts`,
      jsonBody({ username: name, email: `${name}@example.org`, password: PASSWORD }),
    );
    if (answer.status !== 201) throw new Error(answer.text);
    const { token, account } = answer.json;
    return new User(api, name, token, account.id, account.service_id);
  }

  /** A request with the token; anything but 2xx is an error unless `any` says otherwise. */
  async call(
    method: string,
    url: string,
    options: Parameters<typeof request>[2] & { any?: boolean } = {},
  ): Promise<Answer> {
    const target = url.startsWith('http') ? url : this.api + url;
    const answer = await request(method, target, { token: this.token, ...options });
    if (!options.any && (answer.status < 200 || answer.status > 299)) {
      throw new Error(`${method} ${url}: ${answer.status} ${answer.text}`);
    }
    return answer;
  }

  async deploy(name: string, version = 'v1', model: unknown = TINY_MODEL): Promise<string> {
    return (await this.call('POST', `/${name}/${version}/deploy_model`, { body: deployForm(model) })).text;
  }
}

/** A logistic regression over four features, small enough to compile at once. */
export const TINY_MODEL = {
  meta: 'lr',
  classes_: [0, 1],
  coef_: [[0.5, -1.25, 2, 0.125]],
  intercept_: [0.25],
};
export const TINY_ROW = [1, 0.5, -0.25, 2];
/** sigmoid(0.5 - 0.625 - 0.5 + 0.25 + 0.25) */
export const TINY_RESULT = 1 / (1 + Math.exp(0.125));

export function deployForm(model: unknown, extra: Record<string, unknown> = {}): FormData {
  const form = new FormData();
  const part = (value: unknown) => new Blob([typeof value === 'string' ? value : JSON.stringify(value)]);
  form.append('model_file_1', part(model), 'model.json');
  for (const [name, value] of Object.entries(extra)) form.append(name, part(value), name);
  form.append('composite', 'NONE');
  return form;
}

let kernels: Promise<Kernels> | undefined;

/** What a client does for one model: keys from the profile, uploads, encryption. */
export class ModelUser {
  readonly user: User;
  readonly url: string;
  readonly profile: Profile;
  readonly keys: ClientKeys;

  private constructor(user: User, url: string, profile: Profile, keys: ClientKeys) {
    this.user = user;
    this.url = url;
    this.profile = profile;
    this.keys = keys;
  }

  static async enrol(
    user: User,
    url: string,
    options?: unknown,
    upload: { keys: boolean } = { keys: true },
  ): Promise<ModelUser> {
    await user.call('POST', `${url}application/register_user`);
    await user.call(
      'POST',
      `${url}add_profile`,
      options === undefined ? {} : { body: JSON.stringify(options) },
    );
    const { he4cloud: _, ...json } = (await user.call('GET', `${url}get_profile`)).json;
    const profile = parseProfile(json);
    kernels ??= loadKernels();
    const self = new ModelUser(user, url, profile, ClientKeys.generate(await kernels, profile));
    if (upload.keys) {
      await self.upload('upload/evaluation_key_url', await self.keys.evaluationKey());
      await self.upload('upload/public_key_url', await self.keys.publicKey());
    }
    return self;
  }

  async link(path: string): Promise<string> {
    const answer = await this.user.call('POST', this.url + path);
    return answer.json ? answer.json.predictDataUrl : answer.text;
  }

  async upload(path: string, bytes: Uint8Array): Promise<void> {
    const answer = await put(await this.link(path), bytes);
    if (answer.status !== 200) throw new Error(`${path}: ${answer.status} ${answer.text}`);
  }

  async uploadRows(name: string, rows: number[][]): Promise<void> {
    await this.upload(`${name}/upload/data_url`, await this.keys.encrypt(rows));
  }

  /** Starts an asynchronous prediction; the job URL. */
  async start(name: string): Promise<string> {
    return (await this.user.call('POST', `${this.url}predict/${name}?sync=False`)).text;
  }

  async status(jobUrl: string) {
    const headers = { accept: 'application/json' };
    return (await this.user.call('GET', `${jobUrl}check_status`, { headers })).json;
  }

  async waitFor(jobUrl: string, states: string[]) {
    return until(
      async () => {
        const status = await this.status(jobUrl);
        return states.includes(status.state) && status;
      },
      `job in ${states.join(' or ')}`,
    );
  }
}

export function put(link: string, bytes: Uint8Array, headers: Record<string, string> = {}): Promise<Answer> {
  return request('PUT', link, {
    body: bytes as Uint8Array<ArrayBuffer>,
    headers: { 'content-type': 'application/octet-stream', ...headers },
  });
}

/** Polls until the function gives something truthy; fails after `seconds`. */
export async function until<T>(
  look: () => Promise<T | false | undefined> | T | false | undefined,
  what: string,
  seconds = 20,
): Promise<T> {
  const end = Date.now() + seconds * 1000;
  for (;;) {
    const found = await look();
    if (found) return found;
    if (Date.now() > end) throw new Error(`waited ${seconds} s for ${what}`);
    await new Promise((go) => setTimeout(go, 10));
  }
}

/** Keys of every blob in the store. */
export async function blobKeys(rig: Pick<Rig, 'services'>): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of rig.services.blobs.list('')) keys.push(key);
  return keys.sort();
}
