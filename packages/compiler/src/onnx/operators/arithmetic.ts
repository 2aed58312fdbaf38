/**
 * Elementwise arithmetic with broadcasting: sums and scalings are affine, the product of two encrypted tensors is a
 * product node, integer powers are products of least depth.
 * @module
 */

import { identity, selection } from '../../graph/sparse.ts';
import { refuse } from '../draft.ts';
import {
  checkedShape,
  type EncryptedOperand,
  encrypted,
  type Lower,
  type Lowering,
  type Operand,
  shapeOf,
} from '../lowering.ts';
import { gatedFunction } from '../patterns.ts';
import type { Tensor } from '../schema.ts';
import { broadcastMap, broadcastShapes, countOf, sameShape, shapeText } from '../shapes.ts';

function commonShape(operands: Operand[]): number[] {
  let shape = shapeOf(operands[0]);
  for (const operand of operands.slice(1)) {
    shape =
      broadcastShapes(shape, shapeOf(operand)) ??
      refuse(`shapes ${shapeText(shape)} and ${shapeText(shapeOf(operand))} do not broadcast`);
  }
  return checkedShape(shape);
}

/** A constant's values spread to a shape. */
function spread(tensor: Tensor, shape: number[]): Float64Array {
  const map = broadcastMap(tensor.shape, shape);
  return Float64Array.from(map, (i) => tensor.values[i]);
}

const uniformValue = (values: Float64Array): number | undefined =>
  values.length > 0 && values.every((v) => v === values[0]) ? values[0] : undefined;

/** sum_i factors_i operand_i. */
function weightedSum(node: Lowering, operands: Operand[], factors: number[]): Operand[] {
  const shape = commonShape(operands);
  const size = countOf(shape);
  const bias = new Float64Array(size);
  const parts: { operand: EncryptedOperand; factor: number }[] = [];
  operands.forEach((operand, i) => {
    if (operand.kind === 'encrypted') parts.push({ operand, factor: factors[i] });
    else
      spread(operand.tensor, shape).forEach((v, k) => {
        bias[k] += factors[i] * v;
      });
  });
  const shift = uniformValue(bias);
  if (parts.length === 1 && shift !== undefined && countOf(parts[0].operand.shape) === size) {
    return [encrypted(node.draft.scaled(node.name, parts[0].operand.value, parts[0].factor, shift), shape)];
  }
  node.draft.budget.entries(parts.length * size);
  const terms = parts.map(({ operand, factor }) => ({
    value: operand.value,
    matrix: sameShape(operand.shape, shape)
      ? identity(size, factor)
      : selection(
          broadcastMap(operand.shape, shape),
          countOf(operand.shape),
          new Float64Array(size).fill(factor),
        ),
  }));
  return [encrypted(node.draft.affine(node.name, terms, bias), shape)];
}

const all = (node: Lowering): Operand[] => node.inputs.map((_, i) => node.input(i));
const add: Lower = (node) => weightedSum(node, [node.input(0), node.input(1)], [1, 1]);
const sub: Lower = (node) => weightedSum(node, [node.input(0), node.input(1)], [1, -1]);
const neg: Lower = (node) => weightedSum(node, [node.input(0)], [-1]);
const sum: Lower = (node) =>
  weightedSum(
    node,
    all(node),
    node.inputs.map(() => 1),
  );
const mean: Lower = (node) =>
  weightedSum(
    node,
    all(node),
    node.inputs.map(() => 1 / node.inputs.length),
  );

/** x times a constant tensor. */
function scale(node: Lowering, x: EncryptedOperand, shape: number[], factors: Float64Array): Operand[] {
  const uniform = uniformValue(factors);
  if (uniform !== undefined && countOf(x.shape) === countOf(shape)) {
    return [encrypted(node.draft.scaled(node.name, x.value, uniform), shape)];
  }
  node.draft.budget.entries(factors.length);
  const matrix = selection(broadcastMap(x.shape, shape), countOf(x.shape), factors);
  return [encrypted(node.draft.linear(node.name, x.value, matrix), shape)];
}

const mul: Lower = (node) => {
  const [a, b] = [node.input(0), node.input(1)];
  const shape = commonShape([a, b]);
  if (a.kind === 'encrypted' && b.kind === 'encrypted') {
    const left = node.broadcast(a, shape).value;
    const right = node.broadcast(b, shape).value;
    const value =
      gatedFunction(node.draft, node.name, left, right) ?? node.draft.product(node.name, left, right);
    return [encrypted(value, shape)];
  }
  const [x, constants] = a.kind === 'encrypted' ? [a, b] : [b, a];
  if (x.kind !== 'encrypted' || constants.kind !== 'constant') return refuse('both factors are constants');
  return scale(node, x, shape, spread(constants.tensor, shape));
};

const div: Lower = (node) => {
  const a = node.input(0);
  const b = node.input(1);
  if (a.kind !== 'encrypted' || b.kind !== 'constant') {
    return refuse('it divides by encrypted values; only a constant divisor can be computed');
  }
  const shape = commonShape([a, b]);
  const divisors = spread(b.tensor, shape);
  if (divisors.includes(0)) refuse('its divisor has a zero');
  return scale(
    node,
    a,
    shape,
    divisors.map((d) => 1 / d),
  );
};

/** Above this a power of anything but 1 overflows or vanishes. */
const MAX_POWER = 64;

const pow: Lower = (node) => {
  const base = node.input(0);
  if (base.kind !== 'encrypted') return refuse('its exponent is computed from encrypted data');
  const exponents = node.constant(1, 'the exponent');
  const shape = commonShape([base, node.input(1)]);
  const exponent = uniformValue(Float64Array.from(exponents.values));
  if (exponent === undefined) return refuse('its exponents differ from element to element');
  const x = node.broadcast(base, shape);
  if (exponent === 0.5) return [encrypted(node.draft.fn(node.name, x.value, { type: 'sqrt' }), shape)];
  if (!Number.isInteger(exponent) || exponent < 1 || exponent > MAX_POWER) {
    refuse(`its exponent is ${exponent}; whole numbers from 1 to ${MAX_POWER} and 0.5 can be computed`);
  }
  const powers = new Map<number, number>([[1, x.value]]);
  const power = (n: number): number => {
    const known = powers.get(n);
    if (known !== undefined) return known;
    const made = node.draft.product(node.name, power(Math.ceil(n / 2)), power(Math.floor(n / 2)));
    powers.set(n, made);
    return made;
  };
  return [encrypted(power(exponent), shape)];
};

/** Elements of x where the constant condition says so, of y elsewhere. */
const where: Lower = (node) => {
  const condition = node.constant(0, 'the condition');
  const choices = [node.input(1), node.input(2)];
  const shape = commonShape([{ kind: 'constant', tensor: condition }, ...choices]);
  const mask = spread(condition, shape);
  const bias = new Float64Array(countOf(shape));
  const terms: { value: number; matrix: ReturnType<typeof selection> }[] = [];
  choices.forEach((choice, c) => {
    const map = broadcastMap(shapeOf(choice), shape).map((s, i) => ((mask[i] !== 0) === (c === 0) ? s : -1));
    if (choice.kind === 'constant') {
      map.forEach((s, i) => {
        if (s >= 0) bias[i] = choice.tensor.values[s];
      });
    } else {
      node.draft.budget.entries(map.length);
      terms.push({ value: choice.value, matrix: selection(map, countOf(choice.shape)) });
    }
  });
  return [encrypted(node.draft.affine(node.name, terms, bias), shape)];
};

export const ARITHMETIC: [string, Lower][] = [
  ['Add', add],
  ['Sub', sub],
  ['Neg', neg],
  ['Sum', sum],
  ['Mean', mean],
  ['Mul', mul],
  ['Div', div],
  ['Pow', pow],
  ['Where', where],
];
