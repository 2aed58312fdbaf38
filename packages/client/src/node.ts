/**
 * The SDK in Node: everything of `@velum/client`, with kernels from disk, upload progress and a key store in
 * files.
 * @module
 */
import { loadKernels } from '@velum/kernels/node';
import { nodeTransport } from './node-transport.ts';
import type { ConnectOptions } from './session.ts';
import { connect as connectWith, type Velum } from './velum.ts';

export * from './index.ts';
export { defaultKeyDirectory, FileKeyStore, replace as replaceFile } from './node-key-store.ts';
export { FileProgramKeyStore } from './node-program-key-store.ts';
export { nodeTransport } from './node-transport.ts';

/** As `connect` of `@velum/client`; the kernels are loaded from disk when first needed. */
export function connect(url: string, token: string | undefined, options: ConnectOptions = {}): Velum {
  return connectWith(url, token, { kernels: () => loadKernels(), transport: nodeTransport(), ...options });
}
