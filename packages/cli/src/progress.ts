/**
 * A progress line on stderr, on terminals only.
 * @module
 */
import { canAnimate, hasColour, type Terminal } from './terminal.ts';

export interface Progress {
  update(label: string, done: number, total: number): void;
  clear(): void;
}

const WIDTH = 28;
/** Redrawing more often than this only costs time. */
const REDRAW_MS = 40;

export function progressFor(terminal: Terminal): Progress {
  if (!canAnimate(terminal)) return { update: () => {}, clear: () => {} };
  const [on, off] = hasColour(terminal) ? ['\u001b[36m', '\u001b[0m'] : ['', ''];
  let drawn = 0;
  let shown = '';
  return {
    update(label, done, total) {
      const now = performance.now();
      if (label === shown && done < total && now - drawn < REDRAW_MS) return;
      drawn = now;
      shown = label;
      const part = total > 0 ? Math.min(1, done / total) : 0;
      const filled = Math.round(part * WIDTH);
      const bar = `${'#'.repeat(filled)}${'.'.repeat(WIDTH - filled)}`;
      terminal.stderr.write(`\r\u001b[K${label} ${on}${bar}${off} ${Math.round(part * 100)}%`);
    },
    clear() {
      if (shown !== '') terminal.stderr.write('\r\u001b[K');
      shown = '';
    },
  };
}
