/**
 * Errors of the compiler. Every error has a stable `code` (SCREAMING_SNAKE), the argument it is about, the
 * value that argument had, and a message that ends with what to do next.
 * @module
 */

export interface ErrorDetails {
  argument?: string;
  value?: unknown;
  cause?: unknown;
}

export class CompilerError extends Error {
  readonly code: string;
  readonly argument?: string;
  readonly value?: unknown;

  constructor(code: string, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = new.target.name;
    this.code = code;
    this.argument = details.argument;
    this.value = details.value;
  }
}

/** A `Model` that breaks its own rules, or a row that does not fit it. */
export class ModelError extends CompilerError {}

/** An HDF5 file that cannot be read, or whose content is not what was asked for. */
export class Hdf5Error extends CompilerError {}

/** A file of samples that cannot be read. */
export class SampleFileError extends CompilerError {}

/** What one importer, or one layer of a recognised model, has to say about the files. */
export interface Finding {
  importer: string;
  reason: string;
}

/**
 * Files that are no model, or a model that cannot be imported. `findings` holds every reason at once; the
 * message prints them as lines.
 */
export class ImportError extends CompilerError {
  readonly findings: Finding[];

  constructor(code: string, message: string, details: ErrorDetails & { findings?: Finding[] } = {}) {
    const findings = details.findings ?? [];
    super(code, [message, ...findings.map((f) => `  ${f.importer}: ${f.reason}`)].join('\n'), details);
    this.findings = findings;
  }
}

/** A model that cannot be turned into a plan, or options that make no sense. */
export class CompileError extends CompilerError {}
