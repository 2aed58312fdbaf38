/**
 * Points in time as health files write them: Apple's `2024-03-01 23:04:00 +0100`, and ISO 8601.
 * @module
 */

export interface Instant {
  /** Milliseconds since 1970 in UTC. */
  ms: number;
  /** East of UTC, of the place where it was recorded; 0 where the text has none. */
  offsetMinutes: number;
}

const FORM =
  /^(\d{4})-(\d{2})-(\d{2})(?:[T ](\d{2}):(\d{2})(?::(\d{2})(?:\.\d{1,9})?)?)? ?(?:Z|([+-])(\d{2}):?(\d{2}))?$/;

/** Undefined for anything else, days that do not exist among it. */
export function parseInstant(text: string): Instant | undefined {
  const match = FORM.exec(text.trim());
  if (match === null) return undefined;
  const [year, month, day, hour, minute, second] = match.slice(1, 7).map((part) => Number(part ?? 0));
  const offsetMinutes =
    match[7] === undefined ? 0 : (match[7] === '-' ? -1 : 1) * (60 * Number(match[8]) + Number(match[9]));
  if (month < 1 || month > 12 || hour > 23 || minute > 59 || second > 59) return undefined;
  const midnight = Date.UTC(year, month - 1, day);
  if (day < 1 || new Date(midnight).getUTCDate() !== day || Math.abs(offsetMinutes) > 14 * 60)
    return undefined;
  return { ms: midnight + 1000 * (60 * (60 * hour + minute - offsetMinutes) + second), offsetMinutes };
}

/** The calendar day at the place, `2024-03-01`. */
export function localDay({ ms, offsetMinutes }: Instant): string {
  return new Date(ms + 60_000 * offsetMinutes).toISOString().slice(0, 10);
}

/** `2024-03-01 23:04` at the place. */
export function localMinute({ ms, offsetMinutes }: Instant): string {
  return new Date(ms + 60_000 * offsetMinutes).toISOString().slice(0, 16).replace('T', ' ');
}
