/**
 * The ONNX demo: the five commands on the shipped network and one of its test digits, in a directory that is gone
 * afterwards, and the answer beside that of the plain network.
 * @module
 */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readCalibration } from '@velum/compiler';
import { decodePlan, runClear } from '@velum/runtime';
import { decryptFile } from '../local/decrypt-file.ts';
import { encryptFile } from '../local/encrypt-file.ts';
import { inferFile } from '../local/infer-file.ts';
import { makeKeyParams } from '../local/make-key-params.ts';
import { makeKeys } from '../local/make-keys.ts';
import { writeNpy } from '../npy.ts';
import type { Terminal } from '../terminal.ts';
import { disagrees } from './disagrees.ts';
import { middleOf } from './saw.ts';

/** The largest error relative to the largest score that the demo accepts. */
export const MNIST_TOLERANCE = 1e-4;
export const SIDE = 28;
const PER_CLASS = 2;
const GLIMPSE_BYTES = SIDE * SIDE;

export interface MnistReport {
  digit: number;
  predicted: number;
  pixels: number[];
  /** Encrypted scores, decrypted; and those of the network in the clear. */
  scores: number[];
  plain: number[];
  /** Largest difference, relative to the largest plain score. */
  error: number;
  tolerance: number;
  agrees: boolean;
  /** Some bytes from the middle of the encrypted digit: hex. */
  serverSaw: string;
  steps: { command: string; milliseconds: number; bytes: number; what: string }[];
  inferenceMilliseconds: number;
  threads: number;
}

const shipped = (name: string): string => fileURLToPath(new URL(`../../demo/mnist/${name}`, import.meta.url));

/** One of the shipped test digits that the network has not seen in training. */
async function testDigit(digit: number): Promise<Float64Array> {
  const bytes = new Uint8Array(await readFile(shipped('digits.npz')));
  const { samples } = readCalibration({ name: 'digits.npz', bytes }, [1, 1, SIDE, SIDE]);
  return [...samples][PER_CLASS * digit];
}

/** Runs the demo; `onStep` hears of each command as it ends. */
export async function runMnistDemo(
  terminal: Terminal,
  digit: number,
  onStep: (step: MnistReport['steps'][number]) => void = () => {},
): Promise<MnistReport> {
  const directory = await mkdtemp(join(tmpdir(), 'velum-demo-'));
  try {
    return await walk(terminal, directory, digit, onStep);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function walk(
  terminal: Terminal,
  directory: string,
  digit: number,
  onStep: (step: MnistReport['steps'][number]) => void,
): Promise<MnistReport> {
  const at = (name: string): string => join(directory, name);
  const steps: MnistReport['steps'] = [];
  const timed = async <T>(command: string, what: string, bytesOf: (value: T) => number, run: Promise<T>) => {
    const start = performance.now();
    const value = await run;
    const step = { command, what, milliseconds: performance.now() - start, bytes: bytesOf(value) };
    steps.push(step);
    onStep(step);
    return value;
  };
  const pixels = await testDigit(digit);
  await writeFile(at('x.npy'), writeNpy([1, 1, SIDE, SIDE], pixels));

  const modelPath = shipped('mnist.onnx');
  await timed(
    'keyparams -m mnist.onnx -c calibration.npz -o keyparams.json',
    'plan',
    (made) => made.bytes.plan,
    makeKeyParams({
      modelPath,
      calibrationDataPath: shipped('calibration.npz'),
      keyParamsPath: at('keyparams.json'),
    }),
  );
  await timed(
    'keygen -i keyparams.json -o key',
    'key.pub',
    (made) => made.bytes.publicKey,
    // a secret of this run, in a directory of this user, gone with it
    makeKeys(terminal, {
      keyParamsPath: at('keyparams.json'),
      secretKeyPath: at('key'),
      passphrase: false,
    }),
  );
  await timed(
    'encrypt -k key -i x.npy -o x.enc',
    'x.enc',
    (made) => made.bytes.output,
    encryptFile(terminal, {
      keyPath: at('key'),
      plaintextInputPath: at('x.npy'),
      ciphertextOutputPath: at('x.enc'),
    }),
  );
  const inferred = await timed(
    'inference -m mnist.onnx -k key.pub -i x.enc -o y.enc',
    'y.enc',
    (made) => made.bytes.output,
    inferFile(terminal, {
      modelPath,
      plan: at('keyparams.plan'),
      keyPath: at('key.pub'),
      ciphertextInputPath: at('x.enc'),
      ciphertextOutputPath: at('y.enc'),
    }),
  );
  const decrypted = await timed(
    'decrypt -k key -i y.enc -o y.npy',
    'y.npy',
    (made) => made.bytes.output,
    decryptFile(terminal, {
      keyPath: at('key'),
      ciphertextInputPath: at('y.enc'),
      plaintextOutputPath: at('y.npy'),
    }),
  );

  const plan = await decodePlan(new Uint8Array(await readFile(at('keyparams.plan'))));
  const [plain] = runClear(plan, [pixels]);
  const [scores] = decrypted.predictions;
  const largest = Math.max(...plain.map(Math.abs));
  const error = Math.max(...plain.map((value, k) => Math.abs(scores[k] - value))) / largest;
  const seen = new Uint8Array(await readFile(at('x.enc')));
  return {
    digit,
    predicted: scores.indexOf(Math.max(...scores)),
    pixels: [...pixels],
    scores,
    plain,
    error,
    tolerance: MNIST_TOLERANCE,
    agrees: error <= MNIST_TOLERANCE,
    serverSaw: middleOf(seen, GLIMPSE_BYTES),
    steps,
    inferenceMilliseconds: inferred.times['inference'],
    threads: inferred.threads,
  };
}

/** @throws CliError DEMO_DISAGREES */
export function checkMnist(report: MnistReport): void {
  if (report.agrees) return;
  throw disagrees(
    `encrypted and plain scores differ by ${report.error} of the largest, more than ${report.tolerance}`,
  );
}
