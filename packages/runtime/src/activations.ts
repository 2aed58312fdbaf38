/**
 * Final activations, applied exactly by the client after decryption.
 * @module
 */
import type { Activation } from './profile.ts';

export function applyActivation(activation: Activation, scores: readonly number[]): number[] {
  switch (activation) {
    case 'none':
      return [...scores];
    case 'sigmoid':
      return scores.map((x) => 1 / (1 + Math.exp(-x)));
    case 'softmax': {
      const max = Math.max(...scores);
      const powers = scores.map((x) => Math.exp(x - max));
      const sum = powers.reduce((a, b) => a + b, 0);
      return powers.map((p) => p / sum);
    }
    case 'argmax':
      return [scores.indexOf(Math.max(...scores))];
  }
}
