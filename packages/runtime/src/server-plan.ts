/**
 * The server's side: a plan with its constants encoded, and its evaluation on one client's ciphertexts.
 * @module
 */
import {
  addPlaintext,
  ByteReader,
  ByteWriter,
  type Ciphertext,
  Context,
  contentError,
  createParameters,
  Encoder,
  type EvaluationKeys,
  Evaluator,
  openWire,
  type PublicKey,
  readEvaluationKeys,
  readPublicKey,
  readSeeded,
  resultBytes,
  sealWire,
  writeResult,
} from '@velum/fhe';
import type { Kernels } from '@velum/kernels';
import { blind } from './blind.ts';
import { EncodedSteps } from './encoded-steps.ts';
import { type Layout, type RequestShape, requestShape } from './layout.ts';
import type { Plan } from './plan.ts';
import type { Profile } from './profile.ts';
import { REQUEST_PREFIX_BYTES, wireSizes } from './sizes.ts';

export interface PredictOptions {
  /** Called between steps with the ciphertexts done of the total. */
  onProgress?(done: number, total: number): void;
}

/** One client's keys, expanded in the server's memory. */
export class ServerKeys {
  readonly profileId: string;
  readonly publicKey: PublicKey;
  readonly evaluation: EvaluationKeys;

  constructor(profileId: string, publicKey: PublicKey, evaluation: EvaluationKeys) {
    this.profileId = profileId;
    this.publicKey = publicKey;
    this.evaluation = evaluation;
  }

  get bytes(): number {
    return this.publicKey.pair.bytes + this.evaluation.bytes;
  }

  dispose(): void {
    this.publicKey.dispose();
    this.evaluation.dispose();
  }
}

export class ServerPlan {
  readonly profile: Profile;
  readonly #plan: Plan;
  readonly #context: Context;
  readonly #steps: EncodedSteps;

  constructor(kernels: Kernels, plan: Plan) {
    this.profile = plan.profile;
    this.#plan = plan;
    this.#context = new Context(kernels, createParameters(plan.profile.parameters));
    this.#steps = new EncodedSteps(new Encoder(this.#context), plan);
  }

  /** Memory held, for a cache: constants and tables. */
  get bytes(): number {
    return this.#steps.bytes + this.#context.limbBytes(4 * this.#context.moduli.length);
  }

  /** @throws WireError for keys of another profile, or that are damaged */
  async loadKeys(publicKey: Uint8Array, evaluationKey: Uint8Array): Promise<ServerKeys> {
    const { id, keys } = this.profile;
    const sizes = wireSizes(this.profile);
    const publicPayload = await openWire(publicKey, {
      kind: 'public-key',
      profileId: id,
      maxBytes: sizes.publicKey,
    });
    const evaluationPayload = await openWire(evaluationKey, {
      kind: 'evaluation-key',
      profileId: id,
      maxBytes: sizes.evaluationKey,
    });
    const pk = readPublicKey(this.#context, publicPayload, keys.public.level);
    try {
      return new ServerKeys(id, pk, readEvaluationKeys(this.#context, evaluationPayload, keys.evaluation));
    } catch (error) {
      pk.dispose();
      throw error;
    }
  }

  /**
   * Evaluates the program on an encrypted input.
   * @throws WireError for an input that is damaged, of another profile, or of another shape than the profile's
   */
  async predict(keys: ServerKeys, input: Uint8Array, options: PredictOptions = {}): Promise<Uint8Array> {
    const { id, input: given, output } = this.profile;
    if (keys.profileId !== id) throw contentError('the keys belong to another profile');
    const payload = await openWire(input, {
      kind: 'input',
      profileId: id,
      maxBytes: wireSizes(this.profile).maxInput,
    });
    const reader = new ByteReader(payload);
    const layout = reader.u32() as Layout;
    const rows = reader.u32();
    const count = reader.u32();
    if (rows < 1 || rows > given.samplesPerRequest) {
      throw contentError(`the input states ${rows} rows; the profile allows 1 to ${given.samplesPerRequest}`);
    }
    const shape = requestShape(this.profile, rows, layout);
    if (shape.layout !== layout || shape.inputs !== count) {
      throw contentError(
        `the input has layout ${layout} with ${count} ciphertexts; ${rows} rows of this profile take ${shape.inputs}`,
      );
    }
    const inputs: Ciphertext[] = [];
    try {
      for (let i = 0; i < count; i++)
        inputs.push(readSeeded(this.#context, reader, given.level, given.scale));
      reader.end();
      const evaluator = new Evaluator(this.#context, keys.evaluation);
      const results = this.#steps.run(evaluator, inputs, shape, options);
      const size = resultBytes(this.#context.n, shape.positions, output.keep);
      const writer = new ByteWriter(REQUEST_PREFIX_BYTES + results.length * size);
      writer.u32(layout).u32(rows).u32(results.length);
      for (const result of results) {
        this.#finish(keys.publicKey, result, shape, writer);
        result.dispose();
      }
      return sealWire('result', id, writer.bytes);
    } finally {
      for (const ciphertext of inputs) ciphertext.dispose();
    }
  }

  #finish(publicKey: PublicKey, result: Ciphertext, shape: RequestShape, writer: ByteWriter): void {
    const zero = publicKey.encryptZero(0, result.scale);
    const noise = blind(this.#context, this.#plan.program.floodBits, result.scale);
    if (noise) {
      addPlaintext(zero, noise);
      noise.dispose();
    }
    new Evaluator(this.#context).addInPlace(result, zero);
    zero.dispose();
    writeResult(writer, result, shape.positions, this.profile.output.keep);
  }

  dispose(): void {
    this.#steps.dispose();
    this.#context.dispose();
  }
}
