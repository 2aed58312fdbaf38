/**
 * What the pictures of the demos share: three panels, from clear to encrypted to decrypted, and noise in greys.
 * @module
 */

export const CELL = 8;
export const COLUMNS = 28;
/** Of a panel. */
export const WIDTH = COLUMNS * CELL;
export const TOP = 64;
const GREYS = 16;
const LEFTS = [24, 300, 576] as const;

export interface Panel {
  title: string;
  /** Elements, given where the panel begins. */
  draw: (left: number) => string;
  caption: string;
}

/** A panel of cells, row by row, of brightness 0 to 1; on black. One path for each grey: far smaller than a rectangle a cell. */
export function greys(values: readonly number[], left: number): string {
  const paths = new Map<number, string>();
  values.forEach((value, i) => {
    const grey = Math.round(value * (GREYS - 1));
    if (grey === 0) return;
    const [x, y] = [left + (i % COLUMNS) * CELL, TOP + Math.floor(i / COLUMNS) * CELL];
    paths.set(grey, `${paths.get(grey) ?? ''}M${x} ${y}h${CELL}v${CELL}h-${CELL}z`);
  });
  const height = Math.ceil(values.length / COLUMNS) * CELL;
  return [
    `  <rect x="${left}" y="${TOP}" width="${WIDTH}" height="${height}" fill="#000"/>`,
    ...[...paths].map(([grey, path]) => {
      const level = Math.round((255 * grey) / (GREYS - 1));
      return `  <path fill="rgb(${level},${level},${level})" d="${path}"/>`;
    }),
  ].join('\n');
}

/** The panel of what the server saw: bytes as greys, the first of them in hex below. @param hex of `cells` bytes or more */
export function noisePanel(hex: string, cells: number): Panel {
  const bytes = Array.from(
    { length: cells },
    (_, i) => Number.parseInt(hex.slice(2 * i, 2 * i + 2), 16) / 255,
  );
  return {
    title: 'What the server saw',
    draw: (left) => greys(bytes, left),
    caption: `<tspan font-size="11" font-family="ui-monospace, monospace">${(hex.slice(0, 22).match(/../g) ?? []).join(' ')} ...</tspan>`,
  };
}

/** @param height of the panels; @param label says what the picture shows, for who cannot see it */
export function threePanels(height: number, label: string, panels: readonly [Panel, Panel, Panel]): string {
  const arrow = (left: number): string =>
    `  <path d="M${left + WIDTH + 14} ${TOP + height / 2}h24m-8 -6l8 6l-8 6" stroke="#555" stroke-width="2" fill="none"/>`;
  const each = (part: (panel: Panel, left: number) => string): string =>
    panels.map((panel, k) => part(panel, LEFTS[k])).join('\n');
  const bottom = TOP + height + 44;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 836 ${bottom}" font-family="system-ui, sans-serif" font-size="14" fill="#222" role="img" aria-label="${label}">
  <rect width="836" height="${bottom}" fill="#ffffff"/>
${each(({ title }, left) => `  <text x="${left}" y="44" font-weight="700">${title}</text>`)}
${each(({ draw }, left) => draw(left))}
${arrow(LEFTS[0])}
${arrow(LEFTS[1])}
${each(({ caption }, left) => `  <text x="${left}" y="${TOP + height + 26}" font-size="12" fill="#555">${caption}</text>`)}
</svg>
`;
}
