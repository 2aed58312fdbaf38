/**
 * task list, status, watch, result, cancel: programs that run on a server.
 * @module
 */
import { hasEnded, successOf, type TaskStatus } from '@velum/client/node';
import type { Command } from 'commander';
import { connectRemote, type RemoteOptions } from '../context.ts';
import { CliError, EXIT } from '../errors.ts';
import { interruptSignal } from '../interrupt.ts';
import { note, print, printJson, table } from '../output.ts';
import { groupCommand, remoteCommand } from '../program.ts';
import { progressLabel } from '../programs/progress-label.ts';
import { progressFor } from '../progress.ts';
import { canAnimate, type Terminal } from '../terminal.ts';

interface ResultOptions extends RemoteOptions {
  output?: string;
  keys?: string;
  passphraseFile?: string;
  wait?: boolean;
}

const ID = 'task id, as `velum task list` prints it';

export function taskCommand(terminal: Terminal): Command {
  const list = remoteCommand('list', 'the tasks that are queued or running', ['velum task list']).action(
    async (options: RemoteOptions) => {
      const tasks = await (await programsOf(terminal, options)).tasks();
      if (options.json) printJson(terminal, { tasks: tasks.map(taskJson) });
      else if (tasks.length === 0) print(terminal, 'No tasks.');
      else
        print(
          terminal,
          table(
            ['task id', 'program', 'state', 'details'],
            tasks.map((task) => [task.taskId, task.name ?? '', task.state, stateText(task)]),
          ),
        );
    },
  );

  const status = remoteCommand('status', 'the state of a task', ['velum task status TASK_ID'])
    .argument('<id>', ID)
    .action(async (id: string, options: RemoteOptions) => {
      const state = await (await programsOf(terminal, options)).task(id).status();
      if (state.state === 'unknown') successOf(state);
      showStatus(terminal, options, state);
    });

  const watch = remoteCommand('watch', 'follow a task to its end', [
    'velum task watch TASK_ID',
    'velum task watch TASK_ID --json        one line of JSON for each change',
  ])
    .argument('<id>', ID)
    .action((id: string, options: RemoteOptions) => watchAction(terminal, id, options));

  const result = remoteCommand('result', 'wait for a task, fetch its result and decrypt it', [
    'velum task result TASK_ID --json',
    'velum task result TASK_ID -o result.bin        # still encrypted',
  ])
    .argument('<id>', ID)
    .option('-o, --output <path>', 'write the answer here, still encrypted')
    .option(
      '-k, --keys <path>',
      'the client.key that its input was encrypted with (default: the stored keys)',
    )
    .option('--passphrase-file <path>', "the key's passphrase: first line of this file")
    .option('--no-wait', 'fail when it has not ended yet')
    .action((id: string, options: ResultOptions) => resultAction(terminal, id, options));

  const cancel = remoteCommand('cancel', 'stop a task', ['velum task cancel TASK_ID'])
    .argument('<id>', ID)
    .action(async (id: string, options: RemoteOptions) => {
      const state = await (await programsOf(terminal, options)).task(id).cancel();
      showStatus(terminal, options, state);
    });

  return groupCommand('task', 'programs that run on a server: state, result, end', [
    'velum task list',
    'velum task status TASK_ID',
    'velum task cancel TASK_ID',
  ])
    .addCommand(list)
    .addCommand(status)
    .addCommand(watch)
    .addCommand(result)
    .addCommand(cancel);
}

const programsOf = async (terminal: Terminal, options: RemoteOptions) =>
  (await connectRemote(terminal, options, undefined, { tokenOptional: true })).velum.programs;

/** The fields of the API. */
function taskJson(status: TaskStatus): Record<string, unknown> {
  return {
    task_id: status.taskId,
    status: status.state,
    details: status.details,
    task_name: status.name,
    uid: status.uid,
    rank: status.rank,
    progress:
      status.total === undefined
        ? undefined
        : { done: status.done, total: status.total, seconds_left: status.secondsLeft },
    compute_ms: status.computeMs,
    reason: status.reason,
  };
}

function stateText({ state, details, rank, done, total, secondsLeft, reason }: TaskStatus): string {
  if (reason !== undefined) return `${reason.message} [${reason.code}]`;
  if (state === 'queued' && rank !== undefined) return `rank ${rank}`;
  if (state === 'started' && total !== undefined && total > 0)
    return progressLabel(done ?? 0, total, secondsLeft);
  return details;
}

function showStatus(terminal: Terminal, { json }: RemoteOptions, status: TaskStatus): void {
  if (json) printJson(terminal, taskJson(status));
  else print(terminal, `${status.state}: ${stateText(status)}`);
}

async function watchAction(terminal: Terminal, id: string, options: RemoteOptions): Promise<void> {
  const task = (await programsOf(terminal, options)).task(id);
  const interrupt = interruptSignal();
  const progress = progressFor(terminal);
  try {
    for await (const status of task.events({ signal: interrupt.signal })) {
      const { state, done = 0, total = 0, rank = 1 } = status;
      if (!hasEnded(status) && !options.json && canAnimate(terminal)) {
        const label = state === 'queued' ? `queued, rank ${rank}` : stateText(status);
        progress.update(label, done, total);
        continue;
      }
      progress.clear();
      if (status.state !== 'unknown') showStatus(terminal, options, status);
      if (hasEnded(status)) successOf(status);
    }
  } finally {
    progress.clear();
    interrupt.done();
  }
}

async function resultAction(terminal: Terminal, id: string, options: ResultOptions): Promise<void> {
  const { checkOutputs, writeOutputs } = await import('../output-files.ts');
  if (options.output !== undefined) await checkOutputs([options.output]);
  const { loadKernels } = await import('@velum/kernels/node');
  const kernels = await loadKernels({ threads: 1 });
  const { velum } = await connectRemote(terminal, options, undefined, { tokenOptional: true, kernels });
  const task = velum.programs.task(id);
  const interrupt = interruptSignal();
  const progress = progressFor(terminal);
  try {
    const { signal } = interrupt;
    const onStatus = (status: TaskStatus) =>
      progress.update(stateText(status), status.done ?? 0, status.total ?? 0);
    const status = options.wait === false ? await task.status(signal) : await task.wait({ signal, onStatus });
    if (hasEnded(status)) successOf(status);
    const bytes = await task.resultBytes(signal);
    progress.clear();
    if (options.output !== undefined) {
      await writeOutputs([{ path: options.output, bytes }]);
      const done = { output: options.output, bytes: bytes.length };
      if (options.json) printJson(terminal, done);
      else note(terminal, `Wrote ${bytes.length} encrypted bytes to ${options.output}.`);
      return;
    }
    if (status.name === undefined)
      throw new CliError('BAD_RESPONSE', 'the server does not say which program it is', EXIT.failure);
    const { programNamed } = await import('@velum/programs');
    const { taskOutputs } = await import('@velum/client/node');
    const program = programNamed(status.name);
    const { readClientKey } = await import('../programs/key-file.ts');
    const keys =
      options.keys === undefined
        ? await velum.programs.keys()
        : await readClientKey(terminal, kernels, options.keys, options.passphraseFile);
    const { shownPart } = await import('../programs/round.ts');
    const shown = shownPart(program.decode(keys, taskOutputs(program, bytes)));
    if (options.json) printJson(terminal, shown);
    else print(terminal, (await import('../programs/show.ts')).plainText(shown));
  } finally {
    progress.clear();
    interrupt.done();
    await kernels.close();
  }
}
