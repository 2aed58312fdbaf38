/**
 * The ONNX demo as a picture: the digit, what the server saw, the scores.
 * @module
 */
import { type MnistReport, SIDE } from './mnist.ts';

const CELL = 8;
const IMAGE = SIDE * CELL;
const TOP = 64;
const LEFTS = [24, 300, 576] as const;
const GREYS = 16;

/** One path for each grey, of the cells that have it: far smaller than a rectangle a cell. */
function greys(values: readonly number[], left: number): string {
  const paths = new Map<number, string>();
  values.forEach((value, i) => {
    const grey = Math.round(value * (GREYS - 1));
    if (grey === 0) return;
    const [x, y] = [left + (i % SIDE) * CELL, TOP + Math.floor(i / SIDE) * CELL];
    paths.set(grey, `${paths.get(grey) ?? ''}M${x} ${y}h${CELL}v${CELL}h-${CELL}z`);
  });
  return [...paths]
    .map(([grey, path]) => {
      const level = Math.round((255 * grey) / (GREYS - 1));
      return `  <path fill="rgb(${level},${level},${level})" d="${path}"/>`;
    })
    .join('\n');
}

function bars({ scores, predicted }: MnistReport, left: number): string {
  const [low, high] = [Math.min(...scores), Math.max(...scores)];
  const pitch = IMAGE / scores.length;
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
  const bytes = Array.from(
    { length: SIDE * SIDE },
    (_, i) => Number.parseInt(serverSaw.slice(2 * i, 2 * i + 2), 16) / 255,
  );
  const hex = `${(serverSaw.slice(0, 22).match(/../g) ?? []).join(' ')} ...`;
  const height = TOP + IMAGE + 44;
  const caption = TOP + IMAGE + 26;
  const head = (text: string, left: number): string =>
    `  <text x="${left}" y="44" font-weight="700">${text}</text>`;
  const frame = (left: number): string =>
    `  <rect x="${left}" y="${TOP}" width="${IMAGE}" height="${IMAGE}" fill="#000"/>`;
  const arrow = (x: number): string =>
    `  <path d="M${x} ${TOP + IMAGE / 2}h24m-8 -6l8 6l-8 6" stroke="#555" stroke-width="2" fill="none"/>`;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 836 ${height}" font-family="system-ui, sans-serif" font-size="14" fill="#222" role="img" aria-label="A handwritten ${digit}; the noise that the server saw of it; and the decrypted scores, of which ${predicted} is the highest.">
  <rect width="836" height="${height}" fill="#ffffff"/>
${head('The digit', LEFTS[0])}
${head('What the server saw', LEFTS[1])}
${head('The scores, decrypted', LEFTS[2])}
${frame(LEFTS[0])}
${greys(pixels, LEFTS[0])}
${frame(LEFTS[1])}
${greys(bytes, LEFTS[1])}
${arrow(LEFTS[0] + IMAGE + 14)}
${arrow(LEFTS[1] + IMAGE + 14)}
${bars(report, LEFTS[2])}
  <text x="${LEFTS[0]}" y="${caption}" font-size="12" fill="#555">on its owner's machine</text>
  <text x="${LEFTS[1]}" y="${caption}" font-size="11" fill="#555" font-family="ui-monospace, monospace">${hex}</text>
  <text x="${LEFTS[2]}" y="${caption}" font-size="12" fill="#555">on its owner's machine</text>
</svg>
`;
}
