/** Bodies that the platform's own parser reads. @module */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { multipart } from './multipart.ts';

test('fields and a file come back as they went in', async () => {
  const bytes = Uint8Array.from({ length: 1000 }, (_, i) => i % 256);
  const body = multipart({ task_name: 'weight_stats' }, { field: 'key', name: 'server.key', bytes });
  const response = new Response(body.bytes as Uint8Array<ArrayBuffer>, {
    headers: { 'content-type': body.contentType },
  });
  const form = await response.formData();
  assert.equal(form.get('task_name'), 'weight_stats');
  const file = form.get('key') as File;
  assert.equal(file.name, 'server.key');
  assert.deepEqual(new Uint8Array(await file.arrayBuffer()), bytes);
});
