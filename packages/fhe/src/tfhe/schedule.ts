/**
 * The order in which the steps of a circuit run: in waves of steps whose inputs are ready, those with the longest way to
 * the end first. A wave takes steps of any level, so that threads are not left with a few at the end of each.
 * @module
 */
import type { LinearForm } from './circuit/ir.ts';
import { TfheError } from './errors.ts';
import { isOutputCount, type OutputCount } from './lookup-table.ts';
import type { TfheParameters } from './parameters.ts';

/** What runs: the part of a `Circuit` that the executor reads, for any parameter set. */
export interface ExecutableCircuit {
  readonly messageBits: number;
  readonly carryBits: number;
  /** Input blocks: nodes 0 ... inputs - 1. */
  readonly inputs: number;
  /** Each after those that it reads; their outputs are the nodes from `inputs` on, in order. */
  readonly steps: readonly {
    readonly input: LinearForm;
    /** See lookup-table.ts. */
    readonly boxes: readonly number[];
    readonly outputs: OutputCount;
  }[];
  readonly outputs: readonly LinearForm[];
}

/** Nodes at most, so that a hostile circuit cannot exhaust the memory. */
const MAX_NODES = 2 ** 24;
const MAX_WEIGHT = 2 ** 20;

/** First node of each step's outputs, and the number of all nodes last. */
export function firstNodes(circuit: ExecutableCircuit): number[] {
  const first = [circuit.inputs];
  for (const step of circuit.steps) first.push(first[first.length - 1] + step.outputs);
  return first;
}

/**
 * Checks what the executor relies on.
 * @throws TfheError PARAMETERS_MISMATCH, CIRCUIT_INVALID
 */
export function checkCircuit(circuit: ExecutableCircuit, parameters: TfheParameters): void {
  const { messageBits, carryBits, boxes } = parameters;
  if (circuit.messageBits !== messageBits || circuit.carryBits !== carryBits) {
    throw new TfheError(
      'PARAMETERS_MISMATCH',
      `the circuit is for ${circuit.messageBits} + ${circuit.carryBits} bits, the key (${parameters.name}) for ${messageBits} + ${carryBits}`,
      'circuit',
    );
  }
  const invalid = (what: string): never => {
    throw new TfheError('CIRCUIT_INVALID', `${what}: make circuits with CircuitBuilder`, 'circuit');
  };
  const checkForm = ({ nodes, weights, constant }: LinearForm, known: number, where: string): void => {
    if (nodes.length !== weights.length || !Number.isFinite(constant))
      invalid(`the form of ${where} is malformed`);
    for (const node of nodes) {
      if (!(Number.isInteger(node) && node >= 0 && node < known))
        invalid(`${where} uses node ${node} before it exists`);
    }
    for (const weight of weights) {
      if (!(Number.isInteger(weight) && Math.abs(weight) <= MAX_WEIGHT))
        invalid(`${where} has the weight ${weight}`);
    }
  };
  if (!Number.isInteger(circuit.inputs) || circuit.inputs < 1) invalid(`${circuit.inputs} inputs`);
  if (circuit.outputs.length < 1) invalid('no outputs');
  const first = firstNodes(circuit);
  if (!(first[circuit.steps.length] <= MAX_NODES)) invalid('too many nodes');
  circuit.steps.forEach(({ input, boxes: table, outputs }, s) => {
    if (table.length !== boxes || table.some((box) => !Number.isFinite(box))) {
      invalid(`step ${s} has a table of ${table.length} boxes, not ${boxes} numbers`);
    }
    if (!isOutputCount(outputs) || outputs > boxes) invalid(`step ${s} has ${outputs} outputs`);
    checkForm(input, first[s], `step ${s}`);
  });
  circuit.outputs.forEach((form, o) => {
    checkForm(form, first[circuit.steps.length], `output ${o}`);
  });
}

/** Ready steps, deepest first. */
export class Schedule {
  readonly #users: number[][];
  /** Nodes of other steps that a step still waits for. */
  readonly #missing: number[];
  readonly #height: number[];
  #ready: number[] = [];

  constructor(circuit: ExecutableCircuit) {
    const { steps, inputs } = circuit;
    const owner = new Map<number, number>();
    const first = firstNodes(circuit);
    steps.forEach(({ outputs }, s) => {
      for (let t = 0; t < outputs; t++) owner.set(first[s] + t, s);
    });
    this.#users = steps.map(() => []);
    this.#missing = steps.map(({ input }, s) => {
      const makers = new Set(input.nodes.filter((node) => node >= inputs).map((node) => owner.get(node)!));
      for (const maker of makers) this.#users[maker].push(s);
      return makers.size;
    });
    this.#height = new Array<number>(steps.length).fill(0);
    for (let s = steps.length - 1; s >= 0; s--) {
      for (const user of this.#users[s]) this.#height[s] = Math.max(this.#height[s], this.#height[user] + 1);
    }
    this.#ready = steps.map((_, s) => s).filter((s) => this.#missing[s] === 0);
    this.#sort();
  }

  /** Takes up to `limit` steps; they are to be done before the next call. Empty at the end. */
  take(limit: number): number[] {
    const wave = this.#ready.splice(0, limit);
    for (const step of wave) {
      for (const user of this.#users[step]) if (--this.#missing[user] === 0) this.#ready.push(user);
    }
    this.#sort();
    return wave;
  }

  #sort(): void {
    this.#ready.sort((a, b) => this.#height[b] - this.#height[a] || a - b);
  }
}
