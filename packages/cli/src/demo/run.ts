/**
 * The demo: an embedded service, a model's owner and a user who trusts neither, through every step of the
 * notebook of the original service, and the answers beside those of the plain model.
 * @module
 */
import { readFile } from 'node:fs/promises';
import { connect, type Prediction, signUp } from '@velum/client/node';
import { importModel, type Model, type ModelFile, predictPlain, readSamples } from '@velum/compiler';
import { type Glimpse, whatTheServerSaw } from './saw.ts';
import { withService } from './service.ts';
import { type Step, StepLog } from './steps.ts';

/** The largest difference between encrypted and plain predictions that the demo accepts. */
export const DEMO_TOLERANCE = 1e-4;
const PATIENTS = 8;
const NAME = 'breast-cancer';

export interface DemoPatient {
  row: number;
  encrypted: number;
  plain: number;
  difference: number;
  predicted: string;
  diagnosis: string;
}

export interface DemoReport {
  model: { name: string; features: number; modelUrl: string };
  steps: Step[];
  serverSaw: Glimpse[];
  patients: DemoPatient[];
  /** Predictions of the synchronous call and of the job on the same samples. */
  maxDifference: number;
  tolerance: number;
  agrees: boolean;
  bytes: Prediction['bytes'];
  times: Prediction['times'] & { demo: number };
}

interface DemoData {
  model: Model;
  modelFile: ModelFile;
  hyperparams: Uint8Array;
  rows: number[][];
  diagnoses: number[];
}

const file = async (name: string): Promise<ModelFile> => ({
  name,
  bytes: new Uint8Array(await readFile(new URL(`../../demo/${name}`, import.meta.url))),
});

/** The shipped model and held-out patients; see demo/PROVENANCE.md. */
async function demoData(): Promise<DemoData> {
  const modelFile = await file(`${NAME}.lr.json`);
  const { rows } = await readSamples(await file(`${NAME}.test.csv`));
  const labels = await readSamples(await file(`${NAME}.labels.csv`));
  return {
    model: await importModel([modelFile]),
    modelFile,
    hyperparams: (await file(`${NAME}.hyperparams.json`)).bytes,
    rows: rows.slice(0, PATIENTS),
    diagnoses: labels.rows.slice(0, PATIENTS).map((row) => row[0]),
  };
}

/** Runs the demo; `onStep` hears of every step as it ends. Leaves nothing behind. */
export const runDemo = (onStep: (step: Step) => void = () => {}): Promise<DemoReport> =>
  withService(({ url, dataDir }) => walk(url, dataDir, onStep));

async function walk(url: string, dataDir: string, onStep: (step: Step) => void): Promise<DemoReport> {
  const start = performance.now();
  const log = new StepLog(onStep);
  const data = await demoData();

  // accounts of this run alone: random passwords, gone with the directory
  const owner = await account(url, 'owner', log);
  const { modelUrl } = await owner.deploy({
    name: NAME,
    version: 'v1',
    files: [data.modelFile],
    hyperparams: data.hyperparams,
  });

  const user = await account(url, 'user', log);
  await user.info();
  const passphrase = crypto.randomUUID();
  const model = user.model(modelUrl);
  await model.enroll({ batchSize: PATIENTS, passphrase });
  const prediction = await model.predict(data.rows);
  const again = await model.predict(data.rows, { sync: false });
  const serverSaw = await whatTheServerSaw(dataDir, ['input', 'result']);

  // another machine of the same user: no keys but those under the passphrase
  const elsewhere = user.model(modelUrl);
  await elsewhere.restore(passphrase);
  elsewhere.dispose();

  const features = data.model.inputs;
  const patients = compare(data, prediction);
  await model.unregister();
  await owner.undeploy(NAME, 'v1');
  const differences = [prediction, again].flatMap((p) =>
    compare(data, p).map((patient) => patient.difference),
  );
  const maxDifference = Math.max(...differences);
  return {
    model: { name: `${NAME} (logistic regression)`, features, modelUrl },
    steps: log.steps,
    serverSaw,
    patients,
    maxDifference,
    tolerance: DEMO_TOLERANCE,
    agrees: maxDifference <= DEMO_TOLERANCE,
    bytes: prediction.bytes,
    times: { ...prediction.times, demo: performance.now() - start },
  };
}

async function account(url: string, username: 'owner' | 'user', log: StepLog) {
  const onStep = log.tracer(username);
  const password = crypto.randomUUID();
  const { token } = await signUp(url, { username, email: `${username}@example.org`, password }, { onStep });
  return connect(url, token, { onStep });
}

function compare({ model, rows, diagnoses }: DemoData, { predictions, labels }: Prediction): DemoPatient[] {
  return rows.map((row, k) => {
    const [encrypted] = predictions[k];
    const [plain] = predictPlain(model, row);
    return {
      row: k,
      encrypted,
      plain,
      difference: Math.abs(encrypted - plain),
      predicted: diagnosisName(labels?.[k] ?? (encrypted > 0.5 ? 1 : 0)),
      diagnosis: diagnosisName(diagnoses[k]),
    };
  });
}

/** Classes of the data set as scikit-learn numbers them. */
function diagnosisName(label: string | number): string {
  return String(label) === '0' ? 'malignant' : 'benign';
}
