/**
 * Uploads over node:http, written in pieces so that progress can be told (fetch cannot).
 * @module
 */
import { request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { type Transport, webTransport } from './transport.ts';

const PIECE_BYTES = 1 << 16;

export function nodeTransport(): Transport {
  return {
    ...webTransport(),
    put: (url, bytes, headers, { signal, onProgress, method = 'PUT' }) =>
      new Promise((resolve, reject) => {
        const send = url.startsWith('https:') ? requestHttps : requestHttp;
        const outgoing = send(
          url,
          { method, headers: { ...headers, 'content-length': bytes.length }, signal },
          (incoming) => {
            const parts: Buffer[] = [];
            incoming.on('data', (part: Buffer) => parts.push(part));
            incoming.on('error', reject);
            incoming.on('end', () => {
              resolve({
                status: incoming.statusCode ?? 0,
                headers: { get: (name) => [incoming.headers[name.toLowerCase()] ?? []].flat()[0] ?? null },
                bytes: new Uint8Array(Buffer.concat(parts)),
              });
            });
          },
        );
        outgoing.on('error', reject);
        let sent = 0;
        const write = () => {
          while (sent < bytes.length) {
            const piece = bytes.subarray(sent, sent + PIECE_BYTES);
            sent += piece.length;
            onProgress?.(sent, bytes.length);
            if (!outgoing.write(piece)) {
              outgoing.once('drain', write);
              return;
            }
          }
          outgoing.end();
        };
        write();
      }),
  };
}
