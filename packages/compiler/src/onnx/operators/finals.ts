/**
 * Softmax and ArgMax: exact on the client when they are the model's last step, refused anywhere else.
 * @module
 */

import { refuse } from '../draft.ts';
import { type EncryptedOperand, encrypted, type Lower, type Lowering } from '../lowering.ts';
import { countOf, shapeText } from '../shapes.ts';

/** Groups of consecutive classes: the shape the client needs. */
function grouped(node: Lowering, x: EncryptedOperand, axis: number, classes: number): EncryptedOperand {
  const outer = x.shape.slice(0, axis);
  if (countOf(outer) * classes !== countOf(x.shape)) {
    refuse(
      `axis ${axis} of shape ${shapeText(x.shape)} is not the innermost one; transpose the classes to the end`,
    );
  }
  return encrypted(node.encrypted(0).value, [...outer, classes]);
}

const softmax: Lower = (node) => {
  const x = node.encrypted(0);
  if (!node.isFinal) refuse('it is not the last step of the model, and cannot be computed under encryption');
  const coerced = node.opset < 13;
  const axis = node.axis(node.int('axis', coerced ? 1 : -1), x.shape.length);
  // Before opset 13 all dimensions from the axis on are one.
  const classes = coerced ? countOf(x.shape.slice(axis)) : x.shape[axis];
  node.final = { step: 'softmax', operand: grouped(node, x, axis, classes) };
  return [x];
};

const argMax: Lower = (node) => {
  const x = node.encrypted(0);
  if (!node.isFinal) refuse('it is not the last step of the model, and cannot be computed under encryption');
  if (node.int('select_last_index', 0) !== 0) refuse('select_last_index is not supported');
  const axis = node.axis(node.int('axis', 0), x.shape.length);
  node.final = { step: 'argmax', operand: grouped(node, x, axis, x.shape[axis]) };
  return [x];
};

export const FINALS: [string, Lower][] = [
  ['Softmax', softmax],
  ['ArgMax', argMax],
];
