/**
 * Enrolment: a profile from the service, keys made here, the public halves uploaded. What an earlier run
 * left in the key store is used again while the service still holds the matching keys.
 * @module
 */
import { readWireHeader } from '@velum/fhe';
import { ClientKeys, type Profile, parseProfile, profileId, wireSizes } from '@velum/runtime';
import { VelumError } from './errors.ts';
import type { KeyStore, ProfileRequest, StoredKeys } from './key-store.ts';
import type { Session } from './session.ts';
import { upload } from './upload.ts';
import { unwrapSecret, wrapSecret } from './wrap.ts';

export type EnrollStep = 'generate' | 'upload evaluation key' | 'upload public key' | 'wrap secret';

export interface EnrollOptions extends ProfileRequest {
  /** Stores the secret key on the service, wrapped under this; and wrapped in the key store. */
  passphrase?: string;
  /** Instead of the connection's. */
  keyStore?: KeyStore;
  /** `done` of `total`: rotation keys while generating, bytes while uploading. */
  onProgress?: (step: EnrollStep, done: number, total: number) => void;
  signal?: AbortSignal;
}

export interface Enrollment {
  profile: Profile;
  keys: ClientKeys;
  /** Bytes of the keys as uploaded (now or by an earlier run). */
  keyBytes: number;
  /** True when keys of an earlier run were used again. */
  reused: boolean;
}

/** Enrols the account of the session for the model at `url`; `storeId` is the key store's entry. */
export async function enroll(
  session: Session,
  url: string,
  storeId: string,
  options: EnrollOptions,
): Promise<Enrollment> {
  const { signal } = options;
  const store = options.keyStore ?? session.keyStore;
  await session.call('register_user', `${url}application/register_user`, {
    method: 'POST',
    idempotent: true,
    signal,
  });

  const stored = await store.load(storeId);
  if (stored !== undefined && sameRequest(stored.requested, options)) {
    const profile = await currentProfile(session, url, signal);
    if (
      profile?.id === stored.profile.id &&
      (await uploadedKeyIs(session, url, stored.publicKeySha256, signal))
    ) {
      return reuse(session, url, store, storeId, profile, stored, options);
    }
  }

  await session.call('add_profile', `${url}add_profile`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ batchSize: options.batchSize, activation: options.activation }),
    signal,
  });
  const profile = await fetchProfile(session, url, signal);
  const kernels = await session.kernels();
  const keys = await session.local('make a secret key', async () => ClientKeys.generate(kernels, profile));
  try {
    const keyBytes = await uploadKeys(session, url, storeId, store, profile, keys, options);
    return { profile, keys, keyBytes, reused: false };
  } catch (error) {
    keys.dispose();
    throw error;
  }
}

async function uploadKeys(
  session: Session,
  url: string,
  storeId: string,
  store: KeyStore,
  profile: Profile,
  keys: ClientKeys,
  options: EnrollOptions,
): Promise<number> {
  const { signal, onProgress } = options;
  const report = (step: EnrollStep) =>
    onProgress && ((done: number, total: number) => onProgress(step, done, total));
  const evaluationKey = await session.local('make the evaluation key', () =>
    keys.evaluationKey(report('generate')),
  );
  await upload(session, 'evaluation key', `${url}upload/evaluation_key_url`, evaluationKey, {
    signal,
    onProgress: report('upload evaluation key'),
  });
  const publicKey = await session.local('make the public key', () => keys.publicKey());
  await upload(session, 'public key', `${url}upload/public_key_url`, publicKey, {
    signal,
    onProgress: report('upload public key'),
  });
  let secret = await keys.exportSecret();
  if (options.passphrase !== undefined) {
    report('wrap secret')?.(0, 1);
    secret = await wrapAndUpload(session, url, secret, options.passphrase, signal);
    report('wrap secret')?.(1, 1);
  }
  const { batchSize, activation } = options;
  const { sha256 } = readWireHeader(publicKey);
  await store.save(storeId, {
    profile,
    secret,
    publicKeySha256: sha256,
    requested: { batchSize, activation },
  });
  return evaluationKey.length + publicKey.length;
}

/** Fetches the wrapped secret of the account and unwraps it: the way onto another machine. */
export async function restore(
  session: Session,
  url: string,
  storeId: string,
  passphrase: string,
  options: Pick<EnrollOptions, 'keyStore' | 'signal'> = {},
): Promise<Enrollment> {
  const { signal } = options;
  const profile = await fetchProfile(session, url, signal);
  const wrapped = (await session.call('get_enc_seed', `${url}get_enc_seed`, { signal })).bytes;
  const kernels = await session.kernels();
  const secret = await session.local('unwrap the secret key', () =>
    unwrapSecret(kernels, wrapped, passphrase, profile.id),
  );
  const publicKey = (await session.call('get_enc_key', `${url}get_enc_key`, { signal })).bytes;
  const keys = await ClientKeys.fromSecret(kernels, profile, secret);
  secret.fill(0);
  await (options.keyStore ?? session.keyStore).save(storeId, {
    profile,
    secret: wrapped,
    publicKeySha256: readWireHeader(publicKey).sha256,
    requested: {},
  });
  return { profile, keys, keyBytes: keyBytesOf(profile), reused: true };
}

/** Opens the keys of the key store without asking the service. NOT_ENROLLED when there are none. */
export async function resume(
  session: Session,
  storeId: string,
  { keyStore, passphrase }: Pick<EnrollOptions, 'keyStore' | 'passphrase'>,
): Promise<Enrollment> {
  const stored = await (keyStore ?? session.keyStore).load(storeId);
  if (stored === undefined) {
    throw new VelumError('NOT_ENROLLED', 'there are no keys for this model here', {
      hint: 'Enrol first, or restore the keys with their passphrase.',
    });
  }
  const keys = await openKeys(session, stored, passphrase);
  return { profile: stored.profile, keys, keyBytes: keyBytesOf(stored.profile), reused: true };
}

async function openKeys(
  session: Session,
  stored: StoredKeys,
  passphrase: string | undefined,
): Promise<ClientKeys> {
  const kernels = await session.kernels();
  let { secret } = stored;
  if (readWireHeader(secret).kind === 'wrapped-secret') {
    if (passphrase === undefined) {
      throw new VelumError('PASSPHRASE_NEEDED', 'the stored secret key is under a passphrase', {
        hint: 'Give the passphrase (velum predict --passphrase-file F), or unregister to make new keys.',
      });
    }
    secret = await unwrapSecret(kernels, secret, passphrase, stored.profile.id);
  }
  const keys = await ClientKeys.fromSecret(kernels, stored.profile, secret);
  secret.fill(0);
  return keys;
}

async function reuse(
  session: Session,
  url: string,
  store: KeyStore,
  storeId: string,
  profile: Profile,
  stored: StoredKeys,
  { passphrase, signal }: EnrollOptions,
): Promise<Enrollment> {
  if (passphrase !== undefined && readWireHeader(stored.secret).kind === 'secret') {
    const wrapped = await wrapAndUpload(session, url, stored.secret, passphrase, signal);
    await store.save(storeId, { ...stored, secret: wrapped });
  }
  const keys = await openKeys(session, stored, passphrase);
  return { profile, keys, keyBytes: keyBytesOf(profile), reused: true };
}

/** Uploads the wrapped form and gives it; the plain one stays with the caller. */
async function wrapAndUpload(
  session: Session,
  url: string,
  secret: Uint8Array,
  passphrase: string,
  signal: AbortSignal | undefined,
): Promise<Uint8Array> {
  const kernels = await session.kernels();
  const wrapped = await session.local('wrap the secret key', () => wrapSecret(kernels, secret, passphrase));
  await upload(session, 'wrapped secret key', `${url}upload/encryption_seed_url`, wrapped, { signal });
  return wrapped;
}

async function fetchProfile(session: Session, url: string, signal?: AbortSignal): Promise<Profile> {
  const answer = await session.call('get_profile', `${url}get_profile`, {
    accept: 'application/json',
    signal,
  });
  const profile = parseProfile(profileOf(answer.json()));
  // keys and ciphertexts are bound to the id: it must stand for this content and no other
  if ((await profileId(profile)) !== profile.id) {
    throw new VelumError('BAD_RESPONSE', 'the profile does not have the id it states', {
      hint: 'The service or something on the way altered it; do not send data to it.',
    });
  }
  return profile;
}

/** The service adds a `he4cloud` summary for readers of the original's profile; it is not part of ours. */
function profileOf(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  const { he4cloud: _summary, ...profile } = value as Record<string, unknown>;
  return profile;
}

async function currentProfile(
  session: Session,
  url: string,
  signal?: AbortSignal,
): Promise<Profile | undefined> {
  try {
    return await fetchProfile(session, url, signal);
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

/** Whether the public key the service holds is the one of our secret; only the container's header is read. */
async function uploadedKeyIs(
  session: Session,
  url: string,
  sha256: string,
  signal?: AbortSignal,
): Promise<boolean> {
  try {
    const answer = await session.call('get_enc_key', `${url}get_enc_key`, { signal });
    return readWireHeader(answer.bytes).sha256 === sha256;
  } catch (error) {
    if (isNotFound(error)) return false;
    throw error;
  }
}

function isNotFound(error: unknown): boolean {
  return error instanceof VelumError && (error.status === 404 || error.status === 409);
}

/** Options left open accept whatever profile is there. */
function sameRequest(stored: ProfileRequest, wanted: ProfileRequest): boolean {
  return (
    (wanted.batchSize === undefined || wanted.batchSize === stored.batchSize) &&
    (wanted.activation === undefined || wanted.activation === stored.activation)
  );
}

function keyBytesOf(profile: Profile): number {
  const sizes = wireSizes(profile);
  return sizes.evaluationKey + sizes.publicKey;
}
