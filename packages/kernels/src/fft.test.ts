import assert from 'node:assert/strict';
import { it } from 'node:test';
import { KernelError } from './errors.ts';
import { fftTables } from './fft-tables.ts';
import { overBuilds, random, withMemory } from './testing.ts';

/** The stated bound: error relative to the largest value, per doubling of m. */
const bound = (m: number) => 1e-14 * Math.max(1, Math.log2(m));

/** A sum that keeps its rounding errors (Neumaier). */
function accurateSum(terms: Iterable<number>): number {
  let [sum, lost] = [0, 0];
  for (const term of terms) {
    const next = sum + term;
    lost += Math.abs(sum) >= Math.abs(term) ? sum - next + term : term - next + sum;
    sum = next;
  }
  return sum + lost;
}

/** exp(i*pi*k/(2m)) by symmetry from angles of at most pi/4, each wrong by about an ulp */
function roots(m: number): [Float64Array, Float64Array] {
  const [c, s] = [new Float64Array(4 * m), new Float64Array(4 * m)];
  for (let k = 0; k < 4 * m; k++) {
    const quarter = Math.floor(k / m);
    const rest = k % m;
    const angle = (Math.PI * (2 * rest <= m ? rest : m - rest)) / (2 * m);
    const [x, y] = 2 * rest <= m ? [Math.cos(angle), Math.sin(angle)] : [Math.sin(angle), Math.cos(angle)];
    c[k] = [x, -y, -x, y][quarter];
    s[k] = [y, x, -y, -x][quarter];
  }
  return [c, s];
}

/** Slot j: sum over k of (re_k + i*im_k)*zeta^(k*5^j) */
function slot(re: number[], im: number[], [c, s]: [Float64Array, Float64Array], j: number): [number, number] {
  const m = re.length;
  let power = 1;
  for (let i = 0; i < j; i++) power = (power * 5) % (4 * m);
  const angle = (k: number) => (k * power) % (4 * m);
  return [
    accurateSum(re.flatMap((v, k) => [v * c[angle(k)], -im[k] * s[angle(k)]])),
    accurateSum(re.flatMap((v, k) => [v * s[angle(k)], im[k] * c[angle(k)]])),
  ];
}

overBuilds('special FFT', (kernels) => {
  const { x } = kernels;

  for (let logm = 0; logm <= 16; logm++) {
    const m = 1 << logm;
    it(`has ${m} slots`, () => {
      const next = random(logm + 1);
      const re = Array.from({ length: m }, () => 2 * next() - 1);
      const im = Array.from({ length: m }, () => 2 * next() - 1);
      const unit = roots(m);
      withMemory(kernels, (memory) => {
        const tables = fftTables(kernels, m);
        const [pr, pi] = [memory.f64(re), memory.f64(im)];
        x.fft_forward(pr, pi, tables, m);
        const [zr, zi] = [kernels.f64(pr, m).slice(), kernels.f64(pi, m).slice()];
        const largest = zr.reduce((max, v, j) => Math.max(max, Math.hypot(v, zi[j])), 0);
        const step = Math.max(1, m >> (m <= 1024 ? 6 : 2));
        const positions = m <= 64 ? Array.from({ length: m }, (_, j) => j) : [1, m - 1];
        for (let j = 0; j < m; j += step) positions.push(j);
        for (const j of positions) {
          const [wr, wi] = slot(re, im, unit, j);
          const error = Math.hypot(zr[j] - wr, zi[j] - wi) / largest;
          assert.ok(error <= bound(m), `slot ${j} of ${m} is wrong by ${error}`);
        }
        x.fft_inverse(pr, pi, tables, m);
        const [br, bi] = [kernels.f64(pr, m), kernels.f64(pi, m)];
        for (let k = 0; k < m; k++) {
          const error = Math.hypot(br[k] - re[k], bi[k] - im[k]) / Math.SQRT2;
          assert.ok(error <= bound(m), `coefficient ${k} of ${m} comes back wrong by ${error}`);
        }
      });
    });
  }

  it('keeps one table per size and refuses other sizes', () => {
    assert.equal(fftTables(kernels, 256), fftTables(kernels, 256));
    for (const m of [0, 3, 1.5, 131072, Number.NaN]) {
      assert.throws(
        () => fftTables(kernels, m),
        (error) => error instanceof KernelError && error.code === 'BAD_ARGUMENT',
      );
    }
  });
});
