/**
 * One thread against several inside single operations: N = 16384, seven chain primes and two special ones, real keys.
 * Rounds alternate, so that whatever else the machine does meets both. `processors` is the processor time of the threaded
 * rounds over their wall time: well below the number of threads, other processes had the cores and the ratio says nothing.
 *
 *   node bench/threads.ts [--threads 2] [--json FILE]
 * @module
 */
import { parseArgs } from 'node:util';
import {
  Context,
  createParameters,
  Encoder,
  EvaluationKeys,
  Evaluator,
  encrypt,
  generateGaloisKey,
  generateRelinearizationKey,
  LinearTransform,
  literalFromBits,
  RELINEARIZATION,
  SecretKey,
  transformRotations,
  transformShape,
} from '../packages/fhe/src/index.ts';
import { loadKernels } from '../packages/kernels/src/node.ts';
import { digits, formatMs, machine, table, timing, writeJson } from './measure.ts';

const LOG_N = 14;
const LOG_Q = [50, 40, 40, 40, 40, 40, 40];
const LOG_P = [50, 50];
const LEVEL = LOG_Q.length - 1;
const SCALE = 2 ** 40;
const ROUNDS = 31;
const SIZE = 64;

const { values } = parseArgs({
  options: { threads: { type: 'string', default: '2' }, json: { type: 'string' } },
});

const seed = crypto.getRandomValues(new Uint8Array(32));
const slots = Float64Array.from({ length: 2 ** (LOG_N - 1) }, () => 2 * Math.random() - 1);
const weights = Float64Array.from({ length: SIZE * SIZE }, () => 2 * Math.random() - 1);

async function party(threads: number) {
  const kernels = await loadKernels({ threads, wide: true });
  const context = new Context(
    kernels,
    createParameters(literalFromBits({ logN: LOG_N, logQ: LOG_Q, logP: LOG_P })),
  );
  const encoder = new Encoder(context);
  const secret = SecretKey.fromSeed(context, seed);
  const keys = new EvaluationKeys();
  const spec = { level: LEVEL, special: LOG_P.length };
  const shape = transformShape(SIZE, SIZE);
  for (const step of transformRotations(shape).before) {
    const galois = context.galoisElement(step);
    keys.set(galois, generateGaloisKey(secret, galois, spec));
  }
  keys.set(RELINEARIZATION, generateRelinearizationKey(secret, spec));
  const evaluator = new Evaluator(context, keys);
  const transform = new LinearTransform(encoder, shape, weights, LEVEL, 2 ** 40);
  const plain = encoder.encode(slots, LEVEL, SCALE);
  const a = encrypt(secret, plain).ciphertext;
  const b = encrypt(secret, plain).ciphertext;
  const product = evaluator.multiply(a, b);
  return {
    kernels,
    calls: {
      rotate: () => evaluator.rotate(a, 1).dispose(),
      'multiply, relinearise, rescale': () => evaluator.multiplyRescale(a, b).dispose(),
      multiply: () => evaluator.multiply(a, b).dispose(),
      'relinearise, rescale': () => evaluator.relinearizeRescale(product).dispose(),
      rescale: () => evaluator.rescale(a).dispose(),
      add: () => evaluator.add(a, b).dispose(),
      [`linear transform ${SIZE} x ${SIZE}`]: () => transform.apply(evaluator, a).dispose(),
      'encode all slots': () => encoder.encode(slots, LEVEL, SCALE).dispose(),
      'generate a Galois key': () => generateGaloisKey(secret, context.galoisElement(1), spec).dispose(),
    } as Record<string, () => void>,
  };
}

const one = await party(1);
const several = await party(Number(values.threads));
const rows = Object.keys(one.calls).map((name) => {
  const times: [number[], number[]] = [[], []];
  let cpu = 0;
  for (let round = -5; round < ROUNDS; round++) {
    [one, several].forEach(({ calls }, i) => {
      const before = process.cpuUsage();
      const start = performance.now();
      calls[name]();
      const spent = performance.now() - start;
      const { user, system } = process.cpuUsage(before);
      if (round < 0) return;
      times[i].push(spent);
      if (i === 1) cpu += (user + system) / 1000;
    });
  }
  const [alone, together] = times.map(timing);
  return {
    name,
    alone,
    together,
    ratio: alone.median / together.median,
    best: alone.min / together.min,
    processors: cpu / times[1].reduce((sum, t) => sum + t, 0),
  };
});
const { threads } = several.kernels;
await several.kernels.close();

console.log(
  `N = ${2 ** LOG_N}, level ${LEVEL}, ${LOG_P.length} special primes; ${one.kernels.build}; medians`,
);
console.log(
  table(
    ['operation', '1 thread', `${threads} threads`, 'ratio', 'ratio of the fastest', 'processors'],
    rows.map(({ name, alone, together, ratio, best, processors }) => [
      name,
      formatMs(alone.median),
      formatMs(together.median),
      digits(ratio),
      digits(best),
      digits(processors),
    ]),
  ),
);
if (values.json) writeJson(values.json, { machine: machine(), threads, rows });
