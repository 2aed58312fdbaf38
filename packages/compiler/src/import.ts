/**
 * From uploaded files to a model: every importer looks at them, and when none takes them the error says what
 * each one found.
 * @module
 */

import { type Finding, ImportError, ModelError } from './errors.ts';
import { importKeras } from './import-keras.ts';
import { type Attempt, importSklearnLinear, importSklearnLogistic } from './import-sklearn.ts';
import { type Model, validateModel } from './model.ts';
import { FILE_LIMITS, type InspectedFile, inspectFile, type ModelFile } from './model-files.ts';

const IMPORTERS: { name: Model['source']; run: (files: InspectedFile[]) => Attempt | Promise<Attempt> }[] = [
  { name: 'sklearn-logistic', run: importSklearnLogistic },
  { name: 'sklearn-linear', run: importSklearnLinear },
  { name: 'keras', run: importKeras },
];

/**
 * Imports a model from its files. Content decides: names and order do not matter.
 * @throws ImportError NO_FILES, TOO_MANY_FILES, FILE_TOO_LARGE, MODEL_PICKLE, MODEL_UNRECOGNISED (with
 *   `findings`), MODEL_INVALID, and the codes of the importer that recognised the files
 */
export async function importModel(files: ModelFile[]): Promise<Model> {
  if (files.length === 0) {
    throw new ImportError(
      'NO_FILES',
      'files is empty: give the model file, and its weights if they are apart',
      {
        argument: 'files',
        value: 0,
      },
    );
  }
  if (files.length > FILE_LIMITS.files) {
    const message = `files has ${files.length} entries: give at most ${FILE_LIMITS.files}`;
    throw new ImportError('TOO_MANY_FILES', message, { argument: 'files', value: files.length });
  }
  const inspected = files.map(inspectFile);
  const findings: Finding[] = [];
  for (const { name, run } of IMPORTERS) {
    const attempt = await run(inspected);
    if ('model' in attempt) return checked(attempt.model);
    findings.push({ importer: name, reason: attempt.reason });
  }
  for (const file of inspected) {
    if (file.kind === 'other')
      findings.push({ importer: 'files', reason: `"${file.name}": ${file.problem}` });
  }
  const message =
    'no importer recognises these files as a model; give scikit-learn JSON, or Keras Sequential JSON with HDF5 weights:';
  throw new ImportError('MODEL_UNRECOGNISED', message, { argument: 'files', findings });
}

function checked(model: Model): Model {
  try {
    validateModel(model);
  } catch (error) {
    if (!(error instanceof ModelError)) throw error;
    const { argument, value } = error;
    throw new ImportError('MODEL_INVALID', error.message, { argument, value, cause: error });
  }
  return model;
}
