/** docs/integers.md: its program runs, and its table is that of the circuits. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { withCosts } from '../scripts/integer-costs.ts';
import { root } from './repository.ts';

const page = readFileSync(join(root, 'docs/integers.md'), 'utf8');

test('the program of docs/integers.md prints what it says', () => {
  const program = /```ts\n([\s\S]*?)```/.exec(page)?.[1];
  assert.ok(program);
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ['--input-type=module-typescript', '--eval', program],
    { cwd: root, encoding: 'utf8' },
  );
  assert.equal(status, 0, stderr);
  const [count, values, clear] = stdout.trim().split('\n');
  assert.match(count, /^\d+ bootstraps$/);
  assert.equal(values, '17n -5430n');
  assert.equal(clear, '17n');
});

test('the table of docs/integers.md is what the circuits cost', () => {
  const wanted = withCosts(page);
  assert.match(wanted, /\| add \| \d+ \/ \d+ \|/);
  assert.ok(page === wanted, 'docs/integers.md is stale: run `node scripts/integer-costs.ts`');
});
