/**
 * Layouts for all values of a graph, and its linear layers as slot maps. Independent of levels and scales.
 * @module
 */
import { type Polynomial, toChebyshev } from '@velum/fhe';
import { CompileError } from '../errors.ts';
import type { ElementwiseFunction, Graph } from '../graph/graph.ts';
import type { SparseMatrix } from '../graph/sparse.ts';
import { identity } from '../graph/sparse.ts';
import { gatheredLayouts, layoutCost, naturalLayout, outputLayout, type SlotLayout } from './layout.ts';

export interface PlacedTerm {
  value: number;
  /** Of the input, where that lies in several ciphertexts. */
  part?: number;
  inputPeriod: number;
  outputSlot: Float64Array;
  inputSlot: Float64Array;
  weight: Float64Array;
}

export type PlacedStep =
  | {
      kind: 'affine';
      name: string;
      terms: PlacedTerm[];
      bias: Float64Array;
      outputPeriod: number;
      rows: number;
      entries: number;
    }
  | { kind: 'elementwise'; name: string; value: number; polynomial: Polynomial }
  | { kind: 'product'; name: string; left: number; right: number };

export interface PlacedGraph {
  steps: PlacedStep[];
  /** For each slot of the input's period, part after part, the feature, or -1; undefined for the natural order. */
  gather: Int32Array | undefined;
  inputPeriod: number;
  /** Ciphertexts that the input takes. */
  parts: number;
  output: SlotLayout;
}

/**
 * @param allSlots slots of a ciphertext
 * @param images samples that share a ciphertext: each tensor has its part of the slots. The input may take as many ciphertexts, so
 *   that a sample costs no more of them than it would alone
 * @param ranges [min, max] of each value, for polynomials that need a domain
 * @throws CompileError TENSOR_TOO_LARGE, APPROXIMATE_FIRST
 */
export function placeGraph(
  graph: Graph,
  allSlots: number,
  images: number,
  ranges: readonly (readonly [number, number])[],
): PlacedGraph {
  const slots = allSlots / images;
  const steps: PlacedStep[] = [];
  const features = graph.input.shape.reduce((a, b) => a * b, 1);
  const { layout: input, parts } = inputLayout(graph, features, slots, images);
  const layouts: SlotLayout[] = [input];
  /** Where each graph value went: relayouts add steps. */
  const placedValue: number[] = [0];
  const gathered = gatherInput(graph, allSlots, slots, input, parts);
  let gather: Int32Array | undefined;
  const push = (step: PlacedStep, layout: SlotLayout): void => {
    steps.push(step);
    layouts.push(layout);
  };
  for (const node of graph.nodes) {
    if (node.kind === 'affine') {
      if (node.terms.length === 0) {
        throw new CompileError(
          'CONSTANT_TENSOR',
          `${node.name} does not depend on the input; remove it from the model, or its reader`,
          { argument: node.name },
        );
      }
      const terms = node.terms.map(({ value, matrix }) => ({ value: placedValue[value], matrix }));
      if (gathered && terms.some((t) => t.value === 0)) {
        gather = gathered.gather;
        const { matrix } = terms[0];
        const { inputPeriod } = gathered;
        push(
          {
            kind: 'affine',
            name: node.name,
            terms: inParts(
              mapEntries(0, matrix, gathered.input, inputPeriod, gathered.output),
              gathered.parts,
            ),
            bias: scatter(node.bias, gathered.output),
            outputPeriod: gathered.output.period,
            rows: matrix.rows,
            entries: matrix.value.length,
          },
          gathered.output,
        );
      } else pushAffine(push, node.name, terms, node.bias, layouts, slots, parts);
    } else if (node.kind === 'function') {
      const value = placedValue[node.value];
      push(
        {
          kind: 'elementwise',
          name: node.name,
          value,
          polynomial: asPolynomial(node.fn, node.name, ranges[node.value]),
        },
        layouts[value],
      );
    } else {
      const left = placedValue[node.left];
      let right = placedValue[node.right];
      if (!sameLayout(layouts[left], layouts[right])) {
        const size = layouts[right].slots.length;
        const matrix = identity(size);
        const term = mapTerm(right, matrix, layouts[right], layouts[left]);
        push(
          {
            kind: 'affine',
            name: `${node.name} (relayout)`,
            terms: [term],
            bias: new Float64Array(layouts[left].period),
            outputPeriod: layouts[left].period,
            rows: size,
            entries: size,
          },
          layouts[left],
        );
        right = steps.length;
      }
      push({ kind: 'product', name: node.name, left, right }, layouts[left]);
    }
    placedValue.push(steps.length);
  }
  if (placedValue[graph.output.value] !== steps.length) {
    throw new CompileError(
      'OUTPUT_NOT_LAST',
      'the output is not the last value of the graph; simplify it first',
      { argument: 'graph' },
    );
  }
  return {
    steps,
    gather,
    inputPeriod: gather ? gathered!.inputPeriod : input.period,
    parts: gather ? gathered!.parts : parts,
    output: layouts[steps.length],
  };
}

function pushAffine(
  push: (step: PlacedStep, layout: SlotLayout) => void,
  name: string,
  terms: readonly { value: number; matrix: SparseMatrix }[],
  bias: Float64Array,
  layouts: readonly SlotLayout[],
  slots: number,
  parts: number,
): void {
  const main = terms.reduce((a, b) => (b.matrix.value.length > a.matrix.value.length ? b : a));
  const output = outputLayout(main.matrix, layouts[main.value], slots);
  fits(output, slots, name);
  const placed = terms.flatMap(({ value, matrix }) =>
    inParts(mapTerm(value, matrix, layouts[value], output), value === 0 ? parts : 1),
  );
  const entries = placed.reduce((sum, t) => sum + t.weight.length, 0);
  push(
    {
      kind: 'affine',
      name,
      terms: placed,
      bias: scatter(bias, output),
      outputPeriod: output.period,
      rows: main.matrix.rows,
      entries,
    },
    output,
  );
}

const readersOfInput = (graph: Graph): Graph['nodes'] =>
  graph.nodes.filter((node) =>
    node.kind === 'affine'
      ? node.terms.some((t) => t.value === 0)
      : node.kind === 'function'
        ? node.value === 0
        : node.left === 0 || node.right === 0,
  );

/**
 * The input in its own order. Where several samples share a ciphertext it may lie in several ciphertexts, `period` slots in each, if it has
 * no other readers than affine maps, each of which reads it once.
 */
function inputLayout(
  graph: Graph,
  features: number,
  slots: number,
  images: number,
): { layout: SlotLayout; parts: number } {
  const layout = naturalLayout(features);
  const readers = readersOfInput(graph);
  const splits =
    readers.length > 0 &&
    readers.every((n) => n.kind === 'affine' && n.terms.filter((t) => t.value === 0).length === 1);
  if (layout.period <= slots || layout.period > slots * images || !splits) {
    fits(layout, slots, graph.input.name);
    return { layout, parts: 1 };
  }
  return { layout: { slots: layout.slots, period: slots }, parts: Math.ceil(features / slots) };
}

/** The client's layout of the input, when the only reader of the input gains by it. */
function gatherInput(
  graph: Graph,
  allSlots: number,
  slots: number,
  input: SlotLayout,
  parts: number,
): ReturnType<typeof gatheredLayouts> {
  const readers = readersOfInput(graph);
  const [reader] = readers;
  if (readers.length !== 1 || reader.kind !== 'affine' || reader.terms.length !== 1) return undefined;
  const { matrix } = reader.terms[0];
  const gathered = gatheredLayouts(matrix, allSlots, slots);
  if (!gathered || gathered.output.period > slots) return undefined;
  const output = outputLayout(matrix, input, slots);
  const plain = layoutCost(matrix, input, output, parts);
  // Its offsets are multiples of the group count: at most one for each row of a group, and the folds.
  const folds = Math.max(0, Math.log2(gathered.inputPeriod / gathered.output.period));
  return gathered.rowsPerGroup + folds < plain ? gathered : undefined;
}

function mapTerm(value: number, matrix: SparseMatrix, input: SlotLayout, output: SlotLayout): PlacedTerm {
  return mapEntries(value, matrix, (column) => input.slots[column], input.period, output);
}

function mapEntries(
  value: number,
  matrix: SparseMatrix,
  slotOf: (column: number, row: number) => number,
  inputPeriod: number,
  output: SlotLayout,
): PlacedTerm {
  const count = matrix.value.length;
  const term: PlacedTerm = {
    value,
    inputPeriod,
    outputSlot: new Float64Array(count),
    inputSlot: new Float64Array(count),
    weight: Float64Array.from(matrix.value),
  };
  for (let r = 0; r < matrix.rows; r++) {
    for (let k = matrix.start[r]; k < matrix.start[r + 1]; k++) {
      term.outputSlot[k] = output.slots[r];
      term.inputSlot[k] = slotOf(matrix.column[k], r);
    }
  }
  return term;
}

/** The map of each part of an input whose slots are counted through all of them. */
function inParts(term: PlacedTerm, parts: number): PlacedTerm[] {
  if (parts === 1) return [term];
  const { inputPeriod, inputSlot } = term;
  return Array.from({ length: parts }, (_, part) => {
    const ours = (_: number, k: number): boolean => Math.floor(inputSlot[k] / inputPeriod) === part;
    return {
      ...term,
      part,
      outputSlot: term.outputSlot.filter(ours),
      inputSlot: inputSlot.filter(ours).map((slot) => slot % inputPeriod),
      weight: term.weight.filter(ours),
    };
  });
}

function scatter(values: Float64Array, layout: SlotLayout): Float64Array {
  const result = new Float64Array(layout.period);
  values.forEach((v, i) => {
    result[layout.slots[i]] = v;
  });
  return result;
}

function fits(layout: SlotLayout, slots: number, name: string): void {
  if (layout.period <= slots) return;
  throw new CompileError(
    'TENSOR_TOO_LARGE',
    `a tensor at ${name} has ${layout.slots.length} elements, more than the ${slots} slots of a ciphertext`,
    {
      argument: name,
      value: layout.slots.length,
    },
  );
}

function sameLayout(a: SlotLayout, b: SlotLayout): boolean {
  return (
    a === b ||
    (a.period === b.period && a.slots.length === b.slots.length && a.slots.every((s, i) => s === b.slots[i]))
  );
}

function asPolynomial(fn: ElementwiseFunction, name: string, range: readonly [number, number]): Polynomial {
  if (fn.type === 'polynomial') {
    let { coefficients } = fn;
    while (coefficients.length > 1 && coefficients[coefficients.length - 1] === 0)
      coefficients = coefficients.slice(0, -1);
    if (coefficients.length <= 3) return { basis: 'power', coefficients };
    const reach = Math.max(1e-3, Math.abs(range[0]), Math.abs(range[1]));
    return toChebyshev(coefficients, [-reach, reach]);
  }
  if (fn.type === 'chebyshev')
    return { basis: 'chebyshev', coefficients: fn.coefficients, domain: fn.domain };
  throw new CompileError(
    'APPROXIMATE_FIRST',
    `${name} (${fn.type}) must be approximated by a polynomial; give calibration data`,
    { argument: name, value: fn.type },
  );
}
