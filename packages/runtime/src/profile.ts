/**
 * The public half of a plan: all that a client needs to make keys, encrypt, and decrypt. It holds no weights.
 * @module
 */
import { createParameters, type EvaluationKeySpec, sha256Hex } from '@velum/fhe';
import { RuntimeError } from './errors.ts';

/**
 * How samples lie in ciphertexts:
 * - `coefficients`: linear models. A sample's features are coefficients; a product with the weights puts each score into
 *   one coefficient, without any evaluation key. Several samples to a ciphertext, or (layout `features`) a ciphertext for
 *   each feature with N samples, whichever is smaller for the request.
 * - `slots`: one sample a ciphertext, repeated in the slots; for latency.
 * - `graph`: in the layout that the network's first layer wants (`slots` of the input). One sample a ciphertext, or `images`
 *   interleaved ones: slot t of sample i of a group is slot t x images + i, so that a rotation moves all of them alike. The
 *   input of a group may take several ciphertexts (`parts`), which the first layer makes one.
 * - `batch`: a ciphertext for each feature with N/2 samples in the slots; for throughput.
 */
export type Packing = 'coefficients' | 'slots' | 'graph' | 'batch';
export type Activation = 'none' | 'sigmoid' | 'softmax' | 'argmax';

export interface ProfileInput {
  features: number;
  names?: string[];
  packing: Packing;
  level: number;
  scale: number;
  /** Period of a sample in the slots (packings `slots` and `graph`). */
  period: number;
  /** Packing `graph`: samples that share a ciphertext, a power of two. Absent: 1. */
  images?: number;
  /** Packing `graph`: ciphertexts that the input of such a group takes. Absent: 1. */
  parts?: number;
  /** Packing `graph`: the feature in each slot of a period, part after part; -1 for none. Absent: feature i in slot i. */
  slots?: number[];
  /** Shape of one sample, for display. */
  shape?: number[];
  /** Most rows that one request may hold. */
  samplesPerRequest: number;
  /** Calibrated range of each feature: outside it the result may be wrong. */
  ranges?: [number, number][];
  /** The same range for all features, instead of `ranges`. */
  range?: [number, number];
}

export interface ProfileOutput {
  /** Values for each sample. */
  values: number;
  /** Final activation that the client applies after decryption, exactly. */
  activation: Activation;
  labels?: (string | number)[];
  /** Decision threshold on the final value of a binary classifier. */
  threshold?: number;
  scale: number;
  /** Period of the result in the slots (packings `slots` and `graph`). */
  period: number;
  /** Packing `graph`: the slot of each value. Absent: value i in slot i. */
  slots?: number[];
  shape?: number[];
  /** Bits of a coefficient on the wire. */
  keep: number;
}

export interface ProfileEstimate {
  serverMilliseconds: number;
  publicKeyBytes: number;
  evaluationKeyBytes: number;
  inputBytes: number;
  resultBytes: number;
  /** Largest absolute error expected in the score. */
  error: number;
}

export interface Profile {
  format: 'velum-profile';
  version: 1;
  /** SHA-256 of the canonical JSON of everything but `id` and `estimate`. */
  id: string;
  scheme: 'ckks';
  parameters: { logN: number; q: number[]; p: number[] };
  keys: { public: { level: number }; evaluation: EvaluationKeySpec[] };
  input: ProfileInput;
  output: ProfileOutput;
  batchSize: number;
  estimate: ProfileEstimate;
}

/** JSON with sorted keys and no white space. */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (value !== null && typeof value === 'object') {
    const entries = Object.entries(value).filter(([, v]) => v !== undefined);
    entries.sort(([a], [b]) => (a < b ? -1 : 1));
    return `{${entries.map(([k, v]) => `${JSON.stringify(k)}:${canonicalJson(v)}`).join(',')}}`;
  }
  return JSON.stringify(value);
}

/** The id that a profile with this content has. */
export async function profileId(profile: Omit<Profile, 'id'>): Promise<string> {
  const { format, version, scheme, parameters, keys, input, output, batchSize } = profile;
  const text = canonicalJson({ format, version, scheme, parameters, keys, input, output, batchSize });
  return sha256Hex(new TextEncoder().encode(text));
}

const MAX_FEATURES = 65_536;
/** Slots of the input's layout, all parts together: a first layer reads a feature several times. */
const MAX_SLOTS = 2 ** 20;

/**
 * Checks a profile that came from outside.
 * @throws RuntimeError PROFILE_INVALID, FheError PARAMETERS_INVALID or PARAMETERS_INSECURE: a service cannot talk a client
 *   into weak parameters.
 */
export function parseProfile(value: unknown): Profile {
  const p = object(value, 'profile') as unknown as Profile;
  if (p.format !== 'velum-profile') bad('format', 'is not "velum-profile"');
  if (p.version !== 1) bad('version', `${p.version} is not supported; update the client`);
  if (p.scheme !== 'ckks') bad('scheme', 'is not "ckks"');
  if (typeof p.id !== 'string' || !/^[0-9a-f]{64}$/.test(p.id)) bad('id', 'is not 64 hex digits');
  const { logN, q, p: special } = object(p.parameters, 'parameters') as unknown as Profile['parameters'];
  const parameters = createParameters({ logN, q, p: special });
  const level = (v: unknown, name: string): number => integer(v, 0, parameters.maxLevel, name);
  const keys = object(p.keys, 'keys') as unknown as Profile['keys'];
  level(object(keys.public, 'keys.public')['level'], 'keys.public.level');
  for (const spec of array(keys.evaluation, 1024, 'keys.evaluation')) {
    const key = object(spec, 'keys.evaluation');
    const galois = integer(key['galois'], 0, 2 * parameters.n - 1, 'keys.evaluation.galois');
    // Relinearisation is element 0; automorphisms are odd.
    if (galois !== 0 && galois % 2 === 0) bad('keys.evaluation.galois', 'is even');
    level(key['level'], 'keys.evaluation.level');
    integer(key['special'], 1, parameters.p.length, 'keys.evaluation.special');
  }
  const input = object(p.input, 'input') as unknown as ProfileInput;
  integer(input.features, 1, MAX_FEATURES, 'input.features');
  if (!['coefficients', 'slots', 'graph', 'batch'].includes(input.packing))
    bad('input.packing', 'is unknown');
  level(input.level, 'input.level');
  positive(input.scale, 'input.scale');
  const images = input.images ?? 1;
  const parts = input.parts ?? 1;
  powerOfTwo(images, parameters.n / 2, 'input.images');
  integer(parts, 1, MAX_FEATURES, 'input.parts');
  if (input.packing !== 'graph' && (images > 1 || parts > 1))
    bad('input.images', 'and parts are for packing "graph"');
  powerOfTwo(input.period, parameters.n / 2 / images, 'input.period');
  integer(input.samplesPerRequest, 1, 1 << 24, 'input.samplesPerRequest');
  if (input.names !== undefined && array(input.names, MAX_FEATURES, 'input.names').length !== input.features)
    bad('input.names', 'does not fit the features');
  if (input.range !== undefined) {
    const range = array(input.range, 2, 'input.range');
    if (range.length !== 2 || !range.every(Number.isFinite)) bad('input.range', 'is not [min, max]');
  }
  if (input.ranges !== undefined) {
    if (array(input.ranges, MAX_FEATURES, 'input.ranges').length !== input.features)
      bad('input.ranges', 'does not fit the features');
    for (const range of input.ranges) {
      if (!Array.isArray(range) || range.length !== 2 || !range.every(Number.isFinite))
        bad('input.ranges', 'is not a list of [min, max]');
    }
  }
  if (input.slots !== undefined) {
    if (array(input.slots, MAX_SLOTS, 'input.slots').length !== input.period * parts)
      bad('input.slots', 'does not fill the period');
    for (const feature of input.slots) integer(feature, -1, input.features - 1, 'input.slots');
  }
  const output = object(p.output, 'output') as unknown as ProfileOutput;
  integer(output.values, 1, MAX_FEATURES, 'output.values');
  if (!['none', 'sigmoid', 'softmax', 'argmax'].includes(output.activation))
    bad('output.activation', 'is unknown');
  positive(output.scale, 'output.scale');
  powerOfTwo(output.period, parameters.n / 2 / images, 'output.period');
  integer(output.keep, 8, 50, 'output.keep');
  if (input.packing === 'coefficients' && input.features * output.values > parameters.n)
    bad('input.features', 'does not fit the ring');
  if (
    (input.packing === 'slots' || (input.packing === 'graph' && !input.slots)) &&
    input.period * parts < input.features
  )
    bad('input.period', 'is shorter than a sample');
  if ((input.packing === 'slots' || input.packing === 'graph') && output.period < output.values)
    bad('output.period', 'is shorter than the values');
  if (output.slots !== undefined) {
    if (array(output.slots, MAX_FEATURES, 'output.slots').length !== output.values)
      bad('output.slots', 'does not fit the values');
    for (const slot of output.slots) integer(slot, 0, output.period - 1, 'output.slots');
  }
  integer(p.batchSize, 1, 1 << 24, 'batchSize');
  object(p.estimate, 'estimate');
  return p;
}

function bad(argument: string, what: string): never {
  throw new RuntimeError('PROFILE_INVALID', `the profile's ${argument} ${what}`, argument);
}

function object(value: unknown, name: string): Record<string, unknown> {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) bad(name, 'is not an object');
  return value as Record<string, unknown>;
}

function array(value: unknown, max: number, name: string): unknown[] {
  if (!Array.isArray(value) || value.length > max) bad(name, `is not a list of at most ${max}`);
  return value as unknown[];
}

function integer(value: unknown, min: number, max: number, name: string): number {
  if (!Number.isInteger(value) || (value as number) < min || (value as number) > max)
    bad(name, `is ${String(value)}, not an integer in ${min}..${max}`);
  return value as number;
}

function powerOfTwo(value: unknown, max: number, name: string): void {
  if (!Number.isInteger(Math.log2(integer(value, 1, max, name))))
    bad(name, `is ${String(value)}, not a power of two`);
}

function positive(value: unknown, name: string): void {
  if (typeof value !== 'number' || !Number.isFinite(value) || value <= 0)
    bad(name, 'is not a positive number');
}
