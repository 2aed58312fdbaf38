/**
 * What an operator sees of its node: inputs that are constants or encrypted values, attributes with their defaults,
 * and the draft that it appends to.
 * @module
 */

import type { ValueId } from '../graph/graph.ts';
import { selection } from '../graph/sparse.ts';
import { type Draft, refuse } from './draft.ts';
import { type Attribute, ONNX_LIMITS, type OnnxNode, type Tensor } from './schema.ts';
import { broadcastMap, countOf, normalAxis, sameShape, shapeText } from './shapes.ts';

export interface ConstantOperand {
  kind: 'constant';
  tensor: Tensor;
}

export interface EncryptedOperand {
  kind: 'encrypted';
  value: ValueId;
  shape: number[];
}

export type Operand = ConstantOperand | EncryptedOperand;

export type FinalStep = 'sigmoid' | 'softmax' | 'argmax';

/** Lowers one node; gives the operands of its outputs. */
export type Lower = (node: Lowering) => Operand[];

export const constant = (tensor: Tensor): ConstantOperand => ({ kind: 'constant', tensor });

export function encrypted(value: ValueId, shape: number[]): EncryptedOperand {
  return { kind: 'encrypted', value, shape };
}

export const shapeOf = (operand: Operand): number[] =>
  operand.kind === 'constant' ? operand.tensor.shape : operand.shape;

/** Longer lists of sizes, axes or parts have no use; hostile ones would make quadratic work. */
const MAX_LIST = 1024;

export class Lowering {
  readonly node: OnnxNode;
  /** For messages and as the name of the graph nodes. */
  readonly name: string;
  readonly opset: number;
  readonly draft: Draft;
  readonly inputs: readonly (Operand | undefined)[];
  /** Whether only shape-keeping nodes lie between this node's result and the model's output. */
  readonly isFinal: boolean;
  /** Set by an operator that leaves the model's last step to the client. */
  final: { step: FinalStep; operand: EncryptedOperand } | undefined;

  constructor(
    node: OnnxNode,
    name: string,
    opset: number,
    draft: Draft,
    inputs: readonly (Operand | undefined)[],
    isFinal: boolean,
  ) {
    this.node = node;
    this.name = name;
    this.opset = opset;
    this.draft = draft;
    this.inputs = inputs;
    this.isFinal = isFinal;
  }

  input(index: number): Operand {
    return this.inputs[index] ?? refuse(`input ${index} is missing`);
  }

  encrypted(index: number): EncryptedOperand {
    const operand = this.input(index);
    return operand.kind === 'encrypted' ? operand : refuse(`input ${index} must depend on the model's input`);
  }

  /** A constant input. @param what its role, for the message when it is computed from encrypted data */
  constant(index: number, what: string): Tensor {
    const operand = this.input(index);
    return operand.kind === 'constant'
      ? operand.tensor
      : refuse(`${what} (input ${index}) is computed from encrypted data; it must be a constant`);
  }

  optionalConstant(index: number, what: string): Tensor | undefined {
    return this.inputs[index] === undefined ? undefined : this.constant(index, what);
  }

  has(name: string): boolean {
    return this.node.attributes.has(name);
  }

  attribute(name: string): Attribute | undefined {
    return this.node.attributes.get(name);
  }

  int(name: string, otherwise: number): number {
    return this.attribute(name)?.i ?? otherwise;
  }

  float(name: string, otherwise: number): number {
    return this.attribute(name)?.f ?? otherwise;
  }

  text(name: string, otherwise: string): string {
    return this.attribute(name)?.s ?? otherwise;
  }

  ints(name: string): number[] | undefined {
    return this.attribute(name)?.ints;
  }

  /** Integers from an attribute in old opsets and from a constant input in new ones. */
  intsFrom(attribute: string, inputIndex: number): number[] | undefined {
    const listed = this.ints(attribute) ?? this.optionalConstant(inputIndex, attribute)?.values;
    return listed && this.#shortList(listed, attribute);
  }

  /** The sizes or repeats in a constant input, one for each dimension. */
  sizes(index: number, what: string): number[] {
    return this.#shortList(this.constant(index, what).values, what);
  }

  #shortList(values: ArrayLike<number>, what: string): number[] {
    return values.length <= MAX_LIST ? Array.from(values) : refuse(`${what} has ${values.length} values`);
  }

  /** @param what the attribute, for the message */
  axis(axis: number, rank: number, what = 'axis'): number {
    return normalAxis(axis, rank) ?? refuse(`${what} ${axis} is outside of the ${rank} dimensions`);
  }

  axes(axes: readonly number[], rank: number): number[] {
    const normal = axes.map((a) => this.axis(a, rank, 'axes'));
    if (new Set(normal).size !== normal.length) refuse(`axes ${axes.join(', ')} name an axis twice`);
    return normal;
  }

  /** A value with its elements copied to where `map` says; -1 leaves `fill`. */
  move(operand: EncryptedOperand, shape: number[], map: Int32Array, fill = 0): EncryptedOperand {
    this.draft.budget.entries(map.length);
    const bias = Float64Array.from(map, (s) => (s < 0 ? fill : 0));
    const matrix = selection(map, countOf(operand.shape));
    return encrypted(this.draft.linear(this.name, operand.value, matrix, bias), shape);
  }

  broadcast(operand: EncryptedOperand, shape: number[]): EncryptedOperand {
    if (sameShape(operand.shape, shape)) return operand;
    checkedShape(shape);
    if (countOf(operand.shape) === countOf(shape)) return encrypted(operand.value, shape);
    return this.move(operand, shape, broadcastMap(operand.shape, shape));
  }
}

/** Refuses shapes that no tensor can have here, before an array of that size is made. */
export function checkedShape(shape: number[]): number[] {
  if (shape.length > ONNX_LIMITS.rank || shape.some((d) => !Number.isSafeInteger(d) || d < 0)) {
    refuse(`its result would have shape ${shapeText(shape)}`);
  }
  const count = countOf(shape);
  if (!(count <= ONNX_LIMITS.valueElements)) refuse(`its result of shape ${shapeText(shape)} is too large`);
  return shape;
}
