/**
 * The parts of a profile that all packings share. The id and the estimate are filled in at the end.
 * @module
 */
import type { Packing, Profile } from '@velum/runtime';
import type { Lowered } from './lower.ts';
import type { Model } from './model.ts';
import type { CompileOptions } from './requirements.ts';

export interface DraftSpec {
  parameters: Profile['parameters'];
  keys: Profile['keys'];
  packing: Packing;
  level: number;
  scale: number;
  period: number;
  samplesPerRequest: number;
  output: { scale: number; period: number; keep: number };
}

export function draftProfile(
  model: Model,
  lowered: Lowered,
  options: CompileOptions,
  spec: DraftSpec,
): Profile {
  const { parameters, keys, packing, level, scale, period, samplesPerRequest, output } = spec;
  const profile: Profile = {
    format: 'velum-profile',
    version: 1,
    id: '0'.repeat(64),
    scheme: 'ckks',
    parameters,
    keys,
    input: { features: model.inputs, packing, level, scale, period, samplesPerRequest },
    output: { values: model.outputs, activation: lowered.activation, ...output },
    batchSize: options.batchSize ?? 1,
    estimate: {
      serverMilliseconds: 0,
      publicKeyBytes: 0,
      evaluationKeyBytes: 0,
      inputBytes: 0,
      resultBytes: 0,
      error: 0,
    },
  };
  if (model.inputNames) profile.input.names = [...model.inputNames];
  if (options.featureRanges) profile.input.ranges = options.featureRanges.map(([a, b]) => [a, b]);
  if (model.labels) profile.output.labels = [...model.labels];
  if (model.outputs === 1 && lowered.activation === 'sigmoid') profile.output.threshold = 0.5;
  return profile;
}
