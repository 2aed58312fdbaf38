/**
 * Where the program routes find their fields: the query, then the form as `X_form`, then any form field `X`. Forms
 * are multipart or URL-encoded, on GET too (`curl -X GET -F`), and JSON is taken as well.
 * @module
 */
import type { FastifyRequest } from 'fastify';
import { requestChunks, STALL_MILLISECONDS } from '../blobs/checked-upload.ts';
import { malformedForm } from '../blobs/form-errors.ts';
import { ApiError } from '../errors.ts';

/** A form of a few ids. */
const FORM_BYTES = 64 * 1024;

export class Fields {
  readonly #query: Record<string, unknown>;
  readonly #form: Map<string, string>;

  constructor(query: unknown, form: Map<string, string> = new Map()) {
    this.#query = (query ?? {}) as Record<string, unknown>;
    this.#form = form;
  }

  /** Undefined when it is nowhere; may be empty. */
  get(name: string): string | undefined {
    const given = this.#query[name];
    const query = Array.isArray(given) ? given[0] : given;
    return typeof query === 'string' ? query : (this.#form.get(`${name}_form`) ?? this.#form.get(name));
  }

  set(name: string, value: string): void {
    this.#form.set(name, value);
  }

  /** Throws ApiError FIELD_MISSING. */
  require(name: string): string {
    const value = this.get(name);
    if (value === undefined || value === '')
      throw new ApiError('FIELD_MISSING', `the field ${name} is missing`);
    return value;
  }
}

/** The fields of a request with a small form or none; throws ApiError. */
export async function readFields(request: FastifyRequest): Promise<Fields> {
  const type = request.headers['content-type'] ?? '';
  const empty =
    !Number(request.headers['content-length'] ?? 0) && request.headers['transfer-encoding'] === undefined;
  if (empty || type === '') return new Fields(request.query);
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of requestChunks(request.raw)) {
    bytes += chunk.byteLength;
    if (bytes > FORM_BYTES) throw new ApiError('BODY_TOO_LARGE', `the form goes beyond ${FORM_BYTES} bytes`);
    chunks.push(chunk);
  }
  const body = Buffer.concat(chunks);
  if (/^application\/json\b/i.test(type)) return new Fields(request.query, jsonFields(body));
  if (!/^(multipart\/form-data|application\/x-www-form-urlencoded)\b/i.test(type)) {
    throw new ApiError('MEDIA_TYPE_UNSUPPORTED', 'expected multipart/form-data, a URL-encoded form or JSON');
  }
  const form = await new Response(body, { headers: { 'content-type': type } })
    .formData()
    .catch((error: Error) => {
      throw new ApiError('REQUEST_INVALID', `the form cannot be read: ${error.message}`);
    });
  const fields = new Map<string, string>();
  for (const [name, value] of form) if (typeof value === 'string') fields.set(name, value);
  return new Fields(request.query, fields);
}

function jsonFields(body: Buffer): Map<string, string> {
  let value: unknown;
  try {
    value = JSON.parse(body.toString('utf8'));
  } catch (error) {
    throw new ApiError('REQUEST_INVALID', `the body is no JSON: ${(error as Error).message}`);
  }
  if (typeof value !== 'object' || value === null) return new Map();
  return new Map(
    Object.entries(value).filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
  );
}

/** Gets the file and the fields that came before it. */
type StoreFile = (chunks: AsyncIterable<Uint8Array>, fields: Fields) => Promise<void>;

/**
 * Reads a form with one file part, which goes to `store` as it comes: no file is ever whole in memory. Parts that
 * are not known are passed over, as the original did. Throws ApiError.
 */
export async function readUpload(
  request: FastifyRequest,
  file: string,
  maxBytes: number,
  store: StoreFile,
): Promise<Fields> {
  const fields = new Fields(request.query);
  if (!request.isMultipart()) {
    throw new ApiError('MEDIA_TYPE_UNSUPPORTED', `expected multipart/form-data with the file part ${file}`);
  }
  const declared = Number(request.headers['content-length'] ?? 0);
  if (declared > maxBytes + FORM_BYTES) {
    throw new ApiError('BODY_TOO_LARGE', `the form has ${declared} bytes, part ${file} may have ${maxBytes}`);
  }
  let found = false;
  // A stalled sender must not keep its temporary file for ever.
  request.raw.setTimeout(STALL_MILLISECONDS, () => request.raw.destroy());
  try {
    const limits = { parts: 16, fieldSize: 4096, fileSize: maxBytes + 1 };
    for await (const part of request.parts({ limits })) {
      if (part.type === 'field') {
        if (part.fieldname === file) {
          throw new ApiError('FIELD_MISSING', `${file} came as text, but has to be a file: -F ${file}=@FILE`);
        }
        fields.set(part.fieldname, String(part.value));
      } else if (part.fieldname !== file) {
        part.file.resume();
      } else if (found) {
        throw new ApiError('REQUEST_INVALID', `part ${file} was sent twice`);
      } else {
        found = true;
        await store(part.file, fields);
      }
    }
  } catch (error) {
    throw malformedForm(error) ?? error;
  } finally {
    request.raw.setTimeout(0);
  }
  if (!found) throw new ApiError('FIELD_MISSING', `the file part ${file} is missing`);
  return fields;
}
