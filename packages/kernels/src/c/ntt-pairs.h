/*
 * The stage of distance 2 of ntt.c: its butterflies join the two halves of four neighbours, so vectors of four lanes
 * would have to be taken apart. These functions are never WIDE.
 *
 * a[from .. from + size) of n values; w and wq as in ntt.c; q is the modulus.
 */
#ifndef VELUM_NTT_PAIRS_H
#define VELUM_NTT_PAIRS_H

void ntt_forward_pairs(double *a, const double *w, const double *wq, int from, int size, int n, double q);
void ntt_inverse_pairs(double *a, const double *w, const double *wq, int from, int size, int n, double q);

#endif
