/**
 * A graph while it is being rewritten: nodes disappear in place, so that values keep their numbers.
 * @module
 */

import type { GraphNode, ValueId } from './graph.ts';

/** A graph under rewriting: node k makes value k + 1; a node that is gone is undefined. */
export interface Rewriting {
  nodes: (GraphNode | undefined)[];
  output: ValueId;
}

/** The nodes that read a value, and whether it is the output. */
export interface Uses {
  nodes: number[][];
  isOutput: (value: ValueId) => boolean;
}

export function inputsOf(node: GraphNode): ValueId[] {
  if (node.kind === 'affine') return node.terms.map((t) => t.value);
  return node.kind === 'function' ? [node.value] : [node.left, node.right];
}

export function usesOf(work: Rewriting): Uses {
  const nodes: number[][] = Array.from({ length: work.nodes.length + 1 }, () => []);
  work.nodes.forEach((node, k) => {
    if (node) for (const value of new Set(inputsOf(node))) nodes[value].push(k);
  });
  return { nodes, isOutput: (value) => value === work.output };
}
