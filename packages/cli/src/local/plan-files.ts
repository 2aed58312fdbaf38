/**
 * The calibrated plan of a model: written by keyparams, found again by inference and evaluate from the model's own file, as
 * HE-MAN's commands take the ONNX file.
 * @module
 */
import { open, readdir } from 'node:fs/promises';
import { basename, dirname, extname, join, resolve } from 'node:path';
import { readWireHeader, sha256Hex, WIRE_HEADER_BYTES } from '@velum/fhe';
import { decodePlan, encodePlan, type Plan } from '@velum/runtime';
import { CliError, EXIT } from '../errors.ts';
import { readBytes } from '../files.ts';
import { describeContent } from './command-file.ts';
import type { ModelIdentity } from './key-params.ts';

/** A plan with the model that it was made from, which its JSON carries beside profile and program. */
export interface CalibratedPlan extends Plan {
  model?: ModelIdentity;
}

export const encodeCalibratedPlan = (plan: Plan, model: ModelIdentity): Promise<Uint8Array> =>
  encodePlan({ ...plan, model } as CalibratedPlan);

export interface FoundPlan {
  path: string;
  plan: CalibratedPlan;
  /** The model's own file, when that was given. */
  modelBytes?: Uint8Array;
}

export interface PlanSearch {
  /** A plan, or the model's own file. */
  model: string;
  /** --plan */
  plan?: string;
  /** Directories to look in besides the model's and the working directory. */
  near?: string[];
  /** The keys' profile. */
  profileId?: string;
}

/** @throws CliError PLAN_NOT_FOUND, PLAN_OTHER_KEY, PLAN_OTHER_MODEL, WRONG_FILE; WireError, RuntimeError */
export async function findPlan({ model, plan: named, near = [], profileId }: PlanSearch): Promise<FoundPlan> {
  const bytes = await readBytes(model);
  if (isPlan(bytes)) {
    const plan = await decode(model, bytes);
    checkProfile(model, plan, profileId);
    return { path: model, plan };
  }
  const what = describeContent(bytes);
  if (what !== 'no file of velum' && what !== 'a JSON file')
    throw new CliError(
      'WRONG_FILE',
      `${model} is ${what}, not a model or its plan`,
      EXIT.badInput,
      'Give -m the ONNX file or the .plan that keyparams wrote.',
    );
  const sha256 = await sha256Hex(bytes);
  if (named !== undefined) {
    const plan = await decode(named, await readBytes(named));
    checkModel(named, plan, model, sha256);
    checkProfile(named, plan, profileId);
    return { path: named, plan, modelBytes: bytes };
  }
  const seen: string[] = [];
  for (const path of await candidates(model, near)) {
    const head = await planHead(path);
    if (head === undefined || head.model?.sha256 !== sha256) continue;
    seen.push(path);
    if (profileId === undefined || head.profileId === profileId)
      return { path, plan: await decode(path, await readBytes(path)), modelBytes: bytes };
  }
  throw notFound(model, seen);
}

const isPlan = (bytes: Uint8Array): boolean =>
  describeContent(bytes.subarray(0, WIRE_HEADER_BYTES)) === 'a plan';

/** Where a plan of the model may lie, the likeliest first. */
async function candidates(model: string, near: string[]): Promise<string[]> {
  const directories = [...new Set([dirname(model), ...near, '.'].map((path) => resolve(path)))];
  const stem = basename(model, extname(model));
  const likely = directories.map((directory) => join(directory, `${stem}_calibrated.plan`));
  const others = await Promise.all(
    directories.map(async (directory) => {
      const names = await readdir(directory).catch(() => []);
      return names
        .filter((name) => name.endsWith('.plan'))
        .sort()
        .map((name) => join(directory, name));
    }),
  );
  return [...new Set([...likely, ...others.flat()])];
}

/** Of the JSON at the start of a plan; the arrays after it may be much longer. */
const MAX_HEAD_BYTES = 2 ** 27;

/** Profile id and model of a plan, without reading its constants; undefined for what is no plan. */
async function planHead(path: string): Promise<{ profileId: string; model?: ModelIdentity } | undefined> {
  let file: Awaited<ReturnType<typeof open>> | undefined;
  try {
    file = await open(path);
    const head = new Uint8Array(WIRE_HEADER_BYTES + 4);
    await file.read(head, 0, head.length, 0);
    if (readWireHeader(head).kind !== 'plan') return undefined;
    const length = new DataView(head.buffer).getUint32(WIRE_HEADER_BYTES, true);
    if (length > MAX_HEAD_BYTES) return undefined;
    const json = new Uint8Array(length);
    await file.read(json, 0, length, head.length);
    const { profile, model } = JSON.parse(new TextDecoder().decode(json)) as CalibratedPlan;
    return { profileId: profile.id, model };
  } catch {
    return undefined; // whatever it is, it is not the plan that is looked for
  } finally {
    await file?.close();
  }
}

async function decode(path: string, bytes: Uint8Array): Promise<CalibratedPlan> {
  if (!isPlan(bytes)) {
    const message = `${path} is ${describeContent(bytes)}, not a plan`;
    throw new CliError('WRONG_FILE', message, EXIT.badInput, 'Give the .plan that `velum keyparams` wrote.');
  }
  return decodePlan(bytes);
}

function checkProfile(path: string, { profile }: Plan, profileId: string | undefined): void {
  if (profileId === undefined || profile.id === profileId) return;
  throw new CliError(
    'PLAN_OTHER_KEY',
    `${path} is a plan for other keys than the one given`,
    EXIT.badInput,
    'Keys belong to one run of keyparams: take the plan that it wrote, or make keys for this one with `velum keygen`.',
  );
}

function checkModel(path: string, { model }: CalibratedPlan, given: string, sha256: string): void {
  if (model?.sha256 === sha256) return;
  throw new CliError(
    'PLAN_OTHER_MODEL',
    `${path} was made from another model than ${given}`,
    EXIT.badInput,
    'Run `velum keyparams` again when the model has changed.',
  );
}

function notFound(model: string, otherKeys: string[]): CliError {
  if (otherKeys.length > 0) {
    const message = `the plans of ${model} are for other keys than the one given: ${otherKeys.join(', ')}`;
    return new CliError(
      'PLAN_OTHER_KEY',
      message,
      EXIT.badInput,
      'Make keys for one of them with `velum keygen`, or give the plan of this key with --plan.',
    );
  }
  return new CliError(
    'PLAN_NOT_FOUND',
    `no calibrated plan of ${model} beside it, beside the key or in the working directory`,
    EXIT.badInput,
    'Give --plan, or give the plan itself as -m; `velum keyparams` writes it.',
  );
}
