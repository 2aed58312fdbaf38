/**
 * A real server, and the real command in its own process.
 * @module
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { importModel, type Model, predictPlain, readSamples } from '@velum/compiler';
import { startServer } from '@velum/server';

export const VELUM = fileURLToPath(new URL('../bin/velum.mjs', import.meta.url));

export const demoFile = (name: string): string =>
  fileURLToPath(new URL(`../demo/breast-cancer.${name}`, import.meta.url));

export async function temporaryDirectory(): Promise<{ path: string; remove: () => Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), 'velum-test-'));
  return { path, remove: () => rm(path, { recursive: true, force: true }) };
}

export interface TestServer {
  url: string;
  dataDir: string;
  close(): Promise<void>;
}

/** A server with one worker in a temporary directory. */
export async function testServer(): Promise<TestServer> {
  const directory = await temporaryDirectory();
  const dataDir = join(directory.path, 'data');
  const limits = { authPerMinute: 1000 }; // tests sign up more accounts than people do
  const server = await startServer({ host: '127.0.0.1', port: 0, dataDir, workers: 1, limits });
  return {
    url: server.url,
    dataDir,
    close: async () => {
      await server.close();
      await directory.remove();
    },
  };
}

export interface Run {
  code: number | null;
  stdout: string;
  stderr: string;
  /** stdout as JSON. */
  // biome-ignore lint/suspicious/noExplicitAny: tests look into many shapes
  json(): any;
}

/** Runs `velum` with arguments; `stdin` is closed when not given. */
export function velum(args: string[], env: Record<string, string> = {}, stdin = ''): Promise<Run> {
  return new Promise((resolve, reject) => {
    const inherited = Object.fromEntries(
      Object.entries(process.env).filter(([name]) => !name.startsWith('VELUM_')),
    );
    const child = spawn(process.execPath, [VELUM, ...args], { env: { ...inherited, NO_COLOR: '1', ...env } });
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (part) => (stdout += part));
    child.stderr.on('data', (part) => (stderr += part));
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, stdout, stderr, json: () => JSON.parse(stdout) }));
    child.stdin.end(stdin);
  });
}

/** The shipped model, its held-out rows, and what it predicts in the clear. */
export async function demoModel(): Promise<{ model: Model; rows: number[][]; plain: number[] }> {
  const model = await importModel([
    { name: 'model.json', bytes: new Uint8Array(await readFile(demoFile('lr.json'))) },
  ]);
  const { rows } = await readSamples({
    name: 'x.csv',
    bytes: new Uint8Array(await readFile(demoFile('test.csv'))),
  });
  return { model, rows, plain: rows.map((row) => predictPlain(model, row)[0]) };
}

/** Encrypted predictions within 1e-4 of the plain ones, row by row (`plain` is repeated as needed). */
export function assertClose(predictions: number[][], plain: number[], from = 0): void {
  for (const [k, [value]] of predictions.entries()) {
    const expected = plain[(from + k) % plain.length];
    assert.ok(Math.abs(value - expected) < 1e-4, `row ${from + k}: ${value} is not ${expected}`);
  }
}
