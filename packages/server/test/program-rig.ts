/**
 * A client of the program routes, on real keys and real programs.
 * @module
 */
import { request as send } from 'node:http';
import type { Kernels } from '@velum/kernels';
import { loadKernels } from '@velum/kernels/node';
import { ProgramKeys, programNamed } from '@velum/programs';
import { type Answer, request, until } from './rig.ts';

let shared: Promise<{ kernels: Kernels; keys: ProgramKeys; serverKey: Uint8Array }> | undefined;

/** One client key and its server key for all tests of a file. */
export function sharedKeys() {
  shared ??= loadKernels().then((kernels) => {
    const keys = ProgramKeys.generate(kernels);
    return { kernels, keys, serverKey: keys.serverKey() };
  });
  return shared;
}

export const file = (bytes: Uint8Array): Blob => new Blob([bytes as Uint8Array<ArrayBuffer>]);

export function form(fields: Record<string, string | Blob | undefined>): FormData {
  const data = new FormData();
  for (const [name, value] of Object.entries(fields)) {
    if (typeof value === 'string') data.append(name, value);
    else if (value) data.append(name, value, name);
  }
  return data;
}

export interface Started {
  task_id: string;
  uid: string;
}

export class ProgramUser {
  readonly url: string;
  readonly token: string | undefined;
  readonly keys: ProgramKeys;

  constructor(url: string, keys: ProgramKeys, token?: string) {
    this.url = url;
    this.keys = keys;
    this.token = token;
  }

  static async local(url: string): Promise<ProgramUser> {
    return new ProgramUser(url, (await sharedKeys()).keys);
  }

  call(method: string, path: string, options: Parameters<typeof request>[2] = {}): Promise<Answer> {
    return request(method, this.url + path, { token: this.token, ...options });
  }

  /** The answer, which has to be 200. */
  async ok(method: string, path: string, options: Parameters<typeof request>[2] = {}): Promise<Answer> {
    const answer = await this.call(method, path, options);
    if (answer.status !== 200) throw new Error(`${method} ${path}: ${answer.status} ${answer.text}`);
    return answer;
  }

  async addKey(): Promise<string> {
    const body = form({ key: file((await sharedKeys()).serverKey), task_name: 'weight_stats' });
    return (await this.ok('POST', '/add_key', { body })).json.uid;
  }

  encode(name: string, input: unknown): Uint8Array {
    return programNamed(name).encode(this.keys, input);
  }

  tryStart(
    name: string,
    bytes: Uint8Array,
    uid?: string,
    headers: Record<string, string> = {},
  ): Promise<Answer> {
    const body = form({ uid, task_name: name, encrypted_input: file(bytes) });
    return this.call('POST', '/start_task', { body, headers });
  }

  async start(name: string, input: unknown, uid?: string): Promise<Started> {
    const answer = await this.tryStart(name, this.encode(name, input), uid);
    if (answer.status !== 200) throw new Error(`start_task: ${answer.status} ${answer.text}`);
    return answer.json;
  }

  async status(task: { task_id: string }) {
    return (await this.ok('GET', `/get_task_status?task_id=${task.task_id}`)).json;
  }

  waitFor(task: { task_id: string }, states: string[], seconds = 60) {
    return until(
      async () => {
        const status = await this.status(task);
        return states.includes(status.status) && status;
      },
      `task in ${states.join(' or ')}`,
      seconds,
    );
  }

  result(task: { task_id: string }, query = ''): Promise<Answer> {
    return this.call('GET', `/get_task_result?task_id=${task.task_id}${query}`);
  }

  /** The decrypted result of a task that is ready. */
  async decode(name: string, task: { task_id: string }): Promise<unknown> {
    const program = programNamed(name);
    const answer = await this.result(task);
    if (answer.status !== 200) throw new Error(`get_task_result: ${answer.status} ${answer.text}`);
    const outputs =
      program.responseType === 'json'
        ? Object.fromEntries(
            program.outputs.map(({ key }) => [key, new Uint8Array(Buffer.from(answer.json[key], 'base64'))]),
          )
        : { [program.outputs[0].key]: answer.bytes };
    return program.decode(this.keys, outputs);
  }
}

/** Weights that take a while: about 20 bootstraps each. */
export const manyWeights = (count: number) => ({
  weights_kg: Array.from({ length: count }, (_, i) => 60 + (i % 17) / 2),
});

export interface ServerEvent {
  event: string;
  id: number;
  // Tests look into answers of many shapes.
  // biome-ignore lint/suspicious/noExplicitAny: see above
  data: any;
}

/** Reads a stream of server-sent events to its end. */
export async function readEvents(response: Response): Promise<ServerEvent[]> {
  const text = await response.text();
  return text
    .split('\n\n')
    .filter((block) => block.startsWith('event: '))
    .map((block) => {
      const [event, id, data] = block.split('\n').map((line) => line.slice(line.indexOf(': ') + 2));
      return { event, id: Number(id), data: JSON.parse(data) };
    });
}

/** A GET with a body, as curl sends it. */
export function rawGet(
  url: string,
  path: string,
  body: string,
  type: string,
  host?: string,
): Promise<string> {
  return new Promise((resolve, reject) => {
    const headers: Record<string, string | number> = body
      ? { 'content-type': type, 'content-length': Buffer.byteLength(body) }
      : {};
    if (host) headers.host = host;
    const outgoing = send(url + path, { method: 'GET', headers }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
      });
      response.on('end', () => resolve(text));
    });
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}
