/**
 * What approximation did to the answers: errors of the outputs, and the decisions taken from them.
 * @module
 */
import type { Graph } from '../graph/graph.ts';
import type { Samples } from './forward.ts';

export interface Comparison {
  samples: number;
  /** Largest, mean and root mean square of |approximated - exact| over all outputs. */
  maxError: number;
  meanError: number;
  rmsError: number;
  /** Largest |exact output|. */
  maxOutput: number;
  /** maxError / maxOutput. */
  relativeError: number;
  /**
   * Share of equal decisions: argmax over the last dimension, or the sign where the client applies a sigmoid. Undefined
   * for a single output without one.
   */
  agreement?: number;
  /** Shares of correct decisions, with labels. */
  accuracy?: { exact: number; approximated: number };
}

/** @param labels one for each decision, sample by sample; fewer than there are decisions, and the rest is not counted */
export function compare(
  graph: Graph,
  exact: Samples,
  approximated: Samples,
  labels?: ArrayLike<number>,
): Comparison {
  const decide = decisions(graph);
  let [maxError, sum, square, maxOutput, count] = [0, 0, 0, 0, 0];
  let [equal, decided, labelled, right, rightExact] = [0, 0, 0, 0, 0];
  for (let s = 0; s < exact.length; s++) {
    for (let i = 0; i < exact[s].length; i++) {
      const difference = Math.abs(approximated[s][i] - exact[s][i]);
      // A diverged output is as wrong as can be; NaN would slip through every comparison.
      const error = Number.isNaN(difference) ? Number.POSITIVE_INFINITY : difference;
      maxError = Math.max(maxError, error);
      sum += error;
      square += error * error;
      maxOutput = Math.max(maxOutput, Math.abs(exact[s][i]));
      count++;
    }
    if (!decide) continue;
    const [wanted, got] = [decide(exact[s]), decide(approximated[s])];
    for (let d = 0; d < wanted.length; d++) {
      if (labels && decided < labels.length) {
        labelled++;
        if (got[d] === labels[decided]) right++;
        if (wanted[d] === labels[decided]) rightExact++;
      }
      decided++;
      if (wanted[d] === got[d]) equal++;
    }
  }
  const result: Comparison = {
    samples: exact.length,
    maxError,
    meanError: sum / count,
    rmsError: Math.sqrt(square / count),
    maxOutput,
    relativeError: maxError === 0 ? 0 : maxError / maxOutput,
  };
  if (decide) result.agreement = equal / decided;
  if (labelled > 0) result.accuracy = { exact: rightExact / labelled, approximated: right / labelled };
  return result;
}

/** The decisions that a sample's outputs stand for; undefined when they stand for none. */
function decisions(graph: Graph): ((output: Float64Array) => number[]) | undefined {
  const classes = graph.output.shape.findLast((extent) => extent > 1) ?? 1;
  if (graph.final === 'sigmoid') return (output) => Array.from(output, (x) => (x > 0 ? 1 : 0));
  if (classes === 1) return undefined;
  return (output) =>
    Array.from({ length: output.length / classes }, (_, group) => {
      const at = group * classes;
      let best = -1;
      for (let i = 0; i < classes; i++) {
        if (Number.isFinite(output[at + i]) && (best < 0 || output[at + i] > output[at + best])) best = i;
      }
      return best;
    });
}
