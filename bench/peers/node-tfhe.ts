/**
 * node-tfhe (tfhe-rs compiled to WebAssembly by its authors): key generation, and `expand()` of a packed list, the only
 * function of an npm package that bootstraps. Prints one JSON document; milliseconds. Takes about a minute. @module
 */
import { createRequire } from 'node:module';

// It is CommonJS that reads its wasm file beside itself.
const tfhe = createRequire(import.meta.url)('node-tfhe') as typeof import('node-tfhe');

/** 2-bit blocks of an unsigned 64-bit integer: one bootstrap each. */
const BLOCKS = 32;
const LIMIT = 1n << 30n;

export interface NodeTfheFigures {
  clientKeyMs: number;
  compressedServerKeyMs: number;
  compressedServerKeyBytes: number;
  serverKeyMs: number;
  bootstrapMs: number;
}

function timed<T>(call: () => T): [T, number] {
  const start = performance.now();
  const result = call();
  return [result, performance.now() - start];
}

const config = tfhe.TfheConfigBuilder.default().build();
const [client, clientKeyMs] = timed(() => tfhe.TfheClientKey.generate(config));
const [compressed, compressedServerKeyMs] = timed(() => tfhe.TfheCompressedServerKey.new(client));
const compressedServerKeyBytes = compressed.safe_serialize(LIMIT).length;
compressed.free();
const [server, serverKeyMs] = timed(() => tfhe.TfheServerKey.new(client));
tfhe.set_server_key(server);
const builder = tfhe.CompactCiphertextList.builder(tfhe.TfheCompactPublicKey.new(client));
const value = 0x0123_4567_89ab_cdefn;
builder.push_u64(value);
const list = builder.build_packed();
const [expanded, expandMs] = timed(() => list.expand());
if (BigInt(expanded.get_uint64(0).decrypt(client)) !== value)
  throw new Error('node-tfhe decrypts another value');
const figures: NodeTfheFigures = {
  clientKeyMs,
  compressedServerKeyMs,
  compressedServerKeyBytes,
  serverKeyMs,
  bootstrapMs: expandMs / BLOCKS,
};
process.stdout.write(`${JSON.stringify(figures)}\n`);
