/*
 * Vectors in which a value is repeated for a run of positions: small[i >> runlog], where a run is shorter than a vector.
 */
#ifndef VELUM_RUNS_H
#define VELUM_RUNS_H
#include "lanes.h"

INLINE vd short_runs(const double *small, int i, int runlog) {
#if LANES == 4
  if (runlog == 1) {
    const double *p = small + (i >> 1);
    return (vd){p[0], p[0], p[1], p[1]};
  }
#endif
  (void)runlog;
  return ld(small + i);
}

#endif
