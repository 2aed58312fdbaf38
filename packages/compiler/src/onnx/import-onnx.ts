/**
 * From an ONNX file to the graph: nodes are visited in order, what needs no input is folded, the rest is lowered, and
 * everything that cannot be is reported together.
 * @module
 */

import { type Finding, ImportError } from '../errors.ts';
import type { Graph } from '../graph/graph.ts';
import { simplify } from '../graph/simplify.ts';
import { Budget, Draft, Refusal } from './draft.ts';
import { fold, isConstantOperator } from './fold.ts';
import { constant, encrypted, Lowering, type Operand } from './lowering.ts';
import { OPERATORS } from './operators/index.ts';
import { readModel } from './read.ts';
import {
  DATA_TYPE,
  dataTypeName,
  ONNX_LIMITS,
  type OnnxModel,
  type OnnxNode,
  type ValueInfo,
} from './schema.ts';
import { countOf, sameShape } from './shapes.ts';

const OLDEST_OPSET = 7;
/** The newest opset whose changes this importer knows. */
const NEWEST_OPSET = 25;

export interface ImportOnnxOptions {
  /** Leave one graph node for each model node; default false. */
  keepNodes?: boolean;
}

/**
 * Imports an ONNX model with one input; the first dimension may be symbolic and becomes 1.
 * @throws ImportError ONNX_TOO_LARGE, ONNX_CORRUPT, ONNX_TENSOR, ONNX_EXTERNAL_DATA, ONNX_OPSET, ONNX_INPUT,
 *   ONNX_OUTPUT, and MODEL_REFUSED with a finding for each operator that cannot run
 */
export function importOnnx(bytes: Uint8Array, options: ImportOnnxOptions = {}): Graph {
  const model = readModel(bytes);
  const opset = checkedOpset(model);
  const { info, shape } = modelInput(model);
  const output = model.graph.outputs[0] ?? fail('ONNX_OUTPUT', 'the model has no output');
  const draft = new Draft(countOf(shape), new Budget());
  if (opset > NEWEST_OPSET) {
    draft.warn(`the model uses opset ${opset}; this importer knows the changes up to ${NEWEST_OPSET}`);
  }
  for (const { name } of model.graph.outputs.slice(1)) {
    draft.warn(`output "${name}" is left out: only the first one, "${output.name}", is computed`);
  }
  const { operand, final } = lowerNodes(model, opset, draft, info.name, shape, output.name);
  const graph: Graph = {
    name: model.graph.name || 'onnx',
    input: { name: info.name, shape },
    output: { name: output.name, shape: operand.shape, value: operand.value },
    nodes: draft.nodes,
    final,
    warnings: draft.warnings,
  };
  return options.keepNodes ? graph : simplify(graph);
}

function fail(code: string, what: string, value?: unknown): never {
  throw new ImportError(code, what, { argument: 'bytes', value });
}

function checkedOpset(model: OnnxModel): number {
  const opset = model.opsets.get('');
  if (opset === undefined) {
    // IR versions before 3 carried no opset.
    return fail('ONNX_OPSET', 'the model names no opset of ai.onnx; export it again with opset 7 or later');
  }
  if (!(opset >= OLDEST_OPSET)) {
    const advice = `convert the model with onnx.version_converter.convert_version(model, ${OLDEST_OPSET})`;
    return fail('ONNX_OPSET', `the model uses opset ${opset}, older than ${OLDEST_OPSET}; ${advice}`, opset);
  }
  return opset;
}

const REAL: number[] = [DATA_TYPE.FLOAT, DATA_TYPE.DOUBLE, DATA_TYPE.FLOAT16, DATA_TYPE.BFLOAT16];

/** The one input that is no initializer (before IR version 4 those are listed as inputs too), and its sizes. */
function modelInput(model: OnnxModel): { info: ValueInfo; shape: number[] } {
  const inputs = model.graph.inputs.filter((i) => !model.graph.initializers.has(i.name));
  if (inputs.length !== 1) {
    const names = inputs.map((i) => `"${i.name}"`).join(', ') || 'none';
    const advice = 'join several inputs into one tensor and split it in the model';
    return fail('ONNX_INPUT', `the model must have one input, it has ${names}; ${advice}`, inputs.length);
  }
  const [info] = inputs;
  if (!REAL.includes(info.elementType)) {
    const type = info.elementType === 0 ? 'no tensor type' : dataTypeName(info.elementType);
    return fail('ONNX_INPUT', `input "${info.name}" has ${type}; export the model with a float input`, type);
  }
  if (!info.shape) fail('ONNX_INPUT', `input "${info.name}" has no shape; export the model with fixed sizes`);
  const shape = info.shape!.map((d, axis) => {
    if (typeof d === 'number' && d > 0) return d;
    if (axis === 0) return 1;
    const symbol = typeof d === 'string' && d !== '' ? `"${d}"` : 'without a size';
    const advice = 'export the model with fixed sizes; only the first axis may vary';
    return fail('ONNX_INPUT', `axis ${axis} of input "${info.name}" is dynamic (${symbol}); ${advice}`, d);
  });
  if (!(countOf(shape) <= ONNX_LIMITS.valueElements)) {
    fail('ONNX_TOO_LARGE', `input "${info.name}" has more than ${ONNX_LIMITS.valueElements} values`, shape);
  }
  return { info, shape };
}

/** Names and lists in a file can be as long as the file. */
const short = (text: string, length: number): string =>
  text.length <= length ? text : `${text.slice(0, length)}...`;

const nodeLabel = (node: OnnxNode): string => {
  const name = node.name || node.outputs.find((o) => o !== '') || '(unnamed)';
  return `${short(node.opType, 40)} "${short(name, 100)}"`;
};

/** More findings than this do not help; the last one then says how many there were. */
const MAX_FINDINGS = 200;

function refusedModel(findings: Finding[]): ImportError {
  const message = `${findings.length} node(s) of the ONNX model cannot run under encryption; change or remove them:`;
  const shown = findings.slice(0, MAX_FINDINGS);
  if (findings.length > shown.length) {
    shown.push({ importer: 'onnx', reason: `and ${findings.length - shown.length} more` });
  }
  return new ImportError('MODEL_REFUSED', message, { argument: 'bytes', findings: shown });
}

/** Nodes that the output depends on, in the file's order. */
function neededNodes(model: OnnxModel, output: string): OnnxNode[] {
  const needed = new Set([output]);
  const kept: OnnxNode[] = [];
  for (const node of [...model.graph.nodes].reverse()) {
    if (!node.outputs.some((name) => needed.has(name))) continue;
    for (const name of node.inputs) needed.add(name);
    kept.push(node);
  }
  return kept.reverse();
}

/** Operators behind which a final step stays final. */
const SHAPE_KEEPING = new Set(['Identity', 'Cast', 'Dropout', 'Flatten', 'Reshape', 'Squeeze', 'Unsqueeze']);

/** Values from which only shape-keeping nodes, or an ArgMax at the end, lead to the output. */
function finalValues(nodes: OnnxNode[], output: string): Set<string> {
  const users = new Map<string, OnnxNode[]>();
  for (const node of nodes) {
    for (const name of node.inputs) {
      const list = users.get(name);
      if (list) list.push(node);
      else users.set(name, [node]);
    }
  }
  const final = new Set<string>();
  if (!users.has(output)) final.add(output);
  for (const node of [...nodes].reverse()) {
    if (!final.has(node.outputs[0]) || !(SHAPE_KEEPING.has(node.opType) || node.opType === 'ArgMax'))
      continue;
    const [name] = node.inputs;
    if (name !== undefined && users.get(name)?.length === 1) final.add(name);
  }
  return final;
}

/** Known operands by name; 'refused' marks what a refused node would have made. */
type Known = Map<string, Operand | 'refused'>;

function lowerNodes(
  model: OnnxModel,
  opset: number,
  draft: Draft,
  input: string,
  shape: number[],
  output: string,
): { operand: { value: number; shape: number[] }; final: Graph['final'] } {
  const nodes = neededNodes(model, output);
  const finals = finalValues(nodes, output);
  const known: Known = new Map();
  for (const [name, tensor] of model.graph.initializers) known.set(name, constant(tensor));
  known.set(input, encrypted(0, shape));
  const findings: Finding[] = [];
  let last: Lowering['final'];
  for (const node of nodes) {
    const outcome = lowerNode(node, opset, draft, known, finals.has(node.outputs[0]));
    if ('reason' in outcome) {
      if (outcome.reason) findings.push({ importer: nodeLabel(node), reason: short(outcome.reason, 400) });
      for (const name of node.outputs) if (name !== '') known.set(name, 'refused');
      continue;
    }
    last = outcome.final ?? last;
    // Nothing but changes of shape and type follows the choice of a class.
    if (outcome.final?.step === 'argmax') break;
    node.outputs.forEach((name, i) => {
      if (name !== '' && outcome.outputs[i]) known.set(name, outcome.outputs[i]);
    });
  }
  if (findings.length > 0) throw refusedModel(findings);
  if (last?.step === 'argmax') return { operand: last.operand, final: 'argmax' };
  const result = known.get(output);
  if (!result || result === 'refused') {
    return fail('ONNX_OUTPUT', `output "${output}" is made by no node`, output);
  }
  if (result.kind === 'constant') {
    return fail('ONNX_OUTPUT', `output "${output}" does not depend on input "${input}"`, output);
  }
  if (!last) return { operand: result, final: 'none' };
  // A sigmoid works in any shape; the others need their classes innermost, as they were recorded.
  const keeps = last.step === 'sigmoid' || sameShape(last.operand.shape, result.shape);
  return { operand: keeps ? result : last.operand, final: last.step };
}

type Outcome = { outputs: Operand[]; final: Lowering['final'] } | { reason: string | undefined };

/** @returns the node's operands, or the reason why there are none (undefined when an earlier node is to blame) */
function lowerNode(node: OnnxNode, opset: number, draft: Draft, known: Known, isFinal: boolean): Outcome {
  const { opType, domain } = node;
  if (domain !== '')
    return { reason: `domain "${domain}" is not ONNX's own; export with standard operators` };
  const lower = OPERATORS.get(opType);
  if (!lower && !isConstantOperator(opType)) {
    const controlFlow = [...node.attributes.values()].some((a) => a.hasGraph);
    return {
      reason: controlFlow
        ? 'control flow cannot run under encryption'
        : 'this operator cannot run under encryption',
    };
  }
  const missing = node.inputs.find((name) => name !== '' && !known.has(name));
  if (missing !== undefined) return { reason: `input "${missing}" is made by no earlier node` };
  const made = node.outputs.find((name) => name !== '' && known.has(name));
  if (made !== undefined) return { reason: `output "${made}" is made twice` };
  const operands = node.inputs.map((name) => (name === '' ? undefined : known.get(name)));
  if (operands.includes('refused')) return { reason: undefined };
  const name = node.name || node.outputs[0] || opType;
  const lowering = new Lowering(node, name, opset, draft, operands as (Operand | undefined)[], isFinal);
  try {
    const outputs = fold(lowering) ?? lower?.(lowering);
    if (!outputs) return { reason: 'this operator runs on constants only, and its input is encrypted' };
    return { outputs, final: lowering.final };
  } catch (error) {
    if (error instanceof Refusal) return { reason: error.message };
    throw error;
  }
}
