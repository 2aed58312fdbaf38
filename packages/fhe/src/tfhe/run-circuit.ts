/**
 * Runs a circuit on encrypted blocks: waves of bootstraps on all threads, eight for each, with the event loop running in
 * between. A block's row is allocated when it is made and freed after its last use.
 * @module
 */
import type { RecordableExports } from '@velum/kernels';
import { BATCH, BootstrapBatch, type BootstrapJob, type RowForm } from './bootstrap.ts';
import type { LinearForm } from './circuit/ir.ts';
import { rowBytes } from './context.ts';
import { TfheError } from './errors.ts';
import { checkOwner, type InputList, openInputs, writeResult } from './lists.ts';
import { writeTable } from './lookup-table.ts';
import { checkCircuit, type ExecutableCircuit, firstNodes, Schedule } from './schedule.ts';
import { type TfheServerKey, yieldToEventLoop } from './server-key.ts';

export interface RunOptions {
  /** Called after each wave with the bootstraps done, their total and an estimate of the seconds left. */
  onProgress?: (done: number, total: number, secondsLeft?: number) => void;
  /** Checked between waves, that is several times a second. */
  signal?: AbortSignal;
}

/**
 * Evaluates `circuit` on the blocks of `inputs`.
 * @param inputs a list encrypted under the secret or the public key, with `circuit.inputs` blocks
 * @returns the container of the results, one block for each output, for TfheClientKey.decrypt
 * @throws TfheError KEY_MISMATCH, PARAMETERS_MISMATCH, SHAPE_MISMATCH (number of inputs), CIRCUIT_INVALID, DISPOSED, and
 *   those of a damaged file; the reason of `signal` when it aborts; KernelError OUT_OF_MEMORY
 */
export async function runCircuit(
  serverKey: TfheServerKey,
  circuit: ExecutableCircuit,
  inputs: Uint8Array,
  options: RunOptions = {},
): Promise<Uint8Array> {
  const { parameters, context } = serverKey;
  checkCircuit(circuit, parameters);
  const list = openInputs(context, inputs);
  checkOwner(parameters, serverKey.id, list.header);
  if (list.header.count !== circuit.inputs) {
    throw new TfheError(
      'SHAPE_MISMATCH',
      `the input has ${list.header.count} blocks, the circuit takes ${circuit.inputs}`,
      'inputs',
    );
  }
  const run = new CircuitRun(serverKey, circuit, list);
  try {
    const total = circuit.steps.length;
    const start = performance.now();
    options.onProgress?.(0, total);
    for (let done = 0; done < total; ) {
      await yieldToEventLoop();
      options.signal?.throwIfAborted();
      done += run.wave();
      const seconds = (performance.now() - start) / 1000;
      options.onProgress?.(done, total, (seconds / done) * (total - done));
    }
    await yieldToEventLoop();
    options.signal?.throwIfAborted();
    return run.result();
  } finally {
    run.dispose();
  }
}

/** The state of one run. */
class CircuitRun {
  readonly #key: TfheServerKey;
  readonly #circuit: ExecutableCircuit;
  readonly #inputs: InputList;
  readonly #schedule: Schedule;
  readonly #first: number[];
  /** How often a node is still to be read. */
  readonly #uses: Int32Array;
  /** Rows of the nodes that are alive. */
  readonly #rows = new Map<number, number>();
  /** Table polynomials by their boxes: circuits use few different ones. */
  readonly #tables = new Map<string, number>();
  readonly #batches: BootstrapBatch[] = [];

  constructor(key: TfheServerKey, circuit: ExecutableCircuit, inputs: InputList) {
    this.#key = key;
    this.#circuit = circuit;
    this.#inputs = inputs;
    this.#schedule = new Schedule(circuit);
    this.#first = firstNodes(circuit);
    this.#uses = new Int32Array(this.#first[circuit.steps.length]);
    const forms = [...circuit.steps.map(({ input }) => input), ...circuit.outputs];
    for (const { nodes } of forms) for (const node of nodes) this.#uses[node]++;
    const maxTerms = forms.reduce((max, { nodes }) => Math.max(max, nodes.length), 1);
    try {
      for (let t = 0; t < key.context.kernels.threads; t++) {
        this.#batches.push(new BootstrapBatch(key.context, maxTerms));
      }
    } catch (error) {
      this.dispose();
      throw error;
    }
  }

  /** Runs the next wave; returns how many steps it had. */
  wave(): number {
    const wave = this.#schedule.take(BATCH * this.#batches.length);
    const jobs = wave.map((s): BootstrapJob => {
      const { input, boxes, outputs } = this.#circuit.steps[s];
      return {
        input: this.#form(input),
        table: this.#table(boxes),
        outputs: Array.from({ length: outputs }, (_, t) => this.#newRow(this.#first[s] + t)),
      };
    });
    this.#forkEvenly(jobs.length, (x, batch, start, end) =>
      batch.bootstrap(x, this.#key, jobs.slice(start, end)),
    );
    for (const s of wave) this.#release(this.#circuit.steps[s].input);
    return wave.length;
  }

  /** Switches the outputs down and packs them. */
  result(): Uint8Array {
    const { context } = this.#key;
    const { kernels, parameters } = context;
    const { outputs } = this.#circuit;
    const size = (parameters.lweDimension + 1) * 4;
    const rows = kernels.arena.alloc(outputs.length * size);
    try {
      const step = BATCH * this.#batches.length;
      for (let start = 0; start < outputs.length; start += step) {
        const part = outputs.slice(start, start + step);
        const forms = part.map((form) => this.#form(form));
        this.#forkEvenly(forms.length, (x, batch, from, to) =>
          batch.switchDown(x, this.#key, forms.slice(from, to), rows + (start + from) * size),
        );
        for (const form of part) this.#release(form);
      }
      return writeResult(context, this.#key.id, rows, outputs.length);
    } finally {
      kernels.arena.free(rows);
    }
  }

  dispose(): void {
    const { arena } = this.#key.context.kernels;
    for (const ptr of [...this.#rows.values(), ...this.#tables.values()]) arena.free(ptr);
    for (const batch of this.#batches) batch.dispose();
    this.#rows.clear();
    this.#tables.clear();
    this.#batches.length = 0;
  }

  /** Shares out 0 ... count - 1 among the threads, each with a batch's memory of its own. */
  #forkEvenly(
    count: number,
    body: (x: RecordableExports, batch: BootstrapBatch, start: number, end: number) => void,
  ): void {
    const { length } = this.#batches;
    const tasks = Math.min(count, length);
    this.#key.context.kernels.fork(tasks, (task, x) => {
      body(
        x,
        this.#batches[task],
        Math.floor((task * count) / tasks),
        Math.floor(((task + 1) * count) / tasks),
      );
    });
  }

  #form({ nodes, weights, constant }: LinearForm): RowForm {
    return { rows: nodes.map((node) => this.#row(node)), weights, constant };
  }

  /** The row of a node; an input's is made when it is first needed. */
  #row(node: number): number {
    const row = this.#rows.get(node);
    if (row !== undefined) return row;
    const made = this.#newRow(node);
    this.#inputs.expand(made, node);
    return made;
  }

  /** 0 when nobody reads the node. */
  #newRow(node: number): number {
    if (this.#uses[node] === 0) return 0;
    const row = this.#key.context.kernels.arena.alloc(rowBytes(this.#key.parameters));
    this.#rows.set(node, row);
    return row;
  }

  #release({ nodes }: LinearForm): void {
    for (const node of nodes) {
      if (--this.#uses[node] > 0) continue;
      this.#key.context.kernels.arena.free(this.#rows.get(node)!);
      this.#rows.delete(node);
    }
  }

  #table(boxes: readonly number[]): number {
    const name = boxes.join();
    let table = this.#tables.get(name);
    if (table === undefined) {
      const { context, parameters } = this.#key;
      table = context.kernels.arena.alloc(parameters.polynomialSize * 8);
      writeTable(context, table, boxes);
      this.#tables.set(name, table);
    }
    return table;
  }
}
