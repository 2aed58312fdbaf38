/** @module */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { VelumError } from '@velum/client/node';
import { RuntimeError } from '@velum/runtime';
import { CliError, EXIT, reportOf } from './errors.ts';

test('exit codes by what went wrong', () => {
  const cases: [unknown, number][] = [
    [new CliError('USAGE', 'x', EXIT.usage), 2],
    [new VelumError('TOKEN_EXPIRED', 'x', { status: 401 }), 3],
    [new VelumError('LINK_EXPIRED', 'x', { status: 403 }), 3],
    [new VelumError('QUOTA_EXCEEDED', 'x', { status: 403 }), 7],
    [new VelumError('MODEL_NOT_FOUND', 'x', { status: 404 }), 4],
    [new VelumError('MODEL_UNRECOGNISED', 'x', { status: 422 }), 5],
    [new RuntimeError('FEATURE_COUNT', 'x'), 5],
    [new VelumError('NETWORK', 'x'), 6],
    [new VelumError('NOT_READY', 'x', { status: 503 }), 6],
    [new VelumError('STORAGE_FULL', 'x', { status: 507 }), 6],
    [new VelumError('MODEL_EXISTS', 'x', { status: 409 }), 7],
    [new VelumError('RATE_LIMITED', 'x', { status: 429 }), 7],
    [new VelumError('INTERNAL', 'x', { status: 500 }), 1],
    [new VelumError('ABORTED', 'x'), 130],
    [new TypeError('a fault'), 1],
  ];
  for (const [error, exitCode] of cases) assert.equal(reportOf(error).exitCode, exitCode, String(error));
});
