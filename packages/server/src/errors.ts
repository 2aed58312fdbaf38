/**
 * Every error the API answers with: one table from code to status, title and what to do about it.
 * The REST reference, the OpenAPI document and the problem documents (RFC 9457) are all made from it.
 * @module
 */

import { PROGRAM_ERRORS } from './program-errors.ts';

interface ErrorKind {
  status: number;
  title: string;
  hint: string;
}

export const ERRORS = {
  REQUEST_INVALID: {
    status: 400,
    title: 'The request is malformed',
    hint: 'Compare the request with the REST reference at /docs; `detail` names the field.',
  },
  NAME_INVALID: {
    status: 400,
    title: 'A name or version is not allowed',
    hint: 'Use 1 to 64 characters out of A-Z a-z 0-9 . _ - for model names, versions and data names.',
  },
  PROFILE_OPTIONS_INVALID: {
    status: 400,
    title: 'The profile options are not understood',
    hint: 'Send an empty body, or JSON such as {"batchSize": 16, "activation": "client"}.',
  },
  UNAUTHENTICATED: {
    status: 401,
    title: 'An API token is needed',
    hint: 'Send `Authorization: Bearer <API token>`; get one by POST /api/v0.1/sessions or `velum login`.',
  },
  TOKEN_INVALID: {
    status: 401,
    title: 'The API token is not known',
    hint: 'It was revoked or mistyped. Sign in again by POST /api/v0.1/sessions or `velum login`.',
  },
  TOKEN_EXPIRED: {
    status: 401,
    title: 'The API token has expired',
    hint: 'Sign in again, or create a named token with a longer life by POST /api/v0.1/tokens.',
  },
  SIGN_IN_FAILED: {
    status: 401,
    title: 'Username or password is wrong',
    hint: 'Check both; sign up by POST /api/v0.1/accounts when there is no account yet.',
  },
  PASSWORD_WRONG: {
    status: 403,
    title: 'The password is wrong',
    hint: 'Deleting an account needs its password in the body: {"password": "…"}.',
  },
  LINK_INVALID: {
    status: 403,
    title: 'The upload link is not valid',
    hint: 'Use the link exactly as it was given, or ask for a new one.',
  },
  LINK_EXPIRED: {
    status: 403,
    title: 'The upload link has expired',
    hint: 'Ask for a new link and start the upload within its life time (60 seconds by default).',
  },
  QUOTA_EXCEEDED: {
    status: 403,
    title: 'A quota of the account is used up',
    hint: '`detail` names the quota; GET /api/v0.1/usage shows use and limits. Delete what is no longer needed, or ask the operator.',
  },
  ROUTE_NOT_FOUND: {
    status: 404,
    title: 'There is no such path or method',
    hint: 'The routes are listed at /docs and in /openapi.json.',
  },
  METHOD_NOT_ALLOWED: {
    status: 405,
    title: 'The path has no such method',
    hint: 'Use a method that the Allow header names; the routes are listed at /docs.',
  },
  MODEL_NOT_FOUND: {
    status: 404,
    title: 'There is no such model',
    hint: 'Check the model URL with the owner of the model; it may have been undeployed.',
  },
  NOT_REGISTERED: {
    status: 404,
    title: 'This account is not registered with the model',
    hint: 'POST {model_url}application/register_user first.',
  },
  PROFILE_MISSING: {
    status: 404,
    title: 'There is no profile yet',
    hint: 'POST {model_url}add_profile first.',
  },
  KEY_NOT_FOUND: {
    status: 404,
    title: 'This key has not been uploaded',
    hint: 'Upload it for the current profile: POST {model_url}upload/…_url, then PUT to the link.',
  },
  DATA_NOT_FOUND: {
    status: 404,
    title: 'There is no data of this name',
    hint: 'Upload it first: POST {model_url}{data_name}/upload/data_url, then PUT to predictDataUrl.',
  },
  JOB_NOT_FOUND: {
    status: 404,
    title: 'There is no such job',
    hint: 'GET /api/v0.1/jobs lists the jobs of this account.',
  },
  TOKEN_NOT_FOUND: {
    status: 404,
    title: 'There is no such token',
    hint: 'GET /api/v0.1/tokens lists the tokens of this account.',
  },
  UPLOAD_STALLED: {
    status: 408,
    title: 'The upload stopped sending',
    hint: 'Ask for a new link and try again; nothing of the attempt was kept.',
  },
  USERNAME_TAKEN: {
    status: 409,
    title: 'The username is taken',
    hint: 'Choose another username, or sign in when the account is yours.',
  },
  EMAIL_TAKEN: {
    status: 409,
    title: 'The e-mail address belongs to another account',
    hint: 'Sign in with that account, or use another address.',
  },
  MODEL_EXISTS: {
    status: 409,
    title: 'This model name and version is deployed already',
    hint: 'Deploy under another version, or DELETE …/undeploy_model first (this deletes its users\u2019 keys and data).',
  },
  KEYS_MISSING: {
    status: 409,
    title: 'Keys of the current profile are missing',
    hint: 'Upload the keys named in `detail`; a new profile needs new keys.',
  },
  LINK_USED: {
    status: 409,
    title: 'The upload link has been used',
    hint: 'A link works for one completed upload. Ask for a new one.',
  },
  LINK_BUSY: {
    status: 409,
    title: 'An upload through this link is in progress',
    hint: 'Wait for it to end, or ask for another link.',
  },
  KEY_PROFILE_MISMATCH: {
    status: 409,
    title: 'The upload was made for another profile',
    hint: 'GET {model_url}get_profile and make keys and data for that profile; a new add_profile replaces the old one.',
  },
  JOB_NOT_FINISHED: {
    status: 409,
    title: 'The job has not finished',
    hint: 'Poll {job_url}check_status until it is no longer Running.',
  },
  JOB_CANCELLED: {
    status: 409,
    title: 'The job was cancelled',
    hint: 'Start the prediction again.',
  },
  JOB_FINISHED: {
    status: 409,
    title: 'The job has finished already',
    hint: 'There is nothing left to cancel; fetch {job_url}get_results.',
  },
  RESULT_EXPIRED: {
    status: 410,
    title: 'The result has expired',
    hint: 'Results are kept for a limited time. Start the prediction again.',
  },
  BODY_TOO_LARGE: {
    status: 413,
    title: 'The body is too large',
    hint: '`detail` gives the limit of this route.',
  },
  UPLOAD_TOO_LARGE: {
    status: 413,
    title: 'The upload is larger than the link allows',
    hint: 'The link is bound to the size that the profile needs. Was the file made for this model and profile?',
  },
  MEDIA_TYPE_UNSUPPORTED: {
    status: 415,
    title: 'The content type does not fit this route',
    hint: '`detail` names the content type that is expected.',
  },
  MODEL_MISSING: {
    status: 422,
    title: 'No model file was sent',
    hint: 'Send multipart/form-data with the model in the file part model_file_1 (and model_file_2, model_file_3).',
  },
  MODEL_UNRECOGNISED: {
    status: 422,
    title: 'The files are no model that can be deployed',
    hint: '`findings` says what each importer found. Supported: scikit-learn linear models as JSON, Keras Sequential JSON with HDF5 weights, ONNX.',
  },
  MODEL_REFUSED: {
    status: 422,
    title: 'The model was recognised but cannot be compiled',
    hint: '`reason` carries the code and the text of the compiler.',
  },
  PART_UNKNOWN: {
    status: 422,
    title: 'The form has a part that is not known',
    hint: 'Known parts: model_file_1, model_file_2, model_file_3, model_file, model_json, model_type, model_requirements, model_hyperparams, composite.',
  },
  COMPOSITE_UNSUPPORTED: {
    status: 422,
    title: 'Composite models are not supported',
    hint: 'Send composite=NONE or leave it out.',
  },
  NOT_A_CONTAINER: {
    status: 422,
    title: 'The upload is no Velum container',
    hint: 'Upload the bytes exactly as the client library made them (they start with "VELM").',
  },
  UPLOAD_KIND: {
    status: 422,
    title: 'The upload is of another kind than the link',
    hint: '`detail` names both kinds. Ask for the link that belongs to what is uploaded.',
  },
  SECRET_NOT_WRAPPED: {
    status: 422,
    title: 'The secret key is not wrapped',
    hint: 'The service never stores a plain secret. Wrap it under a passphrase first (the client library and `velum` do), or keep it local.',
  },
  UPLOAD_SIZE: {
    status: 422,
    title: 'The upload has the wrong size',
    hint: 'Upload the whole container exactly as it was made for the current profile.',
  },
  UPLOAD_TRUNCATED: {
    status: 422,
    title: 'The upload is shorter than its header says',
    hint: 'Upload the whole container again through a new link.',
  },
  UPLOAD_CORRUPT: {
    status: 422,
    title: 'The upload does not match its checksum',
    hint: 'Bytes changed on the way or on disk. Make it again and upload it through a new link.',
  },
  JOB_FAILED: {
    status: 422,
    title: 'The job failed because of its input',
    hint: '`reason` carries the code and the text; correct the input and start the prediction again.',
  },
  RATE_LIMITED: {
    status: 429,
    title: 'Too many requests',
    hint: 'Wait as long as the Retry-After header says.',
  },
  INTERNAL: {
    status: 500,
    title: 'Something went wrong in the service',
    hint: 'Try again; report `instance` to the operator when it stays.',
  },
  JOB_CRASHED: {
    status: 500,
    title: 'The job failed in the service',
    hint: '`reason` says how. Start the prediction again; report `instance` to the operator when it stays.',
  },
  SHUTTING_DOWN: {
    status: 503,
    title: 'The service is stopping',
    hint: 'Queued jobs are kept and continue after the restart. Try again in a moment.',
  },
  NOT_READY: {
    status: 503,
    title: 'The service is not ready',
    hint: '`detail` names what is missing.',
  },
  STORAGE_FULL: {
    status: 507,
    title: 'The storage of the service is full',
    hint: 'Nothing of this request was kept. The operator has to make room.',
  },
  ...PROGRAM_ERRORS,
} as const satisfies Record<string, ErrorKind>;

export type ErrorCode = keyof typeof ERRORS;

/** An error that the API answers as a problem document. `extra` members are added to the document. */
export class ApiError extends Error {
  readonly code: ErrorCode;
  readonly extra: Record<string, unknown>;

  constructor(code: ErrorCode, detail: string, extra: Record<string, unknown> = {}, options?: ErrorOptions) {
    super(detail, options);
    this.name = 'ApiError';
    this.code = code;
    this.extra = extra;
  }

  get status(): number {
    return ERRORS[this.code].status;
  }
}

/** The configuration does not work: thrown by startServer before anything listens. */
export class ConfigError extends Error {
  readonly code: string;

  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'ConfigError';
    this.code = code;
  }
}

/** True when the disk (or SQLite's disk) has no room left. */
export function isStorageFull(error: unknown): boolean {
  const e = error as { code?: unknown; errcode?: unknown };
  const SQLITE_FULL = 13;
  return e?.code === 'ENOSPC' || e?.code === 'EDQUOT' || e?.errcode === SQLITE_FULL;
}
