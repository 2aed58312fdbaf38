/** @module */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { progressFor } from './progress.ts';
import type { Terminal } from './terminal.ts';

function drawn(isTTY: boolean, env: Record<string, string> = {}): string {
  let written = '';
  const stderr = { isTTY, write: (text: string) => (written += text) };
  const progress = progressFor({ stderr, env } as unknown as Terminal);
  progress.update('upload', 5, 10);
  progress.update('upload', 10, 10);
  progress.clear();
  return written;
}

test('a bar on terminals that can show one, nothing elsewhere', () => {
  assert.equal(drawn(false), '');
  assert.equal(drawn(true, { TERM: 'dumb' }), '');
  const lines = drawn(true, { NO_COLOR: '1' }).split('\r\u001b[K');
  assert.deepEqual(lines, [
    '',
    `upload ${'#'.repeat(14)}${'.'.repeat(14)} 50%`,
    `upload ${'#'.repeat(28)} 100%`,
    '',
  ]);
});

test('colours unless NO_COLOR says otherwise', () => {
  assert.ok(drawn(true).includes('\u001b[36m'));
  assert.ok(!drawn(true, { NO_COLOR: '1' }).includes('\u001b[3'));
});
