/**
 * Short ways to write the models of the operator tests.
 * @module
 */
import { describe, test } from 'node:test';
import { assertModel, type CompareOptions } from './compare.ts';
import { type ModelSpec, type NodeSpec, type TensorSpec, weights } from './write-model.ts';

export type Constants = Record<string, TensorSpec>;

/** One node on "x". */
export const single = (
  op: string,
  input: number[],
  attributes: NodeSpec['attributes'] = {},
  constants: Constants = {},
  opset = 17,
): ModelSpec => ({
  opset,
  input,
  constants,
  nodes: [{ op, inputs: ['x', ...Object.keys(constants)], attributes }],
});

export const w = (...shape: number[]): TensorSpec => weights(shape, shape.length + 1);

export const chain = (input: number[], constants: Constants, ...nodes: NodeSpec[]): ModelSpec => ({
  input,
  constants,
  nodes,
});

/** A test for each model: it agrees with onnxruntime. */
export function cases(name: string, specs: Record<string, ModelSpec>, options?: CompareOptions): void {
  describe(name, () => {
    for (const [what, spec] of Object.entries(specs))
      test(what, async () => void (await assertModel(spec, options)));
  });
}
