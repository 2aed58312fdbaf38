/**
 * A horizontal bar chart as SVG text, on a logarithmic axis: figures of one unit that differ by powers of ten. @module
 */

export interface Bar {
  label: string;
  value: number;
  /** The value as people read it: "4.2 s". */
  shown: string;
  /** Ours, a peer measured in the same run, or a figure that its authors published. */
  kind: 'velum' | 'peer' | 'published';
}

export interface Group {
  title: string;
  bars: readonly Bar[];
}

const WIDTH = 860;
const LEFT = 300;
const RIGHT = 110;
const BAR = 20;
const GAP = 6;
const TITLE = 30;
const TOP = 74;
const COLOURS: Record<Bar['kind'], string> = { velum: '#2f7d4f', peer: '#b8763a', published: '#b9b4ab' };
const NAMES: Record<Bar['kind'], string> = {
  velum: 'Velum',
  peer: 'peer, same machine and run',
  published: "published, its authors' machine",
};

/**
 * @param unit what the axis counts, for example "seconds"; values are positive
 * @throws RangeError a value that has no logarithm
 */
export function barChart(title: string, unit: string, groups: readonly Group[]): string {
  const values = groups.flatMap(({ bars }) => bars.map(({ value }) => value));
  const bad = values.find((value) => !(value > 0 && Number.isFinite(value)));
  if (bad !== undefined || values.length === 0) throw new RangeError(`no bar can show ${bad}`);
  const low = Math.floor(Math.log10(Math.min(...values)));
  const high = Math.max(low + 1, Math.ceil(Math.log10(Math.max(...values))));
  const at = (value: number): number =>
    LEFT + ((Math.log10(value) - low) / (high - low)) * (WIDTH - LEFT - RIGHT);
  const body: string[] = [];
  let y = TOP;
  for (const group of groups) {
    body.push(text(20, y + 18, group.title, 'font-weight="700"'));
    y += TITLE;
    for (const { label, value, shown, kind } of group.bars) {
      const length = Math.max(2, at(value) - LEFT);
      body.push(
        text(LEFT - 10, y + 15, label, 'text-anchor="end"'),
        `<rect x="${LEFT}" y="${y}" width="${round(length)}" height="${BAR}" rx="3" fill="${COLOURS[kind]}"/>`,
        text(round(LEFT + length + 6), y + 15, shown, kind === 'velum' ? 'font-weight="700"' : ''),
      );
      y += BAR + GAP;
    }
    y += 8;
  }
  const bottom = y;
  const grid: string[] = [];
  for (let power = low; power <= high; power++) {
    const x = round(at(10 ** power));
    grid.push(
      `<path d="M${x} ${TOP - 6} V${bottom}" stroke="#e4e0d8"/>`,
      text(x, bottom + 18, String(Number((10 ** power).toPrecision(1))), 'text-anchor="middle" fill="#666"'),
    );
  }
  const height = bottom + 42;
  const legend = (Object.keys(NAMES) as Bar['kind'][])
    .filter((kind) => groups.some(({ bars }) => bars.some((bar) => bar.kind === kind)))
    .map((kind, i) => {
      const x = 20 + i * 250;
      return `<rect x="${x}" y="44" width="12" height="12" rx="2" fill="${COLOURS[kind]}"/>${text(x + 18, 55, NAMES[kind], 'fill="#444"')}`;
    });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="system-ui, sans-serif" font-size="13" role="img" aria-label="${quoted(describe(title, groups))}">`,
    `<rect width="${WIDTH}" height="${height}" fill="#ffffff"/>`,
    text(20, 28, title, 'font-weight="700" font-size="16"'),
    ...legend,
    ...grid,
    ...body,
    text(
      WIDTH - RIGHT,
      bottom + 36,
      `${unit}, logarithmic: shorter is better`,
      'text-anchor="end" fill="#666"',
    ),
    '</svg>',
    '',
  ].join('\n');
}

/** What a reader who cannot see the picture hears. */
function describe(title: string, groups: readonly Group[]): string {
  const parts = groups.map(
    (group) => `${group.title}: ${group.bars.map((bar) => `${bar.label} ${bar.shown}`).join(', ')}`,
  );
  return `${title}. ${parts.join('; ')}.`;
}

function text(x: number, y: number, content: string, attributes = ''): string {
  const fill = attributes.includes('fill=') ? '' : ' fill="#222"';
  return `<text x="${x}" y="${y}"${fill}${attributes ? ` ${attributes}` : ''}>${quoted(content)}</text>`;
}

function quoted(value: string): string {
  return value
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}

const round = (value: number): number => Math.round(value * 10) / 10;
