/**
 * Presigned upload links: `/api/v0.1/blobs/{id}?expires=…&content-type=…&max=…&signature=…`, an HMAC-SHA256
 * over all of it under a secret that never leaves the data directory. The signature says that this service
 * made the link; the row of the same id says what it is for and whether it has been used.
 * @module
 */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { chmod, link, readFile, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ApiError, ConfigError } from '../errors.ts';

export const UPLOAD_CONTENT_TYPE = 'application/octet-stream';
const SECRET_BYTES = 32;

export interface LinkTerms {
  id: string;
  /** Seconds since the epoch. */
  expires: number;
  contentType: string;
  maxBytes: number;
}

/** The server secret: made at the first start, 0600, never replaced. */
export async function loadServerSecret(dataDir: string): Promise<Buffer> {
  const path = join(dataDir, 'server.secret');
  const temporary = `${path}.${process.pid}`;
  await writeFile(temporary, randomBytes(SECRET_BYTES), { mode: 0o600 });
  // link() fails when the name is there: whoever was first wins, and nobody reads half a secret.
  await link(temporary, path).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error;
  });
  await unlink(temporary);
  await chmod(path, 0o600);
  const secret = await readFile(path);
  if (secret.length !== SECRET_BYTES) {
    throw new ConfigError('SECRET_INVALID', `${path} must hold ${SECRET_BYTES} bytes, has ${secret.length}`);
  }
  return secret;
}

function signature(secret: Buffer, terms: LinkTerms): Buffer {
  const text = ['PUT', terms.id, terms.expires, terms.contentType, terms.maxBytes].join('\n');
  return createHmac('sha256', secret).update(text).digest();
}

/** Path and query of the link. */
export function signLink(secret: Buffer, terms: LinkTerms): string {
  const query = new URLSearchParams({
    expires: String(terms.expires),
    'content-type': terms.contentType,
    max: String(terms.maxBytes),
    signature: signature(secret, terms).toString('hex'),
  });
  return `/blobs/${terms.id}?${query}`;
}

/** Checks signature, then expiry; throws ApiError LINK_INVALID or LINK_EXPIRED. */
export function verifyLink(secret: Buffer, id: string, query: Record<string, unknown>): LinkTerms {
  const text = (name: string) => (typeof query[name] === 'string' ? (query[name] as string) : '');
  const terms: LinkTerms = {
    id,
    expires: Number(text('expires')),
    contentType: text('content-type'),
    maxBytes: Number(text('max')),
  };
  const given = Buffer.from(text('signature'), 'hex');
  const expected = signature(secret, terms);
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) {
    throw new ApiError('LINK_INVALID', 'the signature does not belong to this link');
  }
  if (Date.now() >= terms.expires * 1000) {
    throw new ApiError('LINK_EXPIRED', `the link expired at ${new Date(terms.expires * 1000).toISOString()}`);
  }
  return terms;
}
