/**
 * Composing an affine node into the affine nodes that read it: one matrix product saves one level under encryption.
 * @module
 */

import type { AffineNode, GraphNode } from './graph.ts';
import { type Rewriting, usesOf } from './rewriting.ts';
import {
  addMatrices,
  entryCount,
  isIdentityMatrix,
  multiplicationCost,
  multiply,
  multiplyVector,
} from './sparse.ts';

export interface ComposeLimits {
  entryLimit: number;
  smallMatrix: number;
}

/** A composed matrix may have this many times the entries of its factors. */
const MAX_GROWTH = 4;
/** Scalar products above which a composition is not even tried. */
const MAX_COST = 2e9;

/** One term for each value, and none for a zero matrix. */
export function mergeTerms(node: GraphNode): GraphNode {
  if (node.kind !== 'affine') return node;
  const terms = new Map<number, AffineNode['terms'][number]>();
  for (const term of node.terms) {
    const same = terms.get(term.value);
    terms.set(term.value, same ? { ...term, matrix: addMatrices(same.matrix, term.matrix) } : term);
  }
  return { ...node, terms: [...terms.values()].filter((t) => entryCount(t.matrix) > 0) };
}

const CUT = '...';
const MAX_NAMES = 7;

/** Names of the model's nodes in one fused node, shortened in the middle when there are many. */
export function joinNames(a: string, b: string): string {
  const all = [...new Set([...a.split(' + '), ...b.split(' + ')])];
  const names = all.filter((n) => n !== CUT);
  if (names.length <= MAX_NAMES && names.length === all.length) return names.join(' + ');
  return [...names.slice(0, MAX_NAMES - 3), CUT, ...names.slice(-3)].join(' + ');
}

/**
 * Composes every affine node that only affine nodes read, unless a product becomes too large.
 * @returns whether anything changed
 */
export function composeAffine(work: Rewriting, limits: ComposeLimits): boolean {
  const uses = usesOf(work);
  let changed = false;
  work.nodes.forEach((inner, k) => {
    if (inner?.kind !== 'affine' || uses.isOutput(k + 1)) return;
    const users = uses.nodes[k + 1];
    const outer = users.map((u) => work.nodes[u]).filter((n) => n?.kind === 'affine');
    if (outer.length === 0 || outer.length !== users.length) return;
    const composed = outer.map((node) => compose(node as AffineNode, inner, k + 1, limits));
    if (composed.includes(undefined)) return;
    users.forEach((u, i) => {
      work.nodes[u] = composed[i];
    });
    for (const { value } of inner.terms) {
      const readers = new Set([...uses.nodes[value].filter((n) => n !== k), ...users]);
      uses.nodes[value] = [...readers].sort((a, b) => a - b);
    }
    work.nodes[k] = undefined;
    changed = true;
  });
  return changed;
}

function compose(
  outer: AffineNode,
  inner: AffineNode,
  value: number,
  limits: ComposeLimits,
): AffineNode | undefined {
  const link = outer.terms.find((t) => t.value === value);
  if (!link) return outer;
  const terms = outer.terms.filter((t) => t !== link);
  const keeps = isIdentityMatrix(link.matrix);
  for (const { value: source, matrix } of inner.terms) {
    if (keeps) {
      terms.push({ value: source, matrix });
      continue;
    }
    const growth = MAX_GROWTH * (entryCount(link.matrix) + entryCount(matrix));
    const limit = Math.min(limits.entryLimit, Math.max(limits.smallMatrix, growth));
    if (multiplicationCost(link.matrix, matrix) > MAX_COST) return undefined;
    const product = multiply(link.matrix, matrix, limit);
    if (!product) return undefined;
    terms.push({ value: source, matrix: product });
  }
  const shift = multiplyVector(link.matrix, inner.bias);
  const bias = outer.bias.map((b, i) => b + shift[i]);
  const name = joinNames(inner.name, outer.name);
  return mergeTerms({ kind: 'affine', name, terms, bias }) as AffineNode;
}
