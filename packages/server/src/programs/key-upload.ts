/**
 * The stream check of a server key: header as soon as 80 bytes are in, length and checksums while the bytes pass
 * through to the store. What the key contains is checked by the compute worker, which loads it.
 * @module
 */
import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { TFHE_HEADER_BYTES, TfheError, tfheHeader } from '@velum/fhe';
import { ApiError } from '../errors.ts';
import { refuseSecretKey, TELLING_BYTES } from './secret-key.ts';

export interface ServerKeySummary {
  bytes: number;
  /** Of the whole file, hex. */
  sha256: string;
  /** Names the key pair, as inputs and results do. */
  keyId: string;
}

type TfheHeader = ReturnType<typeof tfheHeader>;

/** Yields the chunks of `source` as they pass; throws ApiError at the first thing wrong. */
export async function* checkedServerKey(
  source: AsyncIterable<Uint8Array>,
  maxBytes: number,
  finish: (summary: ServerKeySummary) => void,
): AsyncGenerator<Uint8Array> {
  const sha256 = createHash('sha256');
  let head = Buffer.alloc(0);
  let header: TfheHeader | undefined;
  let bytes = 0;
  let crc = 0;
  for await (const chunk of source) {
    bytes += chunk.byteLength;
    if (bytes > maxBytes) throw new ApiError('BODY_TOO_LARGE', `part key goes beyond ${maxBytes} bytes`);
    sha256.update(chunk);
    if (header) {
      crc = crc32(chunk, crc);
    } else {
      head = Buffer.concat([head, chunk]);
      if (head.length >= TELLING_BYTES) {
        header = checkHeader(head, maxBytes);
        crc = crc32(head.subarray(TFHE_HEADER_BYTES));
      }
    }
    if (header && bytes > TFHE_HEADER_BYTES + header.payloadBytes) {
      throw refused(
        'TRAILING_BYTES',
        `a key like this has ${TFHE_HEADER_BYTES + header.payloadBytes} bytes, more came`,
      );
    }
    yield chunk;
  }
  if (!header) {
    header = checkHeader(head, maxBytes);
    crc = crc32(head.subarray(TFHE_HEADER_BYTES));
  }
  const expected = TFHE_HEADER_BYTES + header.payloadBytes;
  if (bytes < expected) {
    throw refused(
      'TRUNCATED',
      `a key like this has ${expected} bytes, ${bytes} came: the transfer was cut short`,
    );
  }
  if (crc !== header.payloadCrc) {
    throw refused('DAMAGED', 'the checksum does not fit what arrived: send the file again');
  }
  finish({ bytes, sha256: sha256.digest('hex'), keyId: header.keyId });
}

function checkHeader(head: Uint8Array, maxBytes: number): TfheHeader {
  refuseSecretKey(head);
  let header: TfheHeader;
  try {
    header = tfheHeader(head);
  } catch (error) {
    if (!(error instanceof TfheError)) throw error;
    throw refused(error.code, error.message);
  }
  if (header.kind !== 'server-key') throw refused('WRONG_KIND', `expected a server key, got ${header.kind}`);
  const total = TFHE_HEADER_BYTES + header.payloadBytes;
  if (total > maxBytes)
    throw new ApiError('BODY_TOO_LARGE', `the key has ${total} bytes, the limit is ${maxBytes}`);
  return header;
}

function refused(code: string, message: string): ApiError {
  return new ApiError('SERVER_KEY_INVALID', `${code}: ${message}`, { reason: { code, message } });
}
