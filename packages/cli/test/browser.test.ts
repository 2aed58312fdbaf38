/**
 * The SDK in a real browser against a real server: a page on another origin enrols and predicts.
 * Without a Chromium the same bundle runs in Node, which still shows that it needs nothing of Node's.
 * @module
 */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { connect, signUp } from '@velum/client/node';
import { chromium } from 'playwright-core';
import { build } from 'vite';
import type { PageInput, PageOutput } from './browser/page.ts';
import {
  assertClose,
  demoFile,
  demoModel,
  type TestServer,
  temporaryDirectory,
  testServer,
} from './harness.ts';

const CHROMIUM = [
  process.env['VELUM_CHROMIUM'],
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
];
const FLAGS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];
const TYPES: Record<string, string> = { html: 'text/html', js: 'text/javascript', wasm: 'application/wasm' };

let server: TestServer;
let site: { url: string; root: string; close(): Promise<void> };

/** Bundles the page and serves it from an origin of its own. */
async function serveSite(): Promise<typeof site> {
  const directory = await temporaryDirectory();
  await build({
    configFile: false,
    logLevel: 'error',
    root: fileURLToPath(new URL('./browser/', import.meta.url)),
    build: {
      outDir: directory.path,
      emptyOutDir: true,
      target: 'es2023',
      minify: false,
      assetsInlineLimit: 0,
      modulePreload: { polyfill: false },
      rolldownOptions: { output: { entryFileNames: 'page.js' } },
    },
  });
  const http = createServer(async (request, response) => {
    const name = (request.url ?? '/').replace(/\?.*$/, '').replace(/^\/$/, '/index.html');
    try {
      const body = await readFile(join(directory.path, name));
      response.writeHead(200, {
        'content-type': TYPES[name.split('.').at(-1)!] ?? 'application/octet-stream',
      });
      response.end(body);
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(http.address() as AddressInfo).port}`,
    root: directory.path,
    close: async () => {
      http.closeAllConnections();
      http.close();
      await directory.remove();
    },
  };
}

before(async () => {
  server = await testServer();
  site = await serveSite();
});
after(async () => {
  await site?.close();
  await server?.close();
});

async function runInBrowser(executablePath: string, input: PageInput): Promise<PageOutput> {
  const browser = await chromium.launch({ executablePath, args: FLAGS });
  try {
    const page = await browser.newPage();
    const faults: string[] = [];
    page.on('pageerror', (error) => faults.push(String(error)));
    page.on('console', (message) => message.type() === 'error' && faults.push(message.text()));
    await page.goto(site.url);
    await page.waitForFunction(() => 'velumPage' in globalThis);
    const output = await page.evaluate(
      (data) =>
        (globalThis as unknown as { velumPage(data: PageInput): Promise<PageOutput> }).velumPage(data),
      input,
    );
    assert.deepEqual(faults, []);
    return output;
  } finally {
    await browser.close();
  }
}

/** The bundle imported into this process; asset URLs are relative to the site. */
async function runInNode(input: PageInput): Promise<PageOutput> {
  const source = await readFile(join(site.root, 'page.js'), 'utf8');
  assert.doesNotMatch(source, /from\s*["']node:/);
  const hosted = source.replaceAll(/(["'])\/(?=[^"']*\.wasm)/g, `$1${site.url}/`);
  await writeFile(join(site.root, 'hosted.mjs'), hosted);
  await import(join(site.root, 'hosted.mjs'));
  return (globalThis as unknown as { velumPage(data: PageInput): Promise<PageOutput> }).velumPage(input);
}

test('a page enrols, predicts, restores its keys, and runs programs', async (t) => {
  const { rows, plain } = await demoModel();
  const account = { username: 'page', email: 'page@example.org', password: 'a long enough password' };
  const { token } = await signUp(server.url, account);
  const bytes = new Uint8Array(await readFile(demoFile('lr.json')));
  const { modelUrl } = await connect(server.url, token).deploy({
    name: 'bc',
    version: '1',
    files: [{ name: 'm', bytes }],
  });
  const input = {
    url: server.url,
    token,
    modelUrl,
    rows: rows.slice(0, 3),
    passphrase: 'correct horse battery',
  };
  const executable = CHROMIUM.find((path) => path && existsSync(path));
  if (executable === undefined)
    t.diagnostic('no Chromium (apt-get install chromium, or VELUM_CHROMIUM): the bundle runs in Node');
  const output = await (executable === undefined ? runInNode(input) : runInBrowser(executable, input));
  for (const predictions of [output.predictions, output.job, output.restored]) {
    assert.equal(predictions.length, 3);
    assertClose(predictions, plain);
  }
  assert.match(output.build, /^wasm-/);
  assert.ok(output.bytes.up > 80 && output.bytes.down > 80);
  assert.ok(output.uploads >= 2);
  assert.equal(output.wrongCount, 'FEATURE_COUNT');
  const { weights, ads, steps, keys } = output.programs;
  assert.deepEqual(weights, { min: 70, max: 71.5, avg: 70.7 });
  assert.equal(ads.top.length, 5);
  assert.ok(keys > 20e6 && keys < 32e6, 'the server key travels once');
  for (const step of ['upload keys', 'run', 'fetch', 'decrypt'])
    assert.ok(steps.includes(step), steps.join());
});
