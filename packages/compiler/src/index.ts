/**
 * @velum/compiler: from model files to a model, and from sample files to rows.
 * @module
 */

export { type CalibrationReport, readCalibration } from './approximate/index.ts';
export { compileModel, requestMilliseconds } from './compile.ts';
export { type CompiledFiles, type CompileFilesOptions, compileFiles } from './compile-files.ts';
export * from './errors.ts';
export { type ExplainRow, type Explanation, explainPlan } from './explain.ts';
export { elements, type Graph } from './graph/index.ts';
export { importModel } from './import.ts';
export * from './model.ts';
export { FILE_LIMITS, type ModelFile } from './model-files.ts';
export { isNpy, type NpyHeader, readNpyHeader } from './npy.ts';
export { importOnnx, isOnnx } from './onnx/index.ts';
export { type CompileOptions, checkOptions, MAX_BATCH, parseRequirements } from './requirements.ts';
export { readSamples, SAMPLE_LIMITS, type Samples } from './samples.ts';
export { evaluatePolynomial, HE4CLOUD_SIGMOID, sigmoidPolynomial } from './sigmoid-poly.ts';
