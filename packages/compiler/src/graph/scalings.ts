/**
 * Moving diagonal scalings through functions and products into a neighbouring matrix or polynomial, where they cost
 * no level: p(c x + d) is another polynomial, relu(c x) = c relu(x) for c > 0, (a x)(b y) = ab (x y).
 * @module
 */

import { joinNames } from './compose.ts';
import type { AffineNode, FunctionNode, GraphNode, ProductNode, ValueId } from './graph.ts';
import { type Rewriting, type Uses, usesOf } from './rewriting.ts';
import { diagonalOf, scaleRows } from './sparse.ts';

interface Scaling {
  value: ValueId;
  factors: Float64Array;
  bias: Float64Array;
  name: string;
}

/** y = diag(factors) x + bias, when that is all that the node does. */
function scalingOf(node: GraphNode | undefined): Scaling | undefined {
  if (node?.kind !== 'affine' || node.terms.length !== 1) return undefined;
  const factors = diagonalOf(node.terms[0].matrix);
  return factors && { value: node.terms[0].value, factors, bias: node.bias, name: node.name };
}

const isZero = (v: Float64Array): boolean => v.every((x) => x === 0);
const isUniform = (v: Float64Array): boolean => v.every((x) => x === v[0]);

/** @returns whether anything changed */
export function moveScalings(work: Rewriting): boolean {
  let changed = false;
  let uses = usesOf(work);
  for (let k = 0; k < work.nodes.length; k++) {
    while (moveAt(work, uses, k)) {
      changed = true;
      uses = usesOf(work);
    }
  }
  return changed;
}

function moveAt(work: Rewriting, uses: Uses, k: number): boolean {
  const node = work.nodes[k];
  if (!node) return false;
  if (node.kind === 'function')
    return intoPolynomial(work, uses, k, node) || pastFunction(work, uses, k, node);
  return node.kind === 'product' ? pastProduct(work, uses, k, node) : intoProducer(work, uses, k, node);
}

const usedOnlyBy = (uses: Uses, value: ValueId, node: number): boolean =>
  !uses.isOutput(value) && uses.nodes[value].length === 1 && uses.nodes[value][0] === node;

/** Only affine nodes read the value: a scaling of it disappears into them. */
const feedsAffine = (work: Rewriting, uses: Uses, value: ValueId): boolean =>
  !uses.isOutput(value) && uses.nodes[value].every((u) => work.nodes[u]?.kind === 'affine');

/** Coefficients of p(c x + d), by Horner's rule on polynomials. */
function substitute(p: readonly number[], c: number, d: number): number[] {
  let result: number[] = [];
  for (let k = p.length - 1; k >= 0; k--) {
    const next = new Array<number>(result.length === 0 ? 1 : result.length + 1).fill(0);
    result.forEach((r, i) => {
      next[i] += d * r;
      next[i + 1] += c * r;
    });
    next[0] += p[k];
    result = next;
  }
  return result;
}

function intoPolynomial(work: Rewriting, uses: Uses, k: number, node: FunctionNode): boolean {
  const scaling = scalingOf(work.nodes[node.value - 1]);
  if (node.fn.type !== 'polynomial' || !scaling || !usedOnlyBy(uses, node.value, k)) return false;
  if (!isUniform(scaling.factors) || !isUniform(scaling.bias)) return false;
  const coefficients = substitute(node.fn.coefficients, scaling.factors[0], scaling.bias[0]);
  work.nodes[node.value - 1] = undefined;
  work.nodes[k] = { ...node, value: scaling.value, fn: { type: 'polynomial', coefficients } };
  return true;
}

const HOMOGENEOUS = new Set(['relu', 'leakyrelu', 'prelu', 'abs']);

/** Every reader of the value gets its matrix times diag(factors). */
function scaleReaders(
  work: Rewriting,
  uses: Uses,
  value: ValueId,
  factors: Float64Array,
  name: string,
): void {
  for (const u of uses.nodes[value]) {
    const reader = work.nodes[u] as AffineNode;
    const terms = reader.terms.map((t) =>
      t.value === value ? { value, matrix: scaleColumns(t.matrix, factors) } : t,
    );
    work.nodes[u] = { ...reader, terms, name: joinNames(name, reader.name) };
  }
}

function scaleColumns(
  m: AffineNode['terms'][number]['matrix'],
  factors: Float64Array,
): AffineNode['terms'][number]['matrix'] {
  return { ...m, value: m.value.map((v, k) => v * factors[m.column[k]]) };
}

function pastFunction(work: Rewriting, uses: Uses, k: number, node: FunctionNode): boolean {
  const scaling = scalingOf(work.nodes[node.value - 1]);
  if (!HOMOGENEOUS.has(node.fn.type) || !scaling || !isZero(scaling.bias)) return false;
  if (!usedOnlyBy(uses, node.value, k) || !feedsAffine(work, uses, k + 1)) return false;
  const factors = node.fn.type === 'abs' ? scaling.factors.map(Math.abs) : scaling.factors;
  if (factors.some((f) => f <= 0)) return false;
  work.nodes[node.value - 1] = undefined;
  work.nodes[k] = { ...node, value: scaling.value };
  scaleReaders(work, uses, k + 1, factors, scaling.name);
  return true;
}

function pastProduct(work: Rewriting, uses: Uses, k: number, node: ProductNode): boolean {
  if (!feedsAffine(work, uses, k + 1)) return false;
  for (const side of ['left', 'right'] as const) {
    const scaling = scalingOf(work.nodes[node[side] - 1]);
    if (!scaling || !isZero(scaling.bias) || !usedOnlyBy(uses, node[side], k)) continue;
    if (scaling.factors.includes(0)) continue;
    const square = node.left === node.right;
    const factors = square ? scaling.factors.map((f) => f * f) : scaling.factors;
    work.nodes[node[side] - 1] = undefined;
    work.nodes[k] = square
      ? { ...node, left: scaling.value, right: scaling.value }
      : { ...node, [side]: scaling.value };
    scaleReaders(work, uses, k + 1, factors, scaling.name);
    return true;
  }
  return false;
}

/** A scaling that no affine node follows goes back into the polynomial, or the factor of a product, before it. */
function intoProducer(work: Rewriting, uses: Uses, k: number, node: AffineNode): boolean {
  const scaling = scalingOf(node);
  const made = scaling && scaling.value - 1;
  const producer = made === undefined ? undefined : work.nodes[made];
  if (!scaling || made === undefined || !producer || !usedOnlyBy(uses, scaling.value, k)) return false;
  if (feedsAffine(work, uses, k + 1)) return false;
  const { factors, bias } = scaling;
  if (producer.kind === 'function' && producer.fn.type === 'polynomial') {
    if (!isUniform(factors) || !isUniform(bias)) return false;
    const coefficients = producer.fn.coefficients.map((c, i) => factors[0] * c + (i === 0 ? bias[0] : 0));
    work.nodes[k] = {
      ...producer,
      name: joinNames(producer.name, node.name),
      fn: { type: 'polynomial', coefficients },
    };
    work.nodes[made] = undefined;
    return true;
  }
  if (producer.kind !== 'product' || !isZero(bias)) return false;
  const square = producer.left === producer.right;
  if (square && factors.some((f) => f < 0)) return false;
  for (const side of ['left', 'right'] as const) {
    const factor = work.nodes[producer[side] - 1];
    if (factor?.kind !== 'affine' || !usedOnlyBy(uses, producer[side], made)) continue;
    const by = square ? factors.map(Math.sqrt) : factors;
    work.nodes[producer[side] - 1] = {
      ...factor,
      terms: factor.terms.map((t) => ({ ...t, matrix: scaleRows(t.matrix, by) })),
      bias: factor.bias.map((b, i) => b * by[i]),
      name: joinNames(factor.name, node.name),
    };
    work.nodes[k] = producer;
    work.nodes[made] = undefined;
    return true;
  }
  return false;
}
