/**
 * The little of ONNX's protobuf (onnx.proto3, IR version 4, opset 13) that the demo's network takes, written by hand.
 * @module
 */

type Part = Uint8Array | Part[];

const flat = (part: Part): Uint8Array[] => (part instanceof Uint8Array ? [part] : part.flatMap(flat));

function varint(value: number): Uint8Array {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128);
  return Uint8Array.of(...bytes, rest);
}

const integer = (field: number, value: number): Part => [varint(field * 8), varint(value)];

function bytes(field: number, content: Part): Part {
  const parts = flat(content);
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  return [varint(field * 8 + 2), varint(length), parts];
}

const text = (field: number, value: string): Part => bytes(field, new TextEncoder().encode(value));

const FLOAT = 1;
const INTS = 7;

export interface OnnxNode {
  operator: string;
  inputs: string[];
  output: string;
  /** Attributes: lists of integers. */
  lists?: Record<string, number[]>;
  /** Attributes: single integers. */
  integers?: Record<string, number>;
}

export interface OnnxTensor {
  name: string;
  shape: number[];
  values: ArrayLike<number>;
}

const node = ({ operator, inputs, output, lists = {}, integers = {} }: OnnxNode): Part => [
  inputs.map((input) => text(1, input)),
  text(2, output),
  text(3, output),
  text(4, operator),
  Object.entries(lists).map(([name, values]) =>
    bytes(5, [text(1, name), values.map((value) => integer(8, value)), integer(20, INTS)]),
  ),
  Object.entries(integers).map(([name, value]) =>
    bytes(5, [text(1, name), integer(3, value), integer(20, 2)]),
  ),
];

const tensor = ({ name, shape, values }: OnnxTensor): Part => [
  shape.map((extent) => integer(1, extent)),
  integer(2, FLOAT),
  text(8, name),
  bytes(9, new Uint8Array(Float32Array.from(values).buffer)),
];

const valueInfo = (name: string, shape: number[]): Part => [
  text(1, name),
  bytes(
    2,
    bytes(1, [
      integer(1, FLOAT),
      bytes(
        2,
        shape.map((extent) => bytes(1, integer(1, extent))),
      ),
    ]),
  ),
];

/** A model of float32 tensors with one input and one output. */
export function writeOnnx(model: {
  name: string;
  input: { name: string; shape: number[] };
  output: { name: string; shape: number[] };
  nodes: OnnxNode[];
  tensors: OnnxTensor[];
}): Uint8Array {
  const graph: Part = [
    model.nodes.map((n) => bytes(1, node(n))),
    text(2, model.name),
    model.tensors.map((t) => bytes(5, tensor(t))),
    bytes(11, valueInfo(model.input.name, model.input.shape)),
    bytes(12, valueInfo(model.output.name, model.output.shape)),
  ];
  const parts = flat([
    integer(1, 4),
    text(2, 'velum-demo'),
    bytes(7, graph),
    bytes(8, [text(1, ''), integer(2, 13)]),
  ]);
  return Uint8Array.from(Buffer.concat(parts));
}
