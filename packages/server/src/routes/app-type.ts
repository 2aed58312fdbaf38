/**
 * The Fastify instance as the routes see it: with TypeBox schemas as types.
 * @module
 */
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import type {
  FastifyBaseLogger,
  FastifyInstance,
  FastifyReply,
  FastifyRequest,
  RawReplyDefaultExpression,
  RawRequestDefaultExpression,
  RawServerDefault,
} from 'fastify';
import type { BlobStore } from '../blobs/store.ts';

export type App = FastifyInstance<
  RawServerDefault,
  RawRequestDefaultExpression,
  RawReplyDefaultExpression,
  FastifyBaseLogger,
  TypeBoxTypeProvider
>;

/** True when the client names JSON among what it accepts; a bare wildcard keeps the original's text bodies. */
export function wantsJson(request: FastifyRequest): boolean {
  return /(^|[\s,])application\/json\b/i.test(request.headers.accept ?? '');
}

/** A validator that accepts everything: for bodies whose schema is documentation only. */
export const unchecked = () => () => true;

/** Streams a blob as the answer. */
export async function sendBlob(reply: FastifyReply, blobs: BlobStore, key: string): Promise<FastifyReply> {
  const { bytes, stream } = await blobs.get(key);
  return reply
    .header('content-type', 'application/octet-stream')
    .header('content-length', bytes)
    .header('cache-control', 'no-store')
    .send(stream);
}

/** For bodies that must not pass a serialiser: what is not in the schema would be lost. */
export function sendJson(reply: FastifyReply, value: unknown): FastifyReply {
  return reply.header('content-type', 'application/json; charset=utf-8').send(JSON.stringify(value));
}

export function sendBytes(reply: FastifyReply, bytes: Uint8Array): FastifyReply {
  return reply
    .header('content-type', 'application/octet-stream')
    .header('cache-control', 'no-store')
    .send(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
}

/** An answer without a body. */
export function sendEmpty(reply: FastifyReply, status: 200 | 204): FastifyReply {
  return reply.code(status).send();
}

export function sendText(reply: FastifyReply, text: string): FastifyReply {
  return reply.header('content-type', 'text/plain; charset=utf-8').send(text);
}
