/**
 * Activations that exporters write as a product x * g(x): GELU by erf, SiLU by sigmoid, HardSwish by HardSigmoid or
 * ReLU6. As one function they take one polynomial; as they stand they would take a polynomial and a product.
 * @module
 */

import type { ValueId } from '../graph/graph.ts';
import type { Draft, Uniform } from './draft.ts';

/** Constants in files are rounded to single precision, or written with few digits. */
const close = (a: number, b: number): boolean => Math.abs(a - b) <= 1e-4 * Math.max(1, Math.abs(b));

/** A value equal to left * right as one function, or undefined when it is none of these. */
export function gatedFunction(
  draft: Draft,
  name: string,
  left: ValueId,
  right: ValueId,
): ValueId | undefined {
  return gated(draft, name, left, right) ?? gated(draft, name, right, left);
}

function gated(draft: Draft, name: string, x: ValueId, gate: ValueId): ValueId | undefined {
  const linear = draft.uniform(x);
  const outer = draft.uniform(gate);
  const made = draft.functionAt(outer.root);
  if (linear.shift !== 0 || !made) return undefined;
  const inner = draft.uniform(made.value);
  if (inner.root !== linear.root || inner.scale === 0) return undefined;
  const found = recognise(draft, name, made, inner, outer);
  return found && draft.scaled(name, found.value, found.factor * linear.scale * outer.scale);
}

/** With t = inner.root, gate = outer(fn(inner(t))): a value v and a factor with t * gate / outer.scale = factor * v. */
function recognise(
  draft: Draft,
  name: string,
  made: NonNullable<ReturnType<Draft['functionAt']>>,
  inner: Uniform,
  outer: Uniform,
): { value: ValueId; factor: number } | undefined {
  const { fn, value } = made;
  const plain = inner.shift === 0 && outer.shift === 0;
  // t sigmoid(s t) = silu(s t) / s
  if (fn.type === 'sigmoid' && plain) {
    return { value: draft.fn(name, value, { type: 'silu' }), factor: 1 / inner.scale };
  }
  // t (1 + erf(s t)) = 2 gelu(z) t / z for z = sqrt(2) s t
  if (fn.type === 'erf' && inner.shift === 0 && close(outer.shift, outer.scale)) {
    const ratio = Math.SQRT2 * inner.scale;
    const z = close(ratio, 1) ? inner.root : draft.scaled(name, inner.root, ratio);
    return { value: draft.fn(name, z, { type: 'gelu' }), factor: close(ratio, 1) ? 2 : 2 / ratio };
  }
  if (fn.type === 'hardsigmoid' && plain && close(fn.alpha * inner.scale, 1 / 6) && close(fn.beta, 0.5)) {
    return { value: draft.fn(name, inner.root, { type: 'hardswish' }), factor: 1 };
  }
  // t relu6(t + 3) = 6 hardswish(t)
  const relu6 = fn.type === 'clip' && fn.min === 0 && fn.max === 6;
  if (relu6 && outer.shift === 0 && close(inner.scale, 1) && close(inner.shift, 3)) {
    return { value: draft.fn(name, inner.root, { type: 'hardswish' }), factor: 6 };
  }
  return undefined;
}
