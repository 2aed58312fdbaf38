/** Degrees that the parameters can hold: the search is capped, and gives way where the planner refuses. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { calibrate } from './approximate/index.ts';
import { dense, images, sequential, uniform } from './approximate/testing/networks.ts';
import { calibrateAndPlan } from './calibrate-and-plan.ts';
import type { Graph } from './graph/index.ts';
import { mostLevels } from './graph-plan/plan-graph.ts';

const SIDE = 2;

/** `count` relus, one behind the other, with affine layers around. */
function relus(count: number): Graph {
  const weight = uniform(count);
  const layers = Array.from({ length: count + 1 }, (_, i) => ({
    matrix: dense(SIDE * SIDE, SIDE * SIDE, weight),
    ...(i < count ? { fn: { type: 'relu' as const } } : {}),
  }));
  return sequential([1, SIDE, SIDE], layers);
}

const samples = images(40, SIDE);
/** No degree reaches it: the search goes on to 31 everywhere, and to 13 levels with two relus. */
const target = { outputError: 1e-7 };
/** What thirteen levels cannot give, and fewer can. */
const relativeError = 1.2e-8;

test('where the planner cannot give so many levels at the precision, the search is told to take fewer', async () => {
  assert.equal(calibrate(relus(2), samples, { target }).depth, 3 + 2 * 5);
  const { calibration, plan } = await calibrateAndPlan(relus(2), samples, { target }, { relativeError });
  assert.ok(calibration.depth < 3 + 2 * 5);
  assert.ok(plan.profile.input.level <= calibration.depth);
  assert.ok(plan.profile.estimate.error > 0);
  assert.match(calibration.graph.warnings.join(), /does not reach the target.*maxDepth \d+ allows no more/);
});

test("degrees that are given stay, and the refusal is the planner's", async () => {
  const precise = calibrateAndPlan(relus(2), samples, { degree: 31 }, { relativeError });
  await assert.rejects(precise, { code: 'PRECISION_UNREACHABLE' });
  const deep = calibrateAndPlan(relus(8), samples, { degree: 31 });
  await assert.rejects(deep, { code: 'MODEL_TOO_DEEP', value: 9 + 8 * 5 });
});

test('the search stops at the levels that parameters can have', async () => {
  const { calibration, plan } = await calibrateAndPlan(
    relus(8),
    samples,
    { target },
    { relativeError: 1e-2 },
  );
  assert.ok(calibration.depth <= mostLevels());
  assert.equal(calibration.reached, false);
  assert.ok(plan.profile.parameters.q.length <= mostLevels() + 1);
});

test('a network whose least degrees take more levels than any parameters hold is refused as too deep', async () => {
  const count = 20;
  assert.ok(mostLevels() < count * 2 + count + 1);
  await assert.rejects(calibrateAndPlan(relus(count), samples, { target }), { code: 'MODEL_TOO_DEEP' });
});

test("the caller's own maxDepth is kept, and named when it is too small", async () => {
  const { calibration } = await calibrateAndPlan(relus(2), samples, { target, maxDepth: 8 });
  assert.ok(calibration.depth <= 8);
  const small = calibrateAndPlan(relus(2), samples, { target, maxDepth: 4 });
  await assert.rejects(small, { code: 'CALIBRATION_DEPTH', argument: 'maxDepth' });
});
