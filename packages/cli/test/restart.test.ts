/** `velum serve` killed and started again between a prediction and its answer. @module */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { connect, signUp } from '@velum/client/node';
import { assertClose, demoFile, demoModel, temporaryDirectory, VELUM } from './harness.ts';

/** `velum serve` on the port (0: any), ready. */
async function serve(dataDir: string, port: number): Promise<{ child: ChildProcess; url: string }> {
  const args = [VELUM, 'serve', '--port', String(port), '--data', dataDir, '--json'];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = await once(createInterface({ input: child.stdout! }), 'line');
  return { child, url: JSON.parse(line).url };
}

async function stop(child: ChildProcess, signal: NodeJS.Signals): Promise<number | null> {
  const exit = once(child, 'exit');
  child.kill(signal);
  return (await exit)[0];
}

test('a client that waits for a job outlives kill -9 of the service', async () => {
  const directory = await temporaryDirectory();
  const dataDir = join(directory.path, 'data');
  let { child, url } = await serve(dataDir, 0);
  try {
    const account = { username: 'ada', email: 'ada@example.org', password: 'a long enough password' };
    const { token } = await signUp(url, account);
    const velum = connect(url, token);
    const bytes = new Uint8Array(await readFile(demoFile('lr.json')));
    const { modelUrl } = await velum.deploy({ name: 'bc', version: '1', files: [{ name: 'm', bytes }] });
    const model = await velum.model(modelUrl).enroll();
    const { rows, plain } = await demoModel();
    const job = await model.submit(rows.slice(0, 8));
    await stop(child, 'SIGKILL');
    const waiting = job.wait();
    ({ child } = await serve(dataDir, Number(new URL(url).port)));
    assert.equal((await waiting).state, 'Completed');
    const { predictions } = await model.open(await job.results());
    assertClose(predictions, plain);
    model.dispose();
    assert.equal(await stop(child, 'SIGTERM'), 0);
  } finally {
    child.kill('SIGKILL');
    await directory.remove();
  }
});
