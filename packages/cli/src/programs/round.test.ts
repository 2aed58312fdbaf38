/** What a round reports of a server whose catalogue is its own. @module */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadKernels } from '@velum/kernels/node';
import { AD_FEATURES, adCatalogueOf, adTargeting, ProgramKeys, programNamed } from '@velum/programs';
import { roundOf } from './round.ts';
import { measuredText, resultText } from './show.ts';

test('nothing is compared with a catalogue that the server did not score', async () => {
  const kernels = await loadKernels({ threads: 1 });
  try {
    const keys = ProgramKeys.generate(kernels);
    const weights = new Uint8Array(3 * AD_FEATURES).fill(1, 0, AD_FEATURES);
    const [here, there] = [programNamed('ad_targeting'), adTargeting(adCatalogueOf(weights))];
    const input = { ones_at: [0, 1] };
    for (const [server, agrees] of [
      [there, null],
      [here, true],
    ] as const) {
      const outputs = await server.run({ kernels }, here.encode(keys, input));
      const result = here.decode(keys, outputs) as { scores: number[] };
      const round = roundOf(here, { input }, { result, bootstraps: 0, bytes: {} }, { total: 1 });
      assert.equal(round.agrees, agrees);
      assert.equal(round.clear === null, agrees === null);
      assert.match(measuredText(round), agrees === null ? /catalogue of its own/ : /is the clear one/);
      assert.match(
        resultText(here, [round]),
        agrees === null ? /#1 advertisement 0 +score 2$/m : /score \d+ +score/,
      );
      // one wrong score among hundreds that are not shown is still a disagreement
      if (agrees === null) continue;
      const wrong = { ...result, scores: result.scores.with(-1, 255) };
      assert.equal(roundOf(here, { input }, { result: wrong, bootstraps: 0, bytes: {} }, {}).agrees, false);
    }
  } finally {
    await kernels.close();
  }
});
