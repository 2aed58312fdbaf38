/**
 * scikit-learn linear models in the JSON of the sklearn-json package: logistic regression ("meta": "lr") and
 * the linear regressions, which are also accepted as a bare {coef_, intercept_}.
 * @module
 */

import { ImportError } from './errors.ts';
import { type Layer, MODEL_LIMITS, type Model } from './model.ts';
import type { InspectedFile } from './model-files.ts';

/** A model, or why these files are none of this importer's. */
export type Attempt = { model: Model } | { reason: string };

type JsonObject = Record<string, unknown>;

const LINEAR_META = ['linear-regression', 'ridge-regression', 'lasso-regression', 'elasticnet-regression'];

/** @throws ImportError SKLEARN_FIELD, WEIGHTS_SHAPE, WEIGHTS_NOT_FINITE when the model is recognised but broken */
export function importSklearnLogistic(files: InspectedFile[]): Attempt {
  const found = findModel(files);
  if ('reason' in found) return found;
  const { json, name } = found;
  const params = isObject(json.params) ? json.params : {};
  if (json.meta !== undefined && json.meta !== 'lr') return { reason: otherMeta(name, json.meta) };
  if (params.loss !== undefined) {
    return {
      reason: `"${name}" was trained with loss ${JSON.stringify(params.loss)}, as linear SVMs are: its scores are no log-odds; use LogisticRegression`,
    };
  }
  if (json.classes_ === undefined) return { reason: `"${name}" has no classes_, so it is no classifier` };
  const { rows, inputs } = readCoefficients(json);
  const bias = readIntercept(json, rows.length);
  const labels = readLabels(json.classes_, rows.length);
  const binary = rows.length === 1;
  if (!binary && (params.multi_class === 'ovr' || params.solver === 'liblinear')) {
    return {
      reason: `"${name}" is a one-vs-rest classifier of ${rows.length} classes, whose probabilities are no softmax; train without multi_class="ovr" and liblinear`,
    };
  }
  // For two classes trained as multinomial, scikit-learn takes the softmax of (-score, score), which is the
  // sigmoid of twice the score.
  const factor = binary && params.multi_class === 'multinomial' ? 2 : 1;
  return {
    model: {
      source: 'sklearn-logistic',
      inputs,
      outputs: rows.length,
      ...readNames(json, inputs),
      labels,
      layers: [
        dense(rows, bias, inputs, factor),
        { kind: 'activation', name: binary ? 'sigmoid' : 'softmax' },
      ],
    },
  };
}

/** @throws ImportError SKLEARN_FIELD, WEIGHTS_SHAPE, WEIGHTS_NOT_FINITE when the model is recognised but broken */
export function importSklearnLinear(files: InspectedFile[]): Attempt {
  const found = findModel(files);
  if ('reason' in found) return found;
  const { json, name } = found;
  if (json.meta !== undefined && !LINEAR_META.includes(String(json.meta))) {
    return { reason: otherMeta(name, json.meta) };
  }
  if (json.classes_ !== undefined) return { reason: `"${name}" has classes_, so it is a classifier` };
  const { rows, inputs } = readCoefficients(json);
  const bias = readIntercept(json, rows.length);
  return {
    model: {
      source: 'sklearn-linear',
      inputs,
      outputs: rows.length,
      ...readNames(json, inputs),
      layers: [dense(rows, bias, inputs, 1)],
    },
  };
}

function findModel(files: InspectedFile[]): { json: JsonObject; name: string } | { reason: string } {
  const objects = files.flatMap((f) =>
    f.kind === 'json' && isObject(f.json) ? [{ json: f.json, name: f.name }] : [],
  );
  const candidates = objects.filter(({ json }) => 'coef_' in json && 'intercept_' in json);
  if (candidates.length === 1) return candidates[0];
  if (candidates.length > 1) return { reason: 'more than one file has coef_ and intercept_: give one model' };
  const withMeta = objects.find(({ json }) => typeof json.meta === 'string');
  if (withMeta) return { reason: otherMeta(withMeta.name, withMeta.json.meta) };
  if (objects.length > 0) {
    const keys = Object.keys(objects[0].json).slice(0, 6).join(', ').slice(0, 120);
    return { reason: `"${objects[0].name}" lacks coef_ or intercept_ (it has: ${keys || 'nothing'})` };
  }
  return { reason: 'there is no JSON object among the files' };
}

function otherMeta(name: string, meta: unknown): string {
  return `"${name}" has meta ${JSON.stringify(meta)?.slice(0, 60)}, which this importer does not take`;
}

function readCoefficients(json: JsonObject): { rows: number[][]; inputs: number } {
  const coef = json.coef_;
  if (!Array.isArray(coef) || coef.length === 0) return broken('coef_', coef, 'it must be a non-empty array');
  const rows: unknown[] = Array.isArray(coef[0]) ? coef : [coef];
  if (rows.length > MODEL_LIMITS.units)
    return broken('coef_', rows.length, `at most ${MODEL_LIMITS.units} rows`);
  const inputs = (rows[0] as unknown[]).length;
  if (inputs === 0 || inputs > MODEL_LIMITS.units) {
    return broken('coef_', inputs, `a row must have 1 to ${MODEL_LIMITS.units} weights`);
  }
  rows.forEach((row, r) => {
    if (!Array.isArray(row) || row.length !== inputs) {
      throw shapeError(
        `coef_[${r}]`,
        Array.isArray(row) ? row.length : row,
        `every row must have ${inputs} weights`,
      );
    }
    row.forEach((value, i) => {
      checkNumber(`coef_[${r}][${i}]`, value);
    });
  });
  const declared = json.n_features_in_;
  if (typeof declared === 'number' && declared !== inputs) {
    throw shapeError('n_features_in_', declared, `coef_ has ${inputs} weights per row`);
  }
  return { rows: rows as number[][], inputs };
}

function readIntercept(json: JsonObject, outputs: number): number[] {
  const value = json.intercept_;
  // fit_intercept=False leaves a single 0 whatever the number of outputs.
  const list: unknown[] = Array.isArray(value) ? value : [value];
  const all = list.length === 1 && list[0] === 0 ? new Array<unknown>(outputs).fill(0) : list;
  if (all.length !== outputs) throw shapeError('intercept_', all.length, `coef_ has ${outputs} row(s)`);
  all.forEach((entry, i) => {
    checkNumber(`intercept_[${i}]`, entry);
  });
  return all as number[];
}

function readLabels(classes: unknown, rows: number): (string | number)[] {
  const expected = rows === 1 ? 2 : rows;
  if (!Array.isArray(classes)) return broken('classes_', classes, 'it must be an array');
  if (classes.length !== expected)
    throw shapeError('classes_', classes.length, `coef_ needs ${expected} classes`);
  return classes.map((label: unknown) => {
    if (typeof label === 'boolean') return String(label);
    if (typeof label === 'string' || typeof label === 'number') return label;
    return broken('classes_', label, 'labels must be strings or numbers');
  });
}

function readNames(json: JsonObject, inputs: number): { inputNames?: string[] } {
  const names = json.feature_names_in_;
  if (names === undefined || names === null) return {};
  if (!Array.isArray(names) || !names.every((name) => typeof name === 'string')) {
    return broken('feature_names_in_', names, 'it must be an array of strings');
  }
  if (names.length !== inputs)
    throw shapeError('feature_names_in_', names.length, `coef_ has ${inputs} weights per row`);
  return { inputNames: names };
}

function dense(rows: number[][], bias: number[], inputs: number, factor: number): Layer {
  const weights = Float64Array.from(rows.flat(), (value) => value * factor);
  const shifts = Float64Array.from(bias, (value) => value * factor);
  return { kind: 'dense', name: 'linear', inputs, outputs: rows.length, weights, bias: shifts };
}

function checkNumber(argument: string, value: unknown): void {
  if (typeof value !== 'number') broken(argument, value, 'it must be a number');
  if (!Number.isFinite(value)) {
    const message = `${argument} is ${String(value)}: weights must be finite; train or export again`;
    throw new ImportError('WEIGHTS_NOT_FINITE', message, { argument, value });
  }
}

function shapeError(argument: string, value: unknown, what: string): ImportError {
  const message = `${argument} is ${String(value)} long: ${what}; export the model again`;
  return new ImportError('WEIGHTS_SHAPE', message, { argument, value });
}

function broken(argument: string, value: unknown, what: string): never {
  const shown = JSON.stringify(value)?.slice(0, 60);
  throw new ImportError('SKLEARN_FIELD', `${argument} is ${shown}: ${what}; export the model again`, {
    argument,
    value,
  });
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
