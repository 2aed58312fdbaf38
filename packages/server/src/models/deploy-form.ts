/**
 * The multipart form of a deployment, streamed part by part into the blob store: no part is ever whole in
 * the memory of the API process, and none is parsed there.
 * @module
 */
import type { FastifyRequest } from 'fastify';
import { malformedForm } from '../blobs/form-errors.ts';
import { type BlobStore, blobKey } from '../blobs/store.ts';
import { ApiError } from '../errors.ts';
import type { StoredFile } from '../jobs/protocol.ts';
import { removeBlobs } from './removal.ts';

const MODEL_PARTS = ['model_file_1', 'model_file_2', 'model_file_3', 'model_file', 'model_json'];
const FILE_PARTS = [...MODEL_PARTS, 'model_type', 'model_requirements', 'model_hyperparams'];
const MOST_PARTS = 16;
/** Side files are JSON settings of a few hundred bytes. */
const SIDE_FILE_BYTES = 4 * 2 ** 20;

/** The stored files; throws ApiError and keeps nothing when the form is not right. */
export async function readDeployForm(
  request: FastifyRequest,
  blobs: BlobStore,
  totalLimit: number,
): Promise<StoredFile[]> {
  if (!request.isMultipart()) {
    // The training notebook deploys with an empty body.
    const empty = !request.headers['content-type'] && !Number(request.headers['content-length'] ?? 0);
    if (empty) throw new ApiError('MODEL_MISSING', 'the body is empty');
    throw new ApiError('MEDIA_TYPE_UNSUPPORTED', 'deploy_model takes multipart/form-data');
  }
  const files: StoredFile[] = [];
  let total = 0;
  async function* counted(part: string, chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>) {
    const limit = MODEL_PARTS.includes(part) ? totalLimit : SIDE_FILE_BYTES;
    let bytes = 0;
    for await (const chunk of chunks) {
      bytes += chunk.byteLength;
      total += chunk.byteLength;
      if (bytes > limit || total > totalLimit) {
        throw new ApiError('BODY_TOO_LARGE', `part ${part} goes beyond ${Math.min(limit, totalLimit)} bytes`);
      }
      yield chunk;
    }
  }
  try {
    const limits = { parts: MOST_PARTS, fieldSize: SIDE_FILE_BYTES, fileSize: totalLimit + 1 };
    for await (const part of request.parts({ limits })) {
      const name = part.fieldname;
      if (name === 'composite') {
        if (part.type === 'file') part.file.resume();
        else checkComposite(String(part.value));
        continue;
      }
      if (!FILE_PARTS.includes(name))
        throw new ApiError('PART_UNKNOWN', `unknown part ${JSON.stringify(name)}`);
      if (files.some((file) => file.part === name)) {
        throw new ApiError('REQUEST_INVALID', `part ${name} was sent twice`);
      }
      const source = part.type === 'file' ? part.file : [Buffer.from(String(part.value))];
      const { key, bytes } = await blobs.put(blobKey('models'), counted(name, source));
      files.push({
        part: name,
        name: (part.type === 'file' && part.filename ? part.filename : name).slice(-255),
        blob: key,
        bytes,
      });
    }
    if (!files.some((file) => MODEL_PARTS.includes(file.part) && file.bytes > 0)) {
      throw new ApiError('MODEL_MISSING', 'no part with a model file, or it is empty');
    }
    return files;
  } catch (error) {
    await removeBlobs(
      blobs,
      files.map((file) => file.blob),
    );
    throw malformedForm(error) ?? error;
  }
}

function checkComposite(value: string): void {
  if (value !== '' && value.toUpperCase() !== 'NONE') {
    throw new ApiError('COMPOSITE_UNSUPPORTED', `composite is ${JSON.stringify(value.slice(0, 40))}`);
  }
}
