/**
 * What calibration found, for people and for files: each function's polynomial, and the network end to end.
 * @module
 */
import { depthOf } from './apply.ts';
import type { Calibration, ValueRange } from './calibrate.ts';
import type { FittedPolynomial, Method } from './choose.ts';
import type { Comparison } from './compare.ts';
import type { Histogram } from './density.ts';
import type { CalibrationTarget } from './options.ts';
import { quantiles } from './statistics.ts';

export interface FunctionReport {
  /** Index in the graph that was calibrated. */
  node: number;
  name: string;
  function: string;
  /** Of the values that reach it. */
  range: ValueRange;
  /** Interval of the polynomial. */
  domain: [number, number];
  /** 1st, 25th, 50th, 75th and 99th percentile, and the density over the domain in sixteen steps from low to high. */
  density: { quantiles: number[]; sketch: string };
  method: Exclude<Method, 'auto'> | 'exact' | 'polyfit';
  degree: number;
  /** Levels; 0 for a line, which becomes part of its neighbours. */
  depth: number;
  maxError: number;
  rmsError: number;
  /** Share of the calibration values outside the domain. */
  outside: number;
  polynomial: FittedPolynomial;
}

export interface CalibrationReport {
  network: string;
  samples: { seen: number; kept: number };
  functions: FunctionReport[];
  depth: number;
  comparison: Comparison;
  target: CalibrationTarget;
  reached: boolean;
  integerBits: number;
  precisionBits: number;
  warnings: string[];
  /** All of it as a table. */
  text: string;
}

export function report(calibration: Calibration): CalibrationReport {
  const { graph, samples, depth, comparison, target, reached, integerBits, precisionBits, warnings } =
    calibration;
  const functions = [...calibration.fits].map(([index, fit]): FunctionReport => {
    const { node, statistics, domain, approximation, outside } = fit;
    const { min, max, mean, std, histogram } = statistics;
    return {
      node: index,
      name: node.name,
      function: node.fn.type,
      range: { min, max, mean, std },
      domain: [domain[0], domain[1]],
      density: {
        quantiles: quantiles(histogram, [0.01, 0.25, 0.5, 0.75, 0.99]),
        sketch: sketch(histogram, domain),
      },
      method: approximation.method,
      degree: approximation.degree,
      depth: depthOf(approximation.polynomial),
      maxError: approximation.maxError,
      rmsError: approximation.rmsError,
      outside,
      polynomial: approximation.polynomial,
    };
  });
  const data = {
    network: graph.name,
    samples,
    functions,
    depth,
    comparison,
    target,
    reached,
    integerBits,
    precisionBits,
    warnings,
  };
  return { ...data, text: render(data) };
}

function render(r: Omit<CalibrationReport, 'text'>): string {
  const rows = r.functions.map((f) => [
    f.name,
    f.function,
    `[${short(f.domain[0])}, ${short(f.domain[1])}]`,
    f.density.sketch,
    f.method,
    String(f.degree),
    String(f.depth),
    short(f.maxError),
    short(f.rmsError),
  ]);
  const head = [
    'layer',
    'function',
    'domain',
    'density',
    'method',
    'degree',
    'levels',
    'max error',
    'rms error',
  ];
  const c = r.comparison;
  const kept = r.samples.kept < r.samples.seen ? `, ${r.samples.kept} of them kept` : '';
  const lines = [
    ...(rows.length > 0 ? [...table([head, ...rows]), ''] : ['No function needs an approximation.', '']),
    `samples         ${r.samples.seen}${kept}`,
    `levels          ${r.depth}`,
    `output error    max ${short(c.maxError)}, mean ${short(c.meanError)} (largest output ${short(c.maxOutput)})`,
  ];
  if (c.agreement !== undefined) lines.push(`same decision   ${percent(c.agreement)}`);
  if (c.accuracy)
    lines.push(
      `accuracy        ${percent(c.accuracy.exact)} exact, ${percent(c.accuracy.approximated)} approximated`,
    );
  lines.push(`target          ${describeTarget(r.target)}: ${r.reached ? 'reached' : 'not reached'}`);
  for (const warning of r.warnings) lines.push(`warning         ${warning}`);
  return lines.join('\n');
}

function table(rows: string[][]): string[] {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  return rows.map((row) =>
    row
      .map((cell, column) => (column >= 5 ? cell.padStart(widths[column]) : cell.padEnd(widths[column])))
      .join('  ')
      .trimEnd(),
  );
}

function describeTarget({ agreement, outputError, accuracyDrop }: CalibrationTarget): string {
  const parts = [
    agreement !== undefined && `${percent(agreement)} same decisions`,
    outputError !== undefined && `output error ${percent(outputError)}`,
    accuracyDrop !== undefined && `accuracy within ${percent(accuracyDrop)}`,
  ];
  return parts.filter(Boolean).join(', ') || 'none';
}

const percent = (share: number) => `${(100 * share).toFixed(2)} %`;
const short = (x: number) => (x === 0 ? '0' : String(Number(x.toPrecision(3))));

/** Sixteen blocks, each as high as the root of its share of the mass, so that tails stay visible. */
function sketch({ lower, upper, counts }: Histogram, [a, b]: readonly [number, number]): string {
  const cells = new Float64Array(16);
  const width = (upper - lower) / counts.length;
  for (let i = 0; i < counts.length; i++) {
    const x = lower + (i + 0.5) * width;
    const cell = Math.floor((16 * (x - a)) / (b - a));
    if (cell >= 0 && cell < 16) cells[cell] += counts[i];
  }
  const largest = Math.max(...cells);
  return Array.from(cells, (c) =>
    c === 0 ? '·' : '▁▂▃▄▅▆▇█'[Math.min(7, Math.floor(8 * Math.sqrt(c / largest)))],
  ).join('');
}
