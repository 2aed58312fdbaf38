/**
 * Records of an export that cannot be used: a unit or a stage that is unknown, an end before the start. Apps write such
 * records now and then, and one of them among ten years of others is no reason to refuse the file; it is told, not hidden.
 * @module
 */
import { CliError, EXIT } from '../errors.ts';

export class Skipped {
  count = 0;
  /** What the first one says, with its line. */
  first: string | undefined;

  add(line: number, what: string): void {
    this.count++;
    this.first ??= `line ${line}: ${what}`;
  }

  /** For people; undefined where nothing was skipped. */
  warning(path: string): string | undefined {
    if (this.count === 0) return undefined;
    const which = this.count === 1 ? 'a record' : `${this.count} records`;
    return `warning: skipped ${which} of ${path} that cannot be used; the first: ${this.first}`;
  }

  /** What to throw when nothing else is left. */
  error(path: string): CliError {
    const hint =
      'Export the data again; if the line is the same then, report it to the app that wrote the record.';
    const others = this.count === 1 ? '' : `; neither can the other ${this.count - 1}`;
    const message = `${path} has no record that can be used: ${this.first}${others}`;
    return new CliError('HEALTH_VALUE', message, EXIT.badInput, hint);
  }
}
