/**
 * Imports point downward only, and what a browser loads stays free of Node and of other people's packages.
 * The rules are tried on small broken workspaces first: a rule that cannot fail guards nothing.
 * @module
 */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { importFindings, importsOf, type Manifest, type Workspace } from './imports.ts';
import { root, trackedPaths } from './repository.ts';

const readJson = (path: string): Manifest => JSON.parse(readFileSync(join(root, path), 'utf8'));

function thisWorkspace(): Workspace {
  const names = readdirSync(join(root, 'packages')).filter((name) =>
    existsSync(join(root, 'packages', name, 'package.json')),
  );
  return {
    sources: trackedPaths()
      .filter((path) => /^packages\/[^/]+\/src\/.*\.ts$/.test(path))
      .map((path) => ({ path, text: readFileSync(join(root, path), 'utf8') })),
    manifests: Object.fromEntries(names.map((name) => [name, readJson(`packages/${name}/package.json`)])),
    rootDevDependencies: Object.keys(readJson('package.json').devDependencies ?? {}),
  };
}

/** A workspace of kernels, fhe, runtime and server with the given sources. */
function workspaceOf(sources: Record<string, string>): Workspace {
  const manifest = (...dependencies: string[]): Manifest => ({
    exports: { '.': './src/index.ts', './node': './src/node.ts', './wasm/*': './dist/*' },
    dependencies: Object.fromEntries(dependencies.map((name) => [name, '1.0.0'])),
  });
  return {
    sources: Object.entries(sources).map(([path, text]) => ({ path: `packages/${path}`, text })),
    manifests: {
      kernels: manifest(),
      fhe: manifest('@velum/kernels'),
      runtime: manifest('@velum/fhe'),
      server: manifest('@velum/fhe', 'fastify'),
    },
    rootDevDependencies: ['fast-check'],
  };
}

const findingsIn = (sources: Record<string, string>): string[] => importFindings(workspaceOf(sources));

test('the workspace keeps the import rules', () => {
  const workspace = thisWorkspace();
  assert.ok(workspace.sources.length > 0, 'no sources found');
  assert.deepEqual(importFindings(workspace), []);
});

test('every form of import is seen, with its line', () => {
  const text = [
    "import a from 'a';",
    "import type { B } from 'b';",
    "export * from 'c';",
    "export type { D } from 'd';",
    "const e = await import('e');",
    'const f = await import(`f`);',
    "type G = import('g').G;",
    "import 'h';",
    "const i = require('i');",
    'const j = await import(a);',
    "// import 'k';",
    'const l = "import \'l\'";',
    "new Worker(new URL('./m.ts', import.meta.url));",
    "new URL('./n.json', import.meta.url);",
  ].join('\n');
  const found = importsOf({ path: 'x.ts', text }).map(({ specifier, line }) => `${line}${specifier ?? '?'}`);
  assert.deepEqual(found, ['1a', '2b', '3c', '4d', '5e', '6f', '7g', '8h', '9i', '10?', '13./m.ts']);
});

test('imports that keep the rules give no findings', () => {
  const findings = findingsIn({
    'kernels/src/index.ts': "export * from './arena.ts';",
    'kernels/src/arena.ts': '',
    'kernels/src/node.ts': "import { readFile } from 'node:fs/promises'; import './arena.ts';",
    'kernels/src/arena.test.ts': "import 'node:test'; import fc from 'fast-check'; import './suite.ts';",
    'kernels/src/suite.ts': "import assert from 'node:assert/strict'; import fc from 'fast-check';",
    'fhe/src/index.ts': "import '@velum/kernels'; import type {} from '@velum/kernels/node';",
    'fhe/src/ring.test.ts':
      "import { loadKernels } from '@velum/kernels/node'; import '@velum/kernels/wasm/a.wasm';",
    'runtime/src/plan.test.ts': "import '@velum/kernels'; import '@velum/runtime';",
    'server/src/index.ts':
      "import fastify from 'fastify'; import 'node:http'; await import(process.argv[2]);",
  });
  // The one finding is the trail of the type import: node.ts of kernels is reached from the index of fhe.
  assert.deepEqual(findings, [
    'fhe: node:fs/promises is reached from its index: packages/fhe/src/index.ts -> packages/kernels/src/node.ts',
  ]);
});

const broken: [string, Record<string, string>, RegExp][] = [
  [
    'an upward import',
    { 'kernels/src/index.ts': "import '@velum/fhe';" },
    /index\.ts:1 .*fhe, which is not below kernels/,
  ],
  ['an upward import in a test', { 'fhe/src/a.test.ts': "import '@velum/runtime';" }, /not below fhe/],
  ['a sideways import', { 'server/src/a.ts': "import '@velum/client';" }, /not below server/],
  [
    'an undeclared workspace package',
    { 'runtime/src/a.ts': "import '@velum/kernels';" },
    /kernels, which its package\.json/,
  ],
  [
    'an undeclared package',
    { 'server/src/a.ts': "import x from '@a/b/c';" },
    /@a\/b, which its package\.json/,
  ],
  [
    'a development dependency in what ships',
    { 'server/src/index.ts': "import 'fast-check';" },
    /fast-check, which its/,
  ],
  ['a deep import by name', { 'fhe/src/a.ts': "import '@velum/kernels/src/arena.ts';" }, /does not export/],
  [
    'a deep import by path',
    { 'fhe/src/a.ts': "export * from '../../kernels/src/index.ts';" },
    /outside its package/,
  ],
  ['a test imported by a source', { 'fhe/src/a.ts': "import './a.test.ts';" }, /imports a test/],
  [
    'a package in the browser',
    { 'fhe/src/index.ts': "import 'fast-check';" },
    /fast-check from outside the workspace/,
  ],
  ['a computed import in the browser', { 'fhe/src/a.ts': 'await import(location.hash);' }, /computed/],
  [
    'Node outside node.ts',
    { 'kernels/src/node.ts': "import './disk.ts';", 'kernels/src/disk.ts': "\nimport 'node:fs';" },
    /disk\.ts:2 imports node:fs: in this package only node\.ts and node-\*\.ts may/,
  ],
  [
    'Node reached from an index',
    {
      'fhe/src/index.ts': "import './a.ts';",
      'fhe/src/a.ts': "export * from './node.ts';",
      'fhe/src/node.ts': "import 'node:fs';",
    },
    /^fhe: node:fs is reached from its index: packages\/fhe\/src\/index\.ts -> packages\/fhe\/src\/a\.ts -> /,
  ],
];

for (const [what, sources, expected] of broken) {
  test(`found: ${what}`, () => {
    const findings = findingsIn(sources);
    assert.ok(
      findings.some((finding) => expected.test(finding)),
      `${expected} not in ${JSON.stringify(findings)}`,
    );
  });
}

test('found: a package without a place in the order', () => {
  const workspace = workspaceOf({});
  const findings = importFindings({ ...workspace, manifests: { ...workspace.manifests, attic: {} } });
  assert.deepEqual(findings, ['packages/attic has no place in the order (test/imports.ts)']);
});
