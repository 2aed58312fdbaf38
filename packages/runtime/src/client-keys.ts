/**
 * The client's side: keys for a profile, encryption of samples, decryption of results. Runs in browsers and in Node.
 * @module
 */
import {
  ByteReader,
  ByteWriter,
  Context,
  contentError,
  createParameters,
  Encoder,
  EvaluationKeyWriter,
  encrypt,
  generateGaloisKey,
  generateRelinearizationKey,
  openWire,
  PublicKey,
  phase,
  RELINEARIZATION,
  readResult,
  SecretKey,
  sealWire,
  seededBytes,
  writePublicKey,
  writeSeeded,
} from '@velum/fhe';
import type { Kernels } from '@velum/kernels';
import { applyActivation } from './activations.ts';
import { Layout, requestShape } from './layout.ts';
import { packSamples, unpackScores } from './packing.ts';
import type { Profile } from './profile.ts';
import { checkSamples } from './samples.ts';
import { REQUEST_PREFIX_BYTES } from './sizes.ts';

export interface DecryptOptions {
  /**
   * Adds uniform noise in [-flood, flood] to every score. Needed when decrypted values are handed to somebody who may have
   * chosen the computation: the exact error of a CKKS decryption helps to find the key (Li and Micciancio, ePrint
   * 2020/1533). Choose it well above the profile's expected error; see docs/security.md.
   */
  flood?: number;
}

export class ClientKeys {
  readonly profile: Profile;
  readonly #context: Context;
  readonly #encoder: Encoder;
  readonly #secret: SecretKey;

  private constructor(kernels: Kernels, profile: Profile, seed?: Uint8Array) {
    this.profile = profile;
    this.#context = new Context(kernels, createParameters(profile.parameters));
    this.#encoder = new Encoder(this.#context);
    this.#secret = seed ? SecretKey.fromSeed(this.#context, seed) : SecretKey.generate(this.#context);
  }

  /** A fresh secret from the platform's CSPRNG. */
  static generate(kernels: Kernels, profile: Profile): ClientKeys {
    return new ClientKeys(kernels, profile);
  }

  /** @throws WireError when the bytes are not a secret of this profile */
  static async fromSecret(kernels: Kernels, profile: Profile, secret: Uint8Array): Promise<ClientKeys> {
    const seed = await openWire(secret, { kind: 'secret', profileId: profile.id, maxBytes: 4096 });
    return new ClientKeys(kernels, profile, seed);
  }

  /** SENSITIVE: whoever has these bytes can read everything encrypted under the key. */
  async exportSecret(): Promise<Uint8Array> {
    const seed = this.#secret.exportSeed();
    const sealed = await sealWire('secret', this.profile.id, seed);
    seed.fill(0);
    return sealed;
  }

  async publicKey(): Promise<Uint8Array> {
    const key = PublicKey.generate(this.#secret, this.profile.keys.public.level);
    const payload = writePublicKey(key);
    key.dispose();
    return sealWire('public-key', this.profile.id, payload);
  }

  /** Generates the rotation and relinearisation keys of the profile, one at a time. */
  async evaluationKey(onProgress?: (done: number, total: number) => void): Promise<Uint8Array> {
    const specs = this.profile.keys.evaluation;
    const writer = new EvaluationKeyWriter(this.#context, specs);
    for (const [i, spec] of specs.entries()) {
      const key =
        spec.galois === RELINEARIZATION
          ? generateRelinearizationKey(this.#secret, spec)
          : generateGaloisKey(this.#secret, spec.galois, spec);
      writer.add(spec.galois, key);
      key.dispose();
      onProgress?.(i + 1, specs.length);
      // Lets a page repaint and a caller cancel between keys.
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
    return sealWire('evaluation-key', this.profile.id, writer.finish());
  }

  /** @throws RuntimeError from `checkSamples`, FheError VALUE_RANGE */
  async encrypt(rows: readonly ArrayLike<number>[]): Promise<Uint8Array> {
    checkSamples(this.profile, rows);
    const shape = requestShape(this.profile, rows.length);
    const { level, scale } = this.profile.input;
    const size = seededBytes(this.profile.parameters, level);
    const writer = new ByteWriter(REQUEST_PREFIX_BYTES + shape.inputs * size);
    writer.u32(shape.layout).u32(rows.length).u32(shape.inputs);
    const inCoefficients = shape.layout === Layout.samples || shape.layout === Layout.features;
    for (const vector of packSamples(this.profile, rows, shape)) {
      const plaintext = inCoefficients
        ? this.#encoder.encodeCoefficients(vector, level, scale)
        : this.#encoder.encode(vector, level, scale, true);
      const encrypted = encrypt(this.#secret, plaintext);
      plaintext.dispose();
      writeSeeded(writer, encrypted);
      encrypted.ciphertext.dispose();
    }
    return sealWire('input', this.profile.id, writer.bytes);
  }

  /**
   * Rows of `output.values` values, final activation applied.
   * @throws WireError
   */
  async decrypt(result: Uint8Array, options: DecryptOptions = {}): Promise<number[][]> {
    const { output, input } = this.profile;
    const payload = await openWire(result, { kind: 'result', profileId: this.profile.id });
    const reader = new ByteReader(payload);
    const layout = reader.u32();
    const rows = reader.u32();
    const count = reader.u32();
    if (rows < 1 || rows > input.samplesPerRequest) throw contentError(`the result states ${rows} rows`);
    const shape = requestShape(this.profile, rows, layout as Layout);
    if (shape.layout !== layout || shape.results !== count)
      throw contentError('the result has another layout than the profile');
    const vectors: ArrayLike<number>[] = [];
    for (let i = 0; i < count; i++) {
      const ciphertext = readResult(this.#context, reader, shape.positions, output.keep, output.scale);
      const coefficients = phase(this.#secret, ciphertext);
      ciphertext.dispose();
      if (layout === Layout.samples || layout === Layout.features)
        vectors.push(coefficients.map((c) => c / output.scale));
      else
        vectors.push(
          this.#encoder.decode(
            coefficients,
            output.scale,
            layout === Layout.batch ? undefined : output.period * shape.capacity,
          ).re,
        );
    }
    reader.end();
    const flood = options.flood ?? 0;
    return unpackScores(this.profile, rows, shape, vectors).map((scores) =>
      applyActivation(output.activation, flood > 0 ? floodScores(scores, flood) : scores),
    );
  }

  /** Wipes the secret and frees the tables. */
  dispose(): void {
    this.#secret.dispose();
    this.#context.dispose();
  }
}

/** 53 uniform bits a score from the CSPRNG. */
function floodScores(scores: readonly number[], flood: number): number[] {
  const words = crypto.getRandomValues(new Uint32Array(2 * scores.length));
  return scores.map((score, i) => {
    const unit = (words[2 * i] * 2 ** 21 + (words[2 * i + 1] >>> 11)) / 2 ** 53;
    return score + flood * (2 * unit - 1);
  });
}
