/** What HE-MAN's five commands refuse, and what an error leaves behind: nothing. @module */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { after, before, describe, test } from 'node:test';
import { writeNpy } from '../src/npy.ts';
import { bytes, fiveCommands, ok, type Round } from './five-commands.ts';
import { VELUM, velum } from './harness.ts';

let round: Round;
const at = (name: string): string => round.at(name);
const fails: Round['fails'] = (...args) => round.fails(...args);

before(async () => {
  round = await fiveCommands();
});
after(() => round.remove());

describe('what is refused', () => {
  const inference = (m: string, k: string, i: string, ...more: string[]): string[] => [
    'inference',
    '-m',
    at(m),
    '-k',
    at(k),
    '-i',
    at(i),
    '-o',
    at('bad.enc'),
    ...more,
  ];
  const encrypt = (k: string, i: string): string[] => [
    'encrypt',
    '-k',
    at(k),
    '-i',
    at(i),
    '-o',
    at('bad.enc'),
  ];
  const decrypt = (k: string, i: string): string[] => [
    'decrypt',
    '-k',
    at(k),
    '-i',
    at(i),
    '-o',
    at('bad.npy'),
  ];

  test("files in each other's place, by what they are", async () => {
    assert.match(await fails(encrypt('key.pub', 'x.npy'), 'WRONG_FILE'), /is a public key.*without \.pub/);
    assert.match(await fails(encrypt('x.npy', 'key'), 'WRONG_FILE'), /is an \.npy array, not a secret key/);
    assert.match(await fails(encrypt('key', 'x.enc'), 'WRONG_FILE'), /is an encrypted input, not an \.npy/);
    assert.match(await fails(inference('mnist.onnx', 'key', 'x.enc'), 'WRONG_FILE'), /is a secret key/);
    assert.match(
      await fails(inference('mnist.onnx', 'key.pub', 'y.enc'), 'WRONG_FILE'),
      /is an encrypted result/,
    );
    assert.match(await fails(inference('key', 'key.pub', 'x.enc'), 'WRONG_FILE'), /not a model/);
    assert.match(
      await fails(inference('mnist.onnx', 'key.pub', 'x.enc', '--plan', at('key')), 'WRONG_FILE'),
      /not a plan/,
    );
    assert.match(
      await fails(decrypt('key', 'x.enc'), 'WRONG_FILE'),
      /is an encrypted input, not an encrypted result/,
    );
    assert.match(await fails(decrypt('key.pub', 'y.enc'), 'WRONG_FILE'), /is a public key/);
    assert.match(
      await fails(['keygen', '-i', at('key'), '-o', at('k2'), '--no-passphrase'], 'KEYPARAMS_INVALID'),
      /JSON/,
    );
    await fails(encrypt('absent', 'x.npy'), 'FILE_UNREADABLE');
  });

  test('files of another key and of another model', async () => {
    await ok(['keygen', '-i', at('keyparams.json'), '-o', at('key2'), '--no-passphrase']);
    assert.match(await fails(inference('mnist.onnx', 'key2.pub', 'x.enc'), 'KEY_MISMATCH'), /another key/);
    assert.match(await fails(decrypt('key2', 'y.enc'), 'KEY_MISMATCH'), /key id/);
    // the same parameters under a wish for more precision: another profile
    await mkdir(at('other'), { recursive: true });
    await ok(['keyparams', '-m', at('mnist.onnx'), '-o', at('other/k.json'), '--relative-error', '1e-6']);
    await ok(['keygen', '-i', at('other/k.json'), '-o', at('other/key'), '--no-passphrase']);
    assert.match(await fails(decrypt('other/key', 'y.enc'), 'KEY_MISMATCH'), /another model/);
    await fails(inference('other/k.plan', 'key.pub', 'x.enc'), 'PLAN_OTHER_KEY');
    await fails(inference('mnist.onnx', 'key.pub', 'x.enc', '--plan', at('other/k.plan')), 'PLAN_OTHER_KEY');
    // a model that changed after keyparams
    const changed = await bytes(at('mnist.onnx'));
    changed[changed.length - 200] ^= 1;
    await mkdir(at('changed'), { recursive: true });
    await writeFile(at('changed/mnist.onnx'), changed);
    await fails(inference('changed/mnist.onnx', 'key.pub', 'x.enc'), 'PLAN_NOT_FOUND');
    await fails(
      inference('changed/mnist.onnx', 'key.pub', 'x.enc', '--plan', at('keyparams.plan')),
      'PLAN_OTHER_MODEL',
    );
  });

  test('files that are cut off, longer, damaged, empty or of another version', async () => {
    for (const [name, run] of [
      ['x.enc', (file: string) => inference('mnist.onnx', 'key.pub', file)],
      ['key.pub', (file: string) => inference('mnist.onnx', file, 'x.enc')],
      ['y.enc', (file: string) => decrypt('key', file)],
      ['key', (file: string) => encrypt(file, 'x.npy')],
    ] as const) {
      const whole = await bytes(at(name));
      const version = whole.slice();
      version[4] = 9;
      const flipped = whole.slice();
      flipped[whole.length - 10] ^= 1;
      const cases: [Uint8Array, RegExp][] = [
        [whole.slice(0, whole.length - 1), /^WIRE_TRUNCATED$/],
        [whole.slice(0, 100), /^WIRE_TRUNCATED$/],
        [whole.slice(0, 20), /^FILE_DAMAGED$/],
        [new Uint8Array(0), /^WRONG_FILE$/],
        [Uint8Array.of(...whole.slice(0, 32), ...new Uint8Array(200)), /^WIRE_MAGIC$/],
        [new Uint8Array([...whole, 0]), /^FILE_DAMAGED$/],
        [version, /^FILE_VERSION$/],
        [flipped, /^WIRE_CHECKSUM$/],
      ];
      for (const [content, code] of cases) {
        await writeFile(at('bad'), content);
        const result = await velum([...run('bad'), '--json']);
        assert.equal(result.code, 5, `${name}, ${content.length} bytes: ${result.stdout}`);
        assert.match(result.json().error.code, code, `${name}, ${content.length} bytes`);
        assert.ok(!existsSync(at('bad.enc')) && !existsSync(at('bad.npy')));
      }
    }
  });

  test('parameters that were altered, or are not ours', async () => {
    const params = JSON.parse(await readFile(at('keyparams.json'), 'utf8'));
    const keygen = ['keygen', '-i', at('p.json'), '-o', at('k3'), '--no-passphrase'];
    const cases: [unknown, string][] = [
      [{ library: 'seal', parameters: params.parameters }, 'KEYPARAMS_FOREIGN'],
      [{ ...params, version: 2 }, 'FILE_VERSION'],
      [{ ...params, format: 'x' }, 'KEYPARAMS_INVALID'],
      [[], 'KEYPARAMS_INVALID'],
      [{ ...params, profile: { ...params.profile, batchSize: 2 } }, 'FILE_DAMAGED'],
      [{ ...params, profile: undefined }, 'PROFILE_INVALID'],
    ];
    for (const [json, code] of cases) {
      await writeFile(at('p.json'), JSON.stringify(json));
      await fails(keygen, code);
    }
    // 14 primes of the ring of 7: talked into less security
    const weak = structuredClone(params);
    weak.profile.parameters.logN = 12;
    await writeFile(at('p.json'), JSON.stringify(weak));
    await fails(keygen, 'PARAMETERS_INSECURE');
  });

  test('inputs that do not fit, are empty or not finite; odd values warn with their place', async () => {
    const save = async (shape: number[], fill: (i: number) => number): Promise<void> => {
      const count = shape.reduce((a, b) => a * b, 1);
      await writeFile(
        at('in.npy'),
        writeNpy(
          shape,
          Float64Array.from({ length: count }, (_, i) => fill(i)),
        ),
      );
    };
    await save([32, 32], () => 0);
    assert.match(await fails(encrypt('key', 'in.npy'), 'INPUT_SHAPE'), /\(32, 32\).*1, 1, 28, 28/);
    await save([56, 14, 3], () => 0);
    await fails(encrypt('key', 'in.npy'), 'INPUT_SHAPE');
    await save([0, 784], () => 0);
    await fails(encrypt('key', 'in.npy'), 'INPUT_EMPTY');
    await save([784], (i) => (i === 3 ? Number.NaN : 0));
    await fails(encrypt('key', 'in.npy'), 'NOT_FINITE');
    await writeFile(at('in.npy'), (await bytes(at('x.npy'))).subarray(0, 1000));
    await fails(encrypt('key', 'in.npy'), 'NPY_INVALID');
    await save([2, 28, 28], (i) => (i === 784 + 31 ? 255 : 0));
    const run = await ok([...encrypt('key', 'in.npy').slice(0, -1), at('warned.enc'), '--json']);
    assert.deepEqual(run.json().warnings, [
      { code: 'OUT_OF_RANGE', sample: 1, feature: 31, position: '[0, 0, 1, 3]', value: 255, range: [0, 1] },
    ]);
    assert.equal(run.json().warningCount, 1);
    const shown = await ok([...encrypt('key', 'in.npy').slice(0, -1), at('warned.enc')]);
    assert.match(shown.stderr, /sample 1: input\[0, 0, 1, 3\] is 255, outside/);
  });

  test('calibration data that is empty, does not fit or is none', async () => {
    const keyparams = (c: string): string[] => [
      'keyparams',
      '-m',
      at('mnist.onnx'),
      '-c',
      at(c),
      '-o',
      at('no.json'),
    ];
    await writeFile(at('c.npy'), writeNpy([2, 32, 32], new Float64Array(2048)));
    await fails(keyparams('c.npy'), 'CALIBRATION_SHAPE');
    await writeFile(at('c.zip'), Uint8Array.of(0x50, 0x4b, 5, 6, ...new Uint8Array(18)));
    await fails(keyparams('c.zip'), 'CALIBRATION_EMPTY');
  });

  test('a model that is none', async () => {
    await writeFile(at('m.onnx'), (await bytes(at('mnist.onnx'))).subarray(0, 5000));
    const run = await velum(['keyparams', '-m', at('m.onnx'), '-o', at('no.json'), '--json']);
    assert.equal(run.code, 5, run.stdout);
    assert.match(run.json().error.code, /^[A-Z_]+$/);
    assert.notEqual(run.json().error.code, 'INTERNAL');
    assert.ok(!existsSync(at('no.json')));
  });
});

describe('outputs', () => {
  test('are replaced whole, through links, and never an input', async () => {
    await writeFile(at('old.enc'), 'old');
    await symlink(at('old.enc'), at('link.enc'));
    await ok(['encrypt', '-k', at('key'), '-i', at('x.npy'), '-o', at('link.enc')]);
    assert.equal((await stat(at('old.enc'))).size, (await stat(at('x.enc'))).size);
    const args = ['encrypt', '-k', at('key'), '-i', at('x.npy'), '-o'];
    await fails([...args, at('x.npy')], 'OUTPUT_IS_INPUT', 2);
    await fails([...args, at('none/x.enc')], 'OUTPUT_UNWRITABLE');
    await fails([...args, round.path], 'OUTPUT_UNWRITABLE');
    await fails(
      ['keyparams', '-m', at('mnist.onnx'), '-o', at('q.json'), '--plan-path', at('q.json')],
      'OUTPUT_TWICE',
      2,
    );
  });

  test('no space is said so, and nothing is left or lost', async () => {
    await writeFile(at('full.pub'), 'as it was');
    const before = (await readdir(round.path)).sort();
    // files of at most 2 MB: the secret key fits, the public key does not
    const command = `trap '' XFSZ; ulimit -f 2048; exec "$0" "$@"`;
    const args = ['keygen', '-i', at('keyparams.json'), '-o', at('full'), '--no-passphrase', '--json'];
    const { code, stdout } = await new Promise<{ code: number | null; stdout: string }>((resolve) => {
      const env = { ...process.env, NODE_DISABLE_COMPILE_CACHE: '1' };
      const child = spawn('bash', ['-c', command, process.execPath, VELUM, ...args], { env });
      let text = '';
      child.stdout.on('data', (part) => (text += part));
      child.on('close', (exit) => resolve({ code: exit, stdout: text }));
    });
    assert.equal(JSON.parse(stdout).error.code, 'NO_SPACE', stdout);
    assert.equal(code, 1);
    assert.deepEqual((await readdir(round.path)).sort(), before);
    assert.equal(await readFile(at('full.pub'), 'utf8'), 'as it was');
  });

  test('a device is written to and stays one', async () => {
    const run = await velum(['encrypt', '-k', at('key'), '-i', at('x.npy'), '-o', '/dev/full', '--json']);
    assert.equal(run.json().error.code, 'NO_SPACE');
    await ok(['encrypt', '-k', at('key'), '-i', at('x.npy'), '-o', '/dev/null']);
    assert.ok((await stat('/dev/null')).isCharacterDevice());
  });
});
