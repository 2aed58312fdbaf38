/**
 * Uploads through presigned links: ask for a link, PUT the bytes to it.
 * @module
 */
import { VelumError } from './errors.ts';
import type { RequestOptions } from './http.ts';
import type { Session } from './session.ts';

/** Large keys on slow lines: the link's life bounds the start of the upload, this its length. */
const UPLOAD_TIMEOUT_MS = 600_000;

/**
 * POSTs `linkUrl` and PUTs `bytes` to the link it gives (bare text, or the `predictDataUrl` of a JSON body).
 * A link that ran out before the upload began, or that a lost attempt of ours still holds, is replaced once.
 */
export async function upload(
  session: Session,
  what: string,
  linkUrl: string,
  bytes: Uint8Array,
  options: Pick<RequestOptions, 'signal' | 'onProgress'> = {},
): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    const answer = await session.call(`link for ${what}`, linkUrl, {
      method: 'POST',
      idempotent: true, // a link unused costs nothing
      signal: options.signal,
    });
    try {
      await session.put(`upload of ${what}`, presignedUrl(answer.text()), bytes, {
        ...options,
        timeoutMs: UPLOAD_TIMEOUT_MS,
      });
      return;
    } catch (error) {
      const stale = error instanceof VelumError && /^LINK_(EXPIRED|BUSY)$/.test(error.code);
      if (!stale || attempt > 1) throw error;
    }
  }
}

function presignedUrl(body: string): string {
  let url = body.trim();
  try {
    const json: unknown = JSON.parse(url);
    if (typeof json === 'string') url = json;
    else url = String((json as { predictDataUrl?: unknown } | null)?.predictDataUrl);
  } catch {
    // bare text, as most of these routes answer
  }
  if (!/^https?:\/\//.test(url)) {
    throw new VelumError('BAD_RESPONSE', 'the server gave no upload link');
  }
  return url;
}
