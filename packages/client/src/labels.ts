/**
 * Class labels from decrypted scores, as the profile describes the output.
 * @module
 */
import type { Profile } from '@velum/runtime';

/**
 * One label per row, or undefined when the profile names none. One value: the second label when it is above
 * the threshold (default 0.5 after a sigmoid, else 0); several: the label of the largest; argmax: by index.
 */
export function labelsOf(profile: Profile, predictions: number[][]): (string | number)[] | undefined {
  const { labels, activation, threshold, values } = profile.output;
  if (labels === undefined) return undefined;
  return predictions.map((row) => {
    if (activation === 'argmax' && row.length === 1) return labels[row[0]];
    if (values === 1) return labels[row[0] > (threshold ?? (activation === 'sigmoid' ? 0.5 : 0)) ? 1 : 0];
    return labels[row.indexOf(Math.max(...row))];
  });
}
