/** A full disk: 507 with nothing kept, the service up, and all well again when there is room. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { programNamed } from '@velum/programs';
import { file, form, ProgramUser, sharedKeys } from '../test/program-rig.ts';
import { ModelUser, put, startRig, TINY_ROW, temporaryDirectory, User, until } from '../test/rig.ts';
import { FsBlobStore } from './blobs/fs.ts';
import { isStorageFull } from './errors.ts';

/** A small file system mounted at `path`; false where mounting is not allowed. */
function mountTmpfs(path: string, size: string): boolean {
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', path], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

test('uploads, results and deployments on a full disk', async (t) => {
  const dataDir = await temporaryDirectory();
  const blobs = join(dataDir, 'blobs');
  await mkdir(blobs);
  if (!mountTmpfs(blobs, '2m')) {
    t.diagnostic('mounting a small file system is not allowed here: only the error mapping is tested');
    assert.equal(isStorageFull(Object.assign(new Error('x'), { code: 'ENOSPC' })), true);
    await rm(dataDir, { recursive: true });
    return;
  }
  const rig = await startRig({ dataDir });
  try {
    const owner = await User.signUp(rig.api);
    const user = await ModelUser.enrol(owner, await owner.deploy('full'));
    await user.uploadRows('before', [TINY_ROW]);
    const input = await user.keys.encrypt([TINY_ROW]);
    const link = await user.link('after/upload/data_url');

    // Fill to the last byte.
    const filler = join(blobs, 'filler');
    await writeFile(filler, new Uint8Array(4 * 2 ** 20)).catch(() => {});
    const upload = await put(link, input);
    assert.equal(upload.status, 507, upload.text);
    assert.equal(upload.json.code, 'STORAGE_FULL');
    const deploy = await owner.call('POST', '/other/v1/deploy_model', {
      any: true,
      body: (() => {
        const form = new FormData();
        form.append('model_file_1', new Blob([new Uint8Array(500_000)]), 'm');
        return form;
      })(),
    });
    assert.equal(deploy.json.code, 'STORAGE_FULL', deploy.text);
    const predict = await owner.call('POST', `${user.url}predict/before`, { any: true });
    assert.equal(predict.json.code, 'JOB_CRASHED', predict.text);
    assert.equal(predict.json.reason.code, 'STORAGE_FULL');
    const programs = await ProgramUser.local(rig.url);
    const ads = programNamed('ad_targeting');
    const started = await programs.tryStart('ad_targeting', programs.encode('ad_targeting', ads.sample()));
    assert.deepEqual([started.status, started.json.code], [507, 'STORAGE_FULL']);
    const { serverKey } = await sharedKeys();
    const key = await programs.call('POST', '/add_key', { body: form({ key: file(serverKey) }) });
    assert.deepEqual([key.status, key.json.code], [507, 'STORAGE_FULL']);
    assert.equal((await fetch(`${rig.url}/healthz`)).status, 200);
    const ready = await fetch(`${rig.url}/ready`);
    assert.equal(ready.status, 503);
    assert.match(((await ready.json()) as { detail: string }).detail, /storage/);

    // Room again: the same link works, and so does the model.
    await rm(filler);
    assert.equal((await put(link, input)).status, 200);
    assert.equal((await owner.call('POST', `${user.url}predict/after`)).status, 200);
    assert.equal((await fetch(`${rig.url}/ready`)).status, 200);
    // The input fits, the result does not: a failure with a reason, of a task that can be started again.
    const pid = await until(() => rig.services.pool.idle === 1 && rig.services.pool.pids[0], 'a worker');
    process.kill(pid, 'SIGSTOP');
    const task = await programs.start('ad_targeting', ads.sample());
    await programs.waitFor(task, ['started']);
    await writeFile(filler, new Uint8Array(4 * 2 ** 20)).catch(() => {});
    process.kill(pid, 'SIGCONT');
    const status = await programs.waitFor(task, ['failure', 'success']);
    assert.deepEqual([status.status, status.reason.code], ['failure', 'STORAGE_FULL']);
    await rm(filler);
    await programs.waitFor(await programs.start('ad_targeting', ads.sample()), ['success']);
  } finally {
    await rig.close();
    execFileSync('umount', [blobs]);
    await rm(dataDir, { recursive: true });
  }
});

test('the blob store removes what it could not finish', async () => {
  const root = await temporaryDirectory();
  const store = await FsBlobStore.open(root, { owner: true });
  const key = 'inputs/aa/aa-1';
  async function* breaks() {
    yield new Uint8Array(100_000);
    throw Object.assign(new Error('no space'), { code: 'ENOSPC' });
  }
  await assert.rejects(store.put(key, breaks()), { code: 'ENOSPC' });
  assert.equal(await store.head(key), undefined);
  for await (const blob of store.list('')) assert.fail(blob.key);
  await rm(root, { recursive: true });
});
