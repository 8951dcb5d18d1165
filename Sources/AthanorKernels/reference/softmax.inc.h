// Softmax and crossentropy along the last axis.

#define ATH_SOFTMAX_GRAIN 2048

#ifdef ATH_LANES
#include "../pointwise/softmax_rows.inc.h"
#else
static ATH_REAL ATH_NAME(row_maximum)(const ATH_REAL *x, int64_t columns) {
  ATH_REAL maximum = x[0];
  for (int64_t c = 1; c < columns; ++c) maximum = x[c] > maximum ? x[c] : maximum;
  return maximum;
}

/// y = exp(x - maximum); returns the sum of y.
static ATH_REAL ATH_NAME(row_exponentials)(const ATH_REAL *x, ATH_REAL maximum, ATH_REAL *y, int64_t columns) {
  double sum = 0;
  for (int64_t c = 0; c < columns; ++c) {
    y[c] = ATH_MATH(exp)(x[c] - maximum);
    sum += (double)y[c];
  }
  return (ATH_REAL)sum;
}
#endif

static void ATH_NAME(softmax_rows)(const void *context, int64_t index, int64_t begin, int64_t end) {
  (void)index;
  const ath_softmax_args *args = context;
  const int64_t columns = args->columns;
  for (int64_t row = begin; row < end; ++row) {
    const ATH_REAL *x = (const ATH_REAL *)args->x + row * columns;
    ATH_REAL *y = (ATH_REAL *)args->y + row * columns;
    const ATH_REAL scale = 1 / ATH_NAME(row_exponentials)(x, ATH_NAME(row_maximum)(x, columns), y, columns);
    for (int64_t c = 0; c < columns; ++c) y[c] *= scale;
  }
}

static void ATH_NAME(softmax)(const ath_softmax_args *args, ath_pool *pool) {
  if (args->columns <= 0) return;
  ath_run_ranges(pool, args->rows, ATH_NAME(row_grain)(args->columns, ATH_SOFTMAX_GRAIN), ATH_NAME(softmax_rows), args);
}

static void ATH_NAME(softmax_gradient_rows)(const void *context, int64_t index, int64_t begin, int64_t end) {
  (void)index;
  const ath_softmax_gradient_args *args = context;
  const int64_t columns = args->columns;
  for (int64_t row = begin; row < end; ++row) {
    const ATH_REAL *y = (const ATH_REAL *)args->y + row * columns;
    const ATH_REAL *dy = (const ATH_REAL *)args->dy + row * columns;
    ATH_REAL *dx = (ATH_REAL *)args->dx + row * columns;
    double sum = 0;
    for (int64_t c = 0; c < columns; ++c) sum += (double)(dy[c] * y[c]);
    ATH_INDEPENDENT for (int64_t c = 0; c < columns; ++c) dx[c] = y[c] * (dy[c] - (ATH_REAL)sum);
  }
}

static void ATH_NAME(softmax_gradient)(const ath_softmax_gradient_args *args, ath_pool *pool) {
  ath_run_ranges(pool, args->rows, ATH_NAME(row_grain)(args->columns, ATH_POINTWISE_GRAIN),
                 ATH_NAME(softmax_gradient_rows), args);
}

static void ATH_NAME(softmax_crossentropy_rows)(const void *context, int64_t index, int64_t begin, int64_t end) {
  (void)index;
  const ath_softmax_crossentropy_args *args = context;
  const int64_t columns = args->columns;
  for (int64_t row = begin; row < end; ++row) {
    const ATH_REAL *x = (const ATH_REAL *)args->logits + row * columns;
    ATH_REAL *p = (ATH_REAL *)args->probabilities + row * columns;
    const ATH_REAL maximum = ATH_NAME(row_maximum)(x, columns);
    // p may be the logits: whatever the loss needs of them is taken before p is written.
    double weighted = 0, weight = 0; // sum(target * (x - maximum)), sum(target)
    if (args->target) {
      const ATH_REAL *target = (const ATH_REAL *)args->target + row * columns;
      for (int64_t c = 0; c < columns; ++c) {
        if (target[c] == 0) continue; // 0 * -infinity counts as 0
        weighted += (double)target[c] * (double)(x[c] - maximum);
        weight += (double)target[c];
      }
    } else if (args->index[row] >= 0 && args->index[row] < columns) {
      weighted = (double)(x[args->index[row]] - maximum);
      weight = 1;
    }
    const ATH_REAL sum = ATH_NAME(row_exponentials)(x, maximum, p, columns);
    const ATH_REAL scale = 1 / sum;
    for (int64_t c = 0; c < columns; ++c) p[c] *= scale;
    ((ATH_REAL *)args->loss)[row] = (ATH_REAL)(weight * (double)ATH_MATH(log)(sum) - weighted);
  }
}

static void ATH_NAME(softmax_crossentropy)(const ath_softmax_crossentropy_args *args, ath_pool *pool) {
  if (args->columns <= 0) return;
  ath_run_ranges(pool, args->rows, ATH_NAME(row_grain)(args->columns, ATH_SOFTMAX_GRAIN),
                 ATH_NAME(softmax_crossentropy_rows), args);
}

static void ATH_NAME(softmax_crossentropy_gradient_rows)(const void *context, int64_t index, int64_t begin,
                                                         int64_t end) {
  (void)index;
  const ath_softmax_crossentropy_gradient_args *args = context;
  const int64_t columns = args->columns;
  for (int64_t row = begin; row < end; ++row) {
    const ATH_REAL *p = (const ATH_REAL *)args->probabilities + row * columns;
    ATH_REAL *dx = (ATH_REAL *)args->dlogits + row * columns;
    const ATH_REAL dloss = ((const ATH_REAL *)args->dloss)[row];
    if (args->target) {
      const ATH_REAL *target = (const ATH_REAL *)args->target + row * columns;
      double sum = 0;
      for (int64_t c = 0; c < columns; ++c) sum += (double)target[c];
      ATH_INDEPENDENT for (int64_t c = 0; c < columns; ++c) dx[c] = (p[c] * (ATH_REAL)sum - target[c]) * dloss;
      continue;
    }
    const int64_t wanted = args->index[row];
    const bool known = wanted >= 0 && wanted < columns;
    ATH_INDEPENDENT for (int64_t c = 0; c < columns; ++c) {
      const ATH_REAL gradient = (p[c] - (c == wanted ? 1 : 0)) * dloss;
      dx[c] = known ? gradient : 0;
    }
  }
}

static void ATH_NAME(softmax_crossentropy_gradient)(const ath_softmax_crossentropy_gradient_args *args,
                                                    ath_pool *pool) {
  ath_run_ranges(pool, args->rows, ATH_NAME(row_grain)(args->columns, ATH_POINTWISE_GRAIN),
                 ATH_NAME(softmax_crossentropy_gradient_rows), args);
}
