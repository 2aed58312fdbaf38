/**
 * How bytes reach the service: `fetch` everywhere, plus an upload that can report progress (fetch cannot:
 * XMLHttpRequest in browsers, node:http in `node.ts`). A port, so that both run the same client.
 * @module
 */
import { VelumError } from './errors.ts';

/** Called with bytes done and bytes in all. */
export type ByteProgress = (done: number, total: number) => void;

export interface RawResponse {
  status: number;
  headers: { get(name: string): string | null };
  bytes: Uint8Array<ArrayBuffer>;
}

export interface Transport {
  fetch: typeof globalThis.fetch;
  /** PUT (or POST) of a whole body; rejects only when no answer came. */
  put(
    url: string,
    bytes: Uint8Array,
    headers: Record<string, string>,
    options: { signal: AbortSignal; onProgress?: ByteProgress; method?: 'PUT' | 'POST' },
  ): Promise<RawResponse>;
}

/** The transport of any platform that has `fetch`; upload progress where there is XMLHttpRequest. */
export function webTransport(fetch: typeof globalThis.fetch = globalThis.fetch.bind(globalThis)): Transport {
  return {
    fetch,
    async put(url, bytes, headers, { signal, onProgress, method = 'PUT' }) {
      if (onProgress !== undefined && typeof XMLHttpRequest !== 'undefined') {
        return putWithXhr(method, url, bytes, headers, signal, onProgress);
      }
      const response = await fetch(url, {
        method,
        body: bytes as Uint8Array<ArrayBuffer>,
        headers,
        signal,
        redirect: 'error', // a redirect could carry the token to another origin
      });
      onProgress?.(bytes.length, bytes.length);
      return {
        status: response.status,
        headers: response.headers,
        bytes: new Uint8Array(await response.arrayBuffer()),
      };
    },
  };
}

function putWithXhr(
  method: string,
  url: string,
  bytes: Uint8Array,
  headers: Record<string, string>,
  signal: AbortSignal,
  onProgress: ByteProgress,
): Promise<RawResponse> {
  return new Promise((resolve, reject) => {
    const xhr = new XMLHttpRequest();
    xhr.open(method, url);
    xhr.responseType = 'arraybuffer';
    for (const [name, value] of Object.entries(headers)) xhr.setRequestHeader(name, value);
    const abort = () => xhr.abort();
    signal.addEventListener('abort', abort, { once: true });
    xhr.upload.onprogress = (event) => onProgress(event.loaded, bytes.length);
    xhr.onerror = () => reject(new VelumError('NETWORK', 'the connection failed during an upload'));
    xhr.onabort = () => reject(signal.reason ?? new VelumError('ABORTED', 'the upload was aborted'));
    xhr.onloadend = () => signal.removeEventListener('abort', abort);
    xhr.onload = () =>
      resolve({
        status: xhr.status,
        headers: { get: (name) => xhr.getResponseHeader(name) },
        bytes: new Uint8Array(xhr.response as ArrayBuffer),
      });
    if (signal.aborted) {
      reject(signal.reason);
      return;
    }
    xhr.send(bytes as Uint8Array<ArrayBuffer>);
  });
}
