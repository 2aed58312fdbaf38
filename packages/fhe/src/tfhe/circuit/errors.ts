/**
 * Errors of building and simulating circuits.
 * @module
 */

export type CircuitErrorCode =
  | 'CIRCUIT_RANGE'
  | 'CIRCUIT_NOISE'
  | 'CIRCUIT_TABLE'
  | 'CIRCUIT_WEIGHT'
  | 'CIRCUIT_VALUE'
  | 'INTEGER_TYPE'
  | 'INTEGER_VALUE'
  | 'INTEGER_ARGUMENT'
  | 'SIMULATION_INPUT'
  | 'SIMULATION_RANGE'
  | 'SIMULATION_NOISE';

export class CircuitError extends Error {
  readonly code: CircuitErrorCode;
  readonly argument: string | undefined;
  constructor(code: CircuitErrorCode, message: string, argument?: string) {
    super(message);
    this.name = 'CircuitError';
    this.code = code;
    this.argument = argument;
  }
}
