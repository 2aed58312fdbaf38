/**
 * Circuits of bootstraps: the builder, the plain data it makes and the exact simulator.
 * @module
 */

export { type Block, CircuitBuilder } from './builder.ts';
export { CircuitError, type CircuitErrorCode } from './errors.ts';
export {
  type Assumption,
  type BootstrapStep,
  type Circuit,
  circuitDepth,
  type LinearForm,
  NOISE_LIMIT,
  type ValueRange,
} from './ir.ts';
export { simulate } from './simulate.ts';
