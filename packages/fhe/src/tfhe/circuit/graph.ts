/**
 * The nodes and bootstraps behind a circuit builder: tables of equal inputs share bootstraps, and what is not used is dropped
 * when the circuit is assembled.
 * @module
 */

import type { Block } from './builder.ts';
import {
  type Assumption,
  type BootstrapStep,
  type Circuit,
  type LinearForm,
  NOISE_LIMIT,
  type ValueRange,
} from './ir.ts';
import { fillBoxes, tableRoom } from './table.ts';

export interface Node {
  readonly range: ValueRange;
  /** 0 for an input of the circuit, 1 for a bootstrap's output. */
  readonly noise: 0 | 1;
  readonly level: number;
  /** Undefined for an input of the circuit. */
  readonly step: Step | undefined;
  /** Which of the step's tables. */
  readonly index: number;
}

interface Step {
  readonly input: Block;
  readonly level: number;
  /** What each output gives at the input's values, in order. */
  readonly tables: number[][];
  readonly nodes: number[];
}

/** Greatest common divisor of dyadic numbers; gcd(x, 0) = x. */
export function gcd(a: number, b: number): number {
  let x = Math.abs(a);
  let y = Math.abs(b);
  while (y !== 0) [x, y] = [y, x % y];
  return x;
}

function widestOutputs(input: Block): number {
  return [8, 4, 2].find((outputs) => fits(input, outputs)) ?? 1;
}

function fits(input: Block, outputs: number): boolean {
  const room = tableRoom(input, outputs);
  return room >= 0 && input.noise <= NOISE_LIMIT * (2 * room + 1) ** 2;
}

function outputCount(tables: number): 1 | 2 | 4 | 8 {
  return tables <= 1 ? 1 : tables === 2 ? 2 : tables <= 4 ? 4 : 8;
}

/** Equal for inputs that take the same values up to a constant, in the same order. */
function inputKey(block: Block): string {
  const terms = block.nodes.map((node, i) => `${node}:${block.weights[i]}`).sort();
  return `${terms.join(',')}|${block.min - block.constant}|${block.max - block.constant}|${block.spacing}`;
}

export class StepGraph {
  readonly nodes: Node[] = [];
  readonly inputs: number[] = [];
  /** Each after the steps whose outputs it reads. */
  readonly steps: Step[] = [];
  #byInput = new Map<string, Step[]>();

  addInput(range: ValueRange): number {
    const node = this.nodes.length;
    this.nodes.push({ range, noise: 0, level: 0, step: undefined, index: 0 });
    this.inputs.push(node);
    return node;
  }

  level(form: LinearForm): number {
    return form.nodes.reduce((level, node) => Math.max(level, this.nodes[node].level), 0);
  }

  /** Whether weight times a node can be read from a table without a further bootstrap. */
  hasRoom(id: number, weight: number): boolean {
    const { step, index } = this.nodes[id];
    if (step === undefined) return true;
    const scaled = (table: readonly number[]): boolean =>
      table.every((x, i) => x === weight * step.tables[index][i]);
    const steps = this.#byInput.get(inputKey(step.input)) ?? [];
    return steps.some(({ input, tables }) => tables.length < widestOutputs(input) || tables.some(scaled));
  }

  /** A node that holds weight times a bootstrap's output, by another table of the same input. */
  scaled(id: number, weight: number): number {
    const { step, index } = this.nodes[id];
    if (step === undefined) throw new RangeError('an input of the circuit has no table');
    const table = step.tables[index].map((x) => x * weight);
    return this.output(step.input, table);
  }

  /** The node of a table: an equal one, one in free room, or a new step's. */
  output(input: Block, table: number[]): number {
    const key = inputKey(input);
    const steps = this.#byInput.get(key) ?? [];
    for (const step of steps) {
      const equal = step.tables.findIndex((other) => other.every((x, i) => x === table[i]));
      if (equal >= 0) return step.nodes[equal];
    }
    let step = steps.find((candidate) => candidate.tables.length < widestOutputs(candidate.input));
    if (step === undefined) {
      step = { input, level: this.level(input) + 1, tables: [], nodes: [] };
      this.steps.push(step);
      this.#byInput.set(key, [...steps, step]);
    }
    const id = this.nodes.length;
    const spacing = table.reduce((divisor, x) => gcd(divisor, x - table[0]), 0);
    const range = { min: Math.min(...table), max: Math.max(...table), spacing };
    this.nodes.push({ range, noise: 1, level: step.level, step, index: step.tables.length });
    step.tables.push(table);
    step.nodes.push(id);
    return id;
  }

  /** The circuit of these outputs: steps and tables that none of them needs are dropped, the rest sorted by level. */
  assemble(outputs: readonly LinearForm[], assumptions: readonly Assumption[]): Circuit {
    const live = this.#live(outputs);
    const ids = new Map(this.inputs.map((node, i) => [node, i] as const));
    let next = this.inputs.length;
    const kept = this.steps
      .filter((step) => step.nodes.some((node) => live.has(node)))
      .sort((a, b) => a.level - b.level)
      .map((step) => {
        const used = step.nodes.map((_, i) => i).filter((i) => live.has(step.nodes[i]));
        const count = outputCount(used.length);
        used.forEach((i, t) => {
          ids.set(step.nodes[i], next + t);
        });
        next += count;
        return { step, tables: used.map((i) => step.tables[i]), count };
      });
    const renumbered = ({ nodes, weights, constant }: LinearForm, shift = 0): LinearForm => ({
      nodes: nodes.map((node) => ids.get(node) as number),
      weights: [...weights],
      constant: constant - shift,
    });
    return {
      messageBits: 2,
      carryBits: 2,
      inputs: this.inputs.length,
      inputRanges: this.inputs.map((node) => this.nodes[node].range),
      steps: kept.map(({ step: { input, level }, tables, count }): BootstrapStep => {
        // Tables side by side start at 0; a single one also takes negative values.
        const shift = count > 1 ? input.min : 0;
        const range = { min: input.min - shift, max: input.max - shift, spacing: input.spacing };
        const boxes = fillBoxes(range, tables, count);
        const tolerance = (2 * tableRoom(range, count) + 1) ** 2;
        return { input: renumbered(input, shift), boxes, outputs: count, level, range, tolerance };
      }),
      outputs: outputs.map((form) => renumbered(form)),
      assumptions: assumptions
        .filter(({ form }) => form.nodes.every((node) => ids.has(node)))
        .map(({ form, min, max }) => ({ form: renumbered(form), min, max })),
    };
  }

  /** Nodes that the outputs need, directly or through steps. */
  #live(outputs: readonly LinearForm[]): Set<number> {
    const live = new Set(outputs.flatMap((form) => form.nodes));
    for (let at = this.steps.length - 1; at >= 0; at--) {
      const { nodes, input } = this.steps[at];
      if (nodes.some((node) => live.has(node))) for (const node of input.nodes) live.add(node);
    }
    return live;
  }
}
