#!/usr/bin/env node
// The `velum` command. Plain JavaScript without dependencies, so that any Node can read it: the program itself
// is TypeScript, which Node runs from 22.18 on. An older Node hands over to the one installed with the packages.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import * as nodeModule from 'node:module';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const [major, minor] = process.versions.node.split('.').map(Number);

/** node_modules/.bin/node of this directory or one above it. */
function installedNode() {
  for (let at = here; ; at = dirname(at)) {
    const candidate = join(at, 'node_modules', '.bin', 'node');
    if (existsSync(candidate)) return candidate;
    if (dirname(at) === at) return undefined;
  }
}

if (major > 22 || (major === 22 && minor >= 18)) {
  // features we rely on knowingly (node:sqlite, type stripping) announce themselves as experimental on every run
  const { emitWarning } = process;
  process.emitWarning = (warning, ...rest) => {
    const type = typeof rest[0] === 'string' ? rest[0] : rest[0]?.type;
    if (type !== 'ExperimentalWarning') emitWarning.call(process, warning, ...rest);
  };
  // Compiled sources are kept for the next run, which halves the start; in the user's own cache, for nobody else can
  // put something there. NODE_COMPILE_CACHE moves it, NODE_DISABLE_COMPILE_CACHE=1 does without.
  const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'velum');
  nodeModule.enableCompileCache?.(process.env.NODE_COMPILE_CACHE ?? cache);
  const { main } = await import('../src/main.ts');
  process.exitCode = await main(process.argv.slice(2));
} else if (process.env.VELUM_RELAUNCHED || installedNode() === undefined) {
  console.error(`velum needs Node 22.18 or newer; this is ${process.versions.node}.`);
  console.error('Install a newer Node, or run `npm ci` in the repository, which brings one along.');
  process.exitCode = 1;
} else {
  const child = spawn(installedNode(), [fileURLToPath(import.meta.url), ...process.argv.slice(2)], {
    stdio: 'inherit',
    env: { ...process.env, VELUM_RELAUNCHED: '1' },
  });
  // a terminal signals the whole group; a supervisor only this process
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  child.on('error', (error) => {
    console.error(`velum cannot start ${installedNode()}: ${error.message}`);
    process.exitCode = 1;
  });
  child.on('exit', (code, signal) => {
    process.exitCode = code ?? (signal === 'SIGINT' ? 130 : 1);
  });
}
