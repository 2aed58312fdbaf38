/**
 * A directory with the shipped network taken through the five commands, for tests of them.
 * @module
 */
import assert from 'node:assert/strict';
import { copyFile, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readCalibration } from '@velum/compiler';
import { type Run, temporaryDirectory, velum } from './harness.ts';

export const SIDE = 28;

/** A shipped file. */
export const demo = (name: string): string =>
  fileURLToPath(new URL(`../demo/mnist/${name}`, import.meta.url));

export const bytes = async (path: string): Promise<Uint8Array> => new Uint8Array(await readFile(path));

/** The 20 shipped test digits. */
export async function digits(): Promise<Float64Array[]> {
  const file = { name: 'digits.npz', bytes: await bytes(demo('digits.npz')) };
  return [...readCalibration(file, [1, 1, SIDE, SIDE]).samples];
}

export async function ok(args: string[], env: Record<string, string> = {}): Promise<Run> {
  const run = await velum(args, env);
  assert.equal(run.code, 0, `${args.join(' ')}\n${run.stdout}${run.stderr}`);
  return run;
}

/** Within 1e-4 of the largest. */
export function close(values: ArrayLike<number>, wanted: ArrayLike<number>): void {
  const largest = Math.max(...Array.from(wanted, Math.abs));
  assert.equal(values.length, wanted.length);
  for (let i = 0; i < wanted.length; i++)
    assert.ok(
      Math.abs(values[i] - wanted[i]) <= 1e-4 * largest,
      `value ${i}: ${values[i]}, not ${wanted[i]}`,
    );
}

export interface Round {
  path: string;
  /** A file in the directory. */
  at(name: string): string;
  /** The command fails with this code; returns its message and hint. The directory is as it was. */
  fails(args: string[], code: string, exit?: number, env?: Record<string, string>): Promise<string>;
  remove(): Promise<void>;
}

/** mnist.onnx, x.npy, keyparams.json, keyparams.plan, key, key.pub, x.enc and y.enc. */
export async function fiveCommands(): Promise<Round> {
  const { path, remove } = await temporaryDirectory();
  const at = (name: string): string => join(path, name);
  await copyFile(demo('mnist.onnx'), at('mnist.onnx'));
  await copyFile(demo('digit.npy'), at('x.npy'));
  await ok(['keyparams', '-m', at('mnist.onnx'), '-c', demo('calibration.npz'), '-o', at('keyparams.json')]);
  await ok(['keygen', '-i', at('keyparams.json'), '-o', at('key'), '--no-passphrase']);
  await ok(['encrypt', '-k', at('key'), '-i', at('x.npy'), '-o', at('x.enc')]);
  const keys = ['-m', at('keyparams.plan'), '-k', at('key.pub')];
  await ok(['inference', ...keys, '-i', at('x.enc'), '-o', at('y.enc')]);
  const fails: Round['fails'] = async (args, code, exit = 5, env = {}) => {
    const before = (await readdir(path)).sort();
    const run = await velum([...args, '--json'], env);
    assert.equal(run.code, exit, `${args.join(' ')}\n${run.stdout}${run.stderr}`);
    const { error } = run.json();
    assert.equal(error.code, code, `${args.join(' ')}: ${error.message}`);
    assert.deepEqual((await readdir(path)).sort(), before, 'a file was left behind');
    return `${error.message} ${error.hint ?? ''}`;
  };
  return { path, at, fails, remove };
}
