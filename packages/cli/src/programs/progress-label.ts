/** What stands before the bar of a run. @module */

/** `bootstraps 120 / 310, 4 s left` */
export function progressLabel(done: number, total: number, secondsLeft: number | undefined): string {
  const left =
    secondsLeft === undefined
      ? ''
      : `, ${secondsLeft < 10 ? secondsLeft.toFixed(1) : Math.round(secondsLeft)} s left`;
  return `bootstraps ${done} / ${total}${done < total ? left : ''}`;
}
