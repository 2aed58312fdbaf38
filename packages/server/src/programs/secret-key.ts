/**
 * Recognises secret keys where something else was meant to come: `client.key` as `velum program keygen` writes it,
 * wrapped or not, and the bare secret of a program (docs/wire-formats.md).
 * @module
 */
import { readWireHeader, TfheError, tfheHeader, WIRE_HEADER_BYTES, WireError } from '@velum/fhe';
import { ApiError } from '../errors.ts';

/** So many bytes of a file tell. */
export const TELLING_BYTES = WIRE_HEADER_BYTES;

/** Throws ApiError SECRET_KEY_SENT when these first bytes are those of a secret key. */
export function refuseSecretKey(head: Uint8Array): void {
  const kind = wireKind(head) ?? tfheKind(head);
  if (kind !== 'secret' && kind !== 'wrapped-secret') return;
  const wrapped = kind === 'wrapped-secret' ? ', under a passphrase' : '';
  throw new ApiError(
    'SECRET_KEY_SENT',
    `the upload is your secret key (client.key)${wrapped}; nothing of it was kept`,
  );
}

function wireKind(head: Uint8Array): string | undefined {
  try {
    return readWireHeader(head).kind;
  } catch (error) {
    if (error instanceof WireError) return undefined;
    throw error;
  }
}

function tfheKind(head: Uint8Array): string | undefined {
  try {
    return tfheHeader(head).kind;
  } catch (error) {
    if (error instanceof TfheError) return undefined;
    throw error;
  }
}
