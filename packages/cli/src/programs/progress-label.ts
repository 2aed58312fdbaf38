/** What stands before the bar of a run. @module */
import type { ProgramStep } from '@velum/client/node';
import { bytesText } from '../output.ts';
import type { Progress } from '../progress.ts';

/** `bootstraps 120 / 310, 4 s left` */
export function progressLabel(done: number, total: number, secondsLeft: number | undefined): string {
  const left =
    secondsLeft === undefined
      ? ''
      : `, ${secondsLeft < 10 ? secondsLeft.toFixed(1) : Math.round(secondsLeft)} s left`;
  return `bootstraps ${done} / ${total}${done < total ? left : ''}`;
}

/** A step of a run on a server, as its events tell. */
export function showStep(
  progress: Pick<Progress, 'update'>,
  step: ProgramStep,
  done: number,
  total: number,
  left?: number,
): void {
  if (step === 'queued') progress.update(total > 1 ? `queued, ${total - 1} before it` : 'queued', 0, 1);
  else if (step === 'run') {
    // the last event of a task has no number
    if (total > 0) progress.update(progressLabel(done, total, left), done, total);
  } else if (step === 'upload keys') progress.update(`server key, ${bytesText(total)}`, done, total);
  else if (step === 'keys') progress.update('server key', done, total);
  else progress.update(step, done, total);
}
