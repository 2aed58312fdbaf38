/**
 * ONNX files for tests, written with another protobuf implementation than the one that reads them.
 * @module
 */

import onnxProto from 'onnx-proto';
import { DATA_TYPE } from '../schema.ts';

const { onnx } = onnxProto;

export interface TensorSpec {
  /** Default: float. */
  type?: number;
  shape: number[];
  values: ArrayLike<number>;
}

export type AttributeValue =
  | number
  | string
  | number[]
  | { float: number }
  | { tensor: TensorSpec }
  | 'graph';

export interface NodeSpec {
  op: string;
  name?: string;
  domain?: string;
  inputs: string[];
  outputs?: string[];
  /** Numbers are integers, `{ float }` is a float; lists are integers. */
  attributes?: Record<string, AttributeValue>;
}

export interface ModelSpec {
  opset?: number;
  irVersion?: number;
  /** Numbers are sizes, strings are symbols. */
  input: (number | string)[];
  nodes: NodeSpec[];
  constants?: Record<string, TensorSpec>;
  /** Name of the output; default: the first output of the last node. */
  outputs?: string[];
  /** Type of the outputs; default: float. */
  outputType?: number;
  inputType?: number;
  /** List the constants as inputs too, as IR versions before 4 do. */
  listConstants?: boolean;
  extraInputs?: string[];
}

export const float = (value: number): { float: number } => ({ float: value });

/** int64 numbers, as shapes and axes are. */
export const ints = (...values: number[]): TensorSpec => ({
  type: DATA_TYPE.INT64,
  shape: [values.length],
  values,
});

export const scalar = (value: number): TensorSpec => ({ shape: [], values: [value] });

export function tensorProto(name: string, { type = DATA_TYPE.FLOAT, shape, values }: TensorSpec) {
  const list = Array.from(values);
  const field =
    type === DATA_TYPE.FLOAT
      ? { floatData: list }
      : type === DATA_TYPE.DOUBLE
        ? { doubleData: list }
        : type === DATA_TYPE.INT64
          ? { int64Data: list }
          : { int32Data: list };
  return { name, dataType: type, dims: shape, ...field };
}

function attribute(name: string, value: AttributeValue) {
  const { AttributeType } = onnx.AttributeProto;
  if (value === 'graph') return { name, type: AttributeType.GRAPH, g: { name: 'branch' } };
  if (typeof value === 'number') return { name, type: AttributeType.INT, i: value };
  if (typeof value === 'string') return { name, type: AttributeType.STRING, s: Buffer.from(value) };
  if (Array.isArray(value)) return { name, type: AttributeType.INTS, ints: value };
  if ('float' in value) return { name, type: AttributeType.FLOAT, f: value.float };
  return { name, type: AttributeType.TENSOR, t: tensorProto('', value.tensor) };
}

function valueInfo(name: string, type: number, shape: (number | string)[] | undefined) {
  const dims = shape?.map((d) => (typeof d === 'number' ? { dimValue: d } : { dimParam: d }));
  return { name, type: { tensorType: { elemType: type, shape: dims && { dim: dims } } } };
}

/** The bytes of a model whose input is called "x". */
export function writeModel(spec: ModelSpec): Uint8Array {
  const constants = Object.entries(spec.constants ?? {});
  const node = spec.nodes.map((n, i) => ({
    name: n.name ?? `${n.op}_${i}`,
    opType: n.op,
    domain: n.domain ?? '',
    input: n.inputs,
    output: n.outputs ?? [`${n.op}_${i}_out`],
    attribute: Object.entries(n.attributes ?? {}).map(([name, value]) => attribute(name, value)),
  }));
  const outputs = spec.outputs ?? [node[node.length - 1].output[0]];
  const listed = spec.listConstants
    ? constants.map(([name, t]) => valueInfo(name, t.type ?? DATA_TYPE.FLOAT, t.shape))
    : [];
  return onnx.ModelProto.encode({
    irVersion: spec.irVersion ?? 8,
    producerName: 'velum tests',
    opsetImport: [{ domain: '', version: spec.opset ?? 17 }],
    graph: {
      name: 'test',
      node,
      initializer: constants.map(([name, t]) => tensorProto(name, t)),
      input: [
        valueInfo('x', spec.inputType ?? DATA_TYPE.FLOAT, spec.input),
        ...(spec.extraInputs ?? []).map((name) => valueInfo(name, DATA_TYPE.FLOAT, [1])),
        ...listed,
      ],
      output: outputs.map((name) => valueInfo(name, spec.outputType ?? DATA_TYPE.FLOAT, undefined)),
    },
  }).finish();
}

/** Repeatable numbers in (-1, 1), with no two equal in practice. */
export function numbers(count: number, seed = 1): Float32Array {
  let state = seed * 2654435761 + 12345;
  return Float32Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state / 2 ** 32) * 2 - 1;
  });
}

/** A constant of such numbers. */
export const weights = (shape: number[], seed = 1, scale = 1): TensorSpec => ({
  shape,
  values: numbers(
    shape.reduce((a, b) => a * b, 1),
    seed,
  ).map((v) => scale * v),
});
