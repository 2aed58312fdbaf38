/**
 * The ONNX demo as a picture: the digit, what the server saw, the scores.
 * @module
 */
import { type MnistReport, SIDE } from './mnist.ts';
import { greys, noisePanel, TOP, threePanels, WIDTH } from './svg.ts';

const HEIGHT = WIDTH;
const AT_HOME = "on its owner's machine";

function bars({ scores, predicted }: MnistReport, left: number): string {
  const [low, high] = [Math.min(...scores), Math.max(...scores)];
  const pitch = HEIGHT / scores.length;
  return scores
    .map((score, k) => {
      const width = 2 + (high > low ? (150 * (score - low)) / (high - low) : 0);
      const y = TOP + k * pitch;
      const [fill, weight] = k === predicted ? ['#4f8a5b', '700'] : ['#b9c7bd', '400'];
      return (
        `  <text x="${left}" y="${(y + 15).toFixed(1)}" font-weight="${weight}">${k}</text>` +
        `<rect x="${left + 18}" y="${(y + 3).toFixed(1)}" width="${width.toFixed(1)}" height="${(pitch - 6).toFixed(1)}" rx="2" fill="${fill}"/>` +
        `<text x="${(left + 24 + width).toFixed(1)}" y="${(y + 15).toFixed(1)}" font-size="11" font-weight="${weight}">${score.toFixed(2)}</text>`
      );
    })
    .join('\n');
}

export function mnistSvg(report: MnistReport): string {
  const { digit, predicted, pixels, serverSaw } = report;
  const label = `A handwritten ${digit}; the noise that the server saw of it; and the decrypted scores, of which ${predicted} is the highest.`;
  return threePanels(HEIGHT, label, [
    { title: 'The digit', draw: (left) => greys(pixels, left), caption: AT_HOME },
    noisePanel(serverSaw, SIDE * SIDE),
    { title: 'The scores, decrypted', draw: (left) => bars(report, left), caption: AT_HOME },
  ]);
}
