/**
 * Constant folding: whatever an exporter computes from constants and shapes is computed here, once, so that no trace
 * of it reaches the graph. Copies are done by the operators themselves; integer and boolean arithmetic has its own
 * rules; every other operator is lowered on a scratch graph and run.
 * @module
 */

import { runGraph } from '../graph/run.ts';
import { Draft, refuse } from './draft.ts';
import {
  checkedShape,
  constant,
  encrypted,
  type Lower,
  Lowering,
  type Operand,
  shapeOf,
} from './lowering.ts';
import { CONSTANT_MOVEMENTS, OPERATORS } from './operators/index.ts';
import { DATA_TYPE, dataTypeName, type Tensor } from './schema.ts';
import { broadcastMap, broadcastShapes, countOf, shapeText } from './shapes.ts';
import { emptyValues } from './tensor-proto.ts';

/** A tensor of this type from numbers, rounded as the type rounds. */
function tensor(node: Lowering, dataType: number, shape: number[], values: ArrayLike<number>): Operand {
  node.draft.budget.folded(values.length);
  const own = emptyValues(dataType, values.length);
  own.set(values);
  return constant({ dataType, shape, values: own });
}

const isInteger = (type: number): boolean =>
  (
    [
      DATA_TYPE.INT8,
      DATA_TYPE.INT16,
      DATA_TYPE.INT32,
      DATA_TYPE.INT64,
      DATA_TYPE.UINT8,
      DATA_TYPE.UINT16,
      DATA_TYPE.UINT32,
      DATA_TYPE.UINT64,
    ] as number[]
  ).includes(type);

const constantOperator: Lower = (node) => {
  const { attributes } = node.node;
  const value = attributes.get('value')?.t;
  if (value) return [constant(value)];
  const single = attributes.get('value_float')?.f;
  if (single !== undefined) return [tensor(node, DATA_TYPE.FLOAT, [], [single])];
  const whole = attributes.get('value_int')?.i;
  if (whole !== undefined) return [tensor(node, DATA_TYPE.INT64, [], [whole])];
  const floats = attributes.get('value_floats')?.floats;
  if (floats) return [tensor(node, DATA_TYPE.FLOAT, [floats.length], floats)];
  const ints = attributes.get('value_ints')?.ints;
  if (ints) return [tensor(node, DATA_TYPE.INT64, [ints.length], ints)];
  return refuse(`it holds ${[...attributes.keys()].join(', ') || 'nothing'}, not a tensor of numbers`);
};

const shapeOperator: Lower = (node) => {
  const shape = shapeOf(node.input(0));
  const part = shape.slice(node.int('start', 0), node.attribute('end')?.i ?? shape.length);
  return [tensor(node, DATA_TYPE.INT64, [part.length], part)];
};

const sizeOperator: Lower = (node) => [tensor(node, DATA_TYPE.INT64, [], [countOf(shapeOf(node.input(0)))])];

const constantOfShape: Lower = (node) => {
  const shape = checkedShape(node.sizes(0, 'the shape'));
  const value = node.attribute('value')?.t;
  const count = countOf(shape);
  node.draft.budget.folded(count);
  const values = emptyValues(value?.dataType ?? DATA_TYPE.FLOAT, count).fill(value?.values[0] ?? 0);
  return [constant({ dataType: value?.dataType ?? DATA_TYPE.FLOAT, shape, values })];
};

const range: Lower = (node) => {
  const [start, limit, delta] = [0, 1, 2].map((i) => node.constant(i, 'a bound').values[0]);
  const count = Math.max(0, Math.ceil((limit - start) / delta));
  checkedShape([count]);
  const type = node.constant(0, 'start').dataType;
  return [
    tensor(
      node,
      type,
      [count],
      Float64Array.from({ length: count }, (_, i) => start + i * delta),
    ),
  ];
};

/** Wrap-around of the fixed-size integers. */
const INTEGER_ARRAYS: Record<number, { from: (v: ArrayLike<number>) => ArrayLike<number> }> = {
  [DATA_TYPE.INT8]: Int8Array,
  [DATA_TYPE.UINT8]: Uint8Array,
  [DATA_TYPE.INT16]: Int16Array,
  [DATA_TYPE.UINT16]: Uint16Array,
  [DATA_TYPE.INT32]: Int32Array,
  [DATA_TYPE.UINT32]: Uint32Array,
};

const castOperator: Lower = (node) => {
  const x = node.constant(0, 'the input');
  const to = node.int('to', DATA_TYPE.FLOAT);
  if (to === DATA_TYPE.STRING) refuse(`it casts to ${dataTypeName(to)}`);
  if (to === DATA_TYPE.BOOL)
    return [
      tensor(
        node,
        to,
        x.shape,
        Float64Array.from(x.values, (v) => (v === 0 ? 0 : 1)),
      ),
    ];
  if (!isInteger(to)) return [tensor(node, to, x.shape, x.values)];
  const whole = Float64Array.from(x.values, Math.trunc);
  return [tensor(node, to, x.shape, INTEGER_ARRAYS[to]?.from(whole) ?? whole)];
};

type Binary = (a: number, b: number, integer: boolean) => number;

/** @param type of the result; by default that of the first operand */
const binary =
  (f: Binary, type?: number): Lower =>
  (node) => {
    let result = node.constant(0, 'an operand');
    for (let i = 1; i < node.inputs.length; i++) {
      const other = node.constant(i, 'an operand');
      const shape =
        broadcastShapes(result.shape, other.shape) ??
        refuse(`shapes ${shapeText(result.shape)} and ${shapeText(other.shape)} do not broadcast`);
      checkedShape(shape);
      const [p, q] = [broadcastMap(result.shape, shape), broadcastMap(other.shape, shape)];
      const integer = isInteger(result.dataType);
      node.draft.budget.folded(p.length);
      const values = emptyValues(type ?? result.dataType, p.length);
      for (let k = 0; k < p.length; k++) values[k] = f(result.values[p[k]], other.values[q[k]], integer);
      result = { dataType: type ?? result.dataType, shape, values };
    }
    return [constant(result)];
  };

const unary =
  (f: (x: number) => number, type?: number): Lower =>
  (node) => {
    const x = node.constant(0, 'the operand');
    return [tensor(node, type ?? x.dataType, x.shape, Float64Array.from(x.values, f))];
  };

const where: Lower = (node) => {
  const [condition, x, y] = [0, 1, 2].map((i) => node.constant(i, 'an operand'));
  const common = broadcastShapes(condition.shape, x.shape);
  const shape = (common && broadcastShapes(common, y.shape)) ?? refuse('its shapes do not broadcast');
  checkedShape(shape);
  const [c, p, q] = [condition, x, y].map((t) => broadcastMap(t.shape, shape));
  const values = Float64Array.from(c, (at, k) =>
    condition.values[at] !== 0 ? x.values[p[k]] : y.values[q[k]],
  );
  return [tensor(node, x.dataType, shape, values)];
};

const reduce =
  (initial: number, f: (a: number, b: number) => number): Lower =>
  (node) => {
    const x = node.constant(0, 'the input');
    const given = node.intsFrom('axes', 1) ?? [];
    const all = x.shape.map((_, i) => i);
    const axes = given.length === 0 ? all : node.axes(given, x.shape.length);
    if (given.length === 0 && node.int('noop_with_empty_axes', 0) !== 0) return [constant(x)];
    const kept = x.shape.map((d, i) => (axes.includes(i) ? 1 : d));
    const values = new Float64Array(countOf(kept)).fill(initial);
    broadcastMap(kept, x.shape).forEach((row, i) => {
      values[row] = f(values[row], x.values[i]);
    });
    const shape = node.int('keepdims', 1) !== 0 ? kept : x.shape.filter((_, i) => !axes.includes(i));
    return [tensor(node, x.dataType, shape, values)];
  };

const modulo: Binary = (a, b) => a - Math.floor(a / b) * b;

/** Operators on constants, and those that need only the shape of an encrypted value. */
const CONSTANT_OPERATORS: ReadonlyMap<string, Lower> = new Map<string, Lower>([
  ...CONSTANT_MOVEMENTS,
  ['Constant', constantOperator],
  ['ConstantOfShape', constantOfShape],
  ['Range', range],
  ['Cast', castOperator],
  ['Where', where],
  ['Add', binary((a, b) => a + b)],
  ['Sub', binary((a, b) => a - b)],
  ['Mul', binary((a, b) => a * b)],
  ['Div', binary((a, b, integer) => (integer ? Math.trunc(a / b) : a / b))],
  ['Mod', binary(modulo)],
  ['Pow', binary((a, b) => a ** b)],
  ['Min', binary((a, b) => Math.min(a, b))],
  ['Max', binary((a, b) => Math.max(a, b))],
  ['Equal', binary((a, b) => Number(a === b), DATA_TYPE.BOOL)],
  ['Greater', binary((a, b) => Number(a > b), DATA_TYPE.BOOL)],
  ['Less', binary((a, b) => Number(a < b), DATA_TYPE.BOOL)],
  ['GreaterOrEqual', binary((a, b) => Number(a >= b), DATA_TYPE.BOOL)],
  ['LessOrEqual', binary((a, b) => Number(a <= b), DATA_TYPE.BOOL)],
  ['And', binary((a, b) => Number(a !== 0 && b !== 0), DATA_TYPE.BOOL)],
  ['Or', binary((a, b) => Number(a !== 0 || b !== 0), DATA_TYPE.BOOL)],
  ['Not', unary((x) => Number(x === 0), DATA_TYPE.BOOL)],
  ['Neg', unary((x) => -x)],
  ['Abs', unary(Math.abs)],
  ['Floor', unary(Math.floor)],
  ['Ceil', unary(Math.ceil)],
  ['Sqrt', unary(Math.sqrt)],
  ['Reciprocal', unary((x) => 1 / x)],
  ['Log', unary(Math.log)],
  ['Exp', unary(Math.exp)],
  ['ReduceProd', reduce(1, (a, b) => a * b)],
  ['ReduceSum', reduce(0, (a, b) => a + b)],
  ['ReduceMax', reduce(Number.NEGATIVE_INFINITY, Math.max)],
  ['ReduceMin', reduce(Number.POSITIVE_INFINITY, Math.min)],
]);

const SHAPE_OPERATORS: ReadonlyMap<string, Lower> = new Map([
  ['Shape', shapeOperator],
  ['Size', sizeOperator],
]);

/** Whether constants alone are enough for some operator of that name. */
export const isConstantOperator = (opType: string): boolean =>
  CONSTANT_OPERATORS.has(opType) || SHAPE_OPERATORS.has(opType);

/** The operands of a node that needs no encrypted value, or undefined for one that does. */
export function fold(node: Lowering): Operand[] | undefined {
  const { opType } = node.node;
  const byShape = SHAPE_OPERATORS.get(opType);
  if (byShape) return byShape(node);
  if (node.inputs.some((operand) => operand?.kind === 'encrypted')) return undefined;
  const direct = CONSTANT_OPERATORS.get(opType);
  if (direct) return direct(node);
  const lower = OPERATORS.get(opType);
  return lower ? runOnScratch(node, lower) : undefined;
}

/** Lowers the node as if its first input were encrypted, and runs the graph that comes out. */
function runOnScratch(node: Lowering, lower: Lower): Operand[] {
  const x = node.constant(0, 'the input');
  const scratch = new Draft(x.values.length, node.draft.budget);
  const inputs = [encrypted(0, x.shape), ...node.inputs.slice(1)];
  const results = lower(new Lowering(node.node, node.name, node.opset, scratch, inputs, false));
  const shape = [x.values.length];
  const input = { name: node.name, shape };
  const graph = { name: node.name, input, output: { ...input, value: 0 }, nodes: scratch.nodes };
  const values = runGraph({ ...graph, final: 'none', warnings: [] }, x.values);
  return results.map((r): Operand => {
    if (r.kind === 'constant') return r;
    return tensor(node, x.dataType, r.shape, values[r.value] as Tensor['values']);
  });
}
