/*
 * Blind rotation: TFHE's bootstrap (Chillotti, Gama, Georgieva, Izabachene, ePrint 2018/421) on the floating torus.
 *
 * k + 1 polynomials make P = (k + 2)/2 pairs; for even k the last lane is zero.
 *   bsk:  for i < n, level, input pair p, output pair o: M points of (A.re, B.re, A.im, B.im), two lanes each, with
 *         A = (K[2p][2o], K[2p+1][2o+1]), B = (K[2p+1][2o], K[2p][2o+1]) and K[r][c] the Fourier form of column c of the
 *         row for component r, times -base^(level + 1)/M: digits are fractions and have the opposite sign.
 * The accumulator is kept modulo 1 but not on the grid until the end. With the default parameters a product reaches about
 * 2^27 before it is reduced, and its coefficients are off by 2^-25.7 (standard deviation; tfhe-product.test.ts).
 */
#include "tfhe-decompose.h"

INLINE int pairs_of(int k) { return (k + 2) / 2; }

/* out (+)= in times one block of the key; out may be in when nothing is added */
INLINE void multiply(double *out, const double *in, const double *key, int points, int add) {
  for (int j = 0; j < points; j++, key += 8, in += 4, out += 4) {
    const double *k = key, *p = in;
    double *r = out;
    OPAQUE(k);
    OPAQUE(p);
    OPAQUE(r);
    const Point v = point_at(p);
    const Point s = {__builtin_shufflevector(v.re, v.re, 1, 0), __builtin_shufflevector(v.im, v.im, 1, 0)};
    const Point a = {ld(k), ld(k + 4u)}, b = {ld(k + 2u), ld(k + 6u)};
    Point x = point_add(point_mul(v, a), point_mul(s, b));
    if (add) x = point_add(x, point_at(r));
    put_point(r, x);
  }
}
static void multiply_set(double *out, const double *in, const double *key, int points) {
  multiply(out, in, key, points, 0);
}
static void multiply_add(double *out, const double *in, const double *key, int points) {
  multiply(out, in, key, points, 1);
}

static void add_inverse(double *acc, double *z, int N, const double *tables) {
  if (N == 2048)
    last_pass(acc, z, 2048, tables);
  else
    last_pass(acc, z, (unsigned)N, tables);
}

/* acc += key * (X^a acc - acc) for k = 1 and one level; z: points of a pair */
static void step_one_level(double *acc, int a, const double *key, int N, const double *tables, double *z,
                           const Digits *g) {
  const int M = N / 2;
  first_pass(z, acc, a, N, tables, g);
  for (int part = 0; part < 4; part++) {
    double *quarter = z + M * part;
    forward_part(quarter, part, M, tables);
    multiply_set(quarter, quarter, key + 2 * M * part, M / 4);
    inverse_part(quarter, part, M, tables);
  }
  add_inverse(acc, z, N, tables);
}

/* the same for any k and number of levels; in, out: points of P pairs */
static void step_any(double *acc, int a, const double *key, int N, int k, const double *tables, double *in, double *out,
                     Digits *g) {
  const int M = N / 2, P = pairs_of(k), size = (int)POINTS(N);
  for (g->level = 1; g->level <= g->levels; g->level++) {
    for (int p = 0; p < P; p++) {
      first_pass(in + size * p, acc + (int)COEFFICIENTS(N) * p, a, N, tables, g);
      for (int part = 0; part < 4; part++) forward_part(in + size * p + M * part, part, M, tables);
    }
    for (int p = 0; p < P; p++)
      for (int o = 0; o < P; o++, key += 8 * M)
        (g->level > 1 || p > 0 ? multiply_add : multiply_set)(out + size * o, in + size * p, key, M);
  }
  for (int o = 0; o < P; o++) {
    for (int part = 0; part < 4; part++) inverse_part(out + size * o + M * part, part, M, tables);
    add_inverse(acc + (int)COEFFICIENTS(N) * o, out + size * o, N, tables);
  }
}

/* where coefficient j of component r lies in the pairs of an accumulator */
INLINE size_t place(int r, int j, int N) {
  return (size_t)(r / 2) * COEFFICIENTS(N) + (size_t)(j / (N / 8)) * BLOCK(N) + 2 * (size_t)(j & (N / 8 - 1)) + (r & 1);
}

/*
 * acc[c] = blind rotation of luts[c] by -phase(switched[c]), c < count: its phase is lut * X^-phase. switched: n mask
 * values and the body modulo 2N; bsk_i encrypts bit i of the small key. Each bsk_i is read once for the whole batch.
 * scratch: 2 * P * 2N + count * P * (2N + 64) doubles.
 */
EXPORT void tfhe_blind_rotate(double *acc, const double *const *luts, const int32_t *switched, const double *bsk, int n,
                              int N, int k, int levels, int baseLog, const double *tables, double *scratch, int count) {
  const int P = pairs_of(k);
  const size_t size = (size_t)COEFFICIENTS(N) * P, stride = (size_t)levels * P * P * 4 * N;
  double *in = scratch, *out = in + (size_t)POINTS(N) * P, *work = out + (size_t)POINTS(N) * P;
  Digits g;
  digits_init(&g, baseLog, levels);
  for (int c = 0; c < count; c++) {
    double *w = work + size * c;
    const double *lut = luts[c];
    const int b = switched[(size_t)c * (n + 1) + n] & (2 * N - 1), shift = b & (N - 1);
    const double sign = b & N ? -1.0 : 1.0;
    for (size_t j = 0; j < size; j++) w[j] = 0.0;
    /* X^-b: coefficient j comes from j + b */
    for (int j = 0; j < N; j++)
      w[place(k, j, N)] = j + shift < N ? sign * lut[j + shift] : -sign * lut[j + shift - N];
  }
  for (int i = 0; i < n; i++, bsk += stride)
    for (int c = 0; c < count; c++) {
      const int a = switched[(size_t)c * (n + 1) + i] & (2 * N - 1);
      if (a == 0) continue;
      if (k == 1 && levels == 1)
        step_one_level(work + size * c, a, bsk, N, tables, in, &g);
      else
        step_any(work + size * c, a, bsk, N, k, tables, in, out, &g);
    }
  for (int c = 0; c < count; c++)
    for (int r = 0; r <= k; r++, acc += N) {
      const double *w = work + size * c;
      for (int j = 0; j < N; j += LANES) stu(acc + j, on_grid((vd){w[place(r, j, N)], w[place(r, j + 1, N)]}));
    }
}

/*
 * The bsk entry of one GGSW ciphertext. ggsw: rows r*levels + level (component r <= k, the body's last; level 0 the most
 * significant) of k + 1 polynomials, the phase of the row being base^-(level+1) * m times 1 (r = k) or -s_r.
 * scratch: N doubles.
 */
EXPORT void tfhe_bsk_row(double *dst, const double *ggsw, int N, int k, int levels, int baseLog, const double *tables,
                         double *scratch) {
  const int M = N / 2, P = pairs_of(k);
  if (!(k & 1))
    for (size_t j = 0; j < (size_t)levels * P * P * 8 * M; j++) dst[j] = 0.0;
  for (int r = 0; r <= k; r++)
    for (int level = 0; level < levels; level++) {
      const double scale = -(double)(1ull << baseLog * (level + 1)) / M;
      for (int c = 0; c <= k; c++) {
        tfhe_fourier(scratch, ggsw + (size_t)((r * levels + level) * (k + 1) + c) * N, N, tables);
        double *d = dst + (size_t)((level * P + r / 2) * P + c / 2) * 8 * M + (c & 1) + 2 * ((r ^ c) & 1);
        for (int j = 0; j < M; j++) d[8 * j] = scratch[j] * scale, d[8 * j + 4] = scratch[j + M] * scale;
      }
    }
}

/* The LWE ciphertext of coefficient `index`: kN mask values and the body */
EXPORT void tfhe_extract(double *dst, const double *acc, int index, int N, int k) {
  for (int r = 0; r < k; r++, acc += N, dst += N) {
    for (int j = 0; j <= index; j++) dst[j] = acc[index - j];
    for (int j = index + 1; j < N; j++) dst[j] = half_open1(-acc[N + index - j]);
  }
  dst[0] = acc[index];
}
