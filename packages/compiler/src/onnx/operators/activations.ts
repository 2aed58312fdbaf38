/**
 * Elementwise functions. Under encryption each becomes a polynomial on its calibrated range.
 * @module
 */

import type { ElementwiseFunction } from '../../graph/graph.ts';
import { refuse } from '../draft.ts';
import { type EncryptedOperand, encrypted, type Lower, type Lowering, type Operand } from '../lowering.ts';
import { broadcastMap, broadcastShapes, sameShape, shapeText } from '../shapes.ts';

/** An operator that is a function of its first input. */
const elementwise =
  (make: (node: Lowering) => ElementwiseFunction): Lower =>
  (node) => {
    const x = node.encrypted(0);
    return [apply(node, x, make(node))];
  };

const apply = (node: Lowering, x: EncryptedOperand, fn: ElementwiseFunction): EncryptedOperand =>
  encrypted(node.draft.fn(node.name, x.value, fn), x.shape);

const scaled = (node: Lowering, x: EncryptedOperand, scale: number, shift = 0): EncryptedOperand =>
  encrypted(node.draft.scaled(node.name, x.value, scale, shift), x.shape);

function leaky(node: Lowering, x: EncryptedOperand, alpha: number): EncryptedOperand {
  if (alpha === 1) return x;
  return apply(node, x, alpha === 0 ? { type: 'relu' } : { type: 'leakyrelu', alpha });
}

const leakyRelu: Lower = (node) => [leaky(node, node.encrypted(0), node.float('alpha', 0.01))];

const prelu: Lower = (node) => {
  const x = node.encrypted(0);
  const slope = node.constant(1, 'the slope');
  const shape = broadcastShapes(x.shape, slope.shape);
  if (!shape || !sameShape(shape, x.shape)) {
    return refuse(
      `a slope of shape ${shapeText(slope.shape)} does not fit an input of ${shapeText(x.shape)}`,
    );
  }
  const { values } = slope;
  if (values.every((v) => v === values[0])) return [leaky(node, x, values[0])];
  const slopes = Float64Array.from(broadcastMap(slope.shape, shape), (i) => values[i]);
  return [apply(node, x, { type: 'prelu', slopes })];
};

const sigmoid: Lower = (node) => {
  const x = node.encrypted(0);
  if (!node.isFinal) return [apply(node, x, { type: 'sigmoid' })];
  node.final = { step: 'sigmoid', operand: x };
  return [x];
};

const gelu: Lower = (node) => {
  if (node.text('approximate', 'none') === 'tanh') {
    node.draft.warn(
      `Gelu "${node.name}" is taken as the exact GELU; its tanh form differs by less than 5e-4`,
    );
  }
  return [apply(node, node.encrypted(0), { type: 'gelu' })];
};

/** Beyond this a bound is the exporter's word for "none". */
const UNBOUNDED = 3.4e38;

/** min(max(x, low), high); one-sided bounds are ReLUs. */
function clamp(node: Lowering, x: EncryptedOperand, low: number, high: number): EncryptedOperand {
  const below = low > -UNBOUNDED;
  const above = high < UNBOUNDED;
  if (Number.isNaN(low) || Number.isNaN(high) || low > high) refuse(`its bounds are ${low} and ${high}`);
  if (below && above) return apply(node, x, { type: 'clip', min: low, max: high });
  if (below) return scaled(node, apply(node, scaled(node, x, 1, -low), { type: 'relu' }), 1, low);
  if (above) return scaled(node, apply(node, scaled(node, x, -1, high), { type: 'relu' }), -1, high);
  return x;
}

const bound = (node: Lowering, input: number, attribute: string, otherwise: number): number =>
  node.optionalConstant(input, attribute)?.values[0] ?? node.float(attribute, otherwise);

const clip: Lower = (node) => [
  clamp(
    node,
    node.encrypted(0),
    bound(node, 1, 'min', Number.NEGATIVE_INFINITY),
    bound(node, 2, 'max', Number.POSITIVE_INFINITY),
  ),
];

/** Max or Min of one encrypted tensor and constant scalars. */
const extremum =
  (side: 'min' | 'max'): Lower =>
  (node) => {
    const operands = node.inputs.map((_, i) => node.input(i));
    const tensors = operands.filter((o: Operand) => o.kind === 'encrypted');
    if (tensors.length !== 1) refuse('it compares encrypted tensors with each other');
    const bounds = operands.flatMap((o) => (o.kind === 'constant' ? Array.from(o.tensor.values) : []));
    const sizes = operands.map((o) => (o.kind === 'constant' ? o.tensor.values.length : 1));
    if (sizes.some((s) => s !== 1)) refuse('its bounds must be single numbers');
    const [low, high] =
      side === 'max'
        ? [Math.max(...bounds), Number.POSITIVE_INFINITY]
        : [Number.NEGATIVE_INFINITY, Math.min(...bounds)];
    return [clamp(node, tensors[0], low, high)];
  };

/** gamma * elu(x, alpha). */
const selu: Lower = (node) => [
  scaled(
    node,
    apply(node, node.encrypted(0), { type: 'elu', alpha: node.float('alpha', 1.6732631921768188) }),
    node.float('gamma', 1.0507010221481323),
  ),
];

/** alpha * elu(x / alpha, 1). */
const celu: Lower = (node) => {
  const alpha = node.float('alpha', 1);
  if (alpha === 0) refuse('alpha is 0');
  const inner = scaled(node, node.encrypted(0), 1 / alpha);
  return [scaled(node, apply(node, inner, { type: 'elu', alpha: 1 }), alpha)];
};

/** x sigmoid(alpha x) = silu(alpha x) / alpha. */
const swish: Lower = (node) => {
  const alpha = node.float('alpha', 1);
  if (alpha === 0) return [scaled(node, node.encrypted(0), 0.5)];
  const inner = scaled(node, node.encrypted(0), alpha);
  return [scaled(node, apply(node, inner, { type: 'silu' }), 1 / alpha)];
};

export const ACTIVATIONS: [string, Lower][] = [
  ['Relu', elementwise(() => ({ type: 'relu' }))],
  ['Tanh', elementwise(() => ({ type: 'tanh' }))],
  ['Erf', elementwise(() => ({ type: 'erf' }))],
  ['Softplus', elementwise(() => ({ type: 'softplus' }))],
  ['HardSwish', elementwise(() => ({ type: 'hardswish' }))],
  ['Exp', elementwise(() => ({ type: 'exp' }))],
  ['Sqrt', elementwise(() => ({ type: 'sqrt' }))],
  ['Abs', elementwise(() => ({ type: 'abs' }))],
  ['Elu', elementwise((node) => ({ type: 'elu', alpha: node.float('alpha', 1) }))],
  [
    'HardSigmoid',
    elementwise((node) => ({
      type: 'hardsigmoid',
      alpha: node.float('alpha', 0.2),
      beta: node.float('beta', 0.5),
    })),
  ],
  ['LeakyRelu', leakyRelu],
  ['PRelu', prelu],
  ['Sigmoid', sigmoid],
  ['Gelu', gelu],
  ['Clip', clip],
  ['Max', extremum('max')],
  ['Min', extremum('min')],
  ['Selu', selu],
  ['Celu', celu],
  ['Silu', swish],
  ['Swish', swish],
];
