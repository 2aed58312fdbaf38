/**
 * What the form parser says about a broken multipart body.
 * @module
 */
import { ApiError } from '../errors.ts';

/** It comes as a bare Error; undefined for everything else. */
export function malformedForm(error: unknown): ApiError | undefined {
  const { message, code } = error as { message?: string; code?: string };
  if (error instanceof ApiError) return undefined;
  if (code === 'FST_MP_PREMATURE_CLOSE') {
    return new ApiError('UPLOAD_TRUNCATED', 'the connection closed during the upload');
  }
  if (code !== undefined) return undefined;
  if (!/multipart|boundary|part header|part terminated|end of form/i.test(message ?? '')) return undefined;
  return new ApiError('REQUEST_INVALID', `the form cannot be read: ${message}`);
}
