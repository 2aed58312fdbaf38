/**
 * Models of one's own: deploy, list, undeploy.
 * @module
 */
import { type Profile, parseProfile } from '@velum/runtime';
import { parseNameVersion } from './address.ts';
import { VelumError } from './errors.ts';
import { listOf, stringField } from './json-body.ts';
import type { Session } from './session.ts';

export interface DeployFile {
  name: string;
  bytes: Uint8Array;
}

export interface Deployment {
  name: string;
  version: string;
  /** One to three files: JSON, JSON and weights, ... */
  files: DeployFile[];
  /** HE4Cloud's requirements and hyperparams files (JSON). */
  requirements?: Uint8Array;
  hyperparams?: Uint8Array;
}

export interface DeployedModel {
  name: string;
  version: string;
  modelUrl: string;
  createdAt: string;
}

/** Uploading a model and compiling it; larger than an ordinary request. */
const DEPLOY_TIMEOUT_MS = 600_000;

function part(bytes: Uint8Array): Blob {
  return new Blob([bytes as Uint8Array<ArrayBuffer>], { type: 'application/octet-stream' });
}

export async function deploy(
  session: Session,
  deployment: Deployment,
  signal?: AbortSignal,
): Promise<{ modelUrl: string; profile?: Profile }> {
  const { name, version, files } = deployment;
  checkName(name, version);
  const form = new FormData();
  files.forEach((file, k) => {
    form.append(`model_file_${k + 1}`, part(file.bytes), file.name);
  });
  if (deployment.requirements)
    form.append('model_requirements', part(deployment.requirements), 'requirements');
  if (deployment.hyperparams) form.append('model_hyperparams', part(deployment.hyperparams), 'hyperparams');
  form.append('composite', 'NONE');
  const answer = await session.call('deploy', `${session.base}/${name}/${version}/deploy_model`, {
    method: 'POST',
    body: form,
    accept: 'application/json',
    timeoutMs: DEPLOY_TIMEOUT_MS,
    signal,
  });
  const { model_url: modelUrl, profile } = answer.json() as Record<string, unknown>;
  if (typeof modelUrl !== 'string') throw new VelumError('BAD_RESPONSE', 'the server gave no model_url');
  return { modelUrl, profile: profile === undefined ? undefined : parseProfile(profile) };
}

export async function undeploy(session: Session, name: string, version: string): Promise<void> {
  checkName(name, version);
  await session.call('undeploy', `${session.base}/${name}/${version}/undeploy_model`, { method: 'DELETE' });
}

export async function listModels(session: Session): Promise<DeployedModel[]> {
  const answer = await session.call('models', `${session.base}/models`, { accept: 'application/json' });
  return listOf(answer.json(), 'models').map(parseModel);
}

/** The account's own model of that name and version. */
export async function findModel(session: Session, name: string, version: string): Promise<DeployedModel> {
  try {
    const url = `${session.base}/models/${name}/${version}`;
    const answer = await session.call('model', url, { accept: 'application/json' });
    return parseModel(answer.json() as Record<string, unknown>);
  } catch (cause) {
    if (!(cause instanceof VelumError) || cause.status !== 404) throw cause;
    throw new VelumError('MODEL_UNKNOWN', `you have no model ${name}/${version}`, {
      status: 404,
      hint: 'See `velum models`; a model of someone else is reached by the model URL its owner gives you.',
      cause,
    });
  }
}

function parseModel(model: Record<string, unknown>): DeployedModel {
  return {
    name: stringField(model, 'name'),
    version: stringField(model, 'version'),
    modelUrl: stringField(model, 'model_url'),
    createdAt: stringField(model, 'created_at'),
  };
}

function checkName(name: string, version: string): void {
  if (parseNameVersion(`${name}/${version}`) === null) {
    throw new VelumError('MODEL_REF_INVALID', `not a model name and version: ${name} ${version}`, {
      hint: 'Both are 1 to 64 characters of A-Z a-z 0-9 . _ -',
    });
  }
}
