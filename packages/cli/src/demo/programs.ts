/**
 * The demo of programs: an embedded service, one key pair, and the three programs on encrypted values over REST, the
 * answers beside those in the clear; then what the service has stored, before and after its key is deleted.
 * @module
 */
import { readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { connect, type Velum } from '@velum/client/node';
import type { Kernels } from '@velum/kernels';
import { loadKernels } from '@velum/kernels/node';
import { type Program, ProgramKeys, programNamed } from '@velum/programs';
import { interruptSignal } from '../interrupt.ts';
import { showStep } from '../programs/progress-label.ts';
import { type Round, roundOf } from '../programs/round.ts';
import { type Progress, progressFor } from '../progress.ts';
import type { Terminal } from '../terminal.ts';
import { disagrees } from './disagrees.ts';
import { middleOf, type StoredArea, whatTheServerStores } from './saw.ts';
import { type DemoService, withService } from './service.ts';

/** Bytes of the encrypted night that the picture shows: its last, blocks of records all of them. */
export const NOISE_BYTES = 672;
const NIGHT = 'sleep_quality';
/** The service deletes an input right after it has told that its task ended. */
const SETTLE_MS = 2_000;

export interface ProgramRunReport extends Round {
  program: string;
  title: string;
  /** As the client typed it. */
  input: unknown;
  server_saw: { bytes: number /** Some bytes from its middle. */; hex: string };
  /** Bootstraps done, each time that the service told of more. */
  progress: number[];
}

export interface ServerKeyReport {
  bytes: number;
  made_ms: number;
  upload_ms: number;
}

export interface ProgramsReport {
  server_key: ServerKeyReport;
  programs: ProgramRunReport[];
  /** The last bytes of the encrypted night: hex. */
  noise: string;
  /** Files of the service by area, after the runs and after the server key was deleted. */
  stored: { before: StoredArea[]; after: StoredArea[] };
  agrees: boolean;
  total_ms: number;
}

export interface ProgramsListener {
  key?: (key: ServerKeyReport) => void;
  run?: (run: ProgramRunReport) => void;
}

/** Five weights, a night of seventeen records (see demo/PROVENANCE.md), a profile. */
async function inputs(): Promise<[Program, unknown][]> {
  const night = await readFile(new URL('../../demo/night.json', import.meta.url), 'utf8');
  return ['weight_stats', NIGHT, 'ad_targeting'].map((name) => {
    const program = programNamed(name);
    return [program, name === NIGHT ? JSON.parse(night) : program.sample()];
  });
}

/** Runs the demo; `listener` hears of every part as it ends. Ctrl-C cancels what runs. Leaves nothing behind. */
export async function runProgramsDemo(
  terminal: Terminal,
  listener: ProgramsListener = {},
): Promise<ProgramsReport> {
  const kernels = await loadKernels({ threads: 'auto' });
  const keys = ProgramKeys.generate(kernels);
  const progress = progressFor(terminal);
  const { signal, done: release } = interruptSignal();
  try {
    return await withService((service) => walk({ ...service, kernels, keys, progress, signal, listener }));
  } finally {
    progress.clear();
    release();
    keys.free();
    await kernels.close();
  }
}

interface Walk extends DemoService {
  kernels: Kernels;
  keys: ProgramKeys;
  progress: Progress;
  signal: AbortSignal;
  listener: ProgramsListener;
}

async function walk({ url, dataDir, kernels, ...rest }: Walk): Promise<ProgramsReport> {
  const start = performance.now();
  const velum = connect(url, undefined, { kernels });
  const { uid, ...serverKey } = await uploadKey(velum, rest);
  const runs: ProgramRunReport[] = [];
  let noise = '';
  for (const [program, input] of await inputs()) {
    const { encrypted, ...run } = await runOne(velum, program, input, rest);
    if (program.name === NIGHT) noise = Buffer.from(encrypted.subarray(-NOISE_BYTES)).toString('hex');
    rest.progress.clear();
    rest.listener.run?.(run);
    runs.push(run);
  }
  const before = await settled(dataDir);
  await velum.programs.deleteKey(uid);
  return {
    server_key: serverKey,
    programs: runs,
    noise,
    stored: { before, after: await whatTheServerStores(dataDir) },
    agrees: runs.every(({ agrees }) => agrees),
    total_ms: performance.now() - start,
  };
}

async function uploadKey(
  velum: Velum,
  { keys, progress, signal, listener }: Pick<Walk, 'keys' | 'progress' | 'signal' | 'listener'>,
): Promise<ServerKeyReport & { uid: string }> {
  const start = performance.now();
  const serverKey = keys.serverKey((done, total) => showStep(progress, 'keys', done, total));
  const made = performance.now();
  const uid = await velum.programs.addKey(serverKey, {
    signal,
    onProgress: (done, total) => showStep(progress, 'upload keys', done, total),
  });
  const report = { bytes: serverKey.length, made_ms: made - start, upload_ms: performance.now() - made };
  progress.clear();
  listener.key?.(report);
  return { uid, ...report };
}

async function runOne(
  velum: Velum,
  program: Program,
  input: unknown,
  { keys, progress, signal }: Pick<Walk, 'keys' | 'progress' | 'signal'>,
): Promise<ProgramRunReport & { encrypted: Uint8Array }> {
  let encrypted = new Uint8Array();
  // what travels is what was encoded: kept to be shown
  const kept: Program = {
    ...program,
    encode: (...args) => (encrypted = Uint8Array.from(program.encode(...args))),
  };
  const named = {
    update: (label: string, done: number, total: number) =>
      progress.update(`${program.name}: ${label}`, done, total),
  };
  const told: number[] = [];
  const { times, bytes, ...run } = await velum.programs.run(kept, input, {
    keys,
    signal,
    onProgress: (step, done, total, left) => {
      showStep(named, step, done, total, left);
      if (step === 'run' && done > (told.at(-1) ?? 0)) told.push(done);
    },
  });
  const sizes = { server_key: bytes.keys, input: bytes.input, result: bytes.result };
  return {
    program: program.name,
    title: program.title,
    input,
    server_saw: { bytes: encrypted.length, hex: middleOf(encrypted) },
    progress: told,
    ...roundOf(program, { input }, { ...run, bytes: sizes }, times),
    encrypted,
  };
}

async function settled(dataDir: string): Promise<StoredArea[]> {
  const until = performance.now() + SETTLE_MS;
  for (;;) {
    const areas = await whatTheServerStores(dataDir);
    const waits = areas.some(({ area }) => area === 'inputs' || area === 'tmp');
    if (!waits || performance.now() > until) return areas;
    await delay(20);
  }
}

/** @throws CliError DEMO_DISAGREES */
export function checkPrograms({ programs }: ProgramsReport): void {
  const wrong = programs.filter(({ agrees }) => !agrees).map(({ program }) => program);
  if (wrong.length > 0) throw disagrees(`encrypted and clear results differ: ${wrong.join(', ')}`);
}
