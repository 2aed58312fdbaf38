/**
 * A multipart/form-data body as bytes, for uploads that tell their progress: a FormData's bytes exist only in the request.
 * @module
 */

export interface MultipartBody {
  contentType: string;
  bytes: Uint8Array;
}

/** Text fields, then one file. @param fields names and values of ASCII letters, digits, `_` and `-` */
export function multipart(
  fields: Record<string, string>,
  file: { field: string; name: string; bytes: Uint8Array },
): MultipartBody {
  const boundary = `velum-${crypto.randomUUID()}`;
  const texts = Object.entries(fields).map(
    ([name, value]) => `--${boundary}\r\ncontent-disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`,
  );
  const opening = `--${boundary}\r\ncontent-disposition: form-data; name="${file.field}"; filename="${file.name}"\r\ncontent-type: application/octet-stream\r\n\r\n`;
  const head = new TextEncoder().encode(texts.join('') + opening);
  const tail = new TextEncoder().encode(`\r\n--${boundary}--\r\n`);
  const bytes = new Uint8Array(head.length + file.bytes.length + tail.length);
  bytes.set(head);
  bytes.set(file.bytes, head.length);
  bytes.set(tail, head.length + file.bytes.length);
  return { contentType: `multipart/form-data; boundary=${boundary}`, bytes };
}
