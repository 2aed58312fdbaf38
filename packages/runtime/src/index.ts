/**
 * @velum/runtime: plans, and running them in the clear, in simulation, and encrypted.
 * @module
 */
export { applyActivation } from './activations.ts';
export { ClientKeys, type DecryptOptions } from './client-keys.ts';
export { RuntimeError, type RuntimeErrorCode } from './errors.ts';
export { type FloatRunOptions, runClear, simulate } from './float-run.ts';
export { gaussianSource } from './gaussian.ts';
export { coefficientCapacity, Layout, type RequestShape, requestShape } from './layout.ts';
export {
  type AffineStep,
  type CoefficientStep,
  decodePlan,
  type ElementwiseStep,
  encodePlan,
  type GraphStep,
  graphSteps,
  type LinearStep,
  type LineStep,
  lineSteps,
  type Matrix,
  type Plan,
  type PolynomialStep,
  type ProductStep,
  type Program,
  type ScalarStep,
  type SlotMap,
  type Step,
} from './plan.ts';
export {
  type Activation,
  canonicalJson,
  type Packing,
  type Profile,
  type ProfileEstimate,
  type ProfileInput,
  type ProfileOutput,
  parseProfile,
  profileId,
} from './profile.ts';
export { checkSamples, type SampleWarning } from './samples.ts';
export { type PredictOptions, ServerKeys, ServerPlan } from './server-plan.ts';
export { type WireSizes, wireSizes } from './sizes.ts';
export { applySlotMap, diagonalShape, interleavedShape, transformsOf } from './slot-map.ts';
