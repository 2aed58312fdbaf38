/**
 * The reference: onnxruntime's WebAssembly build, on one thread.
 * @module
 */

import * as ort from 'onnxruntime-web';

ort.env.wasm.numThreads = 1;
ort.env.logLevel = 'error';

/** The first output of a model for one float32 input. */
export async function referenceOutput(
  model: Uint8Array,
  shape: readonly number[],
  x: ArrayLike<number>,
): Promise<{ shape: number[]; values: Float64Array }> {
  const session = await ort.InferenceSession.create(model, { logSeverityLevel: 3 });
  try {
    const input = new ort.Tensor('float32', Float32Array.from(x), shape);
    const results = await session.run({ [session.inputNames[0]]: input });
    const output = results[session.outputNames[0]];
    const values = Float64Array.from(output.data as ArrayLike<number | bigint>, Number);
    return { shape: [...output.dims], values };
  } finally {
    await session.release();
  }
}
