/**
 * The client SDK: keys, encryption and the REST calls; for browsers and, through `@velum/client/node`, Node.
 * @module
 */
export { type SignedIn, signIn, signUp, type TokenInfo, type Tokens } from './account.ts';
export { apiBase, sameServer } from './address.ts';
export { fetchKernels } from './browser-kernels.ts';
export type { DeployedModel, DeployFile, Deployment } from './deployments.ts';
export type { EnrollOptions, EnrollStep } from './enroll.ts';
export { type ClientCode, VelumError } from './errors.ts';
export { Job, type JobState, type JobStatus } from './job.ts';
export { type KeyStore, MemoryKeyStore, type ProfileRequest, type StoredKeys } from './key-store.ts';
export { labelsOf } from './labels.ts';
export { ModelClient } from './model-client.ts';
export { type Prediction, type PredictOptions, type PredictStep, shiftWarning } from './predict.ts';
export { MemoryProgramKeyStore, type ProgramKeyStore } from './program-key-store.ts';
export {
  hasEnded,
  ProgramTask,
  successOf,
  type TaskState,
  type TaskStatus,
  taskOutputs,
} from './program-task.ts';
export {
  type ProgramInfo,
  type ProgramKeyInfo,
  type ProgramRun,
  type ProgramRunOptions,
  type ProgramStep,
  Programs,
} from './programs.ts';
export { SCRYPT_DEFAULT, type ScryptParameters, scrypt } from './scrypt.ts';
export type { ConnectOptions, StepTrace } from './session.ts';
export { type ByteProgress, type RawResponse, type Transport, webTransport } from './transport.ts';
export { connect, Velum } from './velum.ts';
export { unwrapSecret, wrapSecret } from './wrap.ts';
