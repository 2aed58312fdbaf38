/**
 * The command as a library: for tests and for embedding.
 * @module
 */
export { type DemoReport, runDemo } from './demo/run.ts';
export { EXIT } from './errors.ts';
export { main } from './main.ts';
export type { Terminal } from './terminal.ts';
