/**
 * The benchmarks' figures against what the project set out to reach: one table for the README.
 * @module
 */
import { digits, formatBytes, formatMs, type Machine } from './measure.ts';
import type { OnnxReport } from './onnx.ts';
import type { Case, CaseId, PredictReport } from './predict.ts';
import type { RestReport } from './rest.ts';
import { onnxRows } from './summary-onnx.ts';
import { tfheRows } from './summary-tfhe.ts';
import type { TfheReport } from './tfhe.ts';

/** What `bench/kernels.ts --json` writes, as far as it is read here. Microseconds. */
export interface KernelsReport {
  sealNttUs: number;
  results: Record<string, { name: string; us: number }[]>;
}

/** What `bench/ckks.ts --json` writes, as far as it is read here. Microseconds by operation. */
export interface CkksReport {
  build: string;
  results: Record<string, Record<string, number> | null>;
}

export interface Benches {
  kernels?: KernelsReport;
  ckks?: CkksReport;
  predict?: PredictReport;
  rest?: RestReport;
  onnx?: OnnxReport;
  tfhe?: TfheReport;
}

/** What `bench/index.ts` writes. */
export interface Report extends Machine {
  /** The kernels' build that CKKS operations and predictions ran on. */
  build: string;
  quick: boolean;
  benches: Benches;
  summary: SummaryRow[];
}

export interface SummaryRow {
  what: string;
  velum: string;
  peer: string;
  /** Peer divided by Velum; above 1 is in our favour. */
  ratio?: number;
  /** The target; absent where it sets none. */
  target?: string;
  reached?: boolean;
  /** Its name in the README, which shows these rows alone. */
  headline?: string;
}

/** The build of a report, the best first: kernels are measured with all that run. */
const BUILDS = ['wasm-wide', 'wasm-fma'] as const;

export function summarize(benches: Benches): SummaryRow[] {
  const { kernels, ckks, predict, rest, onnx, tfhe } = benches;
  return [
    ...(kernels ? kernelRows(kernels) : []),
    ...(ckks ? ckksRows(ckks) : []),
    ...(predict ? predictRows(predict) : []),
    ...(rest ? restRows(rest) : []),
    ...(onnx ? onnxRows(onnx) : []),
    ...(tfhe ? tfheRows(tfhe) : []),
  ];
}

function kernelRows({ results, sealNttUs }: KernelsReport): SummaryRow[] {
  const measured = BUILDS.filter((build) => results[build] !== undefined);
  if (measured.length === 0) throw new Error('the kernels report lacks ntt_forward');
  return measured.map((build, i) => {
    const ntt = found(
      results[build] ?? [],
      ({ name }) => name === 'ntt_forward',
      'ntt_forward of kernels',
    ).us;
    const what = 'forward NTT, N=8192, one 49-bit prime';
    return {
      what: i === 0 ? what : `same, ${build}`,
      velum: formatMs(ntt / 1000),
      peer: `${formatMs(sealNttUs / 1000)} (SEAL 4.1 native, an earlier run)`,
      ratio: sealNttUs / ntt,
      target: '<= 32 us',
      reached: ntt <= 32,
      ...(i === 0 ? { headline: what } : {}),
    };
  });
}

function ckksRows({ build, results }: CkksReport): SummaryRow[] {
  const row = (what: string, operation: string, target: number, from = 'velum'): SummaryRow => {
    const [ours, seal] = [from, 'node-seal'].map((library) => results[library]?.[operation]);
    if (ours === undefined || seal === undefined) throw new Error(`the CKKS report lacks ${operation}`);
    const ratio = seal / ours;
    const peer = `${formatMs(seal / 1000)} (node-seal 7)`;
    if (from !== 'velum') return { what: `${what}, ${from}`, velum: formatMs(ours / 1000), peer, ratio };
    return {
      what,
      velum: formatMs(ours / 1000),
      peer,
      ratio,
      target: `>= ${target} x`,
      reached: ratio >= target,
      headline: `CKKS: ${what.replace(/, same$/, ', N=8192, log QP 200')}`,
    };
  };
  const narrow = build !== 'wasm-fma' && results['wasm-fma'] ? ['wasm-fma'] : [];
  return [
    row('rotate, N=8192, log QP 200', 'rotate', 8),
    ...narrow.map((from) => row('same', 'rotate', 8, from)),
    row('multiply, relinearise and rescale, same', 'multiply', 7),
    ...narrow.map((from) => row('same', 'multiply', 7, from)),
  ];
}

function predictRows({ cases, data }: PredictReport): SummaryRow[] {
  const of = (id: CaseId): Case => found(cases, (entry) => entry.id === id, id);
  const [one, batch, network] = [of('lr-1'), of('lr-batch'), of('nn-1')];
  const regression = `${data.lr}: logistic regression`;
  return [
    titled(
      'Logistic regression, 1 sample: upload',
      bytesRow(`${regression}, 1 sample: bytes up`, one, 'up', 64e3),
    ),
    bytesRow('same, bytes down', one, 'down', 64e3),
    titled('same: keys', bytesRow('same, keys', one, 'keys', 2e6)),
    titled('same: server compute', computeRow('same, server compute', one, 15)),
    computeRow('same, 8192 samples, server compute', batch, 200),
    computeRow('same, sigmoid on the server, 1 sample', of('lr-server-1')),
    computeRow('same, sigmoid on the server, 8192 samples', of('lr-server-batch')),
    titled(
      'Dense network 62-200-100-1, 1 sample: server compute',
      computeRow(`${data.nn}: network 62-200-100-1, 1 sample, server compute`, network, 400),
    ),
    bytesRow('same, keys', network, 'keys', 30e6),
    errorRow('error of the linear score, 1 sample', one, 1e-4),
    errorRow('same, 8192 samples', batch, 1e-4),
  ];
}

const titled = (headline: string, row: SummaryRow): SummaryRow => ({ ...row, headline });

/** The peer with HE4Cloud's parameters is the first one of every case. */
function computeRow(what: string, { velum, peers: [peer], published }: Case, target?: number): SummaryRow {
  const [ours, theirs] = [velum, peer].map((column) => column.compute?.median ?? Number.NaN);
  const also = published?.compute ? `; ${published.compute} (${published.name}, published)` : '';
  return {
    what,
    velum: formatMs(ours),
    peer: `${formatMs(theirs)} (${peer.name})${also}`,
    ratio: theirs / ours,
    ...(target === undefined ? {} : { target: `<= ${target} ms`, reached: ours <= target }),
  };
}

function bytesRow(
  what: string,
  { velum, peers: [peer], published }: Case,
  part: 'up' | 'down' | 'keys',
  target: number,
): SummaryRow {
  const [ours, theirs] = [velum, peer].map((column) => column[part] ?? Number.NaN);
  const also = published?.[part] ? `; ${published[part]} (${published.name}, published)` : '';
  return {
    what,
    velum: formatBytes(ours),
    peer: `${formatBytes(theirs)} (${peer.name})${also}`,
    ratio: theirs / ours,
    target: `<= ${formatBytes(target)}`,
    reached: ours <= target,
  };
}

/** No ratio: the peer spends its 50 fractional bits on precision, Velum what the asked precision takes. */
function errorRow(what: string, { velum, peers: [peer] }: Case, target: number): SummaryRow {
  const [ours, theirs] = [velum, peer].map((column) => column.error ?? Number.NaN);
  return {
    what,
    velum: ours.toExponential(1),
    peer: `${theirs.toExponential(1)} (${peer.name})`,
    target: `<= ${target.toExponential(0)}`,
    reached: ours <= target,
  };
}

function restRows({ predictionOverhead: { median, p95 } }: RestReport): SummaryRow[] {
  return [
    {
      what: 'REST overhead of a predict beyond compute: link, upload and predict; median',
      velum: `${formatMs(median)} (p95 ${formatMs(p95)})`,
      peer: '',
      target: '<= 10 ms',
      reached: median <= 10,
      headline: 'REST overhead of a prediction beyond its computation',
    },
  ];
}

/** Cells in the order of SUMMARY_HEADER. */
export function summaryCells({ what, velum, peer, ratio, target, reached }: SummaryRow): string[] {
  const verdict = reached === undefined ? '' : reached ? ', reached' : ', missed';
  return [
    what,
    velum,
    peer,
    ratio === undefined ? '' : `${digits(ratio)} x`,
    target === undefined ? '' : target + verdict,
  ];
}

export const SUMMARY_HEADER = ['what', 'Velum', 'peer', 'ratio', 'target'] as const;

const BLOCK = /(<!-- bench:start -->)[\s\S]*?(<!-- bench:end -->)/g;

/**
 * The text with the block between `<!-- bench:start -->` and `<!-- bench:end -->` made anew.
 * @param headlines the few rows that the README shows, under their names there
 */
export function replaceBenchBlock(text: string, report: Report, headlines = false): string {
  const blocks = text.match(BLOCK)?.length ?? 0;
  if (blocks !== 1) {
    throw new Error(
      `the file has ${blocks} blocks between <!-- bench:start --> and <!-- bench:end -->: it takes one`,
    );
  }
  return text.replace(
    BLOCK,
    (_, start: string, end: string) => `${start}\n${markdown(report, headlines)}\n${end}`,
  );
}

function markdown({ date, cpu, cores, node, build, quick, summary }: Report, headlines: boolean): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|').replaceAll('<=', '≤').replaceAll('>=', '≥')).join(' | ')} |`;
  const rows = headlines
    ? summary.flatMap((row) => (row.headline === undefined ? [] : [{ ...row, what: row.headline }]))
    : summary;
  return [
    `Medians of ${date.slice(0, 10)}: ${build}, one thread unless it says otherwise, Node ${node}, ${cpu}, ${cores} cores${quick ? '; a quick run' : ''}. Ratios are to the first peer named, measured in the same run unless it says otherwise; "HE4Cloud set" is N=16384 with 7 data primes. Figures marked "published" or "spec" are from their authors' or others' machines.`,
    '',
    line(SUMMARY_HEADER),
    '|---|---|---|---|---|',
    ...rows.map((row) => line(summaryCells(row))),
  ].join('\n');
}

function found<T>(list: readonly T[], matches: (entry: T) => boolean, what: string): T {
  const entry = list.find(matches);
  if (entry === undefined) throw new Error(`the report lacks ${what}`);
  return entry;
}
