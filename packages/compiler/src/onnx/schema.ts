/**
 * The parts of ONNX's protobuf messages that an importer needs (onnx.proto, IR versions 3 and later).
 * @module
 */

/** TensorProto.DataType. */
export const DATA_TYPE = {
  FLOAT: 1,
  UINT8: 2,
  INT8: 3,
  UINT16: 4,
  INT16: 5,
  INT32: 6,
  INT64: 7,
  STRING: 8,
  BOOL: 9,
  FLOAT16: 10,
  DOUBLE: 11,
  UINT32: 12,
  UINT64: 13,
  BFLOAT16: 16,
} as const;

/** Name of a data type for messages. */
export function dataTypeName(type: number): string {
  const entry = Object.entries(DATA_TYPE).find(([, code]) => code === type);
  return entry ? entry[0].toLowerCase() : `data type ${type}`;
}

/** A constant. Values are numbers whatever the type was; 64-bit integers beyond 2^53 are rounded. */
export interface Tensor {
  dataType: number;
  shape: number[];
  values: Float32Array | Float64Array;
}

export interface Attribute {
  name: string;
  f?: number;
  i?: number;
  s?: string;
  t?: Tensor;
  floats: number[];
  ints: number[];
  /** Has a subgraph: control flow. */
  hasGraph: boolean;
}

export interface OnnxNode {
  name: string;
  opType: string;
  domain: string;
  inputs: string[];
  outputs: string[];
  attributes: Map<string, Attribute>;
}

/** A dimension: a size, or the name of a symbol ('' when the file gives neither). */
export type Dimension = number | string;

export interface ValueInfo {
  name: string;
  /** TensorProto.DataType; 0 when it is no tensor. */
  elementType: number;
  /** undefined when the file gives no shape. */
  shape: Dimension[] | undefined;
}

export interface OnnxGraph {
  name: string;
  nodes: OnnxNode[];
  initializers: Map<string, Tensor>;
  inputs: ValueInfo[];
  outputs: ValueInfo[];
}

export interface OnnxModel {
  irVersion: number;
  producer: string;
  /** Version by domain; '' is ai.onnx. */
  opsets: Map<string, number>;
  metadata: Map<string, string>;
  graph: OnnxGraph;
}

/** Checked before anything is allocated for it. */
export const ONNX_LIMITS = {
  bytes: 512 * 2 ** 20,
  nodes: 20_000,
  tensorElements: 2 ** 27,
  /** Dimensions of a tensor. */
  rank: 16,
  /** Values that operators on constants may make altogether. */
  foldedElements: 2 ** 26,
  /** Values in one tensor that depends on the input. */
  valueElements: 2 ** 22,
  /** Entries of the matrices of all layers together, 12 bytes each. */
  matrixEntries: 1e8,
};
