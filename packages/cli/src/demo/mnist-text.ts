/**
 * The ONNX demo as text: the digit, what the server saw, the scores.
 * @module
 */
import { millisecondsText } from '../output.ts';
import { type MnistReport, SIDE } from './mnist.ts';

/** A pixel brighter than this is ink. */
const INK = 0.35;
const HEX_PER_LINE = 40;
const BAR = 36;

/** Two rows of pixels to a line: blocks, half blocks and blanks. */
function digitLines(pixels: readonly number[]): string[] {
  const ink = (row: number, column: number): boolean => pixels[row * SIDE + column] > INK;
  return Array.from({ length: SIDE / 2 }, (_, line) =>
    Array.from({ length: SIDE }, (_, column) => {
      const [upper, lower] = [ink(2 * line, column), ink(2 * line + 1, column)];
      return upper ? (lower ? '█' : '▀') : lower ? '▄' : ' ';
    }).join(''),
  );
}

/** Bars from the lowest score to the highest. */
export function scoreBars(scores: readonly number[], predicted: number): string[] {
  const [low, high] = [Math.min(...scores), Math.max(...scores)];
  return scores.map((score, k) => {
    const length = high > low ? Math.round((BAR * (score - low)) / (high - low)) : 0;
    const mark = k === predicted ? ' <' : '';
    return `  ${k}  ${score.toFixed(4).padStart(9)}  ${'█'.repeat(length)}${mark}`;
  });
}

export function mnistText(report: MnistReport): string {
  const { pixels, serverSaw, scores, predicted, digit, error, agrees, tolerance } = report;
  const digitRows = digitLines(pixels);
  const hex = digitRows.map((_, i) => serverSaw.slice(i * HEX_PER_LINE, (i + 1) * HEX_PER_LINE));
  const pictures = digitRows.map((row, i) => `  ${row}  |  ${hex[i]}`.trimEnd());
  return `
  ${"The digit, on its owner's side".padEnd(SIDE)}  What the server saw of it
${pictures.join('\n')}

Scores, decrypted (a ${digit}, read as ${predicted}):
${scoreBars(scores, predicted).join('\n')}

Largest error ${error.toExponential(1)} of the largest score (${agrees ? 'within' : 'NOT WITHIN'} ${tolerance}); inference ${millisecondsText(report.inferenceMilliseconds)} on ${report.threads} thread${report.threads === 1 ? '' : 's'}`;
}
