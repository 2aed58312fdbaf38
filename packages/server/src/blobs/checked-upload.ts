/**
 * The stream check of an upload: header as soon as 80 bytes are in, then length and SHA-256 while the bytes
 * pass through to the store. The store keeps nothing when this throws, so what is stored has passed.
 * Residues and parameters inside the payload are checked by the compute worker, which parses them.
 * @module
 */
import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { readWireHeader, WIRE_HEADER_BYTES, WireError, type WireHeader, type WireKind } from '@velum/fhe';
import { ApiError } from '../errors.ts';

export interface UploadTerms {
  kind: WireKind;
  /** 64 hex digits. */
  profileId: string;
  maxBytes: number;
  exactBytes: number | null;
}

export interface UploadSummary {
  bytes: number;
  /** SHA-256 of the whole container, hex. */
  sha256: string;
}

/** A stalled sender must not keep its link and its temporary file for ever. */
export const STALL_MILLISECONDS = 30_000;

/** Refuses by Content-Length before a byte is read; the header is optional, the stream check is not. */
export function checkDeclaredLength(declared: number | undefined, terms: UploadTerms): void {
  if (declared === undefined) return;
  if (declared > terms.maxBytes) throw tooLarge(declared, terms.maxBytes);
  if (terms.exactBytes !== null && declared !== terms.exactBytes) throw wrongSize(declared, terms.exactBytes);
}

/** Yields the chunks of `source` as they pass; throws ApiError at the first thing wrong. */
export async function* checkedUpload(
  source: AsyncIterable<Uint8Array>,
  terms: UploadTerms,
  finish: (summary: UploadSummary) => void,
): AsyncGenerator<Uint8Array> {
  const whole = createHash('sha256');
  const payload = createHash('sha256');
  let head = Buffer.alloc(0);
  let header: WireHeader | undefined;
  let bytes = 0;
  for await (const chunk of source) {
    bytes += chunk.byteLength;
    if (bytes > terms.maxBytes) throw tooLarge(bytes, terms.maxBytes);
    whole.update(chunk);
    if (header) {
      payload.update(chunk);
    } else {
      head = Buffer.concat([head, chunk]);
      if (head.length >= WIRE_HEADER_BYTES) {
        header = checkHeader(head, terms);
        payload.update(head.subarray(WIRE_HEADER_BYTES));
      }
    }
    if (header && bytes > WIRE_HEADER_BYTES + header.payloadBytes) {
      throw new ApiError(
        'UPLOAD_SIZE',
        `the header announces ${WIRE_HEADER_BYTES + header.payloadBytes} bytes, but more arrived`,
      );
    }
    yield chunk;
  }
  if (!header) {
    // Too short for a header: say "no container" when not even the first bytes fit.
    checkHeader(head, terms);
    throw new ApiError('UPLOAD_TRUNCATED', `${bytes} bytes arrived, less than a header`);
  }
  const expected = WIRE_HEADER_BYTES + header.payloadBytes;
  if (bytes < expected) {
    throw new ApiError('UPLOAD_TRUNCATED', `the header announces ${expected} bytes, ${bytes} arrived`);
  }
  if (payload.digest('hex') !== header.sha256) {
    throw new ApiError('UPLOAD_CORRUPT', 'the SHA-256 in the header does not fit the payload that arrived');
  }
  finish({ bytes, sha256: whole.digest('hex') });
}

function checkHeader(head: Uint8Array, terms: UploadTerms): WireHeader {
  let header: WireHeader;
  try {
    header = readWireHeader(head);
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
    // Whatever is put on the secret link and is no container may be a plain secret of another program.
    if (terms.kind === 'wrapped-secret') {
      throw new ApiError('SECRET_NOT_WRAPPED', `the upload is no wrapped secret: ${error.message}`);
    }
    if (error.code === 'WIRE_TRUNCATED') throw new ApiError('UPLOAD_TRUNCATED', error.message);
    throw new ApiError('NOT_A_CONTAINER', error.message, { wire: error.code });
  }
  if (header.kind === 'secret') {
    throw new ApiError('SECRET_NOT_WRAPPED', 'the upload is an unwrapped secret key; it was not stored');
  }
  if (header.kind !== terms.kind) {
    throw new ApiError('UPLOAD_KIND', `the link is for ${terms.kind}, the upload is ${header.kind}`);
  }
  if (header.profileId !== terms.profileId) {
    throw new ApiError(
      'KEY_PROFILE_MISMATCH',
      `the upload was made for profile ${header.profileId}, the current profile is ${terms.profileId}`,
    );
  }
  const total = WIRE_HEADER_BYTES + header.payloadBytes;
  if (total > terms.maxBytes) throw tooLarge(total, terms.maxBytes);
  if (terms.exactBytes !== null && total !== terms.exactBytes) throw wrongSize(total, terms.exactBytes);
  return header;
}

/**
 * The chunks of a request body. Unlike plain iteration it leaves the request alone when the consumer stops,
 * so that the refusal can still be answered on the same connection.
 */
export async function* requestChunks(
  request: IncomingMessage,
  stallMilliseconds: number = STALL_MILLISECONDS,
): AsyncGenerator<Uint8Array> {
  const chunks = request.iterator({ destroyOnReturn: false });
  let pending = false;
  try {
    for (;;) {
      pending = true;
      const result = await withinTime(chunks.next(), stallMilliseconds);
      pending = false;
      if (result.done) break;
      yield result.value as Uint8Array;
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException)?.code === 'ECONNRESET') {
      throw new ApiError('UPLOAD_TRUNCATED', 'the connection closed during the upload');
    }
    throw error;
  } finally {
    // While a read is pending, return() would wait for it.
    if (!pending) await chunks.return?.();
  }
  if (!request.complete) throw new ApiError('UPLOAD_TRUNCATED', 'the connection closed during the upload');
}

async function withinTime<T>(promise: Promise<T>, milliseconds: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const stalled = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      promise.catch(() => {});
      reject(new ApiError('UPLOAD_STALLED', `no bytes arrived for ${milliseconds / 1000} seconds`));
    }, milliseconds);
  });
  try {
    return await Promise.race([promise, stalled]);
  } finally {
    clearTimeout(timer);
  }
}

function tooLarge(bytes: number, limit: number): ApiError {
  return new ApiError('UPLOAD_TOO_LARGE', `${bytes} bytes, the link allows ${limit}`, { limit });
}

function wrongSize(bytes: number, exact: number): ApiError {
  return new ApiError('UPLOAD_SIZE', `${bytes} bytes, this key has exactly ${exact}`, { exact });
}
