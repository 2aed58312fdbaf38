/**
 * The repository carries sources and nothing else: no built files, no registry or machine in it, no test that
 * is switched off. Each check is first shown to find what it is for.
 * @module
 */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import {
  brokenLinks,
  builtFiles,
  focusedTests,
  lockfileFaults,
  longSources,
  machinePaths,
  registryHosts,
  unfinishedMarks,
} from './hygiene.ts';
import { root, type SourceFile, trackedPaths, trackedTexts } from './repository.ts';

const paths = trackedPaths();
const texts = trackedTexts();
const file = (path: string, text: string): SourceFile[] => [{ path, text }];

test('no built files are tracked', () => {
  assert.deepEqual(builtFiles(['a/dist/x.js', 'k.wasm', 'src/a.ts', 'lib.so', 'docs/a.md']), [
    'a/dist/x.js',
    'k.wasm',
    'lib.so',
  ]);
  assert.deepEqual(builtFiles(paths), []);
});

test('no package registry is named', () => {
  assert.equal(registryHosts(file('a.md', 'see https:/' + '/registry.example.org/x')).length, 1);
  assert.equal(registryHosts(file('a.md', 'host registry' + '.npmjs.org')).length, 1);
  assert.deepEqual(registryHosts(file('a.ts', 'const registry = new Registry();')), []);
  assert.deepEqual(registryHosts(texts), []);
});

test('no path of a machine is named', () => {
  const seen = (text: string): number => machinePaths(file('a.ts', text), ['/srv/velum']).length;
  assert.equal(seen("open('/ho" + "me/ann/keys')"), 1);
  assert.equal(seen("open('/srv/velum/x')"), 1);
  assert.equal(seen('cd /srv/velum'), 1);
  assert.equal(seen('https://example.org/srv/velum/x and /srv/velumetric'), 0);
  // A clone directly below / has a name that documents may use for other things ("/app"). Where the folder
  // above the clone also holds shared/, that folder is a developer's workplace and gives itself away too.
  const clone = root.lastIndexOf('/') > 0 ? [root] : [];
  const workplaces = existsSync(join(root, '..', 'shared')) ? [...clone, dirname(root)] : clone;
  assert.deepEqual(machinePaths(texts, workplaces), []);
});

test('no test is switched off or switches others off', () => {
  const seen = (text: string): number => focusedTests(file('a.test.ts', text)).length;
  assert.equal(seen('test.' + "skip('x', () => {});"), 1);
  assert.equal(seen('t.' + "todo('x');"), 1);
  assert.equal(seen("test('x', { on" + 'ly: true }, () => {});'), 1);
  assert.equal(seen("test('x', { timeout: 5 }, () => {}); row.skip(3);"), 0);
  assert.deepEqual(focusedTests(texts), []);
});

test('no source has a mark of unfinished work', () => {
  assert.equal(unfinishedMarks(file('a.ts', '// TO' + 'DO: later')).length, 1);
  assert.equal(unfinishedMarks(file('a.c', '// FIX' + 'ME')).length, 1);
  assert.equal(unfinishedMarks(file('a.ts', 'const todos = 1;')).length, 0);
  assert.deepEqual(unfinishedMarks(texts), []);
});

test('no source is longer than 500 lines', () => {
  assert.deepEqual(longSources(file('a.c', 'x\n'.repeat(501))), ['a.c: 501 lines']);
  assert.deepEqual(longSources(file('a.ts', 'x\n'.repeat(500))), []);
  assert.deepEqual(longSources(texts), []);
});

test('the lockfile is complete, pins every package by its hash and none by an address', () => {
  const faults = lockfileFaults({
    packages: {
      '': { dependencies: { b: '1' } },
      'packages/a': { dependencies: { c: '1', '@velum/a': '1' } },
      'node_modules/@velum/a': { resolved: 'packages/a', link: true },
      'node_modules/b': { resolved: 'https://example.org/b.tgz', integrity: 'sha512-x' },
      'node_modules/c': { optionalDependencies: { d: '1', e: '1' } },
      'node_modules/c/node_modules/d': { integrity: 'sha512-x', dependencies: { b: '1', c: '1' } },
    },
  });
  assert.deepEqual(faults, [
    'node_modules/b: resolved by address',
    'node_modules/c: no integrity',
    'node_modules/c: e is not locked',
  ]);
  assert.deepEqual(lockfileFaults(JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'))), []);
});

test('relative links in documents lead somewhere', () => {
  const links = '[a](b.md) [c](../src/) [d](https://example.org) [e](#here) [f](gone.md#x) [g](b.md#part)';
  assert.deepEqual(brokenLinks(file('docs/a.md', links), ['docs/a.md', 'docs/b.md', 'src/x.ts']), [
    'docs/a.md: gone.md',
  ]);
  assert.deepEqual(brokenLinks(texts, paths), []);
});
