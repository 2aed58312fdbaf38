/**
 * The summary that readers of HE4Cloud's HeProfile know: its names, all scalars as strings, microseconds and
 * bytes. Only for reading: keys are made from the profile itself.
 * @module
 */
import { type Profile, wireSizes } from '@velum/runtime';

export function he4cloudSummary(profile: Profile): Record<string, unknown> {
  const { parameters, keys, input, estimate, batchSize } = profile;
  const sizes = wireSizes(profile);
  const microseconds = estimate.serverMilliseconds * 1000;
  const rotations = keys.evaluation.filter((spec) => 'galois' in spec && spec.galois !== 0);
  return {
    he_conf_req: {
      security_level: '128',
      num_slots: String(2 ** (parameters.logN - 1)),
      multiplication_depth: String(parameters.q.length - 1),
      bootstrappable: 'false',
    },
    public_functions: {
      encrypt: 'true',
      relinearize: String(rotations.length < keys.evaluation.length),
      num_rotation_steps: String(rotations.length),
    },
    measures: {
      predict_cpu_time: String(Math.round(microseconds)),
      input_memory: String(sizes.input(1)),
      output_memory: String(sizes.result(1)),
      context_memory: String(sizes.publicKey + sizes.evaluationKey),
      throughput: microseconds > 0 ? String(Math.round((batchSize * 1e6) / microseconds)) : '-1',
    },
    context_name: 'VELUM_CKKS',
    fit_mode: 'false',
    mode_name: input.packing,
    model_encrypted: 'false',
    optimal_batch_size: String(batchSize),
  };
}
