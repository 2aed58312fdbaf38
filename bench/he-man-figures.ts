/**
 * HE-MAN on TenSEAL with 2 threads, from ../shared/specs/he-man.md sections 5.1 and 5.2: another machine and another day.
 * Seconds and bytes; for mobilefacenets and the LeNets HE-MAN's own trained weights.
 * @module
 */
import type { NetworkId } from './onnx-models.ts';

export interface SpecFigures {
  keygen: number;
  encrypt: number;
  /** Wall seconds on two threads, and CPU seconds. */
  infer: number;
  inferCpu: number;
  decrypt: number;
  keys: number;
  up: number;
  down: number;
  peakMemory: number;
  error: number;
}

const MIB = 2 ** 20;
export const SPEC: Record<NetworkId, SpecFigures> = {
  mnist: {
    keygen: 3.4,
    encrypt: 1.1,
    infer: 16.2,
    inferCpu: 28.5,
    decrypt: 1,
    keys: 84_292_973,
    up: 465_380,
    down: 88_569,
    peakMemory: 824 * MIB,
    error: 3.96 / 16.5,
  },
  cryptonets: {
    keygen: 2.9,
    encrypt: 1,
    infer: 28.2,
    inferCpu: 38.8,
    decrypt: 1.2,
    keys: 84_290_104,
    up: 465_295,
    down: 88_587,
    peakMemory: 824 * MIB,
    error: 1.81 / 21.9,
  },
  'lenet5-square': {
    keygen: 22.3,
    encrypt: 5.9,
    infer: 828,
    inferCpu: 1085,
    decrypt: 6.2,
    keys: 648_670_090,
    up: 1_774_235,
    down: 214_479,
    peakMemory: 7020 * MIB,
    error: 5.42 / 13.8,
  },
  'lenet5-relu': {
    keygen: 38.9,
    encrypt: 12,
    infer: 1110,
    inferCpu: 1671,
    decrypt: 15,
    keys: 968_289_245,
    up: 2_079_876,
    down: 142_591,
    peakMemory: 10_980 * MIB,
    error: 14.6 / 21.1,
  },
  mobilefacenets: {
    keygen: 3.1,
    encrypt: 1.4,
    infer: 495,
    inferCpu: 966,
    decrypt: 2.8,
    keys: 179_218_828,
    up: 1_510_716,
    down: 524_442,
    peakMemory: 1268 * MIB,
    error: 7.26 / 11.6,
  },
};
