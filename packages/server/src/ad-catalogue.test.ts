/** The operator's own catalogue for ad_targeting. */
import assert from 'node:assert/strict';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { adCatalogueOf, adTargeting, programNamed } from '@velum/programs';
import { ProgramUser } from '../test/program-rig.ts';
import { startRig, temporaryDirectory } from '../test/rig.ts';

const ROWS = 5;
const WEIGHTS = Uint8Array.from({ length: ROWS * 62 }, (_, i) => i % 4);

function npy(type: string, shape: string, data: Uint8Array): Buffer {
  const header = `${`{'descr': '${type}', 'fortran_order': False, 'shape': (${shape}), }`.padEnd(117)}\n`;
  const start = Buffer.from('\x93NUMPY\x01\x00\x00\x00', 'latin1');
  start.writeUInt16LE(header.length, 8);
  return Buffer.concat([start, Buffer.from(header, 'latin1'), data]);
}

test('ad_targeting scores the operator\u2019s catalogue; one that cannot be used stops the start', async () => {
  const directory = await temporaryDirectory();
  const path = join(directory, 'weights.npy');
  const refused = { code: 'AD_CATALOGUE_INVALID', message: /VELUM_AD_CATALOGUE.*weights\.npy/ };
  try {
    await assert.rejects(startRig({ adCatalogue: path }), refused);
    for (const bytes of [
      Buffer.from('no array at all'),
      npy('<f8', `${ROWS}, 62`, new Uint8Array(ROWS * 62 * 8)),
      npy('|u1', `62, ${ROWS}`, WEIGHTS),
      npy('|u1', `${ROWS}, 62`, WEIGHTS.subarray(1)),
      npy('|u1', '1, 62', new Uint8Array(62).fill(255)),
    ]) {
      await writeFile(path, bytes);
      await assert.rejects(startRig({ adCatalogue: path }), refused);
    }
    await writeFile(path, npy('|u1', `${ROWS}, 62`, WEIGHTS));
    const rig = await startRig({ adCatalogue: path });
    try {
      const user = await ProgramUser.local(rig.url);
      const { sample } = programNamed('ad_targeting');
      const task = await user.start('ad_targeting', sample());
      assert.equal((await user.waitFor(task, ['success', 'failure'])).status, 'success');
      const wanted = adTargeting(adCatalogueOf(WEIGHTS)).clear(sample());
      assert.deepEqual(await user.decode('ad_targeting', task), wanted);
    } finally {
      await rig.close();
    }
  } finally {
    await rm(directory, { recursive: true });
  }
});
