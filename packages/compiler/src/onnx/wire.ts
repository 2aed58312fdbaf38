/**
 * Walking protobuf messages within their bounds.
 * @module
 */

import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';
import { ImportError } from '../errors.ts';

export type Fields = Record<number, (reader: BinaryReader) => void>;

export function fail(code: string, what: string): never {
  const message = `the ONNX file cannot be read: ${what}; export the model again with plain tensors`;
  throw new ImportError(code, message, { argument: 'bytes' });
}

/** Calls `fields[number]` for each field of a message, and skips the others. */
export function readMessage(bytes: Uint8Array, fields: Fields, wires?: Record<number, WireType>): void {
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const [field, wire] = reader.tag();
    const read = Object.hasOwn(fields, field) ? fields[field] : undefined;
    if (read && (wires?.[field] ?? WireType.LengthDelimited) === wire) read(reader);
    else if (read) fail('ONNX_CORRUPT', `field ${field} has wire type ${wire}`);
    else reader.skip(wire, field);
    if (reader.pos > reader.len) fail('ONNX_CORRUPT', 'a message ends in the middle of a field');
  }
}

/** A repeated scalar, packed or not. */
export function repeated(
  reader: BinaryReader,
  wire: WireType,
  scalar: WireType,
  read: (reader: BinaryReader) => void,
): void {
  if (wire === scalar) {
    read(reader);
    return;
  }
  if (wire !== WireType.LengthDelimited) fail('ONNX_CORRUPT', `a repeated field has wire type ${wire}`);
  const packed = new BinaryReader(reader.bytes());
  while (packed.pos < packed.len) read(packed);
  if (packed.pos > packed.len) fail('ONNX_CORRUPT', 'a packed field ends in the middle of a value');
}
