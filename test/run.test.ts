/**
 * The front door, scripts/run.mjs, in a small repository of its own: what it installs and when, which Node it
 * starts, which tests it picks, and that exit codes, signals and stdout go through untouched. npm, tsc, biome
 * and the velum command are stand-ins there; the script is the one that ships.
 * @module
 */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { root } from './repository.ts';

const NPM = `
import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs';
if (process.env.NPM_FAILS) { console.log('npm error: the disk is on fire'); process.exit(7); }
for (const [path, name] of [['typescript/bin', 'tsc'], ['@biomejs/biome/bin', 'biome']]) {
  mkdirSync('node_modules/' + path, { recursive: true });
  writeFileSync('node_modules/' + path + '/' + name,
    'console.log("${'$'}{NAME} ran"); process.exitCode = Number(process.env.${'$'}{NAME}_CODE ?? 0);'.replaceAll('${'$'}{NAME}', name));
}
appendFileSync('npm.log', process.argv[2] + '\\n');
writeFileSync('node_modules/.package-lock.json', '{}');
`;

const VELUM = `
const [command, value] = process.argv.slice(2);
if (command === 'exit') process.exit(Number(value));
else if (command === 'wait') {
  process.on('SIGTERM', () => process.exit(23));
  console.log('waiting');
  setInterval(() => {}, 1000);
} else if (command === 'die') process.kill(process.pid, 'SIGKILL');
else console.log(JSON.stringify({ args: process.argv.slice(2), cwd: process.cwd(), via: process.env.VIA }));
`;

/** A temporary repository with the real script; removed when the test ends. */
function repository(t: TestContext): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'velum-run-')));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const write = (path: string, text: string): void => {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  };
  write('package.json', '{ "type": "module" }');
  write('package-lock.json', '{}');
  utimesSync(join(folder, 'package-lock.json'), 1e9, 1e9);
  write('fake/npm-cli.js', NPM);
  write(
    'packages/kernels/build.mjs',
    "console.log('kernels built'); process.exit(Number(process.env.BUILD_CODE ?? 0));",
  );
  write('packages/kernels/src/a.test.ts', "import { test } from 'node:test'; test('in a', () => {});");
  write(
    'packages/kernels/src/a.slow.test.ts',
    "import { test } from 'node:test'; test('in slow a', () => {});",
  );
  write(
    'packages/kernels/test/b.test.ts',
    "import { test } from 'node:test'; test('in b', () => { throw 1; });",
  );
  write('test/c.test.ts', "import { test } from 'node:test'; test('in c', () => {});");
  write('packages/cli/bin/velum.mjs', VELUM);
  mkdirSync(join(folder, 'scripts'));
  copyFileSync(join(root, 'scripts/run.mjs'), join(folder, 'scripts/run.mjs'));
  return folder;
}

function start(
  folder: string,
  args: string[],
  env: NodeJS.ProcessEnv = {},
  nodeArgs: string[] = [],
): ChildProcess {
  // Without NODE_TEST_CONTEXT the inner `node --test` would believe it is a part of this run.
  const { NODE_TEST_CONTEXT: _, INIT_CWD: __, ...clean } = process.env;
  return spawn(process.execPath, [...nodeArgs, join(folder, 'scripts/run.mjs'), ...args], {
    cwd: folder,
    env: { ...clean, npm_execpath: join(folder, 'fake/npm-cli.js'), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

interface Result {
  readonly code: number | null;
  readonly signal: string | null;
  readonly stdout: string;
  readonly stderr: string;
}

async function finish(child: ChildProcess): Promise<Result> {
  let stdout = '';
  let stderr = '';
  child.stdout!.on('data', (chunk) => {
    stdout += chunk;
  });
  child.stderr!.on('data', (chunk) => {
    stderr += chunk;
  });
  const [code, signal] = await once(child, 'close');
  return { code, signal, stdout, stderr };
}

const run = (folder: string, args: string[], env?: NodeJS.ProcessEnv, nodeArgs?: string[]): Promise<Result> =>
  finish(start(folder, args, env, nodeArgs));

/** Makes the outer Node look like version 20, as on a machine that has no newer one. */
const ON_NODE_20 = [
  '--import',
  "data:text/javascript,Object.defineProperty(process,'version',{value:'v20.20.2'})",
];

test('setup installs when node_modules is absent, unfinished or older than the lockfile, and only then', async (t) => {
  const folder = repository(t);
  const first = await run(folder, ['setup']);
  assert.equal(first.code, 0, first.stderr);
  assert.match(first.stderr, /installing dependencies \(npm ci: node_modules is absent\) \.\.\. \d+\.\d s\n/);
  assert.match(first.stderr, /kernels built[\s\S]*setup: ready \(Node v\d+/);
  assert.equal(first.stdout, '');

  assert.doesNotMatch((await run(folder, ['setup'])).stderr, /npm ci/);

  const soon = Date.now() / 1000 + 60;
  utimesSync(join(folder, 'package-lock.json'), soon, soon);
  assert.match(
    (await run(folder, ['setup'])).stderr,
    /npm ci: package-lock\.json is newer than the last install/,
  );

  rmSync(join(folder, 'node_modules/.package-lock.json'));
  assert.match((await run(folder, ['setup'])).stderr, /npm ci: the last install did not finish/);
});

test('a failed install or kernel build says what happened and stops', async (t) => {
  const folder = repository(t);
  const failed = await run(folder, ['velum', 'x'], { NPM_FAILS: '1' });
  assert.equal(failed.code, 1);
  assert.match(failed.stderr, /npm ci ended with code 7[\s\S]*the disk is on fire/);
  assert.equal(failed.stdout, '');
  const unbuilt = await run(folder, ['velum', 'x'], { BUILD_CODE: '3' });
  assert.equal(unbuilt.code, 1);
  assert.match(unbuilt.stderr, /building the kernels ended with code 3/);
});

test('velum and demo get their arguments, the folder of the caller and a clean stdout', async (t) => {
  const folder = repository(t);
  const elsewhere = join(folder, 'fake');
  const velum = await run(folder, ['velum', 'predict', '--json', 'a b'], { INIT_CWD: elsewhere });
  assert.deepEqual(JSON.parse(velum.stdout), { args: ['predict', '--json', 'a b'], cwd: elsewhere });
  const demo = await run(folder, ['demo', '--json']);
  assert.deepEqual(JSON.parse(demo.stdout).args, ['demo', '--json']);
});

test('on an old Node the one from npm is used, and its absence is explained', async (t) => {
  const folder = repository(t);
  const without = await run(folder, ['velum', 'x'], {}, ON_NODE_20);
  assert.equal(without.code, 1);
  assert.match(without.stderr, /needs Node 22\.18 or newer, and this is v20\.20\.2/);
  assert.match(without.stderr, /install Node 24 from nodejs\.org/);

  mkdirSync(join(folder, 'node_modules/.bin'), { recursive: true });
  const supplied = join(folder, 'node_modules/.bin/node');
  writeFileSync(supplied, `#!/bin/sh\nVIA=npm exec '${process.execPath}' "$@"\n`);
  chmodSync(supplied, 0o755);
  const found = await run(folder, ['velum', 'x'], {}, ON_NODE_20);
  assert.equal(JSON.parse(found.stdout).via, 'npm', found.stderr);
  assert.equal(JSON.parse((await run(folder, ['velum', 'x'])).stdout).via, undefined);
});

test('exit codes and signals go through', async (t) => {
  const folder = repository(t);
  assert.equal((await run(folder, ['velum', 'exit', '5'])).code, 5);
  assert.equal((await run(folder, ['velum', 'die'])).signal, 'SIGKILL');
  const child = start(folder, ['velum', 'wait']);
  const result = finish(child);
  await once(child.stdout!, 'data');
  child.kill('SIGTERM');
  assert.equal((await result).code, 23);
});

test('test checks, then runs every test file, and fails when one fails', async (t) => {
  const folder = repository(t);
  const { code, stdout, stderr } = await run(folder, ['test']);
  assert.equal(code, 1);
  assert.match(stderr, /tsc ran[\s\S]*check: tsc ok[\s\S]*biome ran[\s\S]*check: biome ok/);
  for (const name of ['in a', 'in slow a', 'in b', 'in c']) assert.match(stdout, new RegExp(`[✔✖] ${name} `));
  assert.match(stdout, /ℹ tests 4\n[\s\S]*ℹ pass 3\nℹ fail 1\n/);
});

test('test --fast leaves the slow suites out, and says so', async (t) => {
  const { stdout, stderr } = await run(repository(t), ['test', '--fast']);
  assert.match(stderr, /--fast leaves out 1 slow files/);
  assert.match(stdout, /ℹ tests 3\n/);
  assert.doesNotMatch(stdout, /in slow a/);
});

test('test with filters runs the files that match, from wherever it is called', async (t) => {
  const folder = repository(t);
  const some = await run(folder, ['test', 'kernels/src', 'c.test']);
  assert.equal(some.code, 0, some.stdout);
  assert.match(some.stdout, /ℹ tests 3\n/);
  assert.doesNotMatch(some.stderr, /tsc ran/);
  const one = await run(folder, ['test', 'b.test.ts'], { INIT_CWD: join(folder, 'packages/kernels/test') });
  assert.match(one.stdout, /✖ in b /);
  const none = await run(folder, ['test', 'nowhere']);
  assert.equal(none.code, 1);
  assert.match(none.stderr, /no test file has nowhere in its path/);
  assert.equal((await run(folder, ['test', '--quick'])).code, 2);
});

test('a failed check fails the whole, and hides neither the other check nor the tests', async (t) => {
  const folder = repository(t);
  rmSync(join(folder, 'packages/kernels/test'), { recursive: true });
  const { code, stdout, stderr } = await run(folder, ['test'], { tsc_CODE: '2' });
  assert.equal(code, 1);
  assert.match(
    stderr,
    /check: tsc failed with code 2[\s\S]*check: biome ok[\s\S]*failed before the tests: tsc/,
  );
  assert.match(stdout, /ℹ fail 0\n/);
  assert.equal((await run(folder, ['check'], { biome_CODE: '1' })).code, 1);
  assert.equal((await run(folder, ['check'])).code, 0);
});

test('an unknown command is a usage error and sets nothing up', async (t) => {
  const folder = repository(t);
  const { code, stderr } = await run(folder, ['tset']);
  assert.equal(code, 2);
  assert.match(stderr, /No such command: tset[\s\S]*usage:/);
  assert.equal(existsSync(join(folder, 'node_modules')), false);
});
