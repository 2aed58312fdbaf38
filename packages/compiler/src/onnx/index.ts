/**
 * ONNX models.
 * @module
 */
export { type ImportOnnxOptions, importOnnx } from './import-onnx.ts';
export { isOnnx, readModel } from './read.ts';
export { ONNX_LIMITS, type OnnxModel } from './schema.ts';
