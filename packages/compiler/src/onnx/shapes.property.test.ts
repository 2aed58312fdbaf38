/** Random shapes of the operators whose index arithmetic has corners, against onnxruntime. */
import { test } from 'node:test';
import fc from 'fast-check';
import { assertModel } from './testing/compare.ts';
import { ints, type ModelSpec, weights } from './testing/write-model.ts';

const RUNS = { numRuns: 100, seed: 20261122 };

const check = (arbitrary: fc.Arbitrary<ModelSpec>): Promise<void> =>
  fc.assert(
    fc.asyncProperty(arbitrary, async (spec) => void (await assertModel(spec))),
    RUNS,
  );

const list = (length: number, min: number, max: number) =>
  fc.array(fc.integer({ min, max }), { minLength: length, maxLength: length });

/** Everything that the windows of convolutions and pools depend on; the kernel always fits the padded input. */
const windowed = fc
  .integer({ min: 1, max: 3 })
  .chain((rank) =>
    fc.record({
      kernel: list(rank, 1, 3),
      strides: list(rank, 1, 3),
      dilations: list(rank, 1, 2),
      extra: list(rank, 0, 4),
      pads: list(2 * rank, 0, 2),
      autoPad: fc.constantFrom('NOTSET', 'NOTSET', 'VALID', 'SAME_UPPER', 'SAME_LOWER'),
    }),
  )
  .map(({ kernel, strides: steps, dilations: wanted, extra, pads, autoPad }) => {
    // onnxruntime has no dilation with SAME padding: an error in Conv, other sizes than ONNX's in pools.
    const same = autoPad.startsWith('SAME');
    const dilations = same ? wanted.map(() => 1) : wanted;
    // Nor does it take strides beyond the kernel there: its pads would be negative.
    const strides = same ? steps.map((s, d) => Math.min(s, kernel[d])) : steps;
    return {
      kernel,
      size: kernel.map((k, d) => (k - 1) * dilations[d] + 1 + extra[d]),
      attributes: {
        strides,
        dilations,
        ...(autoPad === 'NOTSET' ? { pads } : { auto_pad: autoPad }),
      },
    };
  });

test('Conv', () =>
  check(
    fc
      .record({
        w: windowed,
        group: fc.constantFrom(1, 2, 3),
        inputs: fc.integer({ min: 1, max: 2 }),
        outputs: fc.integer({ min: 1, max: 2 }),
        bias: fc.boolean(),
      })
      .map(({ w, group, inputs, outputs, bias }) => ({
        input: [1, group * inputs, ...w.size],
        constants: {
          w: weights([group * outputs, inputs, ...w.kernel]),
          ...(bias ? { b: weights([group * outputs], 5) } : {}),
        },
        nodes: [
          {
            op: 'Conv',
            inputs: bias ? ['x', 'w', 'b'] : ['x', 'w'],
            attributes: { ...w.attributes, group },
          },
        ],
      })),
  ));

test('ConvTranspose', () =>
  check(
    fc
      .record({ w: windowed, group: fc.constantFrom(1, 2), extra: fc.boolean() })
      .map(({ w, group, extra }) => {
        const { strides, dilations, pads } = w.attributes as {
          strides: number[];
          dilations: number[];
          pads?: number[];
        };
        // Pads of at most half the dilated kernel always leave an output.
        const reach = w.kernel.map((k, d) => Math.floor(((k - 1) * dilations[d]) / 2));
        const fitting = pads?.map((p, i) => Math.min(p, reach[i % reach.length]));
        return {
          input: [1, 2 * group, ...w.size],
          constants: { w: weights([2 * group, 2, ...w.kernel]) },
          nodes: [
            {
              op: 'ConvTranspose',
              inputs: ['x', 'w'],
              attributes: {
                strides,
                dilations,
                group,
                ...(fitting ? { pads: fitting } : {}),
                ...(extra ? { output_padding: strides.map((s) => s - 1) } : {}),
              },
            },
          ],
        };
      }),
  ));

test('AveragePool and MaxPool', () =>
  check(
    fc
      .record({
        w: windowed,
        op: fc.constantFrom('AveragePool', 'MaxPool'),
        ceil: fc.integer({ min: 0, max: 1 }),
        counted: fc.integer({ min: 0, max: 1 }),
      })
      .map(({ w, op, ceil, counted }) => {
        const { pads, ...attributes } = w.attributes as { pads?: number[] };
        const implicit = pads === undefined;
        return {
          opset: 19,
          input: [1, 2, ...w.size],
          nodes: [
            {
              op,
              inputs: ['x'],
              attributes: {
                ...attributes,
                kernel_shape: w.kernel,
                // onnxruntime wants pads below the kernel size.
                ...(implicit
                  ? {}
                  : { pads: pads.map((p, i) => Math.min(p, w.kernel[i % w.kernel.length] - 1)) }),
                ...(implicit ? {} : { ceil_mode: ceil }),
                ...(op === 'AveragePool' ? { count_include_pad: counted } : {}),
              },
            },
          ],
        };
      }),
  ));

const shape = fc.integer({ min: 1, max: 4 }).chain((rank) => list(rank, 1, 4));

test('Pad', () =>
  check(
    shape.chain((input) =>
      fc
        .record({ before: list(input.length, 0, 3), after: list(input.length, 0, 3) })
        .chain(({ before, after }) =>
          fc.constantFrom('constant', 'edge', 'reflect').map((mode) => {
            // A reflection does not repeat the border, so it reaches size - 1 elements.
            const limit = (pads: number[]) =>
              mode === 'reflect' ? pads.map((p, d) => Math.min(p, input[d] - 1)) : pads;
            return {
              input,
              constants: { p: ints(...limit(before), ...limit(after)) },
              nodes: [{ op: 'Pad', inputs: ['x', 'p'], attributes: { mode } }],
            };
          }),
        ),
    ),
  ));

test('Slice', () =>
  check(
    shape.chain((input) =>
      fc
        .record({
          starts: list(input.length, -6, 6),
          lengths: list(input.length, 1, 6),
          steps: fc.array(fc.constantFrom(1, 2, -1, -2), {
            minLength: input.length,
            maxLength: input.length,
          }),
        })
        .map(({ starts, lengths, steps }) => {
          // A start inside keeps the result from being empty; an end beyond the border is clamped.
          const inside = starts.map((s, d) => Math.min(input[d] - 1, Math.max(-input[d], s)));
          const ends = inside.map((s, d) => {
            const from = s < 0 ? s + input[d] : s;
            const to = from + Math.sign(steps[d]) * lengths[d];
            return to < 0 ? to - input[d] - 1 : to;
          });
          return {
            input,
            constants: { s: ints(...inside), e: ints(...ends), a: ints(...input.keys()), t: ints(...steps) },
            nodes: [{ op: 'Slice', inputs: ['x', 's', 'e', 'a', 't'] }],
          };
        }),
    ),
  ));

test('Reshape, then Transpose, then a broadcast Add', () =>
  check(
    shape.chain((input) =>
      fc
        .record({
          order: fc.shuffledSubarray([...input.keys()], { minLength: input.length }),
          free: fc.integer({ min: -1, max: input.length - 1 }),
        })
        .map(({ order, free }) => {
          const flipped = [...input].reverse();
          const to = flipped.map((d, i) => (i === free ? -1 : d));
          const last = flipped[order[order.length - 1]];
          return {
            input,
            constants: { s: ints(...to), c: weights([2, ...input.map(() => 1).slice(1), last]) },
            nodes: [
              { op: 'Reshape', inputs: ['x', 's'], outputs: ['r'] },
              { op: 'Transpose', inputs: ['r'], outputs: ['t'], attributes: { perm: order } },
              { op: 'Add', inputs: ['t', 'c'] },
            ],
          };
        }),
    ),
  ));
