/**
 * Migrations, the same for SQLite and Postgres. A published migration is never edited: add another.
 * @module
 */
import { type Kysely, sql } from 'kysely';
import type { Migration, MigrationProvider } from 'kysely/migration';

type Schema = Kysely<unknown>;

const initial: Migration = {
  async up(db: Schema): Promise<void> {
    await db.schema
      .createTable('accounts')
      .addColumn('id', 'text', (c) => c.primaryKey())
      .addColumn('service_id', 'text', (c) => c.notNull().unique())
      .addColumn('username', 'text', (c) => c.notNull())
      .addColumn('username_key', 'text', (c) => c.notNull().unique())
      .addColumn('email', 'text', (c) => c.notNull())
      .addColumn('email_key', 'text', (c) => c.notNull().unique())
      .addColumn('password', 'text', (c) => c.notNull())
      .addColumn('created_at', 'bigint', (c) => c.notNull())
      .execute();
    await db.schema
      .createTable('tokens')
      .addColumn('id', 'text', (c) => c.primaryKey())
      .addColumn('account_id', 'text', (c) => c.notNull().references('accounts.id').onDelete('cascade'))
      .addColumn('name', 'text', (c) => c.notNull())
      .addColumn('kind', 'text', (c) => c.notNull())
      .addColumn('prefix', 'text', (c) => c.notNull())
      .addColumn('sha256', 'text', (c) => c.notNull().unique())
      .addColumn('created_at', 'bigint', (c) => c.notNull())
      .addColumn('last_used_at', 'bigint')
      .addColumn('expires_at', 'bigint')
      .execute();
    await db.schema.createIndex('tokens_account').on('tokens').column('account_id').execute();
    await db.schema
      .createTable('models')
      .addColumn('id', 'text', (c) => c.primaryKey())
      .addColumn('owner_id', 'text', (c) => c.notNull().references('accounts.id').onDelete('cascade'))
      .addColumn('name', 'text', (c) => c.notNull())
      .addColumn('version', 'text', (c) => c.notNull())
      .addColumn('source', 'text', (c) => c.notNull())
      .addColumn('inputs', 'integer', (c) => c.notNull())
      .addColumn('outputs', 'integer', (c) => c.notNull())
      .addColumn('files', 'text', (c) => c.notNull())
      .addColumn('created_at', 'bigint', (c) => c.notNull())
      .addUniqueConstraint('models_identity', ['owner_id', 'name', 'version'])
      .execute();
    await db.schema
      .createTable('variants')
      .addColumn('id', 'text', (c) => c.primaryKey())
      .addColumn('model_id', 'text', (c) => c.notNull().references('models.id').onDelete('cascade'))
      .addColumn('options', 'text', (c) => c.notNull())
      .addColumn('profile_id', 'text', (c) => c.notNull())
      .addColumn('profile', 'text', (c) => c.notNull())
      .addColumn('plan_blob', 'text', (c) => c.notNull())
      .addColumn('plan_bytes', 'bigint', (c) => c.notNull())
      .addColumn('created_at', 'bigint', (c) => c.notNull())
      .addUniqueConstraint('variants_identity', ['model_id', 'options'])
      .execute();
    await db.schema
      .createTable('enrolments')
      .addColumn('id', 'text', (c) => c.primaryKey())
      .addColumn('model_id', 'text', (c) => c.notNull().references('models.id').onDelete('cascade'))
      .addColumn('account_id', 'text', (c) => c.notNull().references('accounts.id').onDelete('cascade'))
      .addColumn('created_at', 'bigint', (c) => c.notNull())
      .addColumn('profile_uuid', 'text')
      .addColumn('variant_id', 'text', (c) => c.references('variants.id').onDelete('set null'))
      .addColumn('profile_at', 'bigint')
      .addUniqueConstraint('enrolments_identity', ['model_id', 'account_id'])
      .execute();
    await db.schema.createIndex('enrolments_account').on('enrolments').column('account_id').execute();
    await db.schema.createIndex('enrolments_variant').on('enrolments').column('variant_id').execute();
    await db.schema
      .createTable('objects')
      .addColumn('id', 'text', (c) => c.primaryKey())
      .addColumn('enrolment_id', 'text', (c) => c.notNull().references('enrolments.id').onDelete('cascade'))
      .addColumn('account_id', 'text', (c) => c.notNull())
      .addColumn('kind', 'text', (c) => c.notNull())
      .addColumn('name', 'text', (c) => c.notNull())
      .addColumn('blob', 'text', (c) => c.notNull())
      .addColumn('bytes', 'bigint', (c) => c.notNull())
      .addColumn('sha256', 'text', (c) => c.notNull())
      .addColumn('created_at', 'bigint', (c) => c.notNull())
      .addColumn('expires_at', 'bigint')
      .addUniqueConstraint('objects_identity', ['enrolment_id', 'kind', 'name'])
      .execute();
    await db.schema.createIndex('objects_account').on('objects').column('account_id').execute();
    await db.schema.createIndex('objects_blob').on('objects').column('blob').execute();
    await db.schema.createIndex('objects_expiry').on('objects').column('expires_at').execute();
    await db.schema
      .createTable('uploads')
      .addColumn('id', 'text', (c) => c.primaryKey())
      .addColumn('enrolment_id', 'text', (c) => c.notNull().references('enrolments.id').onDelete('cascade'))
      .addColumn('account_id', 'text', (c) => c.notNull())
      .addColumn('profile_uuid', 'text', (c) => c.notNull())
      .addColumn('kind', 'text', (c) => c.notNull())
      .addColumn('name', 'text', (c) => c.notNull())
      .addColumn('profile_id', 'text', (c) => c.notNull())
      .addColumn('max_bytes', 'bigint', (c) => c.notNull())
      .addColumn('exact_bytes', 'bigint')
      .addColumn('expires_at', 'bigint', (c) => c.notNull())
      .addColumn('state', 'text', (c) => c.notNull())
      .execute();
    await db.schema.createIndex('uploads_expiry').on('uploads').column('expires_at').execute();
    await db.schema.createIndex('uploads_enrolment').on('uploads').column('enrolment_id').execute();
    await db.schema
      .createTable('jobs')
      .addColumn('id', 'text', (c) => c.primaryKey())
      .addColumn('account_id', 'text', (c) => c.notNull().references('accounts.id').onDelete('cascade'))
      .addColumn('enrolment_id', 'text', (c) => c.notNull().references('enrolments.id').onDelete('cascade'))
      .addColumn('profile_id', 'text', (c) => c.notNull())
      .addColumn('model_name', 'text', (c) => c.notNull())
      .addColumn('model_version', 'text', (c) => c.notNull())
      .addColumn('owner_id', 'text', (c) => c.notNull())
      .addColumn('data_name', 'text', (c) => c.notNull())
      .addColumn('state', 'text', (c) => c.notNull())
      .addColumn('attempts', 'integer', (c) => c.notNull().defaultTo(0))
      .addColumn('lease_owner', 'text', (c) => c.notNull())
      .addColumn('lease_until', 'bigint', (c) => c.notNull())
      .addColumn('progress', 'double precision', (c) => c.notNull().defaultTo(0))
      .addColumn('reason_code', 'text')
      .addColumn('reason', 'text')
      .addColumn('plan_blob', 'text', (c) => c.notNull())
      .addColumn('public_blob', 'text', (c) => c.notNull())
      .addColumn('evaluation_blob', 'text', (c) => c.notNull())
      .addColumn('input_blob', 'text', (c) => c.notNull())
      .addColumn('bytes_in', 'bigint', (c) => c.notNull())
      .addColumn('result_blob', 'text')
      .addColumn('bytes_out', 'bigint')
      .addColumn('queued_at', 'bigint', (c) => c.notNull())
      .addColumn('started_at', 'bigint')
      .addColumn('finished_at', 'bigint')
      .addColumn('compute_ms', 'double precision')
      .addColumn('expires_at', 'bigint')
      .execute();
    await db.schema.createIndex('jobs_account').on('jobs').columns(['account_id', 'queued_at']).execute();
    await db.schema.createIndex('jobs_enrolment').on('jobs').column('enrolment_id').execute();
    await db.schema.createIndex('jobs_expiry').on('jobs').column('expires_at').execute();
    // Finished jobs pile up; recovery, leases, quotas and reference checks only ever ask for the active ones.
    await db.schema.createIndex('jobs_state').on('jobs').columns(['state', 'account_id']).execute();
    await db.schema
      .createTable('usage')
      .addColumn('owner_id', 'text', (c) => c.notNull())
      .addColumn('account_id', 'text', (c) => c.notNull())
      .addColumn('model_name', 'text', (c) => c.notNull())
      .addColumn('model_version', 'text', (c) => c.notNull())
      .addColumn('day', 'text', (c) => c.notNull())
      .addColumn('predictions', 'bigint', (c) => c.notNull())
      .addColumn('failures', 'bigint', (c) => c.notNull())
      .addColumn('compute_ms', 'double precision', (c) => c.notNull())
      .addColumn('bytes_in', 'bigint', (c) => c.notNull())
      .addColumn('bytes_out', 'bigint', (c) => c.notNull())
      .addPrimaryKeyConstraint('usage_identity', [
        'account_id',
        'day',
        'owner_id',
        'model_name',
        'model_version',
      ])
      .execute();
    await db.schema.createIndex('usage_owner').on('usage').column('owner_id').execute();
  },
};

const programs: Migration = {
  async up(db: Schema): Promise<void> {
    await db.schema.alterTable('jobs').addColumn('claim', 'text').execute();
    // What ran when the server was replaced has lost its process: any claim will do to recover it.
    await sql`update jobs set claim = 'none' where state = 'Running'`.execute(db);
    await db.schema
      .createTable('program_keys')
      .addColumn('id', 'text', (c) => c.primaryKey())
      .addColumn('account_id', 'text', (c) => c.notNull().references('accounts.id').onDelete('cascade'))
      .addColumn('key_id', 'text', (c) => c.notNull())
      .addColumn('blob', 'text', (c) => c.notNull())
      .addColumn('bytes', 'bigint', (c) => c.notNull())
      .addColumn('sha256', 'text', (c) => c.notNull())
      .addColumn('created_at', 'bigint', (c) => c.notNull())
      .addColumn('last_used_at', 'bigint', (c) => c.notNull())
      .addColumn('expires_at', 'bigint', (c) => c.notNull())
      .addUniqueConstraint('program_keys_content', ['account_id', 'sha256'])
      .execute();
    await db.schema.createIndex('program_keys_expiry').on('program_keys').column('expires_at').execute();
    await db.schema
      .createTable('tasks')
      .addColumn('id', 'text', (c) => c.primaryKey())
      .addColumn('account_id', 'text', (c) => c.notNull().references('accounts.id').onDelete('cascade'))
      .addColumn('uid', 'text', (c) => c.notNull())
      .addColumn('task_name', 'text', (c) => c.notNull())
      .addColumn('key_blob', 'text')
      .addColumn('input_blob', 'text', (c) => c.notNull())
      .addColumn('input_sha256', 'text', (c) => c.notNull())
      .addColumn('idempotency_key', 'text')
      .addColumn('state', 'text', (c) => c.notNull())
      .addColumn('attempts', 'integer', (c) => c.notNull().defaultTo(0))
      .addColumn('claim', 'text')
      .addColumn('lease_owner', 'text', (c) => c.notNull())
      .addColumn('lease_until', 'bigint', (c) => c.notNull())
      .addColumn('progress', 'double precision', (c) => c.notNull().defaultTo(0))
      .addColumn('work_done', 'bigint', (c) => c.notNull().defaultTo(0))
      .addColumn('work_total', 'bigint', (c) => c.notNull())
      .addColumn('seconds_left', 'double precision')
      .addColumn('reason_code', 'text')
      .addColumn('reason', 'text')
      .addColumn('bytes_in', 'bigint', (c) => c.notNull())
      .addColumn('result_blob', 'text')
      .addColumn('bytes_out', 'bigint')
      .addColumn('queued_at', 'bigint', (c) => c.notNull())
      .addColumn('started_at', 'bigint')
      .addColumn('finished_at', 'bigint')
      .addColumn('delivered_at', 'bigint')
      .addColumn('compute_ms', 'double precision')
      .addColumn('expires_at', 'bigint')
      .addUniqueConstraint('tasks_idempotency', ['account_id', 'idempotency_key'])
      .execute();
    await db.schema.createIndex('tasks_account').on('tasks').columns(['account_id', 'queued_at']).execute();
    await db.schema.createIndex('tasks_expiry').on('tasks').column('expires_at').execute();
    await db.schema.createIndex('tasks_state').on('tasks').columns(['state', 'account_id']).execute();
  },
};

/** In order; the last name is the schema that this version works with. */
export const MIGRATIONS = { '0001_initial': initial, '0002_programs': programs };

export const migrations: MigrationProvider = {
  async getMigrations() {
    return MIGRATIONS;
  },
};
