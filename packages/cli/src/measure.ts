/**
 * What a command took: times of its parts, and memory.
 * @module
 */

export interface Measured {
  /** Milliseconds by part; `total` from the start of the process. */
  times: Record<string, number>;
  /** Largest resident set of the process so far, with Node itself. */
  peakMemoryBytes: number;
}

export class Stopwatch {
  readonly #times: Record<string, number> = {};
  #last = performance.now();

  /** Ends a part; parts of one name add up. */
  lap(part: string): void {
    const now = performance.now();
    this.#times[part] = (this.#times[part] ?? 0) + now - this.#last;
    this.#last = now;
  }

  result(): Measured {
    const times = Object.fromEntries(
      Object.entries({ ...this.#times, total: performance.now() }).map(([part, ms]) => [part, round(ms)]),
    );
    // Linux, macOS and Windows all answer in kibibytes here
    return { times, peakMemoryBytes: process.resourceUsage().maxRSS * 1024 };
  }
}

const round = (ms: number): number => Math.round(100 * ms) / 100;
