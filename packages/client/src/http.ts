/**
 * One request to the service: bearer token, time limit, abort, coded errors, and a few retries with jitter
 * for requests that may be repeated (a lost connection says nothing about whether the server acted, so a
 * request that creates something is sent once).
 * @module
 */
import { errorFromResponse, VelumError } from './errors.ts';
import type { ByteProgress, RawResponse, Transport } from './transport.ts';

export interface HttpOptions {
  transport: Transport;
  /** Limit of one request in milliseconds; a synchronous prediction waits longer (`predictTimeoutMs`). */
  timeoutMs: number;
  /** Attempts after the first, for idempotent requests whose connection failed. */
  retries: number;
}

export interface RequestOptions {
  method?: 'GET' | 'POST' | 'PUT' | 'DELETE';
  token?: string;
  headers?: Record<string, string>;
  body?: string | FormData | Uint8Array;
  accept?: string;
  signal?: AbortSignal;
  timeoutMs?: number;
  /** GET, PUT and DELETE are repeatable by default, POST is not. */
  idempotent?: boolean;
  onProgress?: ByteProgress;
}

export class Answer {
  readonly status: number;
  readonly headers: RawResponse['headers'];
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Which attempt brought the answer, from 1. */
  readonly attempt: number;

  constructor(raw: RawResponse, attempt: number) {
    this.status = raw.status;
    this.headers = raw.headers;
    this.bytes = raw.bytes;
    this.attempt = attempt;
  }

  text(): string {
    return new TextDecoder().decode(this.bytes);
  }

  /** The JSON body; BAD_RESPONSE when it is none. The caller checks its shape. */
  json(): unknown {
    try {
      return JSON.parse(this.text());
    } catch (cause) {
      throw new VelumError('BAD_RESPONSE', 'the server sent a body that is not the JSON asked for', {
        status: this.status,
        hint: 'Check that the URL is that of a Velum API (it ends in /api/v0.1).',
        cause,
      });
    }
  }
}

const FIRST_BACKOFF_MS = 200;
const UNTRUSTED =
  "The server's certificate comes from no authority that this machine trusts. Where it is your own, name its file (or that of its authority): NODE_EXTRA_CA_CERTS=cert.pem, set before the program starts.";
/** By the word of Node for what is wrong with a certificate; browsers do not tell. */
const CERTIFICATE_HINTS: Readonly<Record<string, string>> = {
  DEPTH_ZERO_SELF_SIGNED_CERT: UNTRUSTED,
  SELF_SIGNED_CERT_IN_CHAIN: UNTRUSTED,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: UNTRUSTED,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: UNTRUSTED,
  UNABLE_TO_GET_ISSUER_CERT: UNTRUSTED,
  CERT_HAS_EXPIRED: "The server's certificate has expired: renew it there.",
  ERR_TLS_CERT_ALTNAME_INVALID: "The server's certificate is for another name: use that name in the URL.",
};

/** Sends the request and gives the 2xx answer, else throws a VelumError. `what` names the step in messages. */
export async function request(
  http: HttpOptions,
  what: string,
  url: string,
  options: RequestOptions = {},
): Promise<Answer> {
  const method = options.method ?? 'GET';
  const attempts = (options.idempotent ?? method !== 'POST') ? http.retries + 1 : 1;
  for (let attempt = 1; ; attempt++) {
    let raw: RawResponse;
    try {
      raw = await send(http, what, url, method, options);
    } catch (error) {
      const lost = error instanceof VelumError && error.code === 'NETWORK';
      if (!lost || attempt >= attempts) throw error;
      // full jitter: clients that lost the same server do not come back in step
      await sleep(Math.random() * FIRST_BACKOFF_MS * 2 ** attempt, options.signal);
      continue;
    }
    if (raw.status >= 200 && raw.status < 300) return new Answer(raw, attempt);
    const error = errorFromResponse(
      what,
      raw.status,
      raw.headers.get('content-type') ?? '',
      new TextDecoder().decode(raw.bytes),
    );
    // our own earlier attempt completed although its answer was lost: the link is used because the bytes are there
    if (error.code === 'LINK_USED' && attempt > 1) return new Answer({ ...raw, status: 200 }, attempt);
    throw error;
  }
}

/** As `request` for GET, sent once, with the body still to be read: a 2xx answer. Whoever reads it hears of lost connections. */
export async function stream(
  http: HttpOptions,
  what: string,
  url: string,
  options: RequestOptions = {},
): Promise<Response> {
  const response = await exchange(http, what, url, options, ({ signal, headers }) =>
    http.transport.fetch(url, { headers, signal, redirect: 'error' }),
  );
  if (response.ok) return response;
  const type = response.headers.get('content-type') ?? '';
  throw errorFromResponse(what, response.status, type, await response.text().catch(() => ''));
}

function send(
  http: HttpOptions,
  what: string,
  url: string,
  method: string,
  options: RequestOptions,
): Promise<RawResponse> {
  return exchange(http, what, url, options, async ({ signal, headers }) => {
    if (method === 'PUT' || (method === 'POST' && options.onProgress !== undefined)) {
      const { onProgress } = options;
      return http.transport.put(url, options.body as Uint8Array, headers, { signal, onProgress, method });
    }
    const response = await http.transport.fetch(url, {
      method,
      headers,
      body: options.body as BodyInit | undefined,
      signal,
      redirect: 'error', // a redirect could carry the token to another origin
    });
    return {
      status: response.status,
      headers: response.headers,
      bytes: new Uint8Array(await response.arrayBuffer()),
    };
  });
}

/** Runs `work` with the headers and the time limit of the options; what goes wrong is ABORTED, TIMEOUT or NETWORK. */
async function exchange<T>(
  http: HttpOptions,
  what: string,
  url: string,
  options: RequestOptions,
  work: (request: { signal: AbortSignal; headers: Record<string, string> }) => Promise<T>,
): Promise<T> {
  const limit = options.timeoutMs ?? http.timeoutMs;
  const timeout = AbortSignal.timeout(limit);
  const signal = options.signal === undefined ? timeout : AbortSignal.any([options.signal, timeout]);
  const headers: Record<string, string> = { ...options.headers };
  if (options.token !== undefined) headers['authorization'] = `Bearer ${options.token}`;
  if (options.accept !== undefined) headers['accept'] = options.accept;
  try {
    // Node's fetch ends the whole process when a form is sent under a signal that was aborted before.
    signal.throwIfAborted();
    return await work({ signal, headers });
  } catch (cause) {
    if (options.signal?.aborted) throw new VelumError('ABORTED', `${what}: aborted`, { cause });
    if (timeout.aborted) {
      throw new VelumError('TIMEOUT', `${what}: no answer within ${limit} ms`, {
        hint: 'The server may be busy or unreachable; try again, or give a longer timeout.',
        cause,
      });
    }
    const code = systemCode(cause);
    const why = code === undefined ? '' : ` (${code})`;
    throw new VelumError('NETWORK', `${what}: cannot reach ${new URL(url).origin}${why}`, {
      hint: CERTIFICATE_HINTS[code ?? ''] ?? 'Check the URL and that the server is running (velum serve).',
      cause,
    });
  }
}

/** The system's word for a failed connection (ECONNREFUSED, ENOTFOUND ...) when the platform gives one. */
function systemCode(cause: unknown): string | undefined {
  let at = cause;
  for (let depth = 0; depth < 4 && typeof at === 'object' && at !== null; depth++) {
    const { code, errors } = at as { code?: unknown; errors?: unknown[] };
    if (typeof code === 'string' && /^[A-Z_]+$/.test(code)) return code;
    at = (at as { cause?: unknown }).cause ?? errors?.[0];
  }
  return undefined;
}

/** Waits; an abort ends the wait with ABORTED. */
export function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      reject(new VelumError('ABORTED', 'aborted while waiting', { cause: signal?.reason }));
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', stop);
      resolve();
    }, ms);
    if (signal?.aborted) stop();
    else signal?.addEventListener('abort', stop, { once: true });
  });
}
