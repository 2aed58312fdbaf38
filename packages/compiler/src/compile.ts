/**
 * From a model to a plan: packing, parameters and keys for a wanted batch and precision.
 * @module
 */
import { type Plan, profileId, wireSizes } from '@velum/runtime';
import { estimateMilliseconds } from './cost.ts';
import { CompileError } from './errors.ts';
import { lowerModel } from './lower.ts';
import { type Model, validateModel } from './model.ts';
import { linearMatrix, planCoefficients } from './plan-coefficients.ts';
import { planSlots, simulatedError } from './plan-slots.ts';
import { type CompileOptions, checkOptions } from './requirements.ts';

/**
 * Compiles a model.
 * @throws ModelError, CompileError REQUIREMENTS_INVALID, RANGES_SHAPE, ACTIVATION_ON_SERVER, MODEL_TOO_DEEP,
 *   PRECISION_UNREACHABLE, NOTHING_TO_COMPUTE
 */
export async function compileModel(model: Model, options: CompileOptions = {}): Promise<Plan> {
  validateModel(model);
  checkOptions(options);
  const lowered = lowerModel(model, options);
  if (lowered.layers.length === 0) {
    throw new CompileError(
      'NOTHING_TO_COMPUTE',
      'the model has no layer that needs the server; apply the activation where the data is',
      { argument: 'layers', value: 0 },
    );
  }
  const matrix = linearMatrix(lowered);
  const plan = matrix ? planCoefficients(model, lowered, matrix, options) : slotPlan(model, lowered, options);
  const sizes = wireSizes(plan.profile);
  const rows = Math.min(plan.profile.batchSize, plan.profile.input.samplesPerRequest);
  plan.profile.estimate = {
    serverMilliseconds: round(requestMilliseconds(plan, rows), 2),
    publicKeyBytes: sizes.publicKey,
    evaluationKeyBytes: sizes.evaluationKey,
    inputBytes: sizes.input(rows),
    resultBytes: sizes.result(rows),
    error: round(simulatedError(plan, lowered), 2),
  };
  plan.profile.id = await profileId(plan.profile);
  return plan;
}

/** Server time for a request with `rows` samples. */
export function requestMilliseconds(plan: Plan, rows: number): number {
  const unit = estimateMilliseconds(plan);
  const { packing, images = 1 } = plan.profile.input;
  if (packing === 'slots') return unit * rows;
  if (packing === 'graph') return unit * Math.ceil(rows / images);
  return unit * Math.max(1, Math.ceil(rows / 2 ** (plan.profile.parameters.logN - 1)));
}

/** One sample at a time, unless the batch is large enough for a feature a ciphertext to be faster. */
function slotPlan(model: Model, lowered: ReturnType<typeof lowerModel>, options: CompileOptions): Plan {
  const batch = options.batchSize ?? 1;
  if (batch === 1) return planSlots(model, lowered, 'slots', options);
  const plans = (['slots', 'batch'] as const).map((packing) => planSlots(model, lowered, packing, options));
  return plans.reduce((best, plan) =>
    requestMilliseconds(plan, batch) < requestMilliseconds(best, batch) ? plan : best,
  );
}

function round(value: number, digits: number): number {
  return Number(value.toPrecision(digits));
}
