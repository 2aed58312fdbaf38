/**
 * A prediction: check, encrypt, upload, compute there, fetch, decrypt; in as many requests as the rows need.
 * @module
 */
import { checkSamples, type SampleWarning } from '@velum/runtime';
import type { Enrollment } from './enroll.ts';
import { VelumError } from './errors.ts';
import { Job } from './job.ts';
import { labelsOf } from './labels.ts';
import type { Session } from './session.ts';
import { upload } from './upload.ts';

export type PredictStep = 'encrypt' | 'upload' | 'compute' | 'decrypt';

export interface PredictOptions {
  /** Wait in the request (default), or start a job and poll it. */
  sync?: boolean;
  /** Called once, before anything is encrypted, when samples lie outside the calibrated ranges; may throw to stop. */
  onWarning?: (warnings: SampleWarning[]) => void;
  /** Rows (bytes for `upload`) done of all. */
  onProgress?: (step: PredictStep, done: number, total: number) => void;
  /** Aborting a prediction also cancels it on the service. */
  signal?: AbortSignal;
  /** Name of the upload on the service, 1 to 64 of [A-Za-z0-9._-]; the default lets predictions overlap. */
  dataName?: string;
}

export interface Prediction {
  /** rows x output values, final activation applied */
  predictions: number[][];
  /** One per row when the model names its classes. */
  labels?: (string | number)[];
  warnings: SampleWarning[];
  /** Of the inputs up, the results down, and the keys uploaded at enrolment. */
  bytes: { up: number; down: number; keys: number };
  /** Milliseconds; `compute` is the server's own figure, `total` the wall clock of the call. */
  times: { encrypt: number; upload: number; compute: number; total: number; decrypt: number };
}

export async function predict(
  session: Session,
  url: string,
  { profile, keys, keyBytes }: Enrollment,
  rows: ArrayLike<number>[],
  dataName: string,
  options: PredictOptions,
): Promise<Prediction> {
  const start = performance.now();
  const perRequest = profile.input.samplesPerRequest;
  const chunks: ArrayLike<number>[][] = [];
  for (let at = 0; at < rows.length || at === 0; at += perRequest)
    chunks.push(rows.slice(at, at + perRequest));
  // everything is checked before the first byte is encrypted
  const warnings = chunks.flatMap((chunk, k) =>
    checkSamples(profile, chunk).map((warning) => shiftWarning(warning, k * perRequest)),
  );
  if (warnings.length > 0) options.onWarning?.(warnings);

  const bytes = { up: 0, down: 0, keys: keyBytes };
  const times = { encrypt: 0, upload: 0, compute: 0, total: 0, decrypt: 0 };
  const predictions: number[][] = [];
  const timed = async <T>(step: 'encrypt' | 'upload' | 'decrypt', work: () => Promise<T>): Promise<T> => {
    const from = performance.now();
    const value = await work();
    times[step] += performance.now() - from;
    return value;
  };
  const report = options.onProgress;
  for (const chunk of chunks) {
    if (options.signal?.aborted) throw new VelumError('ABORTED', 'prediction: aborted');
    report?.('encrypt', predictions.length, rows.length);
    const input = await timed('encrypt', () => session.local('encrypt', () => keys.encrypt(chunk)));
    await timed('upload', () =>
      upload(session, 'samples', `${url}${encodeURIComponent(dataName)}/upload/data_url`, input, {
        signal: options.signal,
        onProgress: report && ((done, total) => report('upload', done, total)),
      }),
    );
    report?.('compute', predictions.length, rows.length);
    const { result, computeMs } = await compute(session, url, dataName, options);
    report?.('decrypt', predictions.length, rows.length);
    const values = await timed('decrypt', () => session.local('decrypt', () => keys.decrypt(result)));
    if (values.length !== chunk.length) {
      throw new VelumError('BAD_RESPONSE', `sent ${chunk.length} samples, the result has ${values.length}`);
    }
    predictions.push(...values);
    times.compute += computeMs;
    bytes.up += input.length;
    bytes.down += result.length;
  }
  times.total = performance.now() - start;
  const labels = labelsOf(profile, predictions);
  return { predictions, ...(labels === undefined ? {} : { labels }), warnings, bytes, times };
}

/** A warning about rows that are part of a longer list, with the row's number there. */
export function shiftWarning(warning: SampleWarning, by: number): SampleWarning {
  const row = warning.row + by;
  return { ...warning, row, message: warning.message.replace(/^sample \d+/, `sample ${row}`) };
}

async function compute(
  session: Session,
  url: string,
  name: string,
  { sync = true, signal }: PredictOptions,
): Promise<{ result: Uint8Array; computeMs: number }> {
  const predictUrl = `${url}predict/${encodeURIComponent(name)}`;
  if (sync) {
    const answer = await session.call('predict', predictUrl, {
      method: 'POST',
      timeoutMs: session.predictTimeoutMs,
      signal,
    });
    return { result: answer.bytes, computeMs: computeOf(answer.headers.get('server-timing')) };
  }
  const job = await startJob(session, predictUrl, signal);
  try {
    const { computeMs } = await job.wait({ signal });
    return { result: await job.results(signal), computeMs: computeMs ?? 0 };
  } catch (error) {
    // the user no longer wants it: stop the work; that it fails does not matter any more
    if (signal?.aborted) await job.cancel().catch(() => {});
    throw error;
  }
}

async function startJob(session: Session, predictUrl: string, signal: AbortSignal | undefined): Promise<Job> {
  const answer = await session.call('predict', `${predictUrl}?sync=False`, { method: 'POST', signal });
  return new Job(session, answer.text().trim());
}

/** Encrypts and uploads up to one request's rows and starts a job on them; see `ModelClient.submit`. */
export async function submit(
  session: Session,
  url: string,
  { profile, keys }: Enrollment,
  rows: ArrayLike<number>[],
  dataName: string,
  options: PredictOptions,
): Promise<Job> {
  const warnings = checkSamples(profile, rows);
  if (warnings.length > 0) options.onWarning?.(warnings);
  const name = encodeURIComponent(dataName);
  const input = await keys.encrypt(rows);
  await upload(session, 'samples', `${url}${name}/upload/data_url`, input, { signal: options.signal });
  return startJob(session, `${url}predict/${name}`, options.signal);
}

/** `compute;dur=12.3` of a Server-Timing header in milliseconds; 0 when it is not there. */
export function computeOf(header: string | null): number {
  const match = /(?:^|[,\s])compute\s*;[^,]*?dur=([0-9.]+)/.exec(header ?? '');
  return match === null ? 0 : Number(match[1]);
}
