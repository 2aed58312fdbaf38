/**
 * A network of dense layers with squares between them in SEAL, one sample a ciphertext: the diagonal method
 * with baby steps and giant steps. Few Galois keys, as in HE4Cloud's requirements for this network (powers of
 * two and the giant steps): baby rotations go one step at a time, giant ones by Horner's rule.
 * @module
 */
import type { DenseLayer, Model } from '@velum/compiler';
import type { Ciphertext, GaloisKeys, Plaintext } from 'node-seal';
import type { SealCkks } from './seal-ckks.ts';
import { innerSum, powersOfTwoBelow, type SealProgram } from './seal-regression.ts';

const powerOfTwo = (value: number): number => 2 ** Math.ceil(Math.log2(value));

/** A padded matrix by its generalised diagonals, made ready at the level where it is used. */
interface Diagonals {
  baby: number;
  /** [giant][baby]: diagonal turned back by the giant step. */
  plains: Plaintext[][];
  /** The result repeats after this many slots, once folded over `columns`. */
  rows: number;
  columns: number;
  bias: Plaintext;
}

export function sealNetwork(peer: SealCkks, model: Model): SealProgram {
  const dense = model.layers.filter((layer): layer is DenseLayer => layer.kind === 'dense');
  const inner = dense.slice(0, -1);
  const last = dense[dense.length - 1];
  if (last.outputs !== 1) throw new Error('the peer handles networks with one output');
  const width = powerOfTwo(last.inputs);
  const steps = new Set(powersOfTwoBelow(width));
  for (const layer of inner) {
    const { rows, columns, baby } = shapeOf(layer);
    steps.add(1).add(baby);
    for (let fold = columns / 2; fold >= rows; fold /= 2) steps.add(fold);
  }
  const galois = peer.galoisKeys([...steps]);
  const relin = peer.relinKeys();
  // A ciphertext walks down the levels once, so that every constant is encoded where it is used.
  const walker = peer.encrypt([1]);
  const down = (): void => {
    const one = peer.encodeAt(new Float64Array(peer.slots).fill(1), walker);
    peer.evaluator.multiplyPlainInplace(walker, one);
    one.delete();
    peer.rescale(walker);
  };
  const layers = inner.map((layer) => {
    const ready = diagonals(peer, layer, walker, down);
    down();
    return ready;
  });
  const lastWeights = peer.own(peer.encodeAt(last.weights, walker));
  down();
  const lastBias = peer.own(peer.encodeAt([last.bias[0]], walker));
  walker.delete();
  const repeated = (row: ArrayLike<number>): Float64Array => {
    const period = powerOfTwo(row.length);
    return Float64Array.from({ length: peer.slots }, (_, i) => row[i % period] ?? 0);
  };
  return {
    encrypt: (rows) => [peer.encrypt(repeated(rows[0]))],
    evaluate: ([input]) => {
      let ct = input.copy();
      for (const layer of layers) {
        const next = product(peer, layer, ct, galois);
        ct.delete();
        peer.evaluator.squareInplace(next);
        peer.evaluator.relinearizeInplace(next, relin);
        peer.rescale(next);
        ct = next;
      }
      peer.evaluator.multiplyPlainInplace(ct, lastWeights);
      peer.rescale(ct);
      innerSum(peer, ct, width, galois);
      peer.evaluator.addPlainInplace(ct, lastBias);
      return ct;
    },
    decrypt: (result) => [peer.decrypt(result)[0]],
    bytes: (rows) => ({ up: peer.freshBytes(repeated(rows[0])), keys: peer.keyBytes([...steps], true) }),
  };
}

function shapeOf({ inputs, outputs }: DenseLayer): {
  rows: number;
  columns: number;
  baby: number;
  count: number;
} {
  const columns = powerOfTwo(inputs);
  const rows = powerOfTwo(outputs);
  const count = Math.min(rows, columns);
  return { rows, columns, count, baby: 2 ** Math.ceil(Math.log2(count) / 2) };
}

function diagonals(peer: SealCkks, layer: DenseLayer, like: Ciphertext, down: () => void): Diagonals {
  const { inputs, outputs, weights } = layer;
  const { rows, columns, count, baby } = shapeOf(layer);
  const period = Math.max(rows, columns);
  const diagonal = (d: number, turn: number): Float64Array =>
    Float64Array.from({ length: peer.slots }, (_, slot) => {
      const i = (slot - turn + peer.slots) % period;
      const row = i % rows;
      const column = (i + d) % columns;
      return row < outputs && column < inputs ? weights[row * inputs + column] : 0;
    });
  const plains = Array.from({ length: count / baby }, (_, giant) =>
    Array.from({ length: baby }, (_, b) =>
      peer.own(peer.encodeAt(diagonal(giant * baby + b, giant * baby), like)),
    ),
  );
  down();
  const bias = Float64Array.from({ length: peer.slots }, (_, slot) => layer.bias[slot % rows] ?? 0);
  return { baby, plains, rows, columns, bias: peer.own(peer.encodeAt(bias, like)) };
}

function product(peer: SealCkks, layer: Diagonals, x: Ciphertext, keys: GaloisKeys): Ciphertext {
  const { evaluator } = peer;
  const turned = [x.copy()];
  for (let b = 1; b < layer.baby; b++) {
    const next = peer.ciphertext();
    evaluator.rotateVector(turned[b - 1], 1, keys, next);
    turned.push(next);
  }
  const sum = peer.ciphertext();
  const term = peer.ciphertext();
  for (let giant = layer.plains.length - 1; giant >= 0; giant--) {
    if (giant < layer.plains.length - 1) evaluator.rotateVectorInplace(sum, layer.baby, keys);
    for (const [b, plain] of layer.plains[giant].entries()) {
      const first = b === 0 && giant === layer.plains.length - 1;
      evaluator.multiplyPlain(turned[b], plain, first ? sum : term);
      if (!first) evaluator.addInplace(sum, term);
    }
  }
  for (const ct of turned) ct.delete();
  peer.rescale(sum);
  for (let fold = layer.columns / 2; fold >= layer.rows; fold /= 2) {
    evaluator.rotateVector(sum, fold, keys, term);
    evaluator.addInplace(sum, term);
  }
  term.delete();
  evaluator.addPlainInplace(sum, layer.bias);
  return sum;
}
