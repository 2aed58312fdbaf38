import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { simulate, TfheServerKey } from '@velum/fhe';
import { loadKernels } from '@velum/kernels/node';
import fc from 'fast-check';
import { ProgramKeys } from '../../keys.ts';
import { stepCircuit } from './circuit.ts';
import { blocksOf } from './encode.ts';
import { stepGoal } from './program.ts';

test('simulated: the circuit computes what the clear program does', () => {
  const day = fc.oneof(fc.integer({ min: 0, max: 65535 }), fc.integer({ min: 7990, max: 8010 }));
  fc.assert(
    fc.property(fc.array(day, { minLength: 1, maxLength: 14 }), (steps) => {
      const [days] = simulate(stepCircuit(steps.length).circuit, blocksOf(steps));
      assert.deepEqual({ days }, stepGoal.clear({ steps }));
    }),
  );
});

test('it costs three bootstraps a day', () => {
  assert.equal(stepCircuit(5).circuit.steps.length, 15);
});

test('encrypted', async () => {
  const kernels = await loadKernels();
  const keys = ProgramKeys.generate(kernels);
  const serverKey = await TfheServerKey.load(kernels, keys.serverKey());
  const input = stepGoal.encode(keys, stepGoal.sample());
  const outputs = await stepGoal.run({ kernels, serverKey }, input);
  assert.deepEqual(stepGoal.decode(keys, outputs), { days: 3 });
});

test('docs/adding-a-program.md shows these files', () => {
  const page = readFileSync(new URL('../../../../../docs/adding-a-program.md', import.meta.url), 'utf8');
  for (const file of ['encode.ts', 'circuit.ts', 'program.ts']) {
    const [, code] = readFileSync(new URL(file, import.meta.url), 'utf8').split('@module\n */\n');
    assert.ok(page.includes(`\`\`\`ts\n${code.trim()}\n\`\`\``), `${file} differs from the page`);
  }
  const [tests] = readFileSync(new URL(import.meta.url), 'utf8').match(
    /test\('simulated[\s\S]*?test\('encrypted[\s\S]*?\n}\);/,
  )!;
  assert.ok(page.includes(`\`\`\`ts\n${tests}\n\`\`\``), 'the tests differ from the page');
});
