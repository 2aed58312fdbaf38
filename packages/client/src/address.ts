/**
 * URLs of the service: the API's base, a model's, a job's. The service names its own objects by absolute
 * URLs; they are rebased onto the base the caller connected to, so that the token goes nowhere else.
 * @module
 */
import { VelumError } from './errors.ts';

export const API_PATH = '/api/v0.1';

/**
 * `http://host:port`, with or without a path prefix and `/api/v0.1`, to the API's base URL without a
 * trailing slash. Throws URL_INVALID for anything but http(s).
 */
export function apiBase(url: string): string {
  let parsed: URL;
  try {
    parsed = new URL(url);
  } catch (cause) {
    throw new VelumError('URL_INVALID', `not a URL: ${JSON.stringify(url)}`, {
      hint: 'Give the server as http://host:port.',
      cause,
    });
  }
  if (parsed.protocol !== 'http:' && parsed.protocol !== 'https:') {
    throw new VelumError('URL_INVALID', `not an http(s) URL: ${JSON.stringify(url)}`, {
      hint: 'Give the server as http://host:port.',
    });
  }
  if (parsed.username !== '' || parsed.password !== '' || parsed.search !== '' || parsed.hash !== '') {
    throw new VelumError(
      'URL_INVALID',
      'the URL of the server must not hold credentials, a query or a fragment',
    );
  }
  const at = parsed.pathname.indexOf(API_PATH);
  const prefix = at >= 0 ? parsed.pathname.slice(0, at) : parsed.pathname.replace(/\/+$/, '');
  return `${parsed.origin}${prefix}${API_PATH}`;
}

/** Whether two URLs are of one server: the same origin, where the names of the loopback interface are one. */
export function sameServer(a: string, b: string): boolean {
  const key = (url: string) => {
    const { protocol, hostname, port } = new URL(url);
    const host = /^(localhost|127\.0\.0\.1|\[::1\]|0\.0\.0\.0)$/.test(hostname) ? 'loopback' : hostname;
    return `${protocol}//${host}:${port}`;
  };
  return key(a) === key(b);
}

/** The path after `/api/v0.1/` of a URL the service gave, put onto `base`. */
export function rebase(base: string, url: string, what: string): string {
  let path: string;
  try {
    path = new URL(url).pathname;
  } catch (cause) {
    throw new VelumError('BAD_RESPONSE', `the server sent no URL for ${what}`, { cause });
  }
  const at = path.indexOf(`${API_PATH}/`);
  if (at < 0) throw new VelumError('BAD_RESPONSE', `the server sent a foreign URL for ${what}: ${url}`);
  return base + path.slice(at + API_PATH.length);
}

const NAME = /^[A-Za-z0-9._-]{1,64}$/;

/** `name/version` to its two parts, or null when the reference is not of that form. */
export function parseNameVersion(ref: string): { name: string; version: string } | null {
  const [name, version, ...rest] = ref.split('/');
  return rest.length === 0 && NAME.test(name) && version !== undefined && NAME.test(version)
    ? { name, version }
    : null;
}

/** Checks a model URL against the server connected to and gives it rebased, with a trailing slash. */
export function modelAddress(base: string, url: string): string {
  let parsed: URL;
  try {
    parsed = new URL(url);
  } catch (cause) {
    throw new VelumError('MODEL_REF_INVALID', `not a model: ${JSON.stringify(url)}`, {
      hint: 'Give a model URL (as printed by `velum deploy`) or name/version of a model of your own.',
      cause,
    });
  }
  if (!sameServer(parsed.href, base)) {
    throw new VelumError(
      'MODEL_ON_OTHER_SERVER',
      `the model is on ${parsed.origin}, but the connection is to ${new URL(base).origin}`,
      {
        hint: 'Connect (sign in) to the server of the model; the token of one server is never sent to another.',
      },
    );
  }
  const match = new RegExp(`${API_PATH.replaceAll('.', '\\.')}/([^/]+)/([^/]+)/([^/]+)/?$`).exec(
    parsed.pathname,
  );
  if (match === null) {
    throw new VelumError('MODEL_REF_INVALID', `not a model URL: ${url}`, {
      hint: `A model URL is SERVER${API_PATH}/{service id}/{name}/{version}/.`,
    });
  }
  return `${base}/${match[1]}/${match[2]}/${match[3]}/`;
}
