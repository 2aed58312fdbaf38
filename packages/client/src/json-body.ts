/**
 * Fields of the service's JSON answers, checked as they are read.
 * @module
 */
import { VelumError } from './errors.ts';

/** The list under `key`, or the body itself when it is one. */
export function listOf(body: unknown, key: string): Record<string, unknown>[] {
  const list = Array.isArray(body) ? body : (body as Record<string, unknown> | null)?.[key];
  if (!Array.isArray(list)) throw new VelumError('BAD_RESPONSE', `the server sent no list of ${key}`);
  return list;
}

export function stringField(body: Record<string, unknown> | undefined, key: string): string {
  const value = body?.[key];
  if (typeof value !== 'string') throw new VelumError('BAD_RESPONSE', `the server's answer has no ${key}`);
  return value;
}

export function stringOrNull(body: Record<string, unknown>, key: string): string | null {
  const value = body[key];
  return typeof value === 'string' ? value : null;
}
