/**
 * The network between the importers and the planner.
 * @module
 */
export { erf } from './erf.ts';
export * from './graph.ts';
export { evaluateFunction, type RunOptions, runGraph } from './run.ts';
export { type SimplifyOptions, simplify } from './simplify.ts';
export * from './sparse.ts';
