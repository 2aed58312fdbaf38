/**
 * What programs on TFHE circuits share: lists in envelopes, a circuit for each number of values, results by output.
 * @module
 */
import {
  type Circuit,
  encryptedListInfo,
  MESSAGE_2_CARRY_2,
  runCircuit,
  splitResult,
  TFHE_HEADER_BYTES,
  TfheError,
} from '@velum/fhe';
import { type Envelope, envelopeBytes, openEnvelope, sealEnvelope } from './envelope.ts';
import { ProgramError, type ProgramErrorCode } from './errors.ts';
import type { ProgramKeys } from './keys.ts';
import { openOutput } from './outputs.ts';
import type { InputFacts, RunContext } from './program.ts';

/** A circuit and how many of its outputs, in order, each output file holds. */
export interface ProgramCircuit {
  readonly circuit: Circuit;
  readonly lengths: Readonly<Record<string, number>>;
}

/** The encrypted half of a program: which circuit computes on which list. */
export interface CircuitSpec {
  readonly name: string;
  readonly maxValues: number;
  /** Blocks of one value in the input. */
  readonly blocksPerValue: number;
  /** The circuit for so many values. */
  circuit(values: number): ProgramCircuit;
}

/** Circuits kept ready; of all others only the number of bootstraps, so that inputs are checked without building again. */
const KEPT = 8;
const SEED_BYTES = 32;
/** Bytes of a block in the longest kind of list (compact, with a mask of 2048 coefficients). */
const BLOCK_BYTES = 8;
const MASK_BYTES = 2 ** 13;

/** Runs a CircuitSpec at the client and at the server. */
export class CircuitProgram {
  readonly #spec: CircuitSpec;
  readonly #circuits = new Map<number, ProgramCircuit>();
  readonly #bootstraps = new Map<number, number>();

  constructor(spec: CircuitSpec) {
    this.#spec = spec;
  }

  /** Bytes of the longest input. */
  get inputBytes(): number {
    const { name, maxValues, blocksPerValue } = this.#spec;
    return (
      envelopeBytes(name) +
      TFHE_HEADER_BYTES +
      SEED_BYTES +
      MASK_BYTES +
      BLOCK_BYTES * maxValues * blocksPerValue
    );
  }

  circuit(values: number): ProgramCircuit {
    let made = this.#circuits.get(values);
    if (made === undefined) {
      made = this.#spec.circuit(values);
      const oldest = this.#circuits.keys().next();
      if (this.#circuits.size >= KEPT && !oldest.done) this.#circuits.delete(oldest.value);
      this.#circuits.set(values, made);
      this.#bootstraps.set(values, made.circuit.steps.length);
    }
    return made;
  }

  /** Client. @param blocks of `values` values, one after the other */
  encrypt(keys: ProgramKeys, values: number, blocks: readonly number[]): Uint8Array {
    const payload = keys.client.encrypt(blocks);
    return sealEnvelope({ direction: 'input', label: this.#spec.name, values, tag: keys.tag(), payload });
  }

  /** @throws ProgramError CIPHERTEXT_INVALID, PROGRAM_MISMATCH, TOO_MANY_VALUES */
  inspect(input: Uint8Array): InputFacts {
    const { values, keyId } = this.#open(input);
    return {
      keyId,
      values,
      bootstraps: this.#bootstraps.get(values) ?? this.circuit(values).circuit.steps.length,
    };
  }

  /** Server. @throws ProgramError as `inspect`, KEY_MISSING, KEY_MISMATCH; the signal's reason */
  async run(context: RunContext, input: Uint8Array): Promise<Record<string, Uint8Array>> {
    const { name } = this.#spec;
    const { values, keyId, tag, payload } = this.#open(input);
    const { serverKey, signal, onProgress } = context;
    if (serverKey === undefined)
      throw new ProgramError(
        'KEY_MISSING',
        `${name} needs a server key: send the one that belongs to the input`,
        'serverKey',
      );
    if (serverKey.id !== keyId)
      throw new ProgramError(
        'KEY_MISMATCH',
        `the input is encrypted for key ${keyId}, the server key is ${serverKey.id}: send the keys that belong together`,
        'serverKey',
      );
    const { circuit, lengths } = this.circuit(values);
    signal?.throwIfAborted();
    const result = await asInputError(() => runCircuit(serverKey, circuit, payload, { onProgress, signal }));
    const files = splitResult(result, Object.values(lengths));
    return Object.fromEntries(
      Object.keys(lengths).map((output, i) => {
        const label = `${name}.${output}`;
        return [output, sealEnvelope({ direction: 'result', label, values, tag, payload: files[i] })];
      }),
    );
  }

  /**
   * Client: the blocks of one output and the number of values that went in.
   * @throws ProgramError RESULT_INVALID, PROGRAM_MISMATCH, KEY_MISMATCH
   */
  decrypt(
    keys: ProgramKeys,
    outputs: Record<string, Uint8Array>,
    output: string,
  ): { values: number; blocks: number[] } {
    const { name, maxValues } = this.#spec;
    const { values, payload } = openOutput(keys, outputs, name, output);
    if (values < 1 || values > maxValues)
      throw new ProgramError('RESULT_INVALID', `${name} cannot have computed on ${values} values`, output);
    try {
      return { values, blocks: keys.client.decrypt(payload) };
    } catch (error) {
      throw translated(error, output, 'RESULT_INVALID');
    }
  }

  #open(input: Uint8Array): Envelope & { keyId: string } {
    const { name, blocksPerValue } = this.#spec;
    const envelope = openEnvelope(input, 'input', name, 'input');
    const { values, payload } = envelope;
    this.#checkValues(values);
    try {
      const { kind, parameters, count, keyId } = encryptedListInfo(payload);
      const wanted = values * blocksPerValue;
      if (kind === 'result' || parameters.id !== MESSAGE_2_CARRY_2.id || count !== wanted)
        throw new ProgramError(
          'CIPHERTEXT_INVALID',
          `${values} values are an encrypted list of ${wanted} blocks in ${MESSAGE_2_CARRY_2.name}, ` +
            `not a ${kind} list of ${count} in ${parameters.name}`,
          'input',
        );
      return { ...envelope, keyId };
    } catch (error) {
      throw translated(error, 'input', 'CIPHERTEXT_INVALID');
    }
  }

  #checkValues(values: number): void {
    const { name, maxValues } = this.#spec;
    if (values > maxValues)
      throw new ProgramError(
        'TOO_MANY_VALUES',
        `${name} takes at most ${maxValues} values, not ${values}`,
        'input',
      );
    if (values === 0)
      throw new ProgramError('CIPHERTEXT_INVALID', `${name} takes at least one value`, 'input');
  }
}

/** Errors of the scheme in the words of programs. */
function translated(error: unknown, argument: string, invalid: ProgramErrorCode): unknown {
  if (!(error instanceof TfheError)) return error;
  const code = error.code === 'KEY_MISMATCH' ? 'KEY_MISMATCH' : invalid;
  return new ProgramError(code, error.message, argument, error);
}

async function asInputError<T>(action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    throw translated(error, 'input', 'CIPHERTEXT_INVALID');
  }
}
