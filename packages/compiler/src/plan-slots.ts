/**
 * Plans for models with polynomial layers: one sample in the slots of a ciphertext (latency), or one feature of many
 * samples in each (throughput). The smallest parameters whose simulated error is within the wanted precision are taken.
 * @module
 */
import {
  type EvaluationKeySpec,
  FheError,
  generatePrimes,
  maxLogQP,
  polynomialDepth,
  polynomialInputScale,
  RELINEARIZATION,
  rotationElement,
  transformRotations,
  transformShape,
} from '@velum/fhe';
import { type Plan, runClear, type Step, simulate, wireSizes } from '@velum/runtime';
import { estimateMilliseconds } from './cost.ts';
import { draftProfile } from './draft.ts';
import { CompileError } from './errors.ts';
import type { EncryptedLayer, Lowered } from './lower.ts';
import type { Model } from './model.ts';
import { transportBits } from './parameters.ts';
import type { CompileOptions } from './requirements.ts';

type SlotPacking = 'slots' | 'batch';

/** Beyond this many bytes of keys a faster plan is not worth its upload. */
const KEY_BUDGET = 24e6;
const MAX_MODULUS_BITS = 49;
const SPECIAL_BITS = 50;
const MIN_SCALE_BITS = 24;
const MAX_SCALE_BITS = 45;
const BABY_STEPS = [2, 4, 8, 16, 32];
/** Simulated errors are random: what is measured on the probes is tripled. */
const SAFETY = 3;

interface Choice {
  logN: number;
  scaleBits: number;
  special: number;
  babySteps: number;
}

/** The plan for the packing. @throws CompileError MODEL_TOO_DEEP, PRECISION_UNREACHABLE */
export function planSlots(
  model: Model,
  lowered: Lowered,
  packing: SlotPacking,
  options: CompileOptions,
): Plan {
  const precision = options.precision ?? 1e-4;
  const levels = lowered.layers.reduce((sum, layer) => sum + depth(layer), 0);
  let best = Number.POSITIVE_INFINITY;
  for (let logN = 12; logN <= 16; logN++) {
    if (packing === 'slots' && 2 ** (logN - 1) < widest(lowered)) continue;
    const largest = largestScaleBits(lowered, levels, logN);
    if (largest < MIN_SCALE_BITS) continue;
    const build = (scaleBits: number): Plan =>
      build1(model, lowered, packing, options, { logN, scaleBits, special: 1, babySteps: 4 });
    const error = simulatedError(build(largest), lowered);
    best = Math.min(best, error);
    if (error > precision) continue;
    let scaleBits = largest;
    while (scaleBits > MIN_SCALE_BITS && simulatedError(build(scaleBits - 1), lowered) <= precision / 2)
      scaleBits--;
    return fastest(model, lowered, packing, options, logN, scaleBits);
  }
  if (best === Number.POSITIVE_INFINITY) {
    throw new CompileError(
      'MODEL_TOO_DEEP',
      `the model needs ${levels} levels, more than 128-bit security allows without bootstrapping; use fewer or lower-degree polynomial layers`,
      {
        argument: 'layers',
        value: levels,
      },
    );
  }
  throw new CompileError(
    'PRECISION_UNREACHABLE',
    `the best plan errs by ${best.toExponential(1)}, more than the wanted ${precision}; ask for a lower precision, or calibrate with featureRanges`,
    {
      argument: 'precision',
      value: precision,
    },
  );
}

/** Among digit sizes and baby steps: the fastest within the key budget, else the one with the smallest keys. */
function fastest(
  model: Model,
  lowered: Lowered,
  packing: SlotPacking,
  options: CompileOptions,
  logN: number,
  scaleBits: number,
): Plan {
  const plans: { plan: Plan; time: number; keys: number }[] = [];
  for (let special = 1; special <= 6; special++) {
    for (const babySteps of packing === 'slots' ? BABY_STEPS : [4]) {
      try {
        const plan = build1(model, lowered, packing, options, { logN, scaleBits, special, babySteps });
        plans.push({ plan, time: estimateMilliseconds(plan), keys: wireSizes(plan.profile).evaluationKey });
      } catch (error) {
        if (!(error instanceof FheError) && !(error instanceof CompileError)) throw error;
      }
    }
  }
  const affordable = plans.filter((p) => p.keys <= KEY_BUDGET);
  const order =
    affordable.length > 0
      ? affordable.sort((a, b) => a.time - b.time)
      : plans.sort((a, b) => a.keys - b.keys);
  return order[0].plan;
}

const depth = (layer: EncryptedLayer): number =>
  layer.kind === 'dense' ? 1 : polynomialDepth(layer.polynomial);

function widest(lowered: Lowered): number {
  return lowered.layers.reduce(
    (m, l) => (l.kind === 'dense' ? Math.max(m, period(l.matrix.rows), period(l.matrix.columns)) : m),
    1,
  );
}

const period = (size: number): number => 2 ** Math.ceil(Math.log2(size));

/** Bits of the last modulus: the score at its scale, a sign, and room. */
function headroomBits(lowered: Lowered): number {
  return Math.ceil(Math.log2(Math.max(1, lowered.bounds[lowered.bounds.length - 1]))) + 3;
}

function baseBits(lowered: Lowered, scaleBits: number): number {
  return Math.min(MAX_MODULUS_BITS, scaleBits + headroomBits(lowered));
}

function largestScaleBits(lowered: Lowered, levels: number, logN: number): number {
  for (let bits = MAX_SCALE_BITS; bits >= MIN_SCALE_BITS; bits--) {
    const special = Math.max(baseBits(lowered, bits), bits) + 1;
    if (baseBits(lowered, bits) + levels * bits + special + 0.1 <= maxLogQP(logN)) return bits;
  }
  return 0;
}

function build1(
  model: Model,
  lowered: Lowered,
  packing: SlotPacking,
  options: CompileOptions,
  choice: Choice,
): Plan {
  const { logN, scaleBits, special } = choice;
  const levels = lowered.layers.reduce((sum, layer) => sum + depth(layer), 0);
  const base = baseBits(lowered, scaleBits);
  const chain = [base, ...new Array<number>(levels).fill(scaleBits)];
  const needsKeys = packing === 'slots' || lowered.layers.some((l) => l.kind === 'polynomial');
  const room = maxLogQP(logN) - chain.reduce((a, b) => a + b, 0) - 0.2;
  const specialBits = needsKeys ? Math.min(SPECIAL_BITS, Math.floor(room / special)) : 0;
  // A digit's primes must not outweigh the special primes, or its noise would show.
  if (
    needsKeys &&
    (special > levels + 1 ||
      specialBits * special < Math.max(base + (special - 1) * scaleBits, scaleBits * special))
  ) {
    throw new CompileError('PRECISION_UNREACHABLE', 'the special primes do not fit', {
      argument: 'special',
      value: special,
    });
  }
  const primes = generatePrimes(logN, [
    ...chain,
    ...(needsKeys ? new Array<number>(special).fill(specialBits) : []),
  ]);
  const q = primes.slice(0, chain.length);
  const p = primes.slice(chain.length);
  const inputScale = 2 ** scaleBits;
  const outputScale = 2 ** Math.min(scaleBits, base - headroomBits(lowered));
  const { steps, keys, outputPeriod, firstScale } = schedule(
    model,
    lowered,
    packing,
    choice,
    q,
    inputScale,
    outputScale,
  );
  const transport = transportBits(
    options.precision ?? 1e-4,
    logN,
    base,
    outputScale,
    packing === 'slots' ? outputPeriod : 2 ** (logN - 1),
  );
  const profile = draftProfile(model, lowered, options, {
    parameters: { logN, q, p },
    keys: { public: { level: 0 }, evaluation: keys },
    packing,
    level: levels,
    scale: firstScale,
    period: period(model.inputs),
    samplesPerRequest:
      packing === 'slots'
        ? 256
        : 2 ** (logN - 1) * Math.max(1, Math.ceil((options.batchSize ?? 1) / 2 ** (logN - 1))),
    output: { scale: outputScale, period: outputPeriod, keep: transport.keep },
  });
  return { profile, program: { steps, floodBits: transport.floodBits } };
}

/** Levels and scales of the steps, and the keys they use. */
function schedule(
  model: Model,
  lowered: Lowered,
  packing: SlotPacking,
  choice: Choice,
  q: readonly number[],
  inputScale: number,
  outputScale: number,
): { steps: Step[]; keys: EvaluationKeySpec[]; outputPeriod: number; firstScale: number } {
  const steps: Step[] = [];
  const levelOf = new Map<number, number>();
  const need = (galois: number, level: number): void => {
    levelOf.set(galois, Math.max(level, levelOf.get(galois) ?? 0));
  };
  const rotation = (r: number): number => rotationElement(choice.logN, r);
  const scales = inputScales(lowered, q, inputScale, outputScale);
  let level = q.length - 1;
  let width = period(model.inputs);
  lowered.layers.forEach((layer, i) => {
    if (layer.kind === 'polynomial') {
      steps.push({ kind: 'polynomial', polynomial: layer.polynomial, level, outputScale: scales[i + 1] });
      need(RELINEARIZATION, level);
      level -= depth(layer);
      return;
    }
    const weightScale = (q[level] * scales[i + 1]) / scales[i];
    const { matrix } = layer;
    if (packing === 'batch') steps.push({ kind: 'scalars', matrix, level, weightScale });
    else {
      const shape = transformShape(matrix.rows, matrix.columns, width, choice.babySteps);
      const { before, after } = transformRotations(shape);
      for (const r of before) need(rotation(r), level);
      for (const r of after) need(rotation(r), level - 1);
      steps.push({ kind: 'linear', matrix, shape, level, weightScale });
      width = shape.outputPeriod;
    }
    level -= 1;
  });
  const keys = [...levelOf].map(
    ([galois, top]): EvaluationKeySpec => ({
      galois,
      level: top,
      special: Math.min(choice.special, top + 1),
    }),
  );
  keys.sort((a, b) => a.galois - b.galois);
  return { steps, keys, outputPeriod: packing === 'slots' ? width : 1, firstScale: scales[0] };
}

/**
 * The scale before each layer and after the last, from the end backwards: a dense layer reaches any scale through its
 * weights, a polynomial on [a, b] wants one at which mapping to [-1, 1] is free, a square fixes its input's scale.
 */
function inputScales(
  lowered: Lowered,
  q: readonly number[],
  inputScale: number,
  outputScale: number,
): number[] {
  const scales = [outputScale];
  let level = 0;
  for (const layer of [...lowered.layers].reverse()) {
    level += depth(layer);
    if (layer.kind === 'dense') scales.unshift(inputScale);
    else {
      const { polynomial } = layer;
      const [a, b] = polynomial.basis === 'chebyshev' ? (polynomial.domain ?? [-1, 1]) : [-1, 1];
      scales.unshift(polynomialInputScale(polynomial, scales[0], q[level]) ?? (inputScale * 2) / (b - a));
    }
  }
  return scales;
}

/** Three times the largest difference between the simulated and the clear run on the probes. */
export function simulatedError(plan: Plan, lowered: Lowered): number {
  let largest = 0;
  for (let start = 0; start < lowered.probes.length; start += plan.profile.input.samplesPerRequest) {
    const rows = lowered.probes.slice(start, start + plan.profile.input.samplesPerRequest);
    const clear = runClear(plan, rows, { scores: true });
    simulate(plan, rows, { scores: true }).forEach((scores, r) => {
      scores.forEach((s, v) => {
        largest = Math.max(largest, Math.abs(s - clear[r][v]));
      });
    });
  }
  return SAFETY * largest;
}
