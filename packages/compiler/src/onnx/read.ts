/**
 * Reading ONNX files: protobuf messages to plain objects. The bytes are hostile until proven otherwise, so every
 * message is read within its own bounds, counts are checked before arrays are made, and subgraphs are not entered.
 * @module
 */

import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';
import { ImportError } from '../errors.ts';
import {
  type Attribute,
  type Dimension,
  ONNX_LIMITS,
  type OnnxGraph,
  type OnnxModel,
  type OnnxNode,
  type ValueInfo,
} from './schema.ts';
import { readTensor } from './tensor-proto.ts';
import { type Fields, fail, readMessage, repeated } from './wire.ts';

/** Field number and wire type of ModelProto: what tells an ONNX file from other bytes. */
const MODEL_FIELDS: Record<number, WireType> = {
  1: WireType.Varint,
  2: WireType.LengthDelimited,
  3: WireType.LengthDelimited,
  4: WireType.LengthDelimited,
  5: WireType.Varint,
  6: WireType.LengthDelimited,
  7: WireType.LengthDelimited,
  8: WireType.LengthDelimited,
  14: WireType.LengthDelimited,
  20: WireType.LengthDelimited,
  25: WireType.LengthDelimited,
  26: WireType.LengthDelimited,
};
const GRAPH_FIELD = 7;
const IR_VERSION_FIELD = 1;

/** Whether the bytes have the outer form of an ONNX model; a truncated file still counts. */
export function isOnnx(bytes: Uint8Array): boolean {
  const seen = new Set<number>();
  try {
    const reader = new BinaryReader(bytes);
    while (reader.pos < reader.len) {
      const [field, wire] = reader.tag();
      if (MODEL_FIELDS[field] !== wire) return false;
      seen.add(field);
      if (seen.has(GRAPH_FIELD) && seen.has(IR_VERSION_FIELD)) return true;
      reader.skip(wire);
    }
  } catch {
    return false;
  }
  return false;
}

/**
 * Parses a model.
 * @throws ImportError ONNX_TOO_LARGE, ONNX_CORRUPT, ONNX_EXTERNAL_DATA, ONNX_TENSOR
 */
export function readModel(bytes: Uint8Array): OnnxModel {
  if (bytes.length > ONNX_LIMITS.bytes) {
    const message = `the ONNX file has ${bytes.length} bytes, more than ${ONNX_LIMITS.bytes}; give a smaller model`;
    throw new ImportError('ONNX_TOO_LARGE', message, { argument: 'bytes', value: bytes.length });
  }
  try {
    return modelProto(bytes);
  } catch (cause) {
    if (cause instanceof ImportError) throw cause;
    // The wire reader throws plain errors on truncated varints, lengths beyond the end, and illegal tags.
    const message = `the ONNX file is truncated or damaged (${(cause as Error).message}); export it again`;
    throw new ImportError('ONNX_CORRUPT', message, { argument: 'bytes', value: bytes.length, cause });
  }
}

function modelProto(bytes: Uint8Array): OnnxModel {
  let graph: OnnxGraph | undefined;
  const model = { irVersion: 0, producer: '', opsets: new Map<string, number>(), metadata: new Map() };
  readMessage(
    bytes,
    {
      1: (r) => {
        model.irVersion = Number(r.int64());
      },
      2: (r) => {
        model.producer = r.string();
      },
      7: (r) => {
        if (graph) fail('ONNX_CORRUPT', 'the model has two graphs');
        graph = graphProto(r.bytes());
      },
      8: (r) => {
        const { key, value } = pair(r.bytes(), (v) => Number(v.int64()), WireType.Varint);
        model.opsets.set(key === 'ai.onnx' ? '' : key, value ?? 0);
      },
      14: (r) => {
        const { key, value } = pair(r.bytes(), (v) => v.string(), WireType.LengthDelimited);
        model.metadata.set(key, value ?? '');
      },
    },
    { 1: WireType.Varint },
  );
  if (!graph) return fail('ONNX_CORRUPT', 'the model has no graph');
  return { ...model, graph };
}

/** OperatorSetIdProto and StringStringEntryProto: a name in field 1, a value in field 2. */
function pair<T>(bytes: Uint8Array, read: (reader: BinaryReader) => T, wire: WireType) {
  const entry: { key: string; value: T | undefined } = { key: '', value: undefined };
  readMessage(
    bytes,
    {
      1: (r) => {
        entry.key = r.string();
      },
      2: (r) => {
        entry.value = read(r);
      },
    },
    { 2: wire },
  );
  return entry;
}

function graphProto(bytes: Uint8Array): OnnxGraph {
  const graph: OnnxGraph = { name: '', nodes: [], initializers: new Map(), inputs: [], outputs: [] };
  readMessage(bytes, {
    1: (r) => {
      if (graph.nodes.length >= ONNX_LIMITS.nodes) {
        fail('ONNX_TOO_LARGE', `the graph has more than ${ONNX_LIMITS.nodes} nodes`);
      }
      graph.nodes.push(nodeProto(r.bytes()));
    },
    2: (r) => {
      graph.name = r.string();
    },
    5: (r) => {
      const { name, tensor } = readTensor(r.bytes());
      if (graph.initializers.has(name)) fail('ONNX_CORRUPT', `initializer "${name}" occurs twice`);
      graph.initializers.set(name, tensor);
    },
    11: (r) => {
      graph.inputs.push(valueInfoProto(r.bytes()));
    },
    12: (r) => {
      graph.outputs.push(valueInfoProto(r.bytes()));
    },
    15: () => fail('ONNX_TENSOR', 'sparse initializers are not read'),
  });
  return graph;
}

function nodeProto(bytes: Uint8Array): OnnxNode {
  const node: OnnxNode = {
    name: '',
    opType: '',
    domain: '',
    inputs: [],
    outputs: [],
    attributes: new Map(),
  };
  readMessage(bytes, {
    1: (r) => {
      node.inputs.push(r.string());
    },
    2: (r) => {
      node.outputs.push(r.string());
    },
    3: (r) => {
      node.name = r.string();
    },
    4: (r) => {
      node.opType = r.string();
    },
    5: (r) => {
      const attribute = attributeProto(r.bytes());
      node.attributes.set(attribute.name, attribute);
    },
    7: (r) => {
      node.domain = r.string();
    },
  });
  if (node.domain === 'ai.onnx') node.domain = '';
  return node;
}

function attributeProto(bytes: Uint8Array): Attribute {
  const a: Attribute = { name: '', floats: [], ints: [], hasGraph: false };
  const reader = new BinaryReader(bytes);
  const expect = (wire: WireType, wanted: WireType) => {
    if (wire !== wanted) fail('ONNX_CORRUPT', `attribute "${a.name}" has wire type ${wire}`);
  };
  while (reader.pos < reader.len) {
    const [field, wire] = reader.tag();
    if (field === 7) repeated(reader, wire, WireType.Bit32, (r) => a.floats.push(r.float()));
    else if (field === 8) repeated(reader, wire, WireType.Varint, (r) => a.ints.push(Number(r.int64())));
    else if (field === 2) {
      expect(wire, WireType.Bit32);
      a.f = reader.float();
    } else if (field === 3) {
      expect(wire, WireType.Varint);
      a.i = Number(reader.int64());
    } else if (field === 1 || field === 4) {
      expect(wire, WireType.LengthDelimited);
      if (field === 1) a.name = reader.string();
      else a.s = reader.string();
    } else if (field === 5) {
      expect(wire, WireType.LengthDelimited);
      a.t = readTensor(reader.bytes()).tensor;
    } else {
      if (field === 6 || field === 11) a.hasGraph = true;
      reader.skip(wire, field);
    }
    if (reader.pos > reader.len) fail('ONNX_CORRUPT', 'an attribute ends in the middle of a field');
  }
  return a;
}

function valueInfoProto(bytes: Uint8Array): ValueInfo {
  const info: ValueInfo = { name: '', elementType: 0, shape: undefined };
  const tensorType: Fields = {
    1: (r) => {
      info.elementType = r.int32();
    },
    2: (r) => {
      const shape: Dimension[] = [];
      readMessage(r.bytes(), {
        1: (dims) => {
          if (shape.length >= ONNX_LIMITS.rank) fail('ONNX_TENSOR', `"${info.name}" has too many dimensions`);
          shape.push(dimension(dims.bytes()));
        },
      });
      info.shape = shape;
    },
  };
  readMessage(bytes, {
    1: (r) => {
      info.name = r.string();
    },
    2: (type) =>
      readMessage(type.bytes(), {
        1: (r) => readMessage(r.bytes(), tensorType, { 1: WireType.Varint }),
      }),
  });
  return info;
}

function dimension(bytes: Uint8Array): Dimension {
  let size: Dimension = '';
  readMessage(
    bytes,
    {
      1: (r) => {
        size = Number(r.int64());
      },
      2: (r) => {
        size = r.string();
      },
    },
    { 1: WireType.Varint },
  );
  return size;
}
