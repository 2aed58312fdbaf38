/**
 * Secret keys under a passphrase, as the client wraps them, opened with Node's own scrypt: it runs beside the loading of
 * everything else and takes less than half of the kernels' time, which a command of half a second notices.
 * The format is `wrapped-secret` of docs/wire-formats.md.
 * @module
 */
import { createDecipheriv, scrypt } from 'node:crypto';
import { openWire, readWireHeader } from '@velum/fhe';
import { CliError, EXIT } from '../errors.ts';
import { readPassphrase } from '../files.ts';
import { passwordOrAsk } from '../prompt.ts';
import { isTty, type Terminal } from '../terminal.ts';

const PREFIX_BYTES = 36;
const TAG_BYTES = 16;
const SHORTEST = 8;
/** What a reader is willing to spend; the client's writer takes 2^17, 8, 1. */
const LARGEST = { logN: 20, r: 32, p: 16, memoryBytes: 2 ** 29, fileBytes: 2 ** 20 } as const;

/** Wire `wrapped-secret` -> wire `secret`. @throws CliError PASSPHRASE_WRONG, WRAPPED_SECRET_INVALID; WireError */
export async function unwrap(wrapped: Uint8Array, passphrase: string): Promise<Uint8Array> {
  const { profileId } = readWireHeader(wrapped);
  const payload = await openWire(wrapped, { kind: 'wrapped-secret', maxBytes: LARGEST.fileBytes });
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
  if (payload.length < PREFIX_BYTES + TAG_BYTES || payload[0] !== 1 || view.getUint16(6, true) !== 0)
    throw invalid('it is of a format that this velum does not know');
  const [logN, r, p] = [payload[1], view.getUint16(2, true), view.getUint16(4, true)];
  const inside = (value: number, low: number, high: number) => value >= low && value <= high;
  const memory = 128 * r * 2 ** logN;
  if (!(inside(logN, 10, LARGEST.logN) && inside(r, 1, LARGEST.r) && inside(p, 1, LARGEST.p)))
    throw invalid(`its scrypt parameters are out of bounds: 2^${logN}, r=${r}, p=${p}`);
  if (memory > LARGEST.memoryBytes) throw invalid(`it would take ${memory} bytes to open`);
  const key = await derive(passphrase.normalize('NFKC'), payload.subarray(8, 24), { N: 2 ** logN, r, p });
  const open = createDecipheriv('aes-256-gcm', key, payload.subarray(24, PREFIX_BYTES));
  key.fill(0);
  open.setAAD(Buffer.concat([Buffer.from(profileId, 'hex'), payload.subarray(0, PREFIX_BYTES)]));
  open.setAuthTag(payload.subarray(payload.length - TAG_BYTES));
  try {
    return new Uint8Array(
      Buffer.concat([open.update(payload.subarray(PREFIX_BYTES, payload.length - TAG_BYTES)), open.final()]),
    );
  } catch {
    throw new CliError(
      'PASSPHRASE_WRONG',
      'the passphrase does not open this secret key',
      EXIT.badInput,
      'Check the passphrase (and the keyboard layout); without it the key is lost: make a new one with `velum keygen`.',
    );
  }
}

function derive(
  password: string,
  salt: Uint8Array,
  cost: { N: number; r: number; p: number },
): Promise<Buffer> {
  const maxmem = 128 * cost.r * (cost.N + cost.p + 2);
  return new Promise((resolve, reject) => {
    scrypt(password, salt, 32, { ...cost, maxmem }, (error, key) => (error ? reject(error) : resolve(key)));
  });
}

/** The passphrase of a key that exists: from the file, else asked for. @throws CliError PASSPHRASE_NEEDED */
export async function knownPassphrase(terminal: Terminal, file: string | undefined): Promise<string> {
  const read = await readPassphrase(file);
  if (read !== undefined) return read;
  if (!isTty(terminal.stdin)) {
    const hint =
      'Give --passphrase-file (VELUM_PASSPHRASE_FILE), a file with the passphrase in its first line.';
    throw new CliError('PASSPHRASE_NEEDED', 'the key is under a passphrase', EXIT.badInput, hint);
  }
  return passwordOrAsk(terminal, undefined, 'Passphrase of the key');
}

/** A passphrase for a new key: from the file, else asked for twice. @throws CliError USAGE, PASSPHRASE_INVALID */
export async function newPassphrase(terminal: Terminal, file: string | undefined): Promise<string> {
  let passphrase = await readPassphrase(file);
  if (passphrase === undefined) {
    if (!isTty(terminal.stdin)) {
      const hint =
        'Give --passphrase-file F, or --no-passphrase to store the secret key as it is, readable for your account.';
      throw new CliError('USAGE', 'no passphrase for the secret key', EXIT.usage, hint);
    }
    passphrase = await passwordOrAsk(terminal, undefined, 'Passphrase for the key');
    if ((await passwordOrAsk(terminal, undefined, 'The same again')) !== passphrase)
      throw new CliError('PASSPHRASE_INVALID', 'the two differ', EXIT.badInput, 'Run the command again.');
  }
  if (Array.from(passphrase.normalize('NFKC')).length < SHORTEST) {
    const message = `the passphrase is shorter than ${SHORTEST} characters`;
    const hint = 'Choose a longer one: whoever has the file can try passphrases without limit.';
    throw new CliError('PASSPHRASE_INVALID', message, EXIT.badInput, hint);
  }
  return passphrase;
}

function invalid(what: string): CliError {
  const hint = 'Copy the key file again, or make new keys with `velum keygen`.';
  return new CliError(
    'WRAPPED_SECRET_INVALID',
    `the wrapped secret key cannot be read: ${what}`,
    EXIT.badInput,
    hint,
  );
}
