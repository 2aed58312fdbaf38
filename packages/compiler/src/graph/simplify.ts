/**
 * Makes a graph shorter without changing what it computes: affine nodes are composed, so that BatchNorm, Pad and
 * AveragePool vanish into their neighbours, and scalings move to where they cost nothing. A sequential network ends
 * as affine nodes alternating with functions or products.
 * @module
 */

import { composeAffine, mergeTerms } from './compose.ts';
import type { AffineNode, Graph, GraphNode } from './graph.ts';
import { inputsOf, type Rewriting } from './rewriting.ts';
import { moveScalings } from './scalings.ts';
import { isIdentityMatrix } from './sparse.ts';

export interface SimplifyOptions {
  /** Entries above which a composed matrix is not made; default 3e7. */
  entryLimit?: number;
  /** Entries up to which a composed matrix is kept whatever its factors were; default 4e6. */
  smallMatrix?: number;
}

/** Every rewriting makes a node disappear or move towards the output, so few passes are ever needed. */
const MAX_PASSES = 50;

/** The same function of the input with fewer nodes; `graph` itself stays as it is. */
export function simplify(graph: Graph, options: SimplifyOptions = {}): Graph {
  const limits = { entryLimit: options.entryLimit ?? 3e7, smallMatrix: options.smallMatrix ?? 4e6 };
  const work: Rewriting = { nodes: graph.nodes.map(mergeTerms), output: graph.output.value };
  dropDead(work);
  for (let pass = 0; pass < MAX_PASSES; pass++) {
    const dropped = dropIdentities(work);
    const composed = composeAffine(work, limits);
    const moved = moveScalings(work);
    dropDead(work);
    if (!dropped && !composed && !moved) break;
  }
  return renumber(graph, work);
}

const isIdentity = (node: AffineNode): boolean =>
  node.terms.length === 1 && node.bias.every((b) => b === 0) && isIdentityMatrix(node.terms[0].matrix);

function dropIdentities(work: Rewriting): boolean {
  const same = Int32Array.from({ length: work.nodes.length + 1 }, (_, v) => v);
  let dropped = false;
  work.nodes.forEach((node, k) => {
    if (!node) return;
    const renamed = rename(node, same);
    work.nodes[k] = renamed;
    if (renamed.kind !== 'affine' || !isIdentity(renamed)) return;
    same[k + 1] = renamed.terms[0].value;
    work.nodes[k] = undefined;
    dropped = true;
  });
  work.output = same[work.output];
  return dropped;
}

function rename(node: GraphNode, to: Int32Array): GraphNode {
  if (node.kind === 'function') return { ...node, value: to[node.value] };
  if (node.kind === 'product') return { ...node, left: to[node.left], right: to[node.right] };
  return mergeTerms({ ...node, terms: node.terms.map((t) => ({ ...t, value: to[t.value] })) });
}

function dropDead(work: Rewriting): void {
  const needed = new Uint8Array(work.nodes.length + 1);
  needed[work.output] = 1;
  for (let k = work.nodes.length - 1; k >= 0; k--) {
    const node = work.nodes[k];
    if (!node) continue;
    if (needed[k + 1]) for (const value of inputsOf(node)) needed[value] = 1;
    else work.nodes[k] = undefined;
  }
}

function renumber(graph: Graph, work: Rewriting): Graph {
  const to = new Int32Array(work.nodes.length + 1);
  const nodes: GraphNode[] = [];
  work.nodes.forEach((node, k) => {
    if (!node) return;
    nodes.push(rename(node, to));
    to[k + 1] = nodes.length;
  });
  return { ...graph, nodes, output: { ...graph.output, value: to[work.output] } };
}
