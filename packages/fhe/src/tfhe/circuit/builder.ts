/**
 * Builds circuits: linear combinations are free and lazy, each look-up table is one bootstrap.
 *
 * The builder keeps the range and the noise of every block, so an overflow or too much noise is an error when the circuit
 * is written, not a wrong result later. It saves bootstraps by itself where that costs nothing:
 *  - tables of the same input share a bootstrap while the input's range leaves room (many-LUT), equal ones are shared;
 *  - a block that enters a sum with a weight w is read from a second table that already gives w times the value (noise 1
 *    instead of w^2), either in free room of the same bootstrap or, only where the noise limit asks for it, in a second
 *    bootstrap of the same level; what is no longer used is dropped by `build`.
 * @module
 */

import { CircuitError } from './errors.ts';
import { gcd, StepGraph } from './graph.ts';
import { type Assumption, type Circuit, type LinearForm, NOISE_LIMIT, type ValueRange } from './ir.ts';
import { fitTable, rangeValues, tableRoom } from './table.ts';

/** A value of the circuit: a linear form over nodes with what is known about it. Immutable. */
export interface Block extends LinearForm, ValueRange {
  /** Variance in units of a bootstrap output's. */
  readonly noise: number;
}

export class CircuitBuilder {
  #graph = new StepGraph();
  #assumptions: Assumption[] = [];

  /** Bootstraps written so far. `build` drops those that no output needs, so this is an upper bound. */
  get bootstraps(): number {
    return this.#graph.steps.length;
  }

  /** Highest level so far. */
  get depth(): number {
    return this.#graph.steps.reduce((depth, step) => Math.max(depth, step.level), 0);
  }

  /** The level of a block: how many bootstraps one after the other it needs. */
  level(block: Block): number {
    return this.#graph.level(block);
  }

  /** The next encrypted input of the circuit, an integer in [min, max] (fresh: its noise counts 0). */
  input(min = 0, max = 3): Block {
    if (!Number.isInteger(min) || !Number.isInteger(max) || min > max || max - min > 31) {
      throw new CircuitError(
        'CIRCUIT_RANGE',
        `an input's range must be integers min <= max <= min + 31, not [${min}, ${max}]`,
        'min',
      );
    }
    const node = this.#graph.addInput({ min, max, spacing: 1 });
    return { nodes: [node], weights: [1], constant: 0, min, max, spacing: 1, noise: 0 };
  }

  /** A clear number (a multiple of 1/2): costs nothing. */
  constant(value: number): Block {
    if (!Number.isInteger(2 * value)) {
      throw new CircuitError('CIRCUIT_VALUE', `a constant must be a multiple of 1/2, not ${value}`, 'value');
    }
    return { nodes: [], weights: [], constant: value, min: value, max: value, spacing: 0, noise: 0 };
  }

  /** Sum of blocks times integers plus a constant. No bootstrap; ranges and noise add up. */
  linear(terms: readonly (readonly [Block, number])[], constant = 0): Block {
    const weights = new Map<number, number>();
    let total = constant;
    let min = constant;
    let max = constant;
    for (const [block, weight] of terms) {
      if (!Number.isInteger(weight)) {
        throw new CircuitError('CIRCUIT_WEIGHT', `a weight must be an integer, not ${weight}`, 'terms');
      }
      total += weight * block.constant;
      min += weight >= 0 ? weight * block.min : weight * block.max;
      max += weight >= 0 ? weight * block.max : weight * block.min;
      block.nodes.forEach((node, i) => {
        weights.set(node, (weights.get(node) ?? 0) + weight * block.weights[i]);
      });
    }
    const nodes = [...weights.keys()].filter((node) => weights.get(node) !== 0);
    const kept = nodes.map((node) => weights.get(node) as number);
    const exact = this.#known(nodes, kept, total);
    // A node that occurs twice can make the sum's range smaller than the sum of ranges, an assumption likewise.
    return { ...exact, min: Math.max(min, exact.min), max: Math.min(max, exact.max) };
  }

  #known(nodes: number[], weights: number[], constant: number): Block {
    let min = constant;
    let max = constant;
    let spacing = 0;
    let noise = 0;
    nodes.forEach((id, i) => {
      const { range, noise: own } = this.#graph.nodes[id];
      const weight = weights[i];
      min += weight * (weight >= 0 ? range.min : range.max);
      max += weight * (weight >= 0 ? range.max : range.min);
      spacing = gcd(spacing, weight * range.spacing);
      noise += weight * weight * own;
    });
    return { nodes, weights, constant, min, max, spacing, noise };
  }

  add(a: Block, b: Block): Block {
    return this.linear([
      [a, 1],
      [b, 1],
    ]);
  }

  sub(a: Block, b: Block): Block {
    return this.linear([
      [a, 1],
      [b, -1],
    ]);
  }

  scale(a: Block, weight: number): Block {
    return this.linear([[a, weight]]);
  }

  sum(blocks: readonly Block[]): Block {
    return this.linear(blocks.map((block) => [block, 1] as const));
  }

  /**
   * The same block with a narrower range that its meaning guarantees. The simulator asserts it; an encrypted run cannot, and
   * a wrong assumption gives wrong results.
   */
  assume(block: Block, min: number, max: number): Block {
    const narrowed = { ...block, min: Math.max(min, block.min), max: Math.min(max, block.max) };
    if (narrowed.min > narrowed.max) {
      throw new CircuitError(
        'CIRCUIT_RANGE',
        `[${min}, ${max}] has no value in common with [${block.min}, ${block.max}]`,
        'min',
      );
    }
    if (block.nodes.length > 0) this.#assumptions.push({ form: block, min: narrowed.min, max: narrowed.max });
    return narrowed;
  }

  /** Bootstraps that `lut` on the block needs beside its own to bring the noise of the terms below the limit. */
  surcharge(block: Block): number {
    const limit = NOISE_LIMIT * (2 * tableRoom(block, 1) + 1) ** 2;
    let { noise } = block;
    let extra = 0;
    for (const { i, free } of this.#relief(block)) {
      if (noise <= limit) return extra;
      noise += 1 - block.weights[i] ** 2;
      if (!free) extra++;
    }
    return noise <= limit ? extra : Number.POSITIVE_INFINITY;
  }

  /** The terms whose weight can move into a table: those with free room first, the heaviest of them first. */
  #relief(block: Block): { i: number; free: boolean }[] {
    const weight = (i: number): number => Math.abs(block.weights[i]);
    return block.nodes
      .map((node, i) => ({ i, free: this.#graph.hasRoom(node, block.weights[i]) }))
      .filter(({ i }) => weight(i) > 1 && this.#graph.nodes[block.nodes[i]].noise > 0)
      .sort((x, y) => Number(y.free) - Number(x.free) || weight(y.i) - weight(x.i));
  }

  /**
   * f(block) for every integer of the block's range: one bootstrap, or none where f is constant, where an equal table exists,
   * or where a bootstrap of the same input has room left.
   * @throws CircuitError CIRCUIT_TABLE where f does not fit into one table, CIRCUIT_NOISE where too much noise would enter.
   */
  lut(block: Block, f: (x: number) => number): Block {
    return this.#lookup(this.#prepared(block), f);
  }

  /**
   * Several functions of one block in one bootstrap.
   * @throws CircuitError CIRCUIT_TABLE where the range of the block does not leave room for them all: 16 / T values for T = 2,
   *   4 or 8 functions.
   */
  luts(block: Block, functions: readonly ((x: number) => number)[]): Block[] {
    const before = this.#graph.steps.length;
    const input = this.#prepared(block);
    const prepared = this.#graph.steps.length - before;
    const results = functions.map((f) => this.#lookup(input, f));
    if (this.#graph.steps.length - before - prepared > 1) {
      throw new CircuitError(
        'CIRCUIT_TABLE',
        `${functions.length} functions on [${block.min}, ${block.max}] do not fit one bootstrap; use lut for each`,
        'functions',
      );
    }
    return results;
  }

  /** The block with its noise below the limit of a bootstrap: weights moved into tables, free room first. */
  #prepared(block: Block): Block {
    if (block.nodes.length === 0) return block;
    if (!Number.isInteger(block.min) || !Number.isInteger(block.max) || !Number.isInteger(block.spacing)) {
      throw new CircuitError(
        'CIRCUIT_VALUE',
        `the input of a bootstrap must take integer values, not ${block.min}, ${block.min + block.spacing}, ... ${block.max}`,
        'block',
      );
    }
    return this.#relieved(block, NOISE_LIMIT * (2 * tableRoom(block, 1) + 1) ** 2);
  }

  #relieved(block: Block, limit: number): Block {
    if (block.noise <= limit) return block;
    const nodes = [...block.nodes];
    const weights = [...block.weights];
    let { noise } = block;
    for (const { i } of this.#relief(block)) {
      if (noise <= limit) break;
      nodes[i] = this.#graph.scaled(nodes[i], weights[i]);
      noise += 1 - weights[i] ** 2;
      weights[i] = 1;
    }
    if (noise > limit) {
      throw new CircuitError(
        'CIRCUIT_NOISE',
        `${block.nodes.length} terms bring ${noise} times the noise of a bootstrap's output and ${limit} may enter; ` +
          'bootstrap some of the terms first',
        'block',
      );
    }
    return { ...block, nodes, weights, noise };
  }

  #lookup(input: Block, f: (x: number) => number): Block {
    const results = rangeValues(input).map((x) => {
      const result = f(x);
      if (!Number.isFinite(result) || !Number.isInteger(result * 1024)) {
        throw new CircuitError(
          'CIRCUIT_VALUE',
          `the function must give multiples of 1/1024, not ${result} at ${x}`,
          'f',
        );
      }
      return result;
    });
    if (results.every((result) => result === results[0])) {
      return {
        nodes: [],
        weights: [],
        constant: results[0],
        min: results[0],
        max: results[0],
        spacing: 0,
        noise: 0,
      };
    }
    const { table, constant } = fitTable(input, results);
    return this.#known([this.#graph.output(input, table)], [1], constant);
  }

  /**
   * The circuit of these outputs: steps that no output needs are dropped, the rest sorted by level.
   * @throws CircuitError CIRCUIT_NOISE for an output with more noise than a decryption allows (as for a bootstrap).
   */
  build(outputs: readonly Block[]): Circuit {
    return this.#graph.assemble(
      outputs.map((block) => this.#relieved(block, NOISE_LIMIT)),
      this.#assumptions,
    );
  }
}
