/**
 * TensorProto to numbers: raw little-endian bytes or the typed fields, float16 and bfloat16 included.
 * @module
 */

import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';
import { ImportError } from '../errors.ts';
import { DATA_TYPE, dataTypeName, ONNX_LIMITS, type Tensor } from './schema.ts';
import { fail, repeated } from './wire.ts';

interface RawType {
  size: number;
  at: (view: DataView, offset: number) => number;
}

/** IEEE 754 half precision. */
function float16(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

const scratch = new DataView(new ArrayBuffer(4));

/** The upper half of a float32. */
function bfloat16(bits: number): number {
  scratch.setUint32(0, bits << 16);
  return scratch.getFloat32(0);
}

const RAW: Record<number, RawType> = {
  [DATA_TYPE.FLOAT]: { size: 4, at: (v, o) => v.getFloat32(o, true) },
  [DATA_TYPE.DOUBLE]: { size: 8, at: (v, o) => v.getFloat64(o, true) },
  [DATA_TYPE.UINT8]: { size: 1, at: (v, o) => v.getUint8(o) },
  [DATA_TYPE.INT8]: { size: 1, at: (v, o) => v.getInt8(o) },
  [DATA_TYPE.BOOL]: { size: 1, at: (v, o) => (v.getUint8(o) === 0 ? 0 : 1) },
  [DATA_TYPE.UINT16]: { size: 2, at: (v, o) => v.getUint16(o, true) },
  [DATA_TYPE.INT16]: { size: 2, at: (v, o) => v.getInt16(o, true) },
  [DATA_TYPE.INT32]: { size: 4, at: (v, o) => v.getInt32(o, true) },
  [DATA_TYPE.UINT32]: { size: 4, at: (v, o) => v.getUint32(o, true) },
  [DATA_TYPE.INT64]: { size: 8, at: (v, o) => Number(v.getBigInt64(o, true)) },
  [DATA_TYPE.UINT64]: { size: 8, at: (v, o) => Number(v.getBigUint64(o, true)) },
  [DATA_TYPE.FLOAT16]: { size: 2, at: (v, o) => float16(v.getUint16(o, true)) },
  [DATA_TYPE.BFLOAT16]: { size: 2, at: (v, o) => bfloat16(v.getUint16(o, true)) },
};

/** Typed fields of TensorProto: wire type, how one value is read, and the smallest number of bytes of a value. */
const TYPED: Record<number, { wire: WireType; read: (r: BinaryReader) => number; types: number[] }> = {
  4: { wire: WireType.Bit32, read: (r) => r.float(), types: [DATA_TYPE.FLOAT] },
  5: {
    wire: WireType.Varint,
    read: (r) => r.int32(),
    types: [
      DATA_TYPE.INT32,
      DATA_TYPE.INT16,
      DATA_TYPE.INT8,
      DATA_TYPE.UINT16,
      DATA_TYPE.UINT8,
      DATA_TYPE.BOOL,
      DATA_TYPE.FLOAT16,
      DATA_TYPE.BFLOAT16,
    ],
  },
  7: { wire: WireType.Varint, read: (r) => Number(r.int64()), types: [DATA_TYPE.INT64] },
  10: { wire: WireType.Bit64, read: (r) => r.double(), types: [DATA_TYPE.DOUBLE] },
  11: {
    wire: WireType.Varint,
    read: (r) => Number(r.uint64()),
    types: [DATA_TYPE.UINT64, DATA_TYPE.UINT32],
  },
};

const EXTERNAL = 1;

/** Numbers of a tensor of this type: single precision keeps its size, everything else becomes double. */
export function emptyValues(dataType: number, count: number): Float32Array | Float64Array {
  return dataType === DATA_TYPE.FLOAT ? new Float32Array(count) : new Float64Array(count);
}

/**
 * Parses a TensorProto.
 * @throws ImportError ONNX_EXTERNAL_DATA, ONNX_TENSOR, ONNX_TOO_LARGE, ONNX_CORRUPT
 */
export function readTensor(bytes: Uint8Array): { name: string; tensor: Tensor } {
  const shape: number[] = [];
  let dataType = 0;
  let name = '';
  let raw: Uint8Array | undefined;
  let external = false;
  const typed: { field: number; wire: WireType; bytes: Uint8Array }[] = [];
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const [field, wire] = reader.tag();
    const start = reader.pos;
    reader.skip(wire, field);
    const payload = bytes.subarray(start, reader.pos);
    if (field === 1) {
      repeated(new BinaryReader(payload), wire, WireType.Varint, (r) => {
        if (shape.push(Number(r.int64())) > ONNX_LIMITS.rank)
          fail('ONNX_TENSOR', 'a tensor has too many dimensions');
      });
    } else if (field === 2 && wire === WireType.Varint) dataType = new BinaryReader(payload).int32();
    else if (field === 8 && wire === WireType.LengthDelimited) name = new BinaryReader(payload).string();
    else if (field === 9 && wire === WireType.LengthDelimited) raw = new BinaryReader(payload).bytes();
    else if (field === 13) external = true;
    else if (field === 14 && wire === WireType.Varint) external ||= payload[0] === EXTERNAL;
    else if (field === 3) fail('ONNX_TENSOR', `tensor "${name}" is stored in segments`);
    else if (Object.hasOwn(TYPED, field)) typed.push({ field, wire, bytes: payload });
  }
  if (external) {
    const message = `the weights of "${name}" are in another file (external data); save the model as one file, e.g. onnx.save(onnx.load(path), path, save_as_external_data=False)`;
    throw new ImportError('ONNX_EXTERNAL_DATA', message, { argument: 'bytes', value: name });
  }
  const type = Object.hasOwn(RAW, dataType) ? RAW[dataType] : undefined;
  if (!type) fail('ONNX_TENSOR', `tensor "${name}" has ${dataTypeName(dataType)}, which holds no numbers`);
  const count = checkedCount(name, shape);
  const values = raw ? fromRaw(name, raw, dataType, type!, count) : fromTyped(name, typed, dataType, count);
  return { name, tensor: { dataType, shape, values } };
}

function checkedCount(name: string, shape: number[]): number {
  if (shape.some((d) => !(d >= 0 && Number.isSafeInteger(d)))) {
    fail('ONNX_TENSOR', `tensor "${name}" has shape ${shape.join(' x ')}`);
  }
  const count = shape.reduce((a, b) => a * b, 1);
  if (count > ONNX_LIMITS.tensorElements) {
    fail('ONNX_TOO_LARGE', `tensor "${name}" has more than ${ONNX_LIMITS.tensorElements} elements`);
  }
  return count;
}

function fromRaw(name: string, raw: Uint8Array, dataType: number, type: RawType, count: number) {
  if (raw.length !== count * type.size) wrongCount(name, count, `${raw.length} bytes`);
  const values = emptyValues(dataType, count);
  const view = new DataView(raw.buffer, raw.byteOffset, raw.length);
  for (let i = 0; i < count; i++) values[i] = type.at(view, i * type.size);
  return values;
}

function fromTyped(
  name: string,
  parts: { field: number; wire: WireType; bytes: Uint8Array }[],
  dataType: number,
  count: number,
) {
  const field = Number(Object.keys(TYPED).find((f) => TYPED[Number(f)].types.includes(dataType)));
  const { wire, read } = TYPED[field];
  const own = parts.filter((p) => p.field === field);
  // A value takes at least one byte, so this bounds the allocation by the size of the file.
  const available = own.reduce((sum, p) => sum + p.bytes.length, 0);
  if (count > available) wrongCount(name, count, `${available} bytes`);
  const values = emptyValues(dataType, count);
  let at = 0;
  const halves =
    dataType === DATA_TYPE.FLOAT16 ? float16 : dataType === DATA_TYPE.BFLOAT16 ? bfloat16 : undefined;
  for (const part of own) {
    repeated(new BinaryReader(part.bytes), part.wire, wire, (r) => {
      const value = read(r);
      if (at < count) values[at] = halves ? halves(value & 0xffff) : value;
      at++;
    });
  }
  if (at !== count) wrongCount(name, count, `${at} values`);
  return values;
}

const wrongCount = (name: string, count: number, found: string): never =>
  fail('ONNX_TENSOR', `tensor "${name}" needs ${count} values and has ${found}`);
