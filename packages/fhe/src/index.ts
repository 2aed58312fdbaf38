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
export { type Bit, BooleanCircuit, type Gate } from './tfhe/boolean-circuit.ts';
export * from './tfhe/circuit/index.ts';
export { TfheClientKey } from './tfhe/client-key.ts';
export {
  type EncryptedListInfo,
  encryptedListInfo,
  readHeader as tfheHeader,
  TFHE_HEADER_BYTES,
  type TfheHeader,
  type TfheKind,
  type TfheListKind,
} from './tfhe/container.ts';
export { crc32 } from './tfhe/crc32.ts';
export { TfheError, type TfheErrorCode } from './tfhe/errors.ts';
export * from './tfhe/integers/index.ts';
export { splitResult } from './tfhe/lists.ts';
export { bivariateTable, manyTable, type OutputCount, tableOf } from './tfhe/lookup-table.ts';
export { NoiseModel as TfheNoiseModel } from './tfhe/noise.ts';
export {
  BOOLEAN,
  type InsecureOption,
  MESSAGE_1_CARRY_1,
  MESSAGE_2_CARRY_2,
  TFHE_SETS,
  type TfheLiteral,
  type TfheParameters,
  TINY_1_1,
  TINY_2_2,
  tfheParameters,
} from './tfhe/parameters.ts';
export { TfhePublicKey } from './tfhe/public-key.ts';
export { type RunOptions, runCircuit } from './tfhe/run-circuit.ts';
export type { ExecutableCircuit } from './tfhe/schedule.ts';
export { TfheServerKey } from './tfhe/server-key.ts';
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
