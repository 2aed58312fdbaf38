/**
 * Little-endian writer and strict reader. The reader checks before it reads and refuses trailing bytes.
 * @module
 */
import { WireError } from './container.ts';

export class ByteWriter {
  readonly bytes: Uint8Array;
  readonly #view: DataView;
  offset = 0;

  constructor(length: number) {
    this.bytes = new Uint8Array(length);
    this.#view = new DataView(this.bytes.buffer);
  }

  u16(value: number): this {
    this.#view.setUint16(this.offset, value, true);
    this.offset += 2;
    return this;
  }

  u32(value: number): this {
    this.#view.setUint32(this.offset, value, true);
    this.offset += 4;
    return this;
  }

  f64(value: number): this {
    this.#view.setFloat64(this.offset, value, true);
    this.offset += 8;
    return this;
  }

  raw(bytes: Uint8Array): this {
    this.bytes.set(bytes, this.offset);
    this.offset += bytes.length;
    return this;
  }
}

export class ByteReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #offset = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get remaining(): number {
    return this.#bytes.length - this.#offset;
  }

  u16(): number {
    return this.#view.getUint16(this.#take(2), true);
  }

  u32(): number {
    return this.#view.getUint32(this.#take(4), true);
  }

  f64(): number {
    return this.#view.getFloat64(this.#take(8), true);
  }

  raw(length: number): Uint8Array {
    const start = this.#take(length);
    return this.#bytes.subarray(start, start + length);
  }

  /** @throws WireError WIRE_LENGTH when bytes are left over */
  end(): void {
    if (this.remaining !== 0)
      throw new WireError('WIRE_LENGTH', `${this.remaining} bytes are left over at the end`);
  }

  #take(length: number): number {
    if (length > this.remaining) {
      throw new WireError(
        'WIRE_TRUNCATED',
        `${length} bytes are needed at offset ${this.#offset}, ${this.remaining} are left`,
      );
    }
    const start = this.#offset;
    this.#offset += length;
    return start;
  }
}

export function contentError(message: string): WireError {
  return new WireError('WIRE_CONTENT', message);
}
