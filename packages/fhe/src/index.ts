/**
 * @velum/fhe: homomorphic encryption schemes on the kernels. Layers: ring -> rlwe -> ckks -> circuits; `wire` holds the
 * formats, `security` the tables.
 * @module
 */

export {
  type DiagonalShape,
  DiagonalTransform,
  diagonalRotations,
  diagonalSteps,
  giantGaps,
} from './circuits/diagonal-transform.ts';
export {
  diagonal,
  LinearTransform,
  type TransformShape,
  transformRotations,
  transformShape,
} from './circuits/linear-transform.ts';
export {
  evaluateClear,
  evaluatePolynomial,
  type Polynomial,
  polynomialDegree,
  polynomialDepth,
  polynomialInputScale,
  toChebyshev,
} from './circuits/polynomial.ts';
export { Encoder, type SlotValues } from './ckks/encoder.ts';
export { EvaluationKeys, RELINEARIZATION } from './ckks/evaluation-keys.ts';
export { Evaluator, sameScale } from './ckks/evaluator.ts';
export { NoiseModel } from './ckks/noise.ts';
export { FheError, type FheErrorCode } from './errors.ts';
export { Domain, randomSeed, SEED_BYTES } from './random.ts';
export { rotationElement } from './ring/galois.ts';
export { generatePrimes, isPrime, MAX_MODULUS_BITS, residueOf } from './ring/primes.ts';
export { Ciphertext } from './rlwe/ciphertext.ts';
export { Context } from './rlwe/context.ts';
export {
  addPlaintext,
  encrypt,
  encryptZero,
  PublicKey,
  phase,
  type SeededCiphertext,
} from './rlwe/encryption.ts';
export {
  createParameters,
  literalFromBits,
  MAX_CHAIN,
  type Parameters,
  type ParametersLiteral,
} from './rlwe/parameters.ts';
export { Plaintext } from './rlwe/plaintext.ts';
export { ERROR_SIGMA, expandMask } from './rlwe/sampling.ts';
export { SecretKey } from './rlwe/secret-key.ts';
export {
  digitCount,
  generateGaloisKey,
  generateRelinearizationKey,
  SwitchingKey,
  type SwitchingKeySpec,
} from './rlwe/switching-key.ts';
export { maxLogQP, smallestLogN } from './security/limits.ts';
export {
  type Positions,
  readResult,
  readSeeded,
  resultBytes,
  seededBytes,
  writeResult,
  writeSeeded,
} from './wire/ciphertexts.ts';
export {
  NO_PROFILE,
  openWire,
  readWireHeader,
  sealWire,
  sha256Hex,
  WIRE_HEADER_BYTES,
  WIRE_VERSION,
  WireError,
  type WireErrorCode,
  type WireHeader,
  type WireKind,
} from './wire/container.ts';
export {
  type EvaluationKeySpec,
  EvaluationKeyWriter,
  evaluationKeyBytes,
  type ModuliShape,
  publicKeyBytes,
  readEvaluationKeys,
  readPublicKey,
  writePublicKey,
} from './wire/keys.ts';
export { ByteReader, ByteWriter, contentError } from './wire/reader.ts';
