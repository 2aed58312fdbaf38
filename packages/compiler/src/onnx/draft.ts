/**
 * The graph under construction: nodes are appended, matrices are charged to one budget before they are built, and
 * values that are a uniform scaling of another one are remembered, so that x * 0.5 * (1 + erf(x / sqrt 2)) can be
 * recognised whatever order the exporter wrote it in.
 * @module
 */

import type { AffineNode, ElementwiseFunction, GraphNode, ValueId } from '../graph/graph.ts';
import { identity, type SparseMatrix } from '../graph/sparse.ts';
import { ONNX_LIMITS } from './schema.ts';

/** Why one node cannot be lowered; the importer collects all of them. */
export class Refusal extends Error {}

export function refuse(reason: string): never {
  throw new Refusal(reason);
}

/** What hostile files could otherwise make grow without bound; shared by all drafts of one import. */
export class Budget {
  #entries = 0;
  #folded = 0;

  /** Announces matrix entries before they are made. */
  entries(count: number): void {
    this.#entries += count;
    if (!(this.#entries <= ONNX_LIMITS.matrixEntries)) {
      refuse(
        `its matrix brings the model above ${ONNX_LIMITS.matrixEntries} entries; use a smaller input or layer`,
      );
    }
  }

  /** Announces constant values before they are made. */
  folded(count: number): void {
    this.#folded += count;
    if (!(this.#folded <= ONNX_LIMITS.foldedElements)) {
      refuse(`it makes constants of more than ${ONNX_LIMITS.foldedElements} values altogether`);
    }
  }
}

/** scale * root + shift, the same for all elements. */
export interface Uniform {
  root: ValueId;
  scale: number;
  shift: number;
}

const allFinite = (values: Float64Array): boolean => values.every(Number.isFinite);

export class Draft {
  readonly nodes: GraphNode[] = [];
  readonly warnings: string[] = [];
  readonly budget: Budget;
  readonly #sizes: number[];
  readonly #uniform = new Map<ValueId, Uniform>();

  constructor(inputSize: number, budget: Budget) {
    this.#sizes = [inputSize];
    this.budget = budget;
  }

  /** Number of elements of a value. */
  size(value: ValueId): number {
    return this.#sizes[value];
  }

  affine(name: string, terms: AffineNode['terms'], bias: Float64Array): ValueId {
    if (!terms.every((t) => allFinite(t.matrix.value)) || !allFinite(bias)) {
      refuse('its weights hold NaN or infinity, or overflow when they are folded');
    }
    return this.#append({ kind: 'affine', name, terms, bias }, bias.length);
  }

  /** matrix * value. */
  linear(name: string, value: ValueId, matrix: SparseMatrix, bias?: Float64Array): ValueId {
    return this.affine(name, [{ value, matrix }], bias ?? new Float64Array(matrix.rows));
  }

  fn(name: string, value: ValueId, fn: ElementwiseFunction): ValueId {
    return this.#append({ kind: 'function', name, value, fn }, this.size(value));
  }

  product(name: string, left: ValueId, right: ValueId): ValueId {
    return this.#append({ kind: 'product', name, left, right }, this.size(left));
  }

  /** scale * value + shift, for all elements alike. */
  scaled(name: string, value: ValueId, scale: number, shift = 0): ValueId {
    if (scale === 1 && shift === 0) return value;
    const size = this.size(value);
    this.budget.entries(size);
    const made = this.linear(name, value, identity(size, scale), new Float64Array(size).fill(shift));
    const of = this.uniform(value);
    this.#uniform.set(made, { root: of.root, scale: of.scale * scale, shift: of.shift * scale + shift });
    return made;
  }

  uniform(value: ValueId): Uniform {
    return this.#uniform.get(value) ?? { root: value, scale: 1, shift: 0 };
  }

  /** The function node that made a value. */
  functionAt(value: ValueId): { fn: ElementwiseFunction; value: ValueId } | undefined {
    const node = this.nodes[value - 1];
    return node?.kind === 'function' ? node : undefined;
  }

  warn(text: string): void {
    if (!this.warnings.includes(text)) this.warnings.push(text);
  }

  #append(node: GraphNode, size: number): ValueId {
    if (size > ONNX_LIMITS.valueElements)
      refuse(`it makes a tensor of ${size} elements, too large to encrypt`);
    this.nodes.push(node);
    this.#sizes.push(size);
    return this.nodes.length;
  }
}
