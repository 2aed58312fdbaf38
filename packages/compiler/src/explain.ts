/**
 * A plan as a table that people read: layers, levels, rotations, bytes, times.
 * @module
 */
import {
  diagonalSteps,
  evaluationKeyBytes,
  giantGaps,
  polynomialDegree,
  polynomialDepth,
  RELINEARIZATION,
  transformRotations,
} from '@velum/fhe';
import {
  diagonalShape,
  type GraphStep,
  graphSteps,
  type LineStep,
  lineSteps,
  type Plan,
  transformsOf,
  wireSizes,
} from '@velum/runtime';
import { requestMilliseconds } from './compile.ts';
import { CostModel, constantBytes } from './cost.ts';

export interface ExplainRow {
  step: string;
  shape: string;
  /** Level before and after. */
  level: number;
  levelAfter: number;
  rotations: number;
  multiplications: number;
  /** log2 of the scale after the step. */
  scaleBits: number;
  milliseconds: number;
}

export interface Explanation {
  rows: ExplainRow[];
  summary: Record<string, string | number>;
  text: string;
}

export function explainPlan(plan: Plan): Explanation {
  const { profile } = plan;
  const special = profile.keys.evaluation.reduce((m, k) => Math.max(m, k.special), 1);
  const cost = new CostModel(profile.parameters.logN, special);
  const rows: ExplainRow[] = [];
  let level = profile.input.level;
  let scale = profile.input.scale;
  let width = profile.input.packing === 'batch' ? profile.input.features : 1;
  for (const step of lineSteps(plan)) {
    const after = levelAfter(step, level);
    scale =
      step.kind === 'polynomial'
        ? step.outputScale
        : (scale * step.weightScale) / profile.parameters.q[level];
    rows.push({
      ...describe(step, width),
      level,
      levelAfter: after,
      scaleBits: Number(Math.log2(scale).toFixed(1)),
      milliseconds: Number(cost.step(step, width).toFixed(2)),
    });
    if (step.kind === 'scalars') width = step.matrix.rows;
    level = after;
  }
  for (const step of graphSteps(plan)) rows.push(graphRow(step, cost));
  const summary = summarize(plan);
  return { rows, summary, text: `${table(rows)}\n\n${list(summary)}\n` };
}

function graphRow(step: GraphStep, cost: CostModel): ExplainRow {
  const common = {
    scaleBits: Number(Math.log2(step.scale).toFixed(1)),
    milliseconds: Number(cost.graphStep(step).toFixed(2)),
  };
  if (step.kind === 'affine') {
    const { level } = step.terms[0];
    let rotations = 0;
    let multiplications = 0;
    const transforms = transformsOf(step.terms);
    for (const maps of transforms) {
      const shape = diagonalShape(maps, step.outputPeriod);
      const { babies, giants, folds } = diagonalSteps(shape);
      rotations +=
        maps.length * babies.filter((b) => b !== 0).length +
        giantGaps(giants).filter((g) => g !== 0).length +
        folds.reduce((n, f) => n + f.count - 1, 0);
      multiplications += maps.length * shape.offsets.length;
    }
    const periods = transforms
      .map((maps) => (maps.length > 1 ? `${maps.length} x ` : '') + maps[0].inputPeriod)
      .join(' + ');
    return {
      step: step.name,
      shape: `${periods} -> ${step.outputPeriod} slots`,
      level,
      levelAfter: level - 1,
      rotations,
      multiplications,
      ...common,
    };
  }
  const polynomial = step.kind === 'elementwise' ? step.polynomial : undefined;
  const depth = polynomial ? polynomialDepth(polynomial) : 1;
  const shape = polynomial ? `degree ${polynomialDegree(polynomial)}, ${polynomial.basis}` : 'product';
  return {
    step: step.name,
    shape,
    level: step.level,
    levelAfter: step.level - depth,
    rotations: 0,
    multiplications: 1,
    ...common,
  };
}

const levelAfter = (step: LineStep, level: number): number =>
  level - (step.kind === 'polynomial' ? polynomialDepth(step.polynomial) : 1);

function describe(
  step: LineStep,
  width: number,
): Pick<ExplainRow, 'step' | 'shape' | 'rotations' | 'multiplications'> {
  switch (step.kind) {
    case 'coefficients':
      return {
        step: 'linear (coefficients)',
        shape: `${step.matrix.columns} -> ${step.matrix.rows}`,
        rotations: 0,
        multiplications: 1,
      };
    case 'scalars':
      return {
        step: 'linear (scalars)',
        shape: `${step.matrix.columns} -> ${step.matrix.rows}`,
        rotations: 0,
        multiplications: step.matrix.rows * step.matrix.columns,
      };
    case 'linear': {
      const { shape, matrix } = step;
      const { before, after } = transformRotations(shape);
      const giants = Math.max(0, shape.giantSteps - 1);
      const babies = before.length - (shape.giantSteps > 1 ? 1 : 0);
      return {
        step: `linear (BSGS ${shape.babySteps} x ${shape.giantSteps})`,
        shape: `${matrix.columns} -> ${matrix.rows}`,
        rotations: babies + giants + after.length,
        multiplications: shape.diagonals,
      };
    }
    case 'polynomial':
      return {
        step: `polynomial, degree ${polynomialDegree(step.polynomial)}`,
        shape: `${step.polynomial.basis}`,
        rotations: 0,
        multiplications: width,
      };
  }
}

function summarize(plan: Plan): Record<string, string | number> {
  const { profile } = plan;
  const { parameters, keys, input, output, estimate } = profile;
  const sizes = wireSizes(profile);
  const bits = (values: readonly number[]): number => values.reduce((s, v) => s + Math.log2(v), 0);
  const rows = Math.min(profile.batchSize, input.samplesPerRequest);
  const rotations = keys.evaluation.filter((k) => k.galois !== RELINEARIZATION).length;
  return {
    packing: input.packing,
    'ring degree': 2 ** parameters.logN,
    'modulus bits (log QP)': Number((bits(parameters.q) + bits(parameters.p)).toFixed(1)),
    'security (bits)': 128,
    'features -> values': `${input.features} -> ${output.values}`,
    'final activation (client)': output.activation,
    'rows in a typical request': rows,
    ...(input.packing === 'graph' ? together(plan) : {}),
    'rotation keys': rotations,
    'relinearization keys': keys.evaluation.length - rotations,
    'evaluation key': size(sizes.evaluationKey),
    'public key': size(sizes.publicKey),
    'largest single key': size(
      keys.evaluation.reduce((m, k) => Math.max(m, evaluationKeyBytes(parameters, [k])), 0),
    ),
    'upload for the request': size(sizes.input(rows)),
    download: size(sizes.result(rows)),
    'estimated server time': `${Number(requestMilliseconds(plan, rows).toPrecision(2))} ms`,
    'expected error of a score': estimate.error,
  };
}

/** What samples in one ciphertext share, and what that costs. */
function together(plan: Plan): Record<string, string | number> {
  const { images = 1, parts = 1 } = plan.profile.input;
  const each = requestMilliseconds(plan, images) / images;
  return {
    'images per ciphertext': images,
    ...(parts > 1 ? { 'input ciphertexts for these images': parts } : {}),
    'estimated time per image': `${Number(each.toPrecision(2))} ms`,
    "memory of the model's constants": size(constantBytes(plan)),
  };
}

function size(bytes: number): string {
  if (bytes >= 1e6) return `${(bytes / 1e6).toFixed(2)} MB`;
  return bytes >= 1e3 ? `${(bytes / 1e3).toFixed(1)} KB` : `${bytes} B`;
}

function table(rows: readonly ExplainRow[]): string {
  const head = ['step', 'shape', 'level', 'rotations', 'products', 'scale', 'time'];
  const cells = rows.map((r) => [
    r.step,
    r.shape,
    `${r.level} -> ${r.levelAfter}`,
    String(r.rotations),
    String(r.multiplications),
    `2^${r.scaleBits}`,
    `${r.milliseconds} ms`,
  ]);
  const widths = head.map((h, i) => Math.max(h.length, ...cells.map((c) => c[i].length)));
  const line = (c: readonly string[]): string =>
    c
      .map((v, i) => (i < 2 ? v.padEnd(widths[i]) : v.padStart(widths[i])))
      .join('  ')
      .trimEnd();
  return [line(head), widths.map((w) => '-'.repeat(w)).join('  '), ...cells.map(line)].join('\n');
}

function list(summary: Record<string, string | number>): string {
  const width = Math.max(...Object.keys(summary).map((k) => k.length));
  return Object.entries(summary)
    .map(([key, value]) => `${key.padEnd(width)}  ${value}`)
    .join('\n');
}
