/** The face of the command: help, version, usage; in this process. @module */
import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { test } from 'node:test';
import { main } from './main.ts';
import type { Terminal } from './terminal.ts';

async function run(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const text = { stdout: '', stderr: '' };
  const write = (name: 'stdout' | 'stderr') => ({ write: (part: string) => (text[name] += part) });
  const terminal = { stdin: new PassThrough(), stdout: write('stdout'), stderr: write('stderr'), env: {} };
  const code = await main(args, terminal as unknown as Terminal);
  return { code, ...text };
}

test('every command has help with examples, --json and exit codes', async () => {
  const help = (await run('--help')).stdout;
  const names = [...help.matchAll(/^ {2}([a-z]+) .*$/gm)]
    .map(([, name]) => name)
    .filter((name) => name !== 'help');
  const groups: Record<string, string[]> = {
    token: ['list', 'create', 'revoke'],
    job: ['status', 'result', 'cancel'],
    health: ['weights', 'nights'],
    program: ['list', 'run', 'keygen', 'encrypt', 'decrypt'],
    task: ['list', 'status', 'watch', 'result', 'cancel'],
    key: ['list', 'delete'],
  };
  const commands = names.flatMap((name) => groups[name]?.map((sub) => [name, sub]) ?? [[name]]);
  assert.equal(commands.length, 39, commands.join());
  for (const command of commands) {
    const { code, stdout } = await run(...command, '--help');
    assert.equal(code, 0, command.join());
    for (const part of [/Examples:/, /--json/, /Exit codes:/]) assert.match(stdout, part, command.join());
  }
});

test('the help groups commands: those of programs stand together', async () => {
  const { stdout } = await run('--help');
  assert.match(stdout, /^Models and programs on encrypted data/m);
  const group = stdout.split('Programs on encrypted values:')[1].split('\n\n')[0];
  assert.deepEqual(
    [...group.matchAll(/^ {2}([a-z]+) /gm)].map(([, name]) => name),
    ['program', 'task', 'key', 'health', 'worker'],
  );
  const order = [...stdout.matchAll(/^(\S.*):$/gm)].map(([, heading]) => heading);
  assert.deepEqual(order.slice(1, 6), [
    'To see it work',
    'Programs on encrypted values',
    'Models on a server',
    'An ONNX model with files, without a server',
    'Server and account',
  ]);
});

test('no command, half a command, a wrong one', async () => {
  assert.equal((await run()).code, 2);
  const half = await run('job');
  assert.equal(half.code, 2);
  assert.match(half.stderr, /Usage: velum job/);
  const wrong = await run('nonsense', '--json');
  assert.equal(wrong.code, 2);
  assert.equal(JSON.parse(wrong.stdout).error.code, 'USAGE');
  const plain = await run('deploy', 'x');
  assert.match(plain.stderr, /^error: .*--file.*\[USAGE\]\nhint: /);
  assert.equal(plain.stdout, '');
});

test('the version', async () => {
  assert.deepEqual(await run('--version'), { code: 0, stdout: '0.1.0\n', stderr: '' });
});
