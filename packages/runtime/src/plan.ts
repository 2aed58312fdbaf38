/**
 * A plan: the public profile, and the program, which stays with the model owner. The program is a straight line of steps
 * with their constants.
 * @module
 */
import { NO_PROFILE, openWire, type Polynomial, sealWire, type TransformShape } from '@velum/fhe';
import { RuntimeError } from './errors.ts';
import { type Profile, parseProfile } from './profile.ts';

export interface Matrix {
  rows: number;
  columns: number;
  /** Row-major, rows x columns. */
  weights: Float64Array;
  bias: Float64Array;
}

/** A linear model on coefficients: input level -> input level - 1. */
export interface CoefficientStep {
  kind: 'coefficients';
  matrix: Matrix;
  weightScale: number;
}

/** Matrix times the slot vector of one sample: level -> level - 1. */
export interface LinearStep {
  kind: 'linear';
  matrix: Matrix;
  shape: TransformShape;
  level: number;
  weightScale: number;
}

/** Matrix times a vector of ciphertexts, one a feature: level -> level - 1. */
export interface ScalarStep {
  kind: 'scalars';
  matrix: Matrix;
  level: number;
  weightScale: number;
}

/** A polynomial on every slot: level -> level - depth. */
export interface PolynomialStep {
  kind: 'polynomial';
  polynomial: Polynomial;
  level: number;
  outputScale: number;
}

/** Steps of packings other than `graph`: each takes what the one before it made. */
export type LineStep = CoefficientStep | LinearStep | ScalarStep | PolynomialStep;
export type Step = LineStep | GraphStep;

/**
 * Steps of packing `graph`: a network as a graph. Value 0 is the input, step k makes value k + 1, the last value is the
 * output. Every value is one ciphertext with a layout of its own, only the input may be several. Slots and periods are those
 * of one sample; `images` of them are interleaved.
 */
export type GraphStep = AffineStep | ElementwiseStep | ProductStep;

/** One linear map of an affine step, from slots to slots. */
export interface SlotMap {
  value: number;
  /** Ciphertext of the input that this map reads, where there are several. Maps of one value are one transform. */
  part?: number;
  /** Level at which the map is applied: the output's level + 1. */
  level: number;
  weightScale: number;
  inputPeriod: number;
  babyModulus: number;
  foldRadix: number;
  /** Entries: output slot, input slot, weight. */
  outputSlot: Float64Array;
  inputSlot: Float64Array;
  weight: Float64Array;
}

/** y = sum of maps + bias. */
export interface AffineStep {
  kind: 'affine';
  name: string;
  terms: SlotMap[];
  /** By output slot, one period. */
  bias: Float64Array;
  outputPeriod: number;
  scale: number;
}

/** A polynomial on every slot of a value. */
export interface ElementwiseStep {
  kind: 'elementwise';
  name: string;
  value: number;
  polynomial: Polynomial;
  /** Level at which the value is taken. */
  level: number;
  scale: number;
}

/** Slotwise product of two values with the same layout. */
export interface ProductStep {
  kind: 'product';
  name: string;
  left: number;
  right: number;
  level: number;
  scale: number;
}

export interface Program {
  steps: Step[];
  /** Uniform noise of +- 2^floodBits is added to every coefficient that is sent, to hide the model's part of the noise. */
  floodBits: number;
}

/** The steps of a plan whose packing is not `graph`. */
export function lineSteps(plan: Plan): LineStep[] {
  return plan.program.steps.filter((step): step is LineStep => !isGraphStep(step));
}

/** The steps of a plan with packing `graph`. */
export function graphSteps(plan: Plan): GraphStep[] {
  return plan.program.steps.filter(isGraphStep);
}

function isGraphStep(step: Step): step is GraphStep {
  return step.kind === 'affine' || step.kind === 'elementwise' || step.kind === 'product';
}

export interface Plan {
  profile: Profile;
  program: Program;
}

const MAX_PLAN_BYTES = 2 ** 31;

/** A plan as a container: length of the JSON (u32), the JSON with offsets in place of arrays, the arrays as doubles. */
export async function encodePlan(plan: Plan): Promise<Uint8Array> {
  const arrays: Float64Array[] = [];
  let offset = 0;
  const json = JSON.stringify(plan, (_, value: unknown) => {
    if (!(value instanceof Float64Array)) return value;
    arrays.push(value);
    const reference = { $f64: offset, length: value.length };
    offset += value.length;
    return reference;
  });
  const text = new TextEncoder().encode(json);
  const start = Math.ceil((4 + text.length) / 8) * 8;
  const payload = new Uint8Array(start + offset * 8);
  new DataView(payload.buffer).setUint32(0, text.length, true);
  payload.set(text, 4);
  const data = new Float64Array(payload.buffer, start);
  let at = 0;
  for (const array of arrays) {
    data.set(array, at);
    at += array.length;
  }
  return sealWire('plan', NO_PROFILE, payload);
}

/** @throws WireError, RuntimeError PLAN_INVALID or PROFILE_INVALID */
export async function decodePlan(bytes: Uint8Array): Promise<Plan> {
  // A copy with a buffer of its own, aligned for doubles; `slice` of a Node Buffer would be a view.
  const payload = new Uint8Array(await openWire(bytes, { kind: 'plan', maxBytes: MAX_PLAN_BYTES }));
  const length = payload.length < 4 ? 0 : new DataView(payload.buffer).getUint32(0, true);
  const start = Math.ceil((4 + length) / 8) * 8;
  if (length === 0 || start > payload.length || (payload.length - start) % 8 !== 0)
    invalid('its lengths do not fit');
  const data = new Float64Array(payload.buffer, start);
  let plan: Plan;
  try {
    plan = JSON.parse(new TextDecoder().decode(payload.subarray(4, 4 + length)), (_, value) => {
      if (value === null || typeof value !== 'object' || typeof value.$f64 !== 'number') return value;
      const end = value.$f64 + value.length;
      if (!Number.isInteger(value.$f64) || !Number.isInteger(end) || value.$f64 < 0 || end > data.length)
        invalid('an array lies outside the file');
      return data.slice(value.$f64, end);
    }) as Plan;
  } catch (error) {
    if (error instanceof RuntimeError) throw error;
    return invalid('its JSON does not parse');
  }
  parseProfile(plan?.profile);
  // Only a network may have nothing to do: its input and output are then the same.
  const { steps } = plan.program ?? {};
  if (!Array.isArray(steps) || (steps.length === 0 && plan.profile.input.packing !== 'graph'))
    invalid('it has no steps');
  return plan;
}

function invalid(what: string): never {
  throw new RuntimeError('PLAN_INVALID', `the plan cannot be used: ${what}; deploy the model again`, 'plan');
}
