/**
 * Errors of the program routes: keys, tasks, results. Part of the table in errors.ts.
 * @module
 */
export const PROGRAM_ERRORS = {
  PROGRAM_UNKNOWN: {
    status: 400,
    title: 'There is no such program',
    hint: 'GET /get_use_cases lists the programs; give one of them as task_name.',
  },
  LOCAL_ONLY: {
    status: 403,
    title: 'This server serves its own machine alone',
    hint: 'In environment dev the program routes are open to local clients and local pages. Set VELUM_ENV to staging or prod to serve others.',
  },
  SERVER_KEY_NOT_FOUND: {
    status: 404,
    title: 'There is no such server key',
    hint: 'Upload it by POST /add_key and use the uid of the answer; keys are deleted when their life time ends.',
  },
  TASK_NOT_FOUND: {
    status: 404,
    title: 'There is no such task',
    hint: 'GET /list_current_tasks lists the running tasks of this account; start the task again.',
  },
  OUTPUT_UNKNOWN: {
    status: 404,
    title: 'The program has no such output',
    hint: '`detail` names the outputs; leave `output` out to get all of them.',
  },
  SERVER_KEY_MISMATCH: {
    status: 409,
    title: 'The input is encrypted for another key',
    hint: 'Give the uid of the server key that belongs to the client key of the input.',
  },
  TASK_FINISHED: {
    status: 409,
    title: 'The task has finished already',
    hint: 'There is nothing left to cancel. `task_status` says how it ended: after success or completed GET /get_task_result has the result; after failure start the task again.',
  },
  TASK_CRASHED: {
    status: 409,
    title: 'The task failed in the service',
    hint: '`reason` says how. Start the task again; report `instance` to the operator when it stays.',
  },
  TASK_REVOKED: {
    status: 410,
    title: 'The task was cancelled',
    hint: 'Start the task again.',
  },
  FIELD_MISSING: {
    status: 422,
    title: 'A field of the form is missing',
    hint: '`detail` names it. Files need curl’s @: -F key=@server.key -F encrypted_input=@input.enc.',
  },
  SERVER_KEY_INVALID: {
    status: 422,
    title: 'The upload is no server key',
    hint: '`reason` carries the code and the text. Upload the server key exactly as `velum program keygen` or the client library made it.',
  },
  SECRET_KEY_SENT: {
    status: 422,
    title: 'The upload is a secret key',
    hint: 'Nothing of it was kept, but it has travelled: make new keys (`velum program keygen`), and send the server key or an encrypted input, never client.key.',
  },
  INPUT_REFUSED: {
    status: 422,
    title: 'The encrypted input does not fit the program',
    hint: '`reason` carries the code and the text. Encrypt it for this program, with the client library or `velum program encrypt`.',
  },
  IDEMPOTENCY_KEY_REUSED: {
    status: 422,
    title: 'The Idempotency-Key belongs to another request',
    hint: 'Repeat the same request under the same key, or take a new key for a new request.',
  },
  TASK_FAILED: {
    status: 422,
    title: 'The task failed because of its input or key',
    hint: '`reason` carries the code and the text; correct it and start the task again.',
  },
  QUEUE_UNAVAILABLE: {
    status: 503,
    title: 'The queue cannot be reached',
    hint: 'Nothing of this request was kept; what was queued before waits for the queue. Try again as Retry-After says.',
  },
} as const;
