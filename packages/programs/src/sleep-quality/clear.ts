/**
 * The score in the clear, on plain numbers: what the circuit must give.
 * @module
 */
import { recordsOf, type SleepRecord } from './encode.ts';

export interface SleepResult {
  /** 1 excellent, 2 good, 3 moderate, 4 poor, 5 very poor. */
  readonly score: number;
}

/** 0 ... 3 for minutes between lying down and falling asleep. */
export const latencyCategory = (minutes: number): number =>
  minutes > 60 ? 3 : minutes > 30 ? 2 : minutes > 15 ? 1 : 0;

/** 0 ... 3 for minutes asleep. */
export const durationCategory = (minutes: number): number =>
  minutes > 420 ? 0 : minutes > 360 ? 1 : minutes > 300 ? 2 : 3;

/** 0 ... 3 for the share of the time in bed that was slept, in percent: above 85, 75, 65, less. */
export const efficiencyCategory = (asleep: number, inBed: number): number =>
  [85, 75, 65].filter((percent) => asleep * 100 <= inBed * percent).length;

/** The score 1 ... 5 of the sum of the categories, 0 ... 9. */
export const scoreOf = (sum: number): number => Math.floor((sum * 4) / 9) + 1;

export function clearScore(records: readonly SleepRecord[]): number {
  const total = (side: readonly SleepRecord[]): number =>
    side.reduce((sum, { start, end }) => sum + end - start, 0);
  const bed = records.filter(({ stage }) => stage === 0);
  const sleep = records.filter(({ stage }) => stage !== 0);
  const latency = Math.max(0, (sleep[0]?.start ?? 0) - (bed[0]?.start ?? 0));
  const asleep = total(sleep);
  return scoreOf(
    latencyCategory(latency) + durationCategory(asleep) + efficiencyCategory(asleep, total(bed)),
  );
}

/** @throws ProgramError as `recordsOf` */
export const clearSleep = (input: unknown): SleepResult => ({ score: clearScore(recordsOf(input)) });
