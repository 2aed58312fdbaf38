/**
 * The tables, as Kysely sees them. Times are milliseconds since the epoch, JSON is text, identifiers are
 * UUIDs as text: the common ground of SQLite and Postgres, so that one set of migrations serves both.
 * @module
 */
import type { Generated } from 'kysely';

export interface AccountsTable {
  id: string;
  /** The first path segment of this owner's model URLs and of its job URLs. */
  service_id: string;
  username: string;
  /** Lower-cased username: what is unique. */
  username_key: string;
  email: string;
  email_key: string;
  /** PHC string, see accounts/passwords.ts. */
  password: string;
  created_at: number;
}

export interface TokensTable {
  id: string;
  account_id: string;
  name: string;
  kind: 'session' | 'named';
  /** First characters of the token, shown in lists. */
  prefix: string;
  sha256: string;
  created_at: number;
  last_used_at: number | null;
  expires_at: number | null;
}

export interface ModelsTable {
  id: string;
  owner_id: string;
  name: string;
  version: string;
  /** Which importer recognised it, for example `sklearn-logistic`. */
  source: string;
  inputs: number;
  outputs: number;
  /** Every file of the deployment: JSON list of `{ part, name, blob, bytes }`. */
  files: string;
  created_at: number;
}

/** One compiled plan of a model for one set of profile options. */
export interface VariantsTable {
  id: string;
  model_id: string;
  /** Canonical JSON of the options; `{}` is the owner's default. */
  options: string;
  profile_id: string;
  profile: string;
  plan_blob: string;
  plan_bytes: number;
  created_at: number;
}

/** A user of a model, with the current profile. */
export interface EnrolmentsTable {
  id: string;
  model_id: string;
  account_id: string;
  created_at: number;
  /** What `add_profile` answered; null before the first profile. */
  profile_uuid: string | null;
  variant_id: string | null;
  profile_at: number | null;
}

export type ObjectKind = 'evaluation-key' | 'public-key' | 'wrapped-secret' | 'input';

/** What a user has uploaded for the current profile of a model. */
export interface ObjectsTable {
  id: string;
  enrolment_id: string;
  account_id: string;
  kind: ObjectKind;
  /** The data name of an input, empty for keys. */
  name: string;
  blob: string;
  bytes: number;
  sha256: string;
  created_at: number;
  expires_at: number | null;
}

export interface UploadsTable {
  id: string;
  enrolment_id: string;
  account_id: string;
  profile_uuid: string;
  kind: ObjectKind;
  name: string;
  /** The wire profile id (64 hex digits) that the container must carry. */
  profile_id: string;
  max_bytes: number;
  /** Keys have one exact size; null means "anything up to max_bytes". */
  exact_bytes: number | null;
  expires_at: number;
  state: 'open' | 'busy' | 'done';
}

export type JobState = 'Queued' | 'Running' | 'Completed' | 'Failed' | 'Cancelled';

/** What every kind of work has: the state machine, lease and outcome that jobs/rows.ts moves. */
export interface WorkTable {
  id: string;
  account_id: string;
  state: JobState;
  attempts: Generated<number>;
  /** Names the attempt that runs: only its holder may end it, and its result has a place of its own. */
  claim: string | null;
  /** The process that has the work in its queue or computes it, and until when that is believed. */
  lease_owner: string;
  lease_until: number;
  progress: Generated<number>;
  reason_code: string | null;
  reason: string | null;
  input_blob: string;
  bytes_in: number;
  /** Where the result lies; the key of a task's outputs begins with it. Null: none, or expired. */
  result_blob: string | null;
  bytes_out: number | null;
  queued_at: number;
  started_at: number | null;
  finished_at: number | null;
  compute_ms: number | null;
  expires_at: number | null;
}

/** Predictions on deployed models. */
export interface JobsTable extends WorkTable {
  enrolment_id: string;
  /** Wire profile id that every container of the job carries. */
  profile_id: string;
  model_name: string;
  model_version: string;
  owner_id: string;
  data_name: string;
  plan_blob: string;
  public_blob: string;
  evaluation_blob: string;
}

/** Runs of programs. */
export interface TasksTable extends WorkTable {
  /** The server key, or an id of its own for a program that needs none. */
  uid: string;
  task_name: string;
  /** Null: the program needs no key. */
  key_blob: string | null;
  /** SHA-256 of the input. */
  input_sha256: string;
  idempotency_key: string | null;
  /** Bootstraps done, of so many, and the seconds that the rest will take. */
  work_done: Generated<number>;
  work_total: number;
  seconds_left: number | null;
  /** When the result was first fetched. */
  delivered_at: number | null;
}

/** Server keys of programs; their id is the `uid` of the API. */
export interface ProgramKeysTable {
  id: string;
  account_id: string;
  /** The key pair, as the containers name it. */
  key_id: string;
  blob: string;
  bytes: number;
  sha256: string;
  created_at: number;
  last_used_at: number;
  expires_at: number;
}

/** Predictions per user, model and day. Outlives the rows it counts. */
export interface UsageTable {
  owner_id: string;
  account_id: string;
  model_name: string;
  model_version: string;
  /** UTC date, YYYY-MM-DD. */
  day: string;
  predictions: number;
  failures: number;
  compute_ms: number;
  bytes_in: number;
  bytes_out: number;
}

export interface Database {
  accounts: AccountsTable;
  tokens: TokensTable;
  models: ModelsTable;
  variants: VariantsTable;
  enrolments: EnrolmentsTable;
  objects: ObjectsTable;
  uploads: UploadsTable;
  jobs: JobsTable;
  tasks: TasksTable;
  program_keys: ProgramKeysTable;
  usage: UsageTable;
}
