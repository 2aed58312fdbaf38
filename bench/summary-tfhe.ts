/**
 * The rows of the summary for encrypted integers and programs, and their chart. @module
 */
import { barChart, type Group } from './chart.ts';
import { digits, formatBytes, formatMs } from './measure.ts';
import type { SummaryRow } from './summary.ts';
import type { ProgramFigures, TfheReport } from './tfhe.ts';

/** Seconds that the original application server's README gives: 16 vCPU, tfhe-rs 0.7. */
const PUBLISHED: Record<ProgramFigures['id'], { seconds: number; target: number; name: string }> = {
  weight_stats_5: { seconds: 3.63, target: 3.6, name: 'Weight statistics, 5 weights' },
  sleep_quality_17: { seconds: 49.02, target: 12, name: 'Sleep quality, 17 records' },
  sleep_quality_5: { seconds: 19.53, target: 5, name: 'Sleep quality, 5 records' },
  ad_targeting: { seconds: 3.91, target: 0.25, name: 'Ad targeting, 4954 ads' },
};
const ZAMA = "Zama's application server, 16 vCPU, published";
const WANTED = { alone: 25, batch: 18, speedup: 1.8, keyBytes: 32e6, keySeconds: 6 };

/** What tfhe-rs took for the same program here, where it was run. */
function nativeMs({ peers: { tfheRs } }: TfheReport, id: ProgramFigures['id']): number | undefined {
  if ('absent' in tfheRs) return undefined;
  if (id === 'weight_stats_5') return tfheRs.weight_stats_5_ms;
  return id === 'sleep_quality_5' ? tfheRs.sleep_quality_5_ms : undefined;
}

export function tfheRows(report: TfheReport): SummaryRow[] {
  const { bootstrap, many, keys, threads, programs, peers } = report;
  const rs = 'absent' in peers.tfheRs ? undefined : peers.tfheRs;
  const node = 'absent' in peers.nodeTfhe ? undefined : peers.nodeTfhe;
  const native = rs && `tfhe-rs ${rs.version} native`;
  /** Peers measured in this run, the first of which gives the ratio. */
  const measured = (
    row: SummaryRow,
    ours: number,
    theirs: [number | undefined, string | undefined][],
    format: (value: number) => string,
  ): SummaryRow => {
    const known = theirs.filter((peer): peer is [number, string] => peer[0] !== undefined);
    const peer = [...known.map(([value, name]) => `${format(value)} (${name})`), row.peer].filter(Boolean);
    return { ...row, peer: peer.join('; '), ...(known[0] ? { ratio: known[0][0] / ours } : {}) };
  };
  const speedup = many.one.median / many.all.median;
  const NODE = 'node-tfhe 1.7';
  return [
    measured(
      {
        what: 'TFHE, 2+2 bits, 2^-128: key switch and bootstrap alone, 1 thread',
        velum: formatMs(bootstrap.alone.median),
        peer: '',
        target: `<= ${WANTED.alone} ms`,
        reached: bootstrap.alone.median <= WANTED.alone,
        headline: 'TFHE, 2+2 bits, 2^-128: key switch and bootstrap',
      },
      bootstrap.alone.median,
      [
        [node?.bootstrapMs, NODE],
        [rs?.ks_pbs_1_thread_ms, native],
      ],
      formatMs,
    ),
    measured(
      {
        what: 'same, each in a batch of 8',
        velum: formatMs(bootstrap.batch.median),
        peer: '',
        target: `<= ${WANTED.batch} ms`,
        reached: bootstrap.batch.median <= WANTED.batch,
      },
      bootstrap.batch.median,
      [[rs && rs.ks_pbs_64_1_thread_ms / 64, native]],
      formatMs,
    ),
    {
      what: `same, 64 independent ones, ${threads} threads against one`,
      velum: `${digits(speedup)} x (${formatMs(many.all.median)})`,
      peer: rs
        ? `${digits(rs.ks_pbs_64_1_thread_ms / rs.ks_pbs_64_all_threads_ms)} x (${formatMs(rs.ks_pbs_64_all_threads_ms)}, ${native})`
        : '',
      target: `>= ${WANTED.speedup} x`,
      reached: speedup >= WANTED.speedup,
    },
    measured(
      {
        what: 'same, server key on the wire',
        velum: formatBytes(keys.bytes),
        peer: '',
        target: `<= ${formatBytes(WANTED.keyBytes)}`,
        reached: keys.bytes <= WANTED.keyBytes,
        headline: 'same: server key',
      },
      keys.bytes,
      [[rs?.compressed_server_key_bytes ?? node?.compressedServerKeyBytes, native ?? NODE]],
      formatBytes,
    ),
    measured(
      {
        what: 'same, making the server key in the client',
        velum: formatMs(keys.generate.median),
        peer: '',
        target: `<= ${WANTED.keySeconds} s`,
        reached: keys.generate.median <= 1000 * WANTED.keySeconds,
      },
      keys.generate.median,
      [
        [node?.compressedServerKeyMs, NODE],
        [rs?.compressed_server_key_ms, native],
      ],
      formatMs,
    ),
    ...programs.map((program): SummaryRow => {
      const { id, run, up, down, key } = program;
      const { seconds, target, name } = PUBLISHED[id];
      const same = nativeMs(report, id);
      const theirs = same ?? 1000 * seconds;
      return {
        what: `${name}: server compute, ${threads} cores; ${formatBytes(up)} up, ${formatBytes(down)} down, ${key === 0 ? 'no key' : `key ${formatBytes(key)}`}`,
        velum: formatMs(run.median),
        peer: `${same === undefined ? '' : `${formatMs(same)} (${native}, the original's algorithm); `}${formatMs(1000 * seconds)} (${ZAMA})`,
        ratio: theirs / run.median,
        target: `<= ${formatMs(1000 * target)}`,
        reached: run.median <= 1000 * target,
        headline: `${name}: server compute, ${threads} cores`,
      };
    }),
  ];
}

/** The bar chart of the README: seconds for each program. */
export function programsChart(report: TfheReport): string {
  const groups = report.programs.map(({ id, run }): Group => {
    const { seconds, name } = PUBLISHED[id];
    const same = nativeMs(report, id);
    return {
      title: name,
      bars: [
        {
          label: `Velum, ${report.threads} cores`,
          value: run.median / 1000,
          shown: formatMs(run.median),
          kind: 'velum',
        },
        ...(same === undefined
          ? []
          : [
              {
                label: `tfhe-rs native, ${report.threads} cores`,
                value: same / 1000,
                shown: formatMs(same),
                kind: 'peer' as const,
              },
            ]),
        {
          label: 'Zama, 16 vCPU',
          value: seconds,
          shown: formatMs(1000 * seconds),
          kind: 'published',
        },
      ],
    };
  });
  return barChart('Encrypted programs: time on the server', 'seconds', groups);
}
