/**
 * One model as its user sees it: enrol once, then predict.
 * @module
 */
import type { Profile } from '@velum/runtime';
import { modelAddress, parseNameVersion } from './address.ts';
import { DataNames } from './data-names.ts';
import { findModel } from './deployments.ts';
import { type Enrollment, type EnrollOptions, enroll, restore, resume } from './enroll.ts';
import { VelumError } from './errors.ts';
import type { Job } from './job.ts';
import { labelsOf } from './labels.ts';
import { type Prediction, type PredictOptions, predict, submit } from './predict.ts';
import type { Session } from './session.ts';

export class ModelClient {
  readonly #session: Session;
  readonly #ref: string;
  readonly #dataNames = new DataNames();
  #url: string | undefined;
  #enrollment: Enrollment | undefined;

  /** `ref`: a model URL of this server, or `name/version` of a model of one's own. Use `Velum.model`. */
  constructor(session: Session, ref: string) {
    this.#session = session;
    this.#ref = ref;
    if (parseNameVersion(ref) === null) this.#url = modelAddress(session.base, ref);
  }

  /** The model's URL; looks `name/version` up among the account's own models (MODEL_UNKNOWN). */
  async url(): Promise<string> {
    const own = parseNameVersion(this.#ref);
    if (this.#url === undefined && own !== null) {
      const { modelUrl } = await findModel(this.#session, own.name, own.version);
      this.#url = modelAddress(this.#session.base, modelUrl);
    }
    return this.#url!;
  }

  /** The profile of the keys in use; undefined before `enroll`. */
  get profile(): Profile | undefined {
    return this.#enrollment?.profile;
  }

  /**
   * Registers, gets a profile, makes keys and uploads the public ones. Keys of an earlier run in the key
   * store are used again while the service still holds their public halves. Gives itself, for chaining.
   */
  async enroll(options: EnrollOptions = {}): Promise<this> {
    const url = await this.url();
    this.#adopt(await enroll(this.#session, url, await this.#storeId(url), options));
    return this;
  }

  /** True when the last `enroll` or `restore` used existing keys. */
  get reusedKeys(): boolean {
    return this.#enrollment?.reused ?? false;
  }

  /** Fetches the secret key stored under a passphrase at an earlier `enroll`, for instance on a new machine. */
  async restore(passphrase: string, options: Pick<EnrollOptions, 'keyStore' | 'signal'> = {}): Promise<this> {
    const url = await this.url();
    this.#adopt(await restore(this.#session, url, await this.#storeId(url), passphrase, options));
    return this;
  }

  /** Predicts rows of features; the service sees ciphertexts only. NOT_ENROLLED before `enroll`. */
  async predict(rows: ArrayLike<number>[], options: PredictOptions = {}): Promise<Prediction> {
    const enrollment = this.#required();
    return this.#named(options, async (name) =>
      predict(this.#session, await this.url(), enrollment, rows, name, options),
    );
  }

  /** Opens the keys of an earlier run from the key store, without a request. NOT_ENROLLED when there are none. */
  async resume(options: Pick<EnrollOptions, 'keyStore' | 'passphrase'> = {}): Promise<this> {
    this.#adopt(await resume(this.#session, await this.#storeId(await this.url()), options));
    return this;
  }

  /** Starts a prediction of up to `samplesPerRequest` rows and returns at once; `open` its results later. */
  async submit(rows: ArrayLike<number>[], options: Omit<PredictOptions, 'sync'> = {}): Promise<Job> {
    const enrollment = this.#required();
    // the job holds on to its data, so the name is free again when this returns
    return this.#named(options, async (name) =>
      submit(this.#session, await this.url(), enrollment, rows, name, options),
    );
  }

  /** Decrypts the results of a job. */
  async open(result: Uint8Array): Promise<Pick<Prediction, 'predictions' | 'labels'>> {
    const { keys, profile } = this.#required();
    const predictions = await keys.decrypt(result);
    const labels = labelsOf(profile, predictions);
    return { predictions, ...(labels === undefined ? {} : { labels }) };
  }

  /** Leaves the model: the service deletes keys, data and results of this account; so does the key store. */
  async unregister(options: Pick<EnrollOptions, 'keyStore'> = {}): Promise<void> {
    const url = await this.url();
    await this.#session.call('unregister_user', `${url}application/unregister_user`, { method: 'DELETE' });
    await (options.keyStore ?? this.#session.keyStore).remove(await this.#storeId(url));
    this.dispose();
  }

  /** Wipes the keys in memory. The key store and the service keep theirs. */
  dispose(): void {
    this.#enrollment?.keys.dispose();
    this.#enrollment = undefined;
  }

  #named<T>({ dataName }: PredictOptions, work: (name: string) => Promise<T>): Promise<T> {
    return dataName === undefined ? this.#dataNames.with(work) : work(dataName);
  }

  #required(): Enrollment {
    if (this.#enrollment !== undefined) return this.#enrollment;
    throw new VelumError('NOT_ENROLLED', 'there are no keys for this model yet', {
      hint: 'Call enroll() first.',
    });
  }

  #adopt(enrollment: Enrollment): void {
    this.dispose();
    this.#enrollment = enrollment;
  }

  /** Two accounts on one machine have different keys for the same model. */
  async #storeId(url: string): Promise<string> {
    return `${await this.#session.accountId()} ${url}`;
  }
}
