/** HE-MAN's five commands on files, each in its own process, and evaluate. @module */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { compileFiles } from '@velum/compiler';
import { openWire } from '@velum/fhe';
import { loadKernels } from '@velum/kernels/node';
import { ClientKeys, decodePlan, runClear } from '@velum/runtime';
import { writeOnnx } from '../demo/mnist/onnx-writer.ts';
import { readNpy, writeNpy } from '../src/npy.ts';
import { bytes, close, demo, digits, fiveCommands, ok, type Round, SIDE } from './five-commands.ts';
import { type Run, velum } from './harness.ts';

const shared = fileURLToPath(new URL('../../../../shared/data/he-man/mnist/', import.meta.url));

let round: Round;
const at = (name: string): string => round.at(name);
const fails: Round['fails'] = (...args) => round.fails(...args);

before(async () => {
  round = await fiveCommands();
});
after(() => round.remove());

/** Encrypt, infer and decrypt `x.npy` into `y.npy`; returns the result of each as JSON. */
async function predict(x: string, y: string): Promise<{ encrypt: Run; inference: Run; decrypt: Run }> {
  const encrypted = at(`${y}.x.enc`);
  const result = at(`${y}.y.enc`);
  const encrypt = await ok(['encrypt', '-k', at('key'), '-i', at(x), '-o', encrypted, '--json']);
  const inference = await ok([
    'inference',
    '-m',
    at('mnist.onnx'),
    '-k',
    at('key.pub'),
    '-i',
    encrypted,
    '-o',
    result,
    '--json',
  ]);
  const decrypt = await ok(['decrypt', '-k', at('key'), '-i', result, '-o', at(y), '--json']);
  return { encrypt, inference, decrypt };
}

describe('the round', () => {
  test('one digit: sizes, times, memory, and the scores of the plain network', async () => {
    const { encrypt, inference, decrypt } = await predict('x.npy', 'y.npy');
    const { shape, values } = readNpy('y.npy', await bytes(at('y.npy')));
    assert.deepEqual(shape, [1, 10]);
    const model = await compileFiles([{ name: 'mnist.onnx', bytes: await bytes(demo('mnist.onnx')) }]);
    close(values, model.predict(readNpy('x.npy', await bytes(at('x.npy'))).values));
    assert.equal(values.indexOf(Math.max(...values)), 4);
    assert.equal(encrypt.json().bytes.output, (await stat(at('x.enc'))).size);
    assert.deepEqual(encrypt.json().warnings, []);
    const report = inference.json();
    assert.ok(report.times.inference > 0 && report.times.total > report.times.inference);
    assert.ok(
      report.peakMemoryBytes > 30e6 && report.peakMemoryBytes <= 400e6,
      `${report.peakMemoryBytes} bytes`,
    );
    assert.ok(report.bytes.publicKey <= 8e6, `${report.bytes.publicKey} bytes of keys`);
    assert.ok(report.threads >= 1);
    assert.deepEqual(decrypt.json().shape, [1, 10]);
  });

  test('a batch over several parts, with a leading extent or two', async () => {
    const all = await digits();
    const rows = [...all, ...all.slice(0, 13)]; // 33: three parts
    await writeFile(
      at('batch.npy'),
      writeNpy([3, 11, SIDE, SIDE], Float64Array.from(rows.flatMap((r) => [...r]))),
    );
    const { inference } = await predict('batch.npy', 'scores.npy');
    assert.equal(inference.json().samples, 33);
    const { shape, values } = readNpy('scores.npy', await bytes(at('scores.npy')));
    assert.deepEqual(shape, [33, 10]);
    const plan = await decodePlan(await bytes(at('keyparams.plan')));
    close(values, runClear(plan, rows).flat());
  });

  test('many digits to a ciphertext', async () => {
    const all = await digits();
    const rows = all.slice(0, 19); // a full ciphertext and one of three
    await writeFile(
      at('many.npy'),
      writeNpy([19, SIDE, SIDE], Float64Array.from(rows.flatMap((r) => [...r]))),
    );
    const params = ['-m', at('mnist.onnx'), '-c', demo('calibration.npz'), '--plan-path', at('many.plan')];
    const made = await ok(['keyparams', ...params, '-o', at('many.json'), '--batch', 'auto', '--json']);
    const { batch, estimate } = made.json();
    assert.equal(batch.perCiphertext, 16);
    assert.equal(batch.samples, 16);
    assert.ok(batch.millisecondsPerSample * 15 < estimate.serverMilliseconds);
    await ok(['keygen', '-i', at('many.json'), '-o', at('many'), '--no-passphrase']);
    await ok(['encrypt', '-k', at('many'), '-i', at('many.npy'), '-o', at('many.enc')]);
    const infer = ['-m', at('mnist.onnx'), '--plan', at('many.plan'), '-k', at('many.pub')];
    const run = await ok(['inference', ...infer, '-i', at('many.enc'), '-o', at('many.y'), '--json']);
    assert.equal(run.json().samples, 19);
    await ok(['decrypt', '-k', at('many'), '-i', at('many.y'), '-o', at('many.y.npy')]);
    const { shape, values } = readNpy('many.y.npy', await bytes(at('many.y.npy')));
    assert.deepEqual(shape, [19, 10]);
    const model = await compileFiles([{ name: 'mnist.onnx', bytes: await bytes(demo('mnist.onnx')) }]);
    close(
      values,
      rows.flatMap((row) => model.predict(row)),
    );
    // the plan of one digit a ciphertext is another one: its keys and inputs do not fit
    await fails(['inference', ...infer, '-i', at('x.enc'), '-o', at('mixed.y')], 'KEY_MISMATCH');
    const evaluate = ['-m', demo('mnist.onnx'), '--plan', at('many.plan'), '--data', demo('digits.npz')];
    const { samples, agreement } = (await ok(['evaluate', ...evaluate, '--json'])).json();
    assert.deepEqual([samples, agreement], [20, { exact: 1, approximated: 1 }]);
    const explained = await ok([
      'plan',
      at('mnist.onnx'),
      demo('calibration.npz'),
      '--batch',
      'auto',
      '--explain',
    ]);
    assert.match(explained.stdout, /images per ciphertext +16\n/);
    for (const wrong of ['0', '-1', '1.5', 'many'])
      await fails(['keyparams', ...params, '-o', at('no.json'), `--batch=${wrong}`], 'USAGE', 2);
    await fails(['keyparams', ...params, '-o', at('no.json'), '--batch', '1000000'], 'REQUIREMENTS_INVALID');
  });

  test('any number of threads gives scores within the same error', async () => {
    const plan = await decodePlan(await bytes(at('keyparams.plan')));
    const x = readNpy('x.npy', await bytes(at('x.npy'))).values;
    const args = [
      '-m',
      at('keyparams.plan'),
      '-k',
      at('key.pub'),
      '-i',
      at('x.enc'),
      '-o',
      at('t.enc'),
      '--json',
    ];
    for (const threads of ['1', '3']) {
      const run = await ok(['inference', ...args, '--threads', threads]);
      assert.equal(run.json().threads, Number(threads));
      await ok(['decrypt', '-k', at('key'), '-i', at('t.enc'), '-o', at('t.npy')]);
      close(readNpy('t.npy', await bytes(at('t.npy'))).values, runClear(plan, [x])[0]);
    }
  });

  test('keyparams.json has the parameters readable, the model and the profile', async () => {
    const params = JSON.parse(await readFile(at('keyparams.json'), 'utf8'));
    assert.equal(params.format, 'velum-keyparams');
    assert.equal(params.library, 'velum');
    assert.equal(params.parameters.poly_modulus_degree, 2 ** params.profile.parameters.logN);
    assert.equal(
      params.parameters.coeff_mod_bit_sizes.length,
      params.profile.parameters.q.length + params.profile.parameters.p.length,
    );
    assert.equal(params.model.name, 'mnist.onnx');
    assert.equal(params.plan, 'keyparams.plan');
  });

  test('what people see: the report, the files, the scores', async () => {
    const made = await ok([
      'keyparams',
      '-m',
      at('mnist.onnx'),
      '-c',
      demo('calibration.npz'),
      '-o',
      at('again.json'),
      '--plan-path',
      at('elsewhere.plan'),
      '--report',
      at('report.json'),
      '--explain',
    ]);
    assert.match(made.stdout, /same decision +100\.00 %/);
    assert.match(made.stdout, /ring degree \d+, \d+ primes/);
    assert.match(made.stdout, /rotations/);
    assert.equal(JSON.parse(await readFile(at('report.json'), 'utf8')).comparison.agreement, 1);
    assert.ok(existsSync(at('elsewhere.plan')));
    const scores = await ok(['decrypt', '-k', at('key'), '-i', at('y.enc'), '-o', at('y.npy')]);
    assert.equal(scores.stdout.trim().split(/\s+/).length, 10);
  });

  test('the secret key is private, and the public key does not hold it', async () => {
    assert.equal((await stat(at('key'))).mode & 0o777, 0o600);
    const key = await bytes(at('key'));
    const seed = key.slice(key.length - 32);
    const plan = await decodePlan(await bytes(at('keyparams.plan')));
    const secret = key.slice(key.length - 112);
    assert.deepEqual(await openWire(secret, { kind: 'secret', profileId: plan.profile.id }), seed);
    assert.equal(Buffer.from(await bytes(at('key.pub'))).indexOf(seed), -1);
    assert.equal(Buffer.from(await bytes(at('x.enc'))).indexOf(seed), -1);
  });
});

describe('passphrases', () => {
  before(async () => {
    await writeFile(at('pass'), 'correct horse\nsecond line\n');
    await writeFile(at('wrong'), 'wrong horse\n');
    await writeFile(at('short'), 'short\n');
  });

  test('a key under one opens with it alone, and the seed is not in the file', async () => {
    await ok(['keygen', '-i', at('keyparams.json'), '-o', at('locked'), '--passphrase-file', at('pass')]);
    assert.equal((await stat(at('locked'))).mode & 0o777, 0o600);
    const args = ['-k', at('locked'), '-i', at('x.npy'), '-o', at('locked.enc')];
    await ok(['encrypt', ...args, '--passphrase-file', at('pass')]);
    await ok(['encrypt', ...args], { VELUM_PASSPHRASE_FILE: at('pass') });
    await fails(['encrypt', ...args, '--passphrase-file', at('wrong')], 'PASSPHRASE_WRONG');
    assert.match(await fails(['encrypt', ...args], 'PASSPHRASE_NEEDED'), /--passphrase-file/);
    // the key it wraps is the one that made the public key
    await ok([
      'inference',
      '-m',
      at('mnist.onnx'),
      '-k',
      at('locked.pub'),
      '-i',
      at('locked.enc'),
      '-o',
      at('locked.y'),
    ]);
    await ok([
      'decrypt',
      '-k',
      at('locked'),
      '-i',
      at('locked.y'),
      '-o',
      at('l.npy'),
      '--passphrase-file',
      at('pass'),
    ]);
    await ok(['decrypt', '-k', at('key'), '-i', at('y.enc'), '-o', at('y.npy')]);
    close(readNpy('l', await bytes(at('l.npy'))).values, readNpy('y', await bytes(at('y.npy'))).values);
  });

  test('a new key asks for one, for a long enough one', async () => {
    const args = ['keygen', '-i', at('keyparams.json'), '-o', at('none')];
    assert.match(await fails(args, 'USAGE', 2), /--no-passphrase/);
    await fails([...args, '--passphrase-file', at('short')], 'PASSPHRASE_INVALID');
  });

  test('a wrapped key that was touched does not open', async () => {
    const locked = await bytes(at('locked'));
    for (const offset of [20, 200, locked.length - 40, locked.length - 1]) {
      const touched = locked.slice();
      touched[offset] ^= 1;
      await writeFile(at('touched'), touched);
      const run = await velum([
        'decrypt',
        '-k',
        at('touched'),
        '-i',
        at('locked.y'),
        '-o',
        at('l2.npy'),
        '--passphrase-file',
        at('pass'),
        '--json',
      ]);
      assert.equal(run.code, 5, `offset ${offset}: ${run.stdout}`);
      assert.match(run.json().error.code, /^(WIRE_CHECKSUM|KEY_MISMATCH)$/);
    }
  });
});

describe('environment variables', () => {
  const env = (): Record<string, string> => ({
    MODEL_PATH: at('mnist.onnx'),
    CALIBRATION_DATA_PATH: demo('calibration.npz'),
    KEY_PARAMS_PATH: at('env.json'),
  });

  test("HE-MAN's bare names, VELUM_ before them, the command line before both", async () => {
    const made = await ok(['keyparams', '--json'], env());
    assert.equal(made.json().files.keyParams, at('env.json'));
    const prefixed = await ok(['keyparams', '--json'], { ...env(), VELUM_KEY_PARAMS_PATH: at('env2.json') });
    assert.equal(prefixed.json().files.keyParams, at('env2.json'));
    const all = { ...env(), VELUM_KEY_PARAMS_PATH: at('env2.json'), model_path: at('none'), MODEL_PATH: '' };
    const given = await ok(['keyparams', '-o', at('env3.json'), '-m', at('mnist.onnx'), '--json'], all);
    assert.equal(given.json().files.keyParams, at('env3.json'));
  });

  test('values are checked as options are, and change what is done', async () => {
    await fails(['keyparams'], 'USAGE', 2, { ...env(), RELU_MODE: 'seven' });
    await fails(['keyparams'], 'USAGE', 2, { ...env(), DOMAIN_MODE: 'max' });
    await fails(['keyparams'], 'USAGE', 2, { ...env(), N_BITS_FRACTIONAL_PRECISION: '20' });
    const precise = await ok(['keyparams', '--json'], { ...env(), N_BITS_FRACTIONAL_PRECISION: '24' });
    const usual = await ok(['keyparams', '--json'], env());
    const bits = (run: Run): number =>
      run.json().parameters.coeff_mod_bit_sizes.reduce((sum: number, size: number) => sum + size, 0);
    assert.ok(bits(precise) > bits(usual), `${bits(precise)} bits are not more than ${bits(usual)}`);
  });
});

describe('evaluate', () => {
  test('the shipped digits, with labels from a file', async () => {
    const args = [
      'evaluate',
      '-m',
      demo('mnist.onnx'),
      '--data',
      demo('digits.npz'),
      '--labels',
      demo('labels.csv'),
    ];
    const { samples, accuracy, agreement, error, throughput } = (await ok([...args, '--json'])).json();
    assert.equal(samples, 20);
    assert.ok(accuracy.exact >= 0.9, `accuracy ${accuracy.exact}`);
    assert.equal(accuracy.encrypted, accuracy.exact);
    assert.deepEqual(agreement, { exact: 1, approximated: 1 });
    assert.ok(error.approximated <= 1e-4 && error.exact <= 1e-4, JSON.stringify(error));
    assert.ok(throughput.samplesPerSecond > 0);
    const shown = await ok([...args, '--limit', '3']);
    assert.match(shown.stdout, /^encrypted +\d+\.\d\d %/m);
    await fails(
      ['evaluate', '-m', demo('mnist.onnx'), '--data', demo('digits.npz'), '--labels', at('x.npy')],
      'LABELS_INVALID',
    );
    await writeFile(at('two.csv'), '1\n2\n');
    await fails(
      ['evaluate', '-m', demo('mnist.onnx'), '--data', demo('digits.npz'), '--labels', at('two.csv')],
      'LABELS_COUNT',
    );
  });

  test('a directory with labels in the names, and a plan alone', async () => {
    await mkdir(at('digits'), { recursive: true });
    const labels = (await readFile(demo('labels.csv'), 'utf8')).trim().split('\n').map(Number);
    const rows = await digits();
    // one that is wrong on purpose: the label of the name is what counts
    const names = [`${labels[4]}-0.npy`, `${labels[8]}-1.npy`, `${(labels[14] + 1) % 10}-2.npy`];
    for (const [i, k] of [4, 8, 14].entries())
      await writeFile(at(`digits/${names[i]}`), writeNpy([SIDE, SIDE], rows[k]));
    const { accuracy, samples, notes } = (
      await ok(['evaluate', '-m', at('keyparams.plan'), '--data', at('digits'), '--json'])
    ).json();
    assert.equal(samples, 3);
    assert.ok(accuracy.encrypted < 1 && accuracy.exact === undefined);
    assert.match(notes.join(), /exact model/);
  });
});

describe('activations that are approximated', () => {
  test('keyparams reports them, knobs change them, and evaluate puts exact beside approximated', async () => {
    await mkdir(at('relu'), { recursive: true });
    const model = at('relu/net.onnx');
    const weights = Float64Array.from({ length: 32 }, (_, i) => Math.sin(3 * i + 1));
    await writeFile(
      model,
      writeOnnx({
        name: 'net',
        input: { name: 'x', shape: [1, 8] },
        output: { name: 'y', shape: [1, 4] },
        nodes: [
          { operator: 'Gemm', inputs: ['x', 'w', 'b'], output: 'z', integers: { transB: 1 } },
          { operator: 'Relu', inputs: ['z'], output: 'y' },
        ],
        tensors: [
          { name: 'w', shape: [4, 8], values: weights },
          { name: 'b', shape: [4], values: [0.1, -0.2, 0.3, 0] },
        ],
      }),
    );
    const samples = Float64Array.from({ length: 64 * 8 }, (_, i) => Math.cos(i * 1.7));
    await writeFile(at('relu/data.npy'), writeNpy([64, 8], samples));
    const keyparams = [
      'keyparams',
      '-m',
      model,
      '-c',
      at('relu/data.npy'),
      '-o',
      at('relu/k.json'),
      '--json',
    ];
    const degreeOf = (run: Run): number => run.json().report.functions[0].degree;
    assert.equal(degreeOf(await ok(keyparams, { RELU_MODE: 'deg3' })), 3);
    assert.equal(degreeOf(await ok([...keyparams, '--relu-mode', 'deg7'], { RELU_MODE: 'deg3' })), 7);
    const evaluate = ['evaluate', '-m', model, '--data', at('relu/data.npy'), '--limit', '32', '--json'];
    const { agreement, error } = (await ok(evaluate)).json();
    assert.equal(agreement.approximated, 1);
    assert.ok(error.approximated <= 1e-4, `error ${error.approximated}`);
    // the polynomial is not the rectifier, and evaluate says so
    assert.ok(error.exact > 1e-3 && error.exact < 0.3, `error ${error.exact}`);
    await fails(['keyparams', '-m', model, '-o', at('relu/none.json')], 'CALIBRATION_NEEDED');
  });
});

describe('the demo', () => {
  test('shows the digit, the noise and the scores, as text, data and picture', async () => {
    const run = await ok(['demo', '--mnist', '--svg', at('two.svg'), '--digit', '2']);
    assert.match(run.stdout, /velum keyparams -m mnist\.onnx/);
    assert.match(run.stdout, /█.*\| {2}[0-9a-f]{40}\n/);
    assert.match(run.stdout, /Largest error \S+ of the largest score \(within/);
    const svg = await readFile(at('two.svg'), 'utf8');
    assert.ok(svg.startsWith('<svg') && svg.trimEnd().endsWith('</svg>') && svg.length < 40_000);
    const report = (await ok(['demo', '--mnist', '--json'])).json();
    assert.equal(report.predicted, 4);
    assert.ok(report.agrees && report.error <= 1e-4);
    assert.equal(report.steps.length, 5);
  });
});

describe("HE-MAN's own network", () => {
  // without the shared folder: the shipped network and its 20 digits go the same way
  const there = existsSync(shared);
  const model = there ? join(shared, 'mnist.onnx') : demo('mnist.onnx');
  const calibration = there ? join(shared, 'calibration-data.zip') : demo('calibration.npz');

  test('all test digits decide as in the clear, with errors of at most 1e-4', async () => {
    await mkdir(at('heman'), { recursive: true });
    await ok(['keyparams', '-m', model, '-c', calibration, '-o', at('heman/keyparams.json')]);
    const data = there
      ? ['--data', join(shared, 'test-data')]
      : ['--data', demo('digits.npz'), '--labels', demo('labels.csv')];
    const plan = ['--plan', at('heman/keyparams.plan')];
    const { samples, agreement, accuracy, error } = (
      await ok(['evaluate', '-m', model, ...plan, ...data, '--json'])
    ).json();
    assert.equal(samples, there ? 100 : 20);
    assert.deepEqual(agreement, { exact: 1, approximated: 1 });
    assert.equal(accuracy.encrypted, accuracy.exact);
    assert.ok(error.exact <= 1e-4, `error ${error.exact}`);
  });
});

test('a secret of the command opens in the client library', async () => {
  const key = await bytes(at('key'));
  const kernels = await loadKernels();
  const plan = await decodePlan(await bytes(at('keyparams.plan')));
  const client = await ClientKeys.fromSecret(kernels, plan.profile, key.slice(key.length - 112));
  const result = (await bytes(at('y.enc'))).slice(32);
  const [scores] = await client.decrypt(result);
  client.dispose();
  assert.equal(scores.indexOf(Math.max(...scores)), 4);
});
