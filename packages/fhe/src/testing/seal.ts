/**
 * Moves objects between this package and node-seal through SEAL's uncompressed binary files. Each starts with a 16-byte
 * header: magic 0xA15E (u16), header size 16 (u8), version 4.1 (two u8), compression 0 (u8), zero (u16), total bytes
 * (u64), all little-endian. Residues are canonical u64 in the NTT domain, limb after limb, polynomial after polynomial,
 * in the order that this package's NTT has as well. Only what the differential test needs; not exported.
 * @module
 */
import SEAL, {
  type SEALContext,
  type Ciphertext as SealCiphertext,
  type GaloisKeys as SealGaloisKeys,
  type MainModule as SealModule,
  type RelinKeys as SealRelinKeys,
  type SecretKey as SealSecretKey,
} from 'node-seal';
import { RELINEARIZATION } from '../ckks/evaluation-keys.ts';
import { Ciphertext } from '../rlwe/ciphertext.ts';
import type { Context } from '../rlwe/context.ts';
import { PublicKey } from '../rlwe/encryption.ts';
import { SecretKey } from '../rlwe/secret-key.ts';
import { SwitchingKey } from '../rlwe/switching-key.ts';
import { ByteReader, ByteWriter } from '../wire/reader.ts';

const HEADER = Uint8Array.of(0x5e, 0xa1, 0x10, 4, 1, 0, 0, 0);
const HEADER_BYTES = 16;
const ID_BYTES = 32;
/** Header, id, NTT flag, size, degree, limbs, scale, correction factor; then a header and a count before the data. */
const CIPHERTEXT_BYTES = HEADER_BYTES + ID_BYTES + 1 + 5 * 8 + HEADER_BYTES + 8;
const PLAINTEXT_BYTES = HEADER_BYTES + ID_BYTES + 2 * 8 + HEADER_BYTES + 8;

function writeHeader(writer: ByteWriter, total: number): ByteWriter {
  return writeU64(writer.raw(HEADER), total);
}
const writeU64 = (writer: ByteWriter, value: number): ByteWriter =>
  writer.u32(value % 2 ** 32).u32(Math.floor(value / 2 ** 32));
const readU64 = (reader: ByteReader): number => reader.u32() + reader.u32() * 2 ** 32;

function readHeader(reader: ByteReader): void {
  const head = reader.raw(8);
  if (head.some((byte, i) => byte !== HEADER[i])) throw new Error(`not a plain SEAL 4.1 file: ${head}`);
  readU64(reader);
}

/** A vector of doubles as canonical u64. */
function writeLimb(context: Context, writer: ByteWriter, ptr: number, index: number): void {
  const q = context.moduli[index].value;
  for (const x of context.kernels.f64(ptr, context.n)) {
    const r = ((x % q) + q) % q;
    writeU64(writer, r);
  }
}

function readLimb(context: Context, reader: ByteReader, ptr: number, index: number): void {
  const q = context.moduli[index].value;
  const out = context.kernels.f64(ptr, context.n);
  for (let i = 0; i < context.n; i++) {
    const r = readU64(reader);
    out[i] = r > q / 2 ? r - q : r;
  }
}

/** Where limb `limb` of polynomial `part` lies, and its modulus. */
type Limbs = (part: number, limb: number) => { ptr: number; index: number };

interface Shape {
  parts: number;
  limbs: number;
  scale: number;
}

function writeBody(context: Context, writer: ByteWriter, id: Uint8Array, shape: Shape, at: Limbs): void {
  const { parts, limbs, scale } = shape;
  const data = parts * limbs * context.n;
  writeHeader(writer, CIPHERTEXT_BYTES + 8 * data);
  writer.raw(id).raw(Uint8Array.of(1));
  for (const v of [parts, context.n, limbs]) writeU64(writer, v);
  writer.f64(scale);
  writeU64(writer, 1);
  writeHeader(writer, HEADER_BYTES + 8 + 8 * data);
  writeU64(writer, data);
  for (let part = 0; part < parts; part++) {
    for (let i = 0; i < limbs; i++) {
      const { ptr, index } = at(part, i);
      writeLimb(context, writer, ptr, index);
    }
  }
}

function readBody(context: Context, reader: ByteReader, open: (shape: Shape) => Limbs): void {
  readHeader(reader);
  reader.raw(ID_BYTES);
  const isNtt = reader.raw(1)[0];
  const [parts, n, limbs] = [readU64(reader), readU64(reader), readU64(reader)];
  const scale = reader.f64();
  readU64(reader);
  readHeader(reader);
  if (isNtt !== 1 || n !== context.n || readU64(reader) !== parts * n * limbs)
    throw new Error(`unexpected SEAL ciphertext: ${n} coefficients, ${parts} x ${limbs} limbs`);
  const at = open({ parts, limbs, scale });
  for (let part = 0; part < parts; part++) {
    for (let i = 0; i < limbs; i++) {
      const { ptr, index } = at(part, i);
      readLimb(context, reader, ptr, index);
    }
  }
}

/** SEAL with the moduli of one of our contexts, whose one special prime is SEAL's last. */
export class SealPeer {
  readonly seal: SealModule;
  readonly context: Context;
  readonly sealContext: SEALContext;

  private constructor(seal: SealModule, context: Context) {
    if (context.parameters.p.length !== 1) throw new Error('SEAL has exactly one special prime');
    this.seal = seal;
    this.context = context;
    const parameters = new seal.EncryptionParameters(seal.SchemeType.ckks);
    parameters.setPolyModulusDegree(context.n);
    const moduli = context.moduli.map(({ value }) => new seal.Modulus(BigInt(value)));
    parameters.setCoeffModulus(seal.vecFromArrayModulus(moduli));
    const security = context.parameters.insecure ? seal.SecLevelType.none : seal.SecLevelType.tc128;
    this.sealContext = new seal.SEALContext(parameters, true, security);
    if (!this.sealContext.parametersSet()) throw new Error('SEAL refuses the parameters');
  }

  static async open(context: Context): Promise<SealPeer> {
    return new SealPeer(await SEAL(), context);
  }

  /** SEAL's name of the moduli q_0 ... q_level, or of all with the special prime. */
  #id(level: number | 'key'): Uint8Array {
    let data = this.sealContext.keyContextData();
    if (level !== 'key') {
      data = this.sealContext.firstContextData();
      for (let l = this.context.maxLevel; l > level; l--) data = data.nextContextData();
    }
    return new Uint8Array(BigUint64Array.from(data.parmsId().values() as Iterable<bigint>).buffer);
  }

  secretFrom(theirs: SealSecretKey): SecretKey {
    const { context } = this;
    const reader = new ByteReader(theirs.saveToArray(this.seal.ComprModeType.none));
    readHeader(reader);
    reader.raw(ID_BYTES + 16);
    readHeader(reader);
    readU64(reader);
    const ptr = context.alloc(1);
    readLimb(context, reader, ptr, 0);
    context.moduli[0].inverseTransform(ptr);
    const q = context.moduli[0].value;
    const coefficients = context.kernels.f64(ptr, context.n).map((c) => c - q * Math.round(c / q));
    context.kernels.arena.freeZeroed(ptr);
    return SecretKey.fromCoefficients(context, coefficients);
  }

  secretTo(ours: SecretKey): SealSecretKey {
    const { context } = this;
    const count = context.moduli.length * context.n;
    const writer = new ByteWriter(PLAINTEXT_BYTES + 8 * count);
    writeHeader(writer, writer.bytes.length).raw(this.#id('key'));
    writeU64(writer, count).f64(1);
    writeU64(writeHeader(writer, HEADER_BYTES + 8 + 8 * count), count);
    for (let i = 0; i < context.moduli.length; i++) writeLimb(context, writer, ours.limb(i), i);
    const theirs = new this.seal.SecretKey();
    theirs.loadFromArray(this.sealContext, writer.bytes);
    return theirs;
  }

  ciphertextFrom(theirs: SealCiphertext): Ciphertext {
    const reader = new ByteReader(theirs.saveToArray(this.seal.ComprModeType.none));
    let ours: Ciphertext | undefined;
    readBody(this.context, reader, ({ parts, limbs, scale }) => {
      const target = new Ciphertext(this.context, parts - 1, limbs - 1, scale);
      ours = target;
      return (part, limb) => ({ ptr: target.limb(part, limb), index: limb });
    });
    reader.end();
    return ours!;
  }

  ciphertextTo(ours: Ciphertext): SealCiphertext {
    const shape = { parts: ours.degree + 1, limbs: ours.level + 1, scale: ours.scale };
    const writer = new ByteWriter(CIPHERTEXT_BYTES + 8 * shape.parts * shape.limbs * this.context.n);
    writeBody(this.context, writer, this.#id(ours.level), shape, (part, limb) => ({
      ptr: ours.limb(part, limb),
      index: limb,
    }));
    const theirs = new this.seal.Ciphertext();
    theirs.loadFromArray(this.sealContext, writer.bytes);
    return theirs;
  }

  /** SEAL's public key covers the special prime too; ours is the part over the chain. */
  publicKeyFrom(theirs: { saveToArray(mode: unknown): Uint8Array }): PublicKey {
    const { context } = this;
    const pair = new Ciphertext(context, 1, context.maxLevel, 1);
    const spare = context.alloc(1);
    const reader = new ByteReader(theirs.saveToArray(this.seal.ComprModeType.none));
    readBody(context, reader, () => (part, limb) => ({
      ptr: limb <= context.maxLevel ? pair.limb(part, limb) : spare,
      index: limb,
    }));
    context.free(spare);
    return new PublicKey(pair, new Uint8Array(32));
  }

  /**
   * Files of switching keys hold a list for each index: SEAL's relinearisation key is at 0, the key of element g at
   * (g - 1)/2, and each digit is a pair like a public key. SEAL switches after the automorphism and we before it, so a
   * Galois key of ours is the inverse image of SEAL's, polynomial by polynomial.
   */
  keyFrom(theirs: SealRelinKeys | SealGaloisKeys, galois: number): SwitchingKey {
    const { context } = this;
    const key = new SwitchingKey(context, { level: context.maxLevel, special: 1 }, new Uint8Array(32));
    const spare = context.alloc(1);
    const reader = new ByteReader(theirs.saveToArray(this.seal.ComprModeType.none));
    readHeader(reader);
    reader.raw(ID_BYTES);
    const count = readU64(reader);
    for (let index = 0; index < count; index++) {
      const digits = readU64(reader);
      const wanted = index === indexOf(galois);
      for (let d = 0; d < digits; d++) {
        readBody(context, reader, () => (part, limb) => ({
          ptr: !wanted ? spare : part === 0 ? key.b(d, limb) : key.a(d, limb),
          index: limb,
        }));
      }
    }
    if (galois !== RELINEARIZATION) {
      eachLimb(key, (ptr) => this.#permute(ptr, spare, inverseElement(galois, context.n)));
    }
    context.free(spare);
    return key;
  }

  keysTo(keys: ReadonlyMap<number, SwitchingKey>, kind: 'RelinKeys'): SealRelinKeys;
  keysTo(keys: ReadonlyMap<number, SwitchingKey>, kind: 'GaloisKeys'): SealGaloisKeys;
  keysTo(
    keys: ReadonlyMap<number, SwitchingKey>,
    kind: 'RelinKeys' | 'GaloisKeys',
  ): SealRelinKeys | SealGaloisKeys {
    const { context } = this;
    const limbs = context.moduli.length;
    const count = kind === 'RelinKeys' ? 1 : context.n;
    const each = CIPHERTEXT_BYTES + 8 * 2 * limbs * context.n;
    const digits = [...keys.values()].reduce((sum, key) => sum + key.digits, 0);
    const writer = new ByteWriter(HEADER_BYTES + ID_BYTES + 8 + 8 * count + digits * each);
    const id = this.#id('key');
    writeU64(writeHeader(writer, writer.bytes.length).raw(id), count);
    const spare = context.alloc(1);
    const byIndex = new Map([...keys].map(([galois, key]) => [indexOf(galois), { galois, key }]));
    for (let index = 0; index < count; index++) {
      const found = byIndex.get(index);
      writeU64(writer, found?.key.digits ?? 0);
      if (!found) continue;
      const { galois, key } = found;
      if (galois !== RELINEARIZATION) eachLimb(key, (ptr) => this.#permute(ptr, spare, galois));
      for (let d = 0; d < key.digits; d++) {
        writeBody(context, writer, id, { parts: 2, limbs, scale: 1 }, (part, limb) => ({
          ptr: part === 0 ? key.b(d, limb) : key.a(d, limb),
          index: limb,
        }));
      }
      if (galois !== RELINEARIZATION) {
        eachLimb(key, (ptr) => this.#permute(ptr, spare, inverseElement(galois, context.n)));
      }
    }
    context.free(spare);
    const theirs = new this.seal[kind]();
    theirs.loadFromArray(this.sealContext, writer.bytes);
    return theirs;
  }

  #permute(ptr: number, spare: number, galois: number): void {
    const { context } = this;
    context.copyLimbs(spare, ptr, 1);
    context.kernels.x.v_permute(ptr, spare, context.galoisTable(galois), context.n);
  }
}

const indexOf = (galois: number): number => (galois === RELINEARIZATION ? 0 : (galois - 1) / 2);

function eachLimb(key: SwitchingKey, visit: (ptr: number) => void): void {
  for (let d = 0; d < key.digits; d++) {
    for (let t = 0; t < key.limbs; t++) for (const ptr of [key.b(d, t), key.a(d, t)]) visit(ptr);
  }
}

function inverseElement(galois: number, n: number): number {
  for (let power = galois; ; power = (power * galois) % (2 * n)) {
    if ((power * galois) % (2 * n) === 1) return power;
  }
}

/**
 * SEAL's slot i holds the value at zeta^(3^i), our slot j the one at zeta^(5^j): ours[j] for each i, where the exponents
 * are equal or opposite, which for real values is the same.
 */
export function slotOfSeal(n: number): number[] {
  const byExponent = new Map<number, number>();
  for (let j = 0, power = 1; j < n / 2; j++, power = (power * 5) % (2 * n)) {
    byExponent.set(power, j);
    byExponent.set(2 * n - power, j);
  }
  return Array.from({ length: n / 2 }, (_, i) => {
    let power = 1;
    for (let k = 0; k < i; k++) power = (power * 3) % (2 * n);
    return byExponent.get(power)!;
  });
}
