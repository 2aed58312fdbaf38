/**
 * The connection to a service, and everything an account can do with it.
 * @module
 */
import { Tokens } from './account.ts';
import { apiBase } from './address.ts';
import { type DeployedModel, type Deployment, deploy, listModels, undeploy } from './deployments.ts';
import { Job } from './job.ts';
import { listOf } from './json-body.ts';
import { ModelClient } from './model-client.ts';
import { Programs } from './programs.ts';
import { type ConnectOptions, Session } from './session.ts';

/**
 * Connects to the service at `url` (`http://host:port`) with an API token; without one, only the programs of a service in
 * dev can be used. Nothing is sent yet.
 * Throws URL_INVALID.
 */
export function connect(url: string, token: string | undefined, options?: ConnectOptions): Velum {
  return new Velum(new Session(apiBase(url), token, options));
}

export class Velum {
  readonly tokens: Tokens;
  /** Encrypted programs: weight_stats, sleep_quality, ad_targeting. */
  readonly programs: Programs;
  readonly #session: Session;

  constructor(session: Session) {
    this.#session = session;
    this.tokens = new Tokens(session);
    this.programs = new Programs(session);
  }

  /** The API's base URL, without a trailing slash. */
  get url(): string {
    return this.#session.base;
  }

  /** Versions of the service and of its wire format. */
  async info(): Promise<Record<string, unknown>> {
    const answer = await this.#session.call('version', `${this.url}/info/version`, {
      accept: 'application/json',
    });
    return answer.json() as Record<string, unknown>;
  }

  /** A model by its URL, or by `name/version` when it is the account's own. MODEL_REF_INVALID, MODEL_ON_OTHER_SERVER. */
  model(ref: string): ModelClient {
    return new ModelClient(this.#session, ref);
  }

  /** Deploys model files; the weights become a plan that stays on the service. */
  deploy(deployment: Deployment, signal?: AbortSignal): ReturnType<typeof deploy> {
    return deploy(this.#session, deployment, signal);
  }

  /** Removes the model with every user's keys, data and results for it. */
  undeploy(name: string, version: string): Promise<void> {
    return undeploy(this.#session, name, version);
  }

  models(): Promise<DeployedModel[]> {
    return listModels(this.#session);
  }

  job(url: string): Job {
    return new Job(this.#session, url);
  }

  /** The account's jobs as the service lists them. */
  async jobs(): Promise<Record<string, unknown>[]> {
    const answer = await this.#session.call('jobs', `${this.url}/jobs`, { accept: 'application/json' });
    return listOf(answer.json(), 'jobs');
  }
}
