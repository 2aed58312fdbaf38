/**
 * TFHE: bootstraps, integer operations and the three programs, beside tfhe-rs (native, and compiled to WebAssembly by its
 * authors in node-tfhe) and the figures that the original application server published.
 *
 *   node bench/tfhe.ts [--quick] [--json FILE] [--no-peers]
 *
 * VELUM_TFHE_RS names the native peer's program, or is `cargo`, which builds it (some minutes the first time).
 * @module
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { adCatalogueOf, adTargeting, type Program, ProgramKeys, programNamed } from '@velum/programs';
import {
  type Circuit,
  CircuitBuilder,
  circuitDepth,
  encodeInteger,
  Integers,
  type IntegerType,
  MESSAGE_2_CARRY_2,
  runCircuit,
  TfheClientKey,
  TfheServerKey,
  tfheParameters,
  UINT8,
  UINT16,
} from '../packages/fhe/src/index.ts';
import type { Kernels } from '../packages/kernels/src/index.ts';
import { loadKernels } from '../packages/kernels/src/node.ts';
import { formatBytes, formatMs, machine, measure, type Timing, table, writeJson } from './measure.ts';
import type { NodeTfheFigures } from './peers/node-tfhe.ts';

/** What bench/peers/tfhe-rs prints. Milliseconds. */
export interface TfheRsFigures {
  version: string;
  threads: number;
  ks_pbs_1_thread_ms: number;
  ks_pbs_64_1_thread_ms: number;
  ks_pbs_64_all_threads_ms: number;
  compressed_server_key_ms: number;
  compressed_server_key_bytes: number;
  decompress_ms: number;
  operations_ms: Record<string, number>;
  weight_stats_5_ms: number;
  sleep_quality_5_ms?: number;
}

export interface OperationFigures {
  name: string;
  bootstraps: number;
  depth: number;
  time: Timing;
}

export interface ProgramFigures {
  /** The program, and what it was given. */
  id: 'weight_stats_5' | 'sleep_quality_17' | 'sleep_quality_5' | 'ad_targeting';
  what: string;
  bootstraps: number;
  encryptMs: number;
  run: Timing;
  decryptMs: number;
  up: number;
  down: number;
  key: number;
  /** Encrypted and clear results agree. */
  agrees: boolean;
}

export interface TfheReport {
  build: string;
  threads: number;
  keys: { generate: Timing; bytes: number; load: Timing; memory: number; clientBytes: number };
  /** Milliseconds for one bootstrap, key switch included. */
  bootstrap: { alone: Timing; batch: Timing };
  /** 64 independent bootstraps as a whole. */
  many: { one: Timing; all: Timing };
  operations: OperationFigures[];
  programs: ProgramFigures[];
  peers: { tfheRs: TfheRsFigures | { absent: string }; nodeTfhe: NodeTfheFigures | { absent: string } };
}

const { values: given } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    json: { type: 'string' },
    'no-peers': { type: 'boolean', default: false },
  },
});
const RUNS = given.quick ? 3 : 9;

/** `depth` levels of `width` bootstraps each, and one output: their sum, so that every one of them is needed. */
function grid(width: number, depth: number): Circuit {
  const range = { min: 0, max: 3, spacing: 1 };
  const boxes = Array.from({ length: 16 }, (_, x) => (x * 3 + 1) % 4);
  const last = Array.from({ length: width }, (_, i) => width * depth + i);
  return {
    messageBits: 2,
    carryBits: 2,
    inputs: width,
    inputRanges: Array.from({ length: width }, () => range),
    steps: Array.from({ length: width * depth }, (_, i) => ({
      input: { nodes: [i], weights: [1], constant: 0 },
      boxes,
      outputs: 1,
      level: 1 + Math.floor(i / width),
      range,
      tolerance: 1,
    })),
    outputs: [{ nodes: last, weights: last.map(() => 1), constant: 0 }],
    assumptions: [],
  };
}

/** Everything that belongs to one number of threads. */
interface Party {
  kernels: Kernels;
  client: TfheClientKey;
  server: TfheServerKey;
}

const parameters = tfheParameters(MESSAGE_2_CARRY_2);

async function party(threads: number): Promise<Party> {
  const kernels = await loadKernels({ threads, wide: true });
  const client = TfheClientKey.generate(kernels, parameters);
  return { kernels, client, server: await TfheServerKey.load(kernels, client.serverKey()) };
}

/** Times the run of a circuit on zeros; encrypting and the one output's key switch are in it, hence the wide circuits. */
async function timeCircuit({ client, server }: Party, circuit: Circuit, runs: number): Promise<Timing> {
  const inputs = client.encrypt(Array.from({ length: circuit.inputs }, () => 0));
  return measure(() => runCircuit(server, circuit, inputs), { runs, warmup: 1 });
}

const per = (t: Timing, count: number): Timing => ({
  median: t.median / count,
  mad: t.mad / count,
  min: t.min / count,
  runs: t.runs,
});

/** Two operands in, the operation's result out. */
function operationCircuit(
  type: IntegerType,
  body: (i: Integers, a: ReturnType<Integers['input']>, b: ReturnType<Integers['input']>) => unknown,
): Circuit {
  const builder = new CircuitBuilder();
  const integers = new Integers(builder);
  const result = body(integers, integers.input(type), integers.input(type));
  const blocks = (result as { blocks?: Parameters<CircuitBuilder['build']>[0] }).blocks;
  return builder.build(blocks ?? [result as Parameters<CircuitBuilder['build']>[0][number]]);
}

const OPERATIONS: [string, IntegerType, Parameters<typeof operationCircuit>[1]][] = [
  ['add u8', UINT8, (i, a, b) => i.add(a, b)],
  ['add u16', UINT16, (i, a, b) => i.add(a, b)],
  ['lt u8', UINT8, (i, a, b) => i.lt(a, b)],
  ['lt u16', UINT16, (i, a, b) => i.lt(a, b)],
  ['eq u16', UINT16, (i, a, b) => i.equal(a, b)],
  ['min u16', UINT16, (i, a, b) => i.min(a, b)],
  ['select u16', UINT16, (i, a, b) => i.select(i.lt(a, b), a, b)],
  ['bitand u16', UINT16, (i, a, b) => i.and(a, b)],
  ['mul u8', UINT8, (i, a, b) => i.mul(a, b)],
  ['mul u16', UINT16, (i, a, b) => i.mul(a, b)],
  ['div u8', UINT8, (i, a, b) => i.div(a, b)],
  ['div u16 by 7', UINT16, (i, a) => i.div(a, 7)],
];

async function operations(both: Party): Promise<OperationFigures[]> {
  const figures: OperationFigures[] = [];
  for (const [name, type, body] of given.quick ? OPERATIONS.slice(0, 4) : OPERATIONS) {
    const circuit = operationCircuit(type, body);
    const inputs = both.client.encrypt(
      [...encodeInteger(201, type), ...encodeInteger(77, type)].slice(0, circuit.inputs),
    );
    const time = await measure(() => runCircuit(both.server, circuit, inputs), { runs: 3, warmup: 0 });
    figures.push({ name, bootstraps: circuit.steps.length, depth: circuitDepth(circuit), time });
  }
  return figures;
}

const GOOD_NIGHT = [
  [0, 0, 210],
  [0, 240, 570],
  [2, 0, 30],
  [5, 30, 60],
  [3, 60, 90],
  [4, 90, 120],
  [3, 120, 150],
  [5, 150, 180],
  [2, 180, 240],
  [3, 240, 300],
  [5, 300, 330],
  [4, 330, 390],
  [2, 390, 420],
  [5, 420, 450],
  [4, 450, 510],
  [3, 510, 540],
  [5, 540, 570],
];
const BAD_NIGHT = [
  [0, 0, 120],
  [3, 120, 150],
  [0, 150, 210],
  [4, 210, 240],
  [0, 240, 300],
];
const PROFILE = { ones_at: [0, 4, 8, 21, 44, 48, 56, 60] };

/** The original's matrix where ../shared is beside the repository, else as many rows of random weights. */
async function advertisements() {
  const [rows, columns] = [4954, 62];
  const path = new URL('../../shared/data/fhe-server/ad_weights_4954x62_u8.npy', import.meta.url);
  const real = existsSync(path);
  const weights = real
    ? new Uint8Array(await readFile(path)).slice(-rows * columns)
    : Uint8Array.from({ length: rows * columns }, () => Math.floor(Math.random() * 3) * 2);
  const source = `${rows} ads${real ? '' : ' with random weights'}`;
  return { source, catalogue: adCatalogueOf(weights) };
}

async function programs({ kernels }: Party): Promise<ProgramFigures[]> {
  const keys = ProgramKeys.generate(kernels);
  const key = keys.serverKey();
  const server = await TfheServerKey.load(kernels, key);
  const run = async (
    id: ProgramFigures['id'],
    what: string,
    program: Program,
    input: unknown,
    repeat: number,
  ): Promise<ProgramFigures> => {
    const start = performance.now();
    const encrypted = program.encode(keys, input);
    const encryptMs = performance.now() - start;
    let outputs: Record<string, Uint8Array> = {};
    const time = await measure(
      async () => {
        outputs = await program.run({ kernels, serverKey: program.needsKey ? server : undefined }, encrypted);
      },
      { runs: repeat, warmup: program.needsKey ? 0 : 1, limitMs: 60_000 },
    );
    const decoding = performance.now();
    const result = program.decode(keys, outputs);
    return {
      id,
      what,
      bootstraps: program.inspect(encrypted).bootstraps,
      encryptMs,
      run: time,
      decryptMs: performance.now() - decoding,
      up: encrypted.length,
      down: Object.values(outputs).reduce((sum, { length }) => sum + length, 0),
      key: program.needsKey ? key.length : 0,
      agrees: JSON.stringify(result) === JSON.stringify(program.clear(input)),
    };
  };
  const some = given.quick ? 1 : 5;
  const ads = await advertisements();
  return [
    await run(
      'weight_stats_5',
      '5 weights',
      programNamed('weight_stats'),
      { weights_kg: [68, 65, 69, 70, 70.5] },
      some,
    ),
    await run('sleep_quality_17', '17 records', programNamed('sleep_quality'), { records: GOOD_NIGHT }, some),
    await run('sleep_quality_5', '5 records', programNamed('sleep_quality'), { records: BAD_NIGHT }, some),
    await run('ad_targeting', `${ads.source}`, adTargeting(ads.catalogue), PROFILE, 5 * some),
  ];
}

/** The native peer's program, built first if it is to be. */
function tfheRs(): TfheRsFigures | { absent: string } {
  const wanted = process.env['VELUM_TFHE_RS'];
  if (given['no-peers']) return { absent: 'not asked for' };
  if (!wanted) return { absent: 'set VELUM_TFHE_RS to "cargo" or to its program' };
  let program = wanted;
  if (wanted === 'cargo') {
    const folder = fileURLToPath(new URL('peers/tfhe-rs/', import.meta.url));
    process.stderr.write('building tfhe-rs with cargo: some minutes the first time\n');
    const built = spawnSync('cargo', ['build', '--release', '--quiet'], {
      cwd: folder,
      stdio: ['ignore', 2, 2],
    });
    if (built.status !== 0) return { absent: 'cargo could not build it' };
    program = `${process.env['CARGO_TARGET_DIR'] ?? `${folder}target`}/release/velum-bench-tfhe-rs`;
  }
  const { status, stdout, stderr, error } = spawnSync(program, given.quick ? ['5'] : ['40', '--sleep'], {
    encoding: 'utf8',
  });
  if (error) return { absent: error.message };
  if (status !== 0) throw new Error(`the tfhe-rs peer ended with code ${status}:\n${stderr}`);
  return JSON.parse(stdout) as TfheRsFigures;
}

function nodeTfhe(): NodeTfheFigures | { absent: string } {
  if (given['no-peers'] || given.quick) return { absent: 'not asked for' };
  const script = fileURLToPath(new URL('peers/node-tfhe.ts', import.meta.url));
  const { status, stdout, stderr } = spawnSync(process.execPath, [script], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`node-tfhe ended with code ${status}:\n${stderr}`);
  return JSON.parse(stdout) as NodeTfheFigures;
}

async function main(): Promise<void> {
  const threads = availableParallelism();
  const alone = await party(1);
  const generate = await measure(() => alone.client.serverKey(), { runs: 3, warmup: 0 });
  const bytes = alone.client.serverKey();
  const load = await measure(async () => (await TfheServerKey.load(alone.kernels, bytes)).free(), {
    runs: 3,
    warmup: 0,
  });
  const keys = {
    generate,
    bytes: bytes.length,
    load,
    memory: alone.server.bytesInMemory,
    clientBytes: alone.client.toBytes().length,
  };
  const bootstrap = {
    alone: per(await timeCircuit(alone, grid(1, 16), RUNS), 16),
    batch: per(await timeCircuit(alone, grid(8, 4), RUNS), 32),
  };
  const both = await party(threads);
  // Alternating would be fairer still; the two take a second each.
  const many = {
    one: await timeCircuit(alone, grid(64, 1), RUNS),
    all: await timeCircuit(both, grid(64, 1), RUNS),
  };
  const report: TfheReport = {
    build: alone.kernels.build,
    threads,
    keys,
    bootstrap,
    many,
    operations: await operations(both),
    programs: await programs(both),
    peers: { tfheRs: tfheRs(), nodeTfhe: nodeTfhe() },
  };
  await both.kernels.close();
  print(report);
  if (given.json) writeJson(given.json, { ...machine(), ...report });
}

function print({ build, threads, keys, bootstrap, many, operations, programs, peers }: TfheReport): void {
  const rs = 'absent' in peers.tfheRs ? undefined : peers.tfheRs;
  const node = 'absent' in peers.nodeTfhe ? undefined : peers.nodeTfhe;
  const ms = (value: number | undefined): string => (value === undefined ? '-' : formatMs(value));
  const lines = [
    `TFHE, 2 + 2 bits, ${build}, ${threads} threads where it says so; tfhe-rs ${rs?.version ?? 'absent'}`,
    table(
      ['', 'velum', 'tfhe-rs native', 'node-tfhe'],
      [
        [
          'bootstrap alone, 1 thread',
          ms(bootstrap.alone.median),
          ms(rs?.ks_pbs_1_thread_ms),
          ms(node?.bootstrapMs),
        ],
        ['bootstrap in a batch of 8, 1 thread', ms(bootstrap.batch.median), '', ''],
        ['64 bootstraps, 1 thread', ms(many.one.median), ms(rs?.ks_pbs_64_1_thread_ms), ''],
        [`64 bootstraps, ${threads} threads`, ms(many.all.median), ms(rs?.ks_pbs_64_all_threads_ms), ''],
        [
          'make the server key',
          ms(keys.generate.median),
          ms(rs?.compressed_server_key_ms),
          ms(node?.compressedServerKeyMs),
        ],
        [
          'server key, bytes',
          formatBytes(keys.bytes),
          rs ? formatBytes(rs.compressed_server_key_bytes) : '-',
          node ? formatBytes(node.compressedServerKeyBytes) : '-',
        ],
        ['load the server key', ms(keys.load.median), ms(rs?.decompress_ms), ''],
      ],
    ),
    table(
      [`operation, ${threads} threads`, 'bootstraps', 'depth', 'velum', 'tfhe-rs native'],
      operations.map((o) => [
        o.name,
        String(o.bootstraps),
        String(o.depth),
        ms(o.time.median),
        ms(rs?.operations_ms[o.name]),
      ]),
    ),
    table(
      [
        `program, ${threads} threads`,
        'bootstraps',
        'run',
        'tfhe-rs native',
        'encrypt',
        'decrypt',
        'up',
        'down',
        'agrees',
      ],
      programs.map((p) => [
        `${p.id}: ${p.what}`,
        String(p.bootstraps),
        ms(p.run.median),
        ms(
          rs &&
            { weight_stats_5: rs.weight_stats_5_ms, sleep_quality_5: rs.sleep_quality_5_ms }[p.id as string],
        ),
        ms(p.encryptMs),
        ms(p.decryptMs),
        formatBytes(p.up),
        formatBytes(p.down),
        p.agrees ? 'yes' : 'NO',
      ]),
    ),
    ...Object.values(peers).flatMap((peer) => ('absent' in peer ? [`a peer is absent: ${peer.absent}`] : [])),
  ];
  process.stdout.write(`${lines.join('\n\n')}\n`);
}

await main();
