/**
 * From the uploaded files of a deployment to a stored plan.
 * @module
 */
import { compileFiles, type ModelFile, parseRequirements } from '@velum/compiler';
import { encodePlan } from '@velum/runtime';
import type { BlobStore } from '../blobs/store.ts';
import type { CompileResult, CompileTask } from './protocol.ts';

const MODEL_PART = /^model_(file(_[123])?|json)$/;

export async function compileTask(blobs: BlobStore, task: CompileTask): Promise<CompileResult> {
  const files: ModelFile[] = [];
  const side: { requirements?: Uint8Array; hyperparams?: Uint8Array } = {};
  for (const { part, name, blob } of task.files) {
    const bytes = await blobs.read(blob);
    if (MODEL_PART.test(part)) files.push({ name, bytes });
    else if (part === 'model_requirements') side.requirements = bytes;
    else if (part === 'model_hyperparams') side.hyperparams = bytes;
    // model_type only names what the content says anyway.
  }
  const compiled = await compileFiles(files, { ...parseRequirements(side), ...task.options });
  const { plan } = compiled;
  const { bytes } = await blobs.put(task.planBlob, [await encodePlan(plan)]);
  return {
    profile: plan.profile,
    planBytes: bytes,
    source: compiled.source,
    inputs: compiled.inputs,
    outputs: compiled.outputs,
  };
}
