/**
 * The graph that encryption can run: every function in the form of its polynomial.
 * @module
 */
import { polynomialDepth } from '@velum/fhe';
import type { AffineNode, ElementwiseFunction, Graph, GraphNode, ValueId } from '../graph/graph.ts';
import { identity, type SparseMatrix } from '../graph/sparse.ts';
import type { Approximation, FittedPolynomial } from './choose.ts';
import { fittedFunction } from './functions.ts';

/**
 * Replaces function nodes. One of degree 0 or 1 becomes an affine node, which `simplify` can fuse; a prelu with several
 * slopes becomes the polynomial for |x| and an affine node, so that values behind it get other numbers.
 * @param approximations by index of the function node in `graph.nodes`; nodes without one stay
 */
export function applyApproximations(graph: Graph, approximations: ReadonlyMap<number, Approximation>): Graph {
  const nodes: GraphNode[] = [];
  const renamed: ValueId[] = [0];
  const sizes: number[] = [graph.input.shape.reduce((a, b) => a * b, 1)];
  graph.nodes.forEach((node, k) => {
    if (node.kind === 'affine') {
      sizes.push(node.bias.length);
      nodes.push({ ...node, terms: node.terms.map((t) => ({ ...t, value: renamed[t.value] })) });
    } else if (node.kind === 'product') {
      sizes.push(sizes[node.left]);
      nodes.push({ ...node, left: renamed[node.left], right: renamed[node.right] });
    } else {
      const size = sizes[node.value];
      sizes.push(size);
      const value = renamed[node.value];
      const found = approximations.get(k);
      if (!found) nodes.push({ ...node, value });
      else {
        nodes.push(polynomialNode(node.name, value, size, found.polynomial));
        if (node.fn.type === 'prelu' && fittedFunction(node.fn).type === 'abs')
          nodes.push(slopesNode(node.name, value, nodes.length, node.fn.slopes));
      }
    }
    renamed.push(nodes.length);
  });
  return { ...graph, nodes, output: { ...graph.output, value: renamed[graph.output.value] } };
}

function polynomialNode(name: string, value: ValueId, size: number, p: FittedPolynomial): GraphNode {
  const line = asLine(p);
  if (!line) return { kind: 'function', name, value, fn: asFunction(p) };
  const [offset, slope] = line;
  const matrix = slope === 0 ? empty(size) : identity(size, slope);
  return { kind: 'affine', name, terms: [{ value, matrix }], bias: new Float64Array(size).fill(offset) };
}

/** x (1 + s) / 2 + |x| (1 - s) / 2, element by element. */
function slopesNode(name: string, x: ValueId, magnitude: ValueId, slopes: Float64Array): AffineNode {
  const diagonal = (of: (s: number) => number): SparseMatrix => ({
    ...identity(slopes.length),
    value: slopes.map(of),
  });
  return {
    kind: 'affine',
    name,
    terms: [
      { value: x, matrix: diagonal((s) => (1 + s) / 2) },
      { value: magnitude, matrix: diagonal((s) => (1 - s) / 2) },
    ],
    bias: new Float64Array(slopes.length),
  };
}

export function asFunction(p: FittedPolynomial): ElementwiseFunction {
  if (p.basis === 'power') return { type: 'polynomial', coefficients: [...p.coefficients] };
  return { type: 'chebyshev', coefficients: [...p.coefficients], domain: [...p.domain!] };
}

/** [offset, slope] of a polynomial of degree at most 1. */
function asLine(p: FittedPolynomial): [number, number] | undefined {
  const [c0 = 0, c1 = 0, ...rest] = p.coefficients;
  if (rest.some((c) => c !== 0)) return undefined;
  if (p.basis === 'power') return [c0, c1];
  const [a, b] = p.domain!;
  return [c0 - (c1 * (a + b)) / (b - a), (2 * c1) / (b - a)];
}

function empty(size: number): SparseMatrix {
  return {
    rows: size,
    columns: size,
    start: new Int32Array(size + 1),
    column: new Int32Array(0),
    value: new Float64Array(0),
  };
}

/** Levels that evaluating the polynomial takes; none for a line, which fuses with the affine node before it. */
export function depthOf(p: FittedPolynomial): number {
  return asLine(p) ? 0 : polynomialDepth(p);
}

/**
 * Levels on the longest path: 1 for each affine node or product, and a polynomial's own. A scaling after an affine node
 * counts 0, as it becomes part of it; fusing more can only lower the sum.
 * @param levels of function nodes, by index, that are not polynomials yet; 0 for those it does not know
 */
export function graphDepth(graph: Graph, levels?: ReadonlyMap<number, number>): number {
  const depth = [0];
  graph.nodes.forEach((node, k) => {
    if (node.kind === 'affine')
      depth.push(Math.max(0, ...node.terms.map((t) => depth[t.value])) + (isFused(graph, node) ? 0 : 1));
    else if (node.kind === 'product') depth.push(1 + Math.max(depth[node.left], depth[node.right]));
    else depth.push(depth[node.value] + (levels?.get(k) ?? functionDepth(node.fn)));
  });
  return depth[graph.output.value];
}

/** One factor for each element of what an affine node made. */
function isFused(graph: Graph, { terms }: AffineNode): boolean {
  if (terms.length !== 1) return false;
  const [{ value, matrix }] = terms;
  if (value === 0 || graph.nodes[value - 1].kind !== 'affine' || matrix.rows !== matrix.columns) return false;
  for (let r = 0; r < matrix.rows; r++) {
    const entries = matrix.start[r + 1] - matrix.start[r];
    if (entries > 1 || (entries === 1 && matrix.column[matrix.start[r]] !== r)) return false;
  }
  return true;
}

function functionDepth(fn: ElementwiseFunction): number {
  if (fn.type === 'polynomial') return depthOf({ basis: 'power', coefficients: fn.coefficients });
  if (fn.type === 'chebyshev')
    return depthOf({ basis: 'chebyshev', coefficients: fn.coefficients, domain: fn.domain });
  return 0;
}
