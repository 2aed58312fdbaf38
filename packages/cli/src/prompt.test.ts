/** Questions on something that behaves as a terminal. @module */
import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { test } from 'node:test';
import { EXIT } from './errors.ts';
import { passwordOrAsk, valueOrAsk } from './prompt.ts';
import type { Terminal } from './terminal.ts';

function fakeTerminal(isTTY: boolean) {
  const raw: boolean[] = [];
  const stdin = Object.assign(new PassThrough(), { isTTY, setRawMode: (on: boolean) => raw.push(on) });
  const stderr = new PassThrough();
  let written = '';
  stderr.on('data', (part) => (written += part));
  const terminal = { stdin, stdout: new PassThrough(), stderr, env: {} } as unknown as Terminal;
  return { terminal, stdin, raw, written: () => written };
}

test('a password is read without echo, with backspace and line kill', async () => {
  const { terminal, stdin, raw, written } = fakeTerminal(true);
  const answer = passwordOrAsk(terminal, undefined, 'Password');
  stdin.write('wrong\u0015seX\u007fcret \u00e9\r');
  assert.equal(await answer, 'secret \u00e9');
  assert.equal(written(), 'Password: \n');
  assert.deepEqual(raw, [true, false]);
});

test('Ctrl-C at a password ends the command and restores the terminal', async () => {
  const { terminal, stdin, raw } = fakeTerminal(true);
  const answer = passwordOrAsk(terminal, undefined, 'Password');
  stdin.write('se\u0003');
  await assert.rejects(answer, { exitCode: EXIT.interrupted });
  assert.deepEqual(raw, [true, false]);
});

test('without a terminal a missing value is a usage error that names the option', async () => {
  const { terminal } = fakeTerminal(false);
  await assert.rejects(valueOrAsk(terminal, undefined, '--username', 'Username'), {
    exitCode: EXIT.usage,
    message: '--username is missing',
  });
  await assert.rejects(passwordOrAsk(terminal, undefined, 'Password'), { exitCode: EXIT.usage });
  assert.equal(await valueOrAsk(terminal, 'ada', '--username', 'Username'), 'ada');
});

test('- reads the first line of stdin', async () => {
  const { terminal, stdin } = fakeTerminal(false);
  stdin.end('from a pipe\r\nmore\n');
  assert.equal(await passwordOrAsk(terminal, '-', 'Password'), 'from a pipe');
});

test('a question on a terminal', async () => {
  const { terminal, stdin } = fakeTerminal(true);
  const answer = valueOrAsk(terminal, undefined, '--username', 'Username');
  stdin.write(' ada \n');
  assert.equal(await answer, 'ada');
});
