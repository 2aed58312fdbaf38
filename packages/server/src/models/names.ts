/**
 * Names of models, versions and data: they become path segments, so the alphabet is small.
 * @module
 */
import { ApiError } from '../errors.ts';

const NAME = /^[A-Za-z0-9._-]{1,64}$/;

/** Throws ApiError NAME_INVALID; `.` and `..` are refused too: URL parsers would swallow them. */
export function checkName(what: string, name: string): string {
  if (!NAME.test(name) || /^\.+$/.test(name)) {
    throw new ApiError('NAME_INVALID', `${what} ${JSON.stringify(name.slice(0, 80))} is not allowed`);
  }
  return name;
}
